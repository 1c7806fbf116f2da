"""`tracklight bigwig`: attribution shards to bigWig tracks."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracklight.core.tape import CONTIG_FILE, Tape, open_tape
from tracklight.genome.shards import STRANDS, Tracks, load_shard
from tracklight.genome.tracks import Write, by_contig, track_writer, whole_shards, write_predictions
from tracklight.progress import track
from tracklight.settings import Settings
from tracklight.stages import door

SUFFIXES = {"+": ".plus", "-": ".minus", ".": ""}  # what a strand adds to the name of its file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome")
    parser.add_argument("--gradient-x-input", type=Path, nargs="+", required=True, help="shards of gradient x input")
    parser.add_argument(
        "--integrated-gradients", type=Path, nargs="+", required=True, help="shards of integrated gradients"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the tracks")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the tracks of both methods and of the predictions, one shard in memory at a time."""
    settings = door.stage_settings(arguments, Settings, section="bigwig")
    inputs: dict[str, str | Path] = {
        f"{method}_{n}": path
        for method in ("gradient_x_input", "integrated_gradients")
        for n, path in enumerate(getattr(arguments, method))
    }
    with door.recorded(arguments, "bigwig", settings, {"contigs": arguments.genome / CONTIG_FILE, **inputs}):
        tape = open_tape(arguments.genome)
        # both lists are looked at before anything is written, so that all tracks appear or none
        saliency = whole_shards(arguments.gradient_x_input, length=len(tape))
        gradients = whole_shards(arguments.integrated_gradients, length=len(tape))
        _write_saliency(saliency, tape, arguments.out)
        _write_integrated_gradients(gradients, tape, arguments.out)


def _write_saliency(paths: Sequence[Path], tape: Tape, out: Path) -> None:
    with _track_folder(out, tape) as writer:
        reached = [0] * len(STRANDS)  # tape position up to which the predictions of each strand are written
        for shard in _in_turn(paths, what="saliency tracks"):
            for row, strand in enumerate(shard.strands):
                suffix = SUFFIXES[strand]
                _add(writer(f"saliency{suffix}"), shard.mean[row], shard, tape)
                _add(writer(f"saliency{suffix}.sd"), shard.sd[row], shard, tape)
                prediction = writer(f"prediction{suffix}")
                reached[row] = write_predictions(prediction, shard, row, tape=tape, after=reached[row])
            # fmax: a base that only one strand's windows saw keeps that strand's value
            _add(writer("saliency.abs"), np.fmax.reduce(np.abs(shard.mean)), shard, tape)


def _write_integrated_gradients(paths: Sequence[Path], tape: Tape, out: Path) -> None:
    with _track_folder(out, tape) as writer:
        for shard in _in_turn(paths, what="integrated-gradients tracks"):
            for row, strand in enumerate(shard.strands):
                _add(writer(f"integrated_gradients{SUFFIXES[strand]}"), shard.mean[row], shard, tape)


def _in_turn(paths: Sequence[Path], *, what: str) -> Iterator[Tracks]:
    for path in track(paths, what=what, total=len(paths), unit="shard"):
        yield load_shard(path)


@contextmanager
def _track_folder(out: Path, tape: Tape) -> Iterator[Callable[[str], Write]]:
    """Yield a function from the name of a track to its writer, made when first asked for."""
    with ExitStack() as files:
        opened: dict[str, Write] = {}

        def writer(name: str) -> Write:
            if name not in opened:
                opened[name] = files.enter_context(track_writer(out / f"{name}.bw", lengths=tape.lengths))
            return opened[name]

        yield writer


def _add(write: Write, values: NDArray[np.float32], shard: Tracks, tape: Tape) -> None:
    for chrom, start, piece in by_contig(values, tape, start=shard.start):
        write(chrom, start, piece)
