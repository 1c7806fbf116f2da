"""Stage `logos`: letters and tracks of the top candidates, and where in held-out active windows the light falls."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.errors import complaint, existing_file
from tracklight.files import write_text
from tracklight.genome import maxima
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.saliency import window_saliency
from tracklight.genome.shards import Tracks, load_tracks
from tracklight.genome.slices import base_predictions, window_codes, window_positions, window_track
from tracklight.progress import track
from tracklight.report.logos import View, aggregate_figure, candidate_figure
from tracklight.report.style import save
from tracklight.report.trust_figures import maxima_figure
from tracklight.settings import Attribute, Logos
from tracklight.stages import door
from tracklight.stages.tables import write_table

SURROUNDINGS_BP = 60  # drawn on both sides of a candidate; a matter of looks only
READ: dict[str, Any] = {
    **dict.fromkeys(("chrom", "name", "strand", "filter"), "str"),
    **dict.fromkeys(("start", "end", "summit", "rank"), "int64"),
}  # columns of candidates.tsv
WORDS = 10  # most frequent words kept in logos.json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    parser.add_argument(
        "--gradient-x-input", type=Path, nargs="+", required=True, metavar="SHARD", help="all shards of the saliency"
    )
    parser.add_argument(
        "--integrated-gradients", type=Path, nargs="+", default=[], metavar="SHARD", help="drawn too when given"
    )
    parser.add_argument("--candidates", type=Path, required=True, help="candidates.tsv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_attribute_settings(parser)
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Draw the logos and write the numbers behind them."""
    settings = door.stage_settings(arguments, Logos, section="logos")
    attribute = door.attribute_settings(arguments)
    windows = open_dataset(arguments.genome, arguments.windows)
    _check_box(settings, windows)
    candidates = existing_file(arguments.candidates, what="candidate table")
    with door.recorded(arguments, "logos", settings, windows.inputs | {"candidates": candidates}) as facts:
        torch.set_num_threads(arguments.threads)
        saliency = load_tracks(arguments.gradient_x_input, length=len(windows.tape))
        shards = arguments.integrated_gradients
        integrated = load_tracks(shards, length=len(windows.tape)) if shards else None
        drawn = _draw_candidates(arguments.out, candidates, windows.tape, (saliency, integrated), settings=settings)
        found = _draw_maxima(arguments.out, windows, arguments.models, settings=settings, attribute=attribute)
        write_text(arguments.out / "logos.json", json.dumps({"candidates": drawn, "maxima": found}, indent=2) + "\n")
        facts |= {"candidates": len(drawn), "maxima": found["n_windows"]}


def _check_box(settings: Logos, windows: Dataset) -> None:
    if settings.smoothing_bp > windows.length:
        raise complaint(
            "smoothing box is longer than the window",
            where="logos.smoothing_bp",
            got=settings.smoothing_bp,
            allowed=f"at most {windows.length}",
        )


def _draw_candidates(
    out: Path, table: Path, tape: Tape, tracks: tuple[Tracks, Tracks | None], *, settings: Logos
) -> list[dict[str, Any]]:
    rows = _read_candidates(table)
    top = rows[rows["filter"] == "PASS"].sort_values("rank", kind="stable").head(settings.top_n)
    drawn = []
    records: list[dict[str, Any]] = top.to_dict("records")  # type: ignore[assignment]
    for row in track(records, what="logos", total=len(top), unit="candidate"):
        file = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in row["name"]) + ".png"
        save(candidate_figure(candidate_view(row, tape, *tracks), flank=settings.flank_bp), out / file)
        drawn.append({"name": row["name"], "rank": int(row["rank"]), "file": file})
    return drawn


