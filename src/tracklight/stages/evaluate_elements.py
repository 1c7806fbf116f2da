"""Stage `evaluate-elements`: any track or list against known elements of held-out windows, beside its controls."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.errors import complaint, existing_file
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.elements import Strands, at_content, by_strand, list_track, windows_with_elements
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.intervals import BED6, read_bed
from tracklight.genome.ranking import METRICS, measure
from tracklight.genome.saliency import Scan, attribute_stretch
from tracklight.genome.slices import box_mean, surroundings, window_codes, window_track
from tracklight.genome.tracks import read_track
from tracklight.progress import log
from tracklight.settings import EvaluateElements
from tracklight.stages import door
from tracklight.stages.contig_names import add_contig_names, given_contig_names
from tracklight.stages.tables import write_table
from tracklight.stats import INTERVAL, bootstrap_weights

AT_CONTENT, POSITION_PRIOR, UNTRAINED = "at_content", "position_prior", "untrained{}"  # names of the controls
ABSOLUTE = "|{}|"  # name of a track's absolute value


@dataclass(frozen=True)
class Universe:
    """The windows that hold known elements, read 5' to 3'.

    Attributes
    ----------
    rows : DataFrame
        Their rows of the index.
    positions : ndarray of int64 (window, position)
        Tape positions.
    reverse : ndarray of bool (window,)
        Windows on the minus strand.
    codes : ndarray of uint8 (window, position)
        Bases as read.
    inside : ndarray of bool (window, position)
        Bases inside a known element of the window's strand.
    """

    rows: pd.DataFrame
    positions: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    codes: NDArray[np.uint8]
    inside: NDArray[np.bool_]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    parser.add_argument("--tracks", nargs="+", default=[], metavar="NAME=BW[,BW_MINUS]", help="bigWig tracks to score")
    parser.add_argument(
        "--predictions", nargs="+", default=[], metavar="NAME=BW[,BW_MINUS]", help="the same, without absolute values"
    )
    parser.add_argument(
        "--lists", nargs="+", default=[], metavar="NAME=BED", help="lists to score: by column 5, or by order"
    )
    parser.add_argument("--elements", type=Path, required=True, help="known elements (BED)")
    add_contig_names(parser)
    parser.add_argument("--out", type=Path, required=True, help="table to write")
    door.add_attribute_settings(parser)
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Score every track and control and write one table."""
    settings = door.stage_settings(arguments, EvaluateElements, section="evaluate_elements")
    tracks, lists = _named(arguments.tracks, what="track"), _named(arguments.lists, what="list")
    predictions = _named(arguments.predictions, what="track")
    _check_names([*tracks, *map(ABSOLUTE.format, tracks), *predictions, *lists], settings)
    names = given_contig_names(arguments)
    windows = open_dataset(arguments.genome, arguments.windows)
    files = {
        f"{name}[{i}]": path for name, paths in (tracks | predictions | lists).items() for i, path in enumerate(paths)
    }
    inputs = windows.inputs | files | {"elements": arguments.elements}
    with door.recorded(arguments, "evaluate-elements", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        elements = read_bed(arguments.elements, lengths=windows.tape.lengths, contig_names=names)
        known = by_strand(elements, windows.tape, stranded=windows.stranded)
        test = _universe(windows, "test", known)
        if not len(test.rows):
            raise complaint(
                "no test window overlaps a known element", where=arguments.elements, do="check strands and assembly"
            )
        scores = [
            *_track_scores(tracks, test, settings.smoothing_bp),
            *_prediction_scores(predictions, test, settings.smoothing_bp),
            *_list_scores(lists, windows, test, contig_names=names),
            *_control_scores(windows, test, known, settings),
            *_untrained_scores(arguments, windows, test, settings),
        ]
        write_table(arguments.out, _measured(scores, test.inside, settings, groups=test.rows["group"].to_numpy(str)))
        facts |= {"windows": len(test.rows), "elements": len(elements)}


def _named(given: list[str], *, what: str) -> dict[str, list[Path]]:
    named = {}
    for text in given:
        name, equals, paths = text.partition("=")
        if not (name and equals and paths) or name in named:
            raise complaint(f"{what} is not NAME=FILE with a name of its own", got=text, do="for example saliency=a.bw")
        named[name] = [_there(path, what=what) for path in paths.split(",")]
        if len(named[name]) > (2 if what == "track" else 1):
            raise complaint(
                f"too many files for a {what}", got=text, allowed="plus and minus" if what == "track" else 1
            )
    return named


def _there(path: str, *, what: str) -> Path:
    # an empty list is a result: nothing was called
    return Path(path) if what == "list" and Path(path).is_file() else existing_file(path, what=what)


def _check_names(names: list[str], settings: EvaluateElements) -> None:
    """Refuse a name that two rows of the table would share."""
    taken = [AT_CONTENT, POSITION_PRIOR, *map(UNTRAINED.format, range(settings.untrained_seeds))]
    for number, name in enumerate(names):
        if name in names[:number] or name in taken:
            raise complaint(
                "the name of a track or list is that of another or of a control", got=name, do="give it another name"
            )


def _universe(windows: Dataset, split: str, elements: Strands) -> Universe:
    rows = windows.index[windows.index["split"] == split]
    start = windows.tape.on_tape(rows["contig"].tolist(), rows["start"].to_numpy(np.int64))
    reverse = rows["reverse"].to_numpy(bool)
    chosen, positions, inside = windows_with_elements(start, reverse, elements, length=windows.length)
    rows, reverse = rows.iloc[chosen], reverse[chosen]
    return Universe(rows, positions, reverse, window_codes(windows.tape, positions, reverse), inside)


def _track_scores(
    tracks: dict[str, list[Path]], test: Universe, width: int
) -> Iterator[tuple[str, NDArray[np.floating]]]:
    for name, paths in tracks.items():
        values = _read_windows(paths, test)
        yield name, box_mean(values, width)
        yield ABSOLUTE.format(name), box_mean(np.abs(values), width)


def _prediction_scores(
    predictions: dict[str, list[Path]], test: Universe, width: int
) -> Iterator[tuple[str, NDArray[np.floating]]]:
    for name, paths in predictions.items():
        yield name, box_mean(_read_windows(paths, test), width)


def _read_windows(paths: list[Path], test: Universe) -> NDArray[np.float32]:
    """Read a track under every window, 5' to 3', from the file of the window's strand."""
    length = test.positions.shape[1]
    values = np.empty(test.positions.shape, np.float32)
    for row, window in enumerate(test.rows.itertuples()):
        path = paths[min(int(test.reverse[row]), len(paths) - 1)]
        start = int(window.start)  # type: ignore[arg-type]
        found = read_track(path, str(window.contig), start, start + length)
        values[row] = found[::-1] if test.reverse[row] else found
    return values


def _list_scores(
    lists: dict[str, list[Path]], windows: Dataset, test: Universe, *, contig_names: dict[str, str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for name, (path,) in lists.items():
        intervals = _read_list(path, windows, contig_names)
        yield (
            name,
            list_track(intervals, windows.tape, test.positions, test.reverse, stranded=windows.stranded),
        )


def _read_list(path: Path, windows: Dataset, contig_names: dict[str, str]) -> pd.DataFrame:
    if path.stat().st_size == 0:
        return pd.DataFrame({column: [] for column in BED6})
    return read_bed(path, lengths=windows.tape.lengths, contig_names=contig_names)


def _control_scores(
    windows: Dataset, test: Universe, elements: Strands, settings: EvaluateElements
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    yield AT_CONTENT, at_content(test.codes, width=settings.smoothing_bp)
    train = _universe(windows, "train", elements)
    if len(train.rows):
        yield POSITION_PRIOR, np.broadcast_to(train.inside.mean(axis=0), test.inside.shape)
    else:
        log.info("no training window overlaps a known element: position_prior is left out")


def _untrained_scores(
    arguments: argparse.Namespace, windows: Dataset, test: Universe, settings: EvaluateElements
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Scan the windows with their surroundings by untrained networks, as the tracks were made: blind to the place."""
    trained = open_ensemble(arguments.models, data=windows)
    scanned = door.attribute_settings(arguments)
    around, positions = surroundings(windows.tape, test.positions)
    control = trained.untrained(settings.untrained_seeds)
    for number, (seed, network) in enumerate(zip(control.seeds, control.models, strict=True)):
        ensemble = replace(control, models=(network,), seeds=(seed,))
        scan = Scan(ensemble, scanned, "gradient_x_input", windows.stranded)
        tracks = attribute_stretch(around, (0, len(around)), scan, device=torch.device("cpu"))
        values = np.abs(window_track(tracks, positions, test.reverse))
        yield UNTRAINED.format(number), box_mean(values, settings.smoothing_bp)


def _measured(
    scores: list[tuple[str, NDArray[np.floating]]],
    inside: NDArray[np.bool_],
    settings: EvaluateElements,
    *,
    groups: NDArray[np.str_],
) -> pd.DataFrame:
    # the same samples for every track, so that tracks can be compared sample by sample
    generator = np.random.default_rng(settings.seed)
    weights = bootstrap_weights(groups, samples=settings.bootstrap, generator=generator)
    counts = {"n_positive": int(inside.sum()), "n_negative": int((~inside).sum()), "n_windows": len(inside)}
    rows = []
    for name, values in scores:
        found, samples = measure(inside, values, weights=weights, top_fraction=settings.top_fraction)
        low, high = np.nanquantile(samples, INTERVAL, axis=0)
        log.info("%-24s AUROC %.3f  AUPRC %.3f  enrichment %.2f", name, *found)
        rows += [
            {"track": name, "metric": metric, "value": found[i], "low": low[i], "high": high[i], **counts}
            for i, metric in enumerate(METRICS)
        ]
    return pd.DataFrame(rows)
