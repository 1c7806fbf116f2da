"""`tracklight feedback-tracks`: the map before and after correction, and their difference, as bigWig."""

import argparse
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracklight.core.tape import CONTIG_FILE, Tape, open_tape
from tracklight.errors import complaint
from tracklight.genome.shards import Tracks, load_shard
from tracklight.genome.tracks import by_contig, track_writer, whole_shards
from tracklight.progress import track
from tracklight.settings import Settings
from tracklight.stages import door
from tracklight.stages.bigwig import SUFFIXES

KINDS = ("before", "after", "difference")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome")
    for name in KINDS[:2]:
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=f"shards of the networks {name}")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tracks")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `saliency_<kind><strand>.bw` of before, after and difference, one shard of each in memory at a time."""
    settings = door.stage_settings(arguments, Settings, section="feedback_tracks")
    inputs: dict[str, str | Path] = {"contigs": arguments.genome / CONTIG_FILE}
    inputs |= {f"{kind}_{n}": path for kind in KINDS[:2] for n, path in enumerate(getattr(arguments, kind))}
    with door.recorded(arguments, "feedback-tracks", settings, inputs) as facts:
        tape = open_tape(arguments.genome)
        before, after = (whole_shards(getattr(arguments, kind), length=len(tape)) for kind in KINDS[:2])
        facts |= {"correlation": _write(list(zip(before, after, strict=False)), tape, arguments.out)}


def _write(pairs: list[tuple[Path, Path]], tape: Tape, out: Path) -> float:
    """Write all tracks; return the correlation (Pearson) of the map before and after."""
    sums = np.zeros(6)
    with ExitStack() as files:
        strands = load_shard(pairs[0][0]).strands
        names = [(kind, strand) for kind in KINDS for strand in strands]
        writers = {
            (kind, strand): files.enter_context(
                track_writer(out / f"saliency_{kind}{SUFFIXES[strand]}.bw", lengths=tape.lengths)
            )
            for kind, strand in names
        }
        for pair in track(pairs, what="tracks", total=len(pairs), unit="shard"):
            before, after = _alike(*pair)
            maps = dict(zip(KINDS, (before.mean, after.mean, after.mean - before.mean), strict=True))
            for kind, strand in names:
                values = maps[kind][strands.index(strand)]
                for chrom, start, piece in by_contig(values, tape, start=before.start):
                    writers[kind, strand](chrom, start, piece)
            sums += _moments(before.mean, after.mean)
    return _correlation(sums)


def _alike(before: Path, after: Path) -> tuple[Tracks, Tracks]:
    """Load a shard of each; shards of other stretches or strands are an `InputError`."""
    pair = load_shard(before), load_shard(after)
    kinds = [(shard.start, shard.end, shard.strands) for shard in pair]
    if kinds[0] != kinds[1]:
        raise complaint(
            "shards before and after are not of the same stretch", where=after, got=kinds[1], allowed=kinds[0],
            do="attribute both with the same settings",
        )  # fmt: skip
    return pair


def _moments(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
    both = np.isfinite(before) & np.isfinite(after)
    x, y = before[both].astype(np.float64), after[both].astype(np.float64)
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y])


def _correlation(sums: NDArray[np.float64]) -> float:
    n, x, y, xx, yy, xy = sums.tolist()
    spread = (n * xx - x * x) * (n * yy - y * y)
    return float((n * xy - x * y) / np.sqrt(spread)) if spread > 0 else float("nan")