def _read_candidates(path: Path) -> pd.DataFrame:
    try:
        # text stays as it stands: a contig may be called NA
        return pd.read_csv(path, sep="\t", usecols=list(READ), dtype=READ, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise complaint("not a candidate table", where=path, got=error, do="give candidates.tsv") from None


def candidate_view(row: dict[str, Any], tape: Tape, saliency: Tracks, integrated: Tracks | None) -> View:
    """Collect what is drawn of one candidate.

    Parameters
    ----------
    row : dict
        A row of `candidates.tsv`.
    tape : Tape
        The genome.
    saliency, integrated : Tracks
        Gradient x input and, when there is one, integrated gradients of the whole tape.
    """
    offset, contig_end = tape.span(row["chrom"])
    first = max(offset, offset + row["start"] - SURROUNDINGS_BP)
    last = min(contig_end, offset + row["end"] + SURROUNDINGS_BP)
    reverse = np.array([row["strand"] == "-"])
    positions = window_positions(np.array([first]), reverse, length=last - first)
    prediction = base_predictions(saliency, strand=row["strand"], start=first, end=last)
    return View(
        title=f"{row['name']}   {row['chrom']}:{row['start']:,}-{row['end']:,} ({row['strand']})",
        positions=positions[0] - offset,
        codes=window_codes(tape, positions, reverse)[0],
        saliency=window_track(saliency, positions, reverse)[0],
        integrated=None if integrated is None else window_track(integrated, positions, reverse)[0],
        prediction=prediction[::-1] if reverse[0] else prediction,
        summit=int(row["summit"]),
        element=(int(row["start"]), int(row["end"])),
    )


def _draw_maxima(
    out: Path, windows: Dataset, checkpoints: list[Path], *, settings: Logos, attribute: Attribute
) -> dict[str, Any]:
    target = target_number(windows.targets, attribute.target)
    codes = _active_windows(windows, target)
    models = open_ensemble(checkpoints, data=windows).models
    saliency = window_saliency(models, codes, target=target, correct=attribute.correct_gradient)
    rows, centres = maxima.find_maxima(saliency, width=settings.smoothing_bp)
    table = maxima.maxima_table(centres, length=windows.length, width=settings.smoothing_bp, origin=settings.origin_bp)
    first, last, flank = settings.expected_from_bp, settings.expected_to_bp, settings.aggregate_flank_bp
    share, chance = maxima.share_inside(table, first=first, last=last)
    position = centres - settings.origin_bp
    inside = (position >= first) & (position <= last)
    letters = {
        place: maxima.around_maxima(codes[rows[chosen]], saliency[rows[chosen]], centres[chosen], flank=flank)
        for place, chosen in ((f"at {first}..{last}", inside), ("elsewhere", ~inside))
        if chosen.any()
    }
    write_table(out / "maxima.tsv", table)
    save(maxima_figure(table, expected=(first, last), share=share, chance=chance), out / "maxima.png")
    titles = [(f"held-out active windows with their maximum {place}", weights) for place, weights in letters.items()]
    save(aggregate_figure(titles or [("no maxima", np.zeros((2 * flank + 1, 4)))]), out / "aggregate.png")
    return {
        "n_windows": len(rows),
        "n_without_maximum": len(saliency) - len(rows),
        "expected_from_bp": first,
        "expected_to_bp": last,
        "share_expected": round(share, 6),
        "share_by_chance": round(chance, 6),
        "consensus": {place: _box(maxima.consensus(weights), settings) for place, weights in letters.items()},
        "words": maxima.words_at_maxima(codes[rows], centres, width=settings.smoothing_bp, n=WORDS),
    }


def _active_windows(windows: Dataset, target: int) -> NDArray[np.uint8]:
    """Return the bases of the test windows measured active, 5' to 3'."""
    chosen = (windows.index["split"] == "test") & (windows.active(windows.targets[target]) == 1)
    return windows.codes()[chosen.to_numpy()]


def _box(letters: str, settings: Logos) -> str:
    """Cut the smoothing box out of the letters around the maxima."""
    first = max(0, settings.aggregate_flank_bp - (settings.smoothing_bp - 1) // 2)
    return letters[first : first + settings.smoothing_bp]
