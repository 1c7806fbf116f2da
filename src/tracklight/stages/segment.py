"""`tracklight segment`: elements at base resolution from networks that learned window labels."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.affinity import fit_affinity
from tracklight.core.cam import NO, YES, seeds
from tracklight.core.device import choose_device
from tracklight.core.hidden_states import fit_two_states
from tracklight.core.overlap import boundary_error, dice, intersection_over_union
from tracklight.core.potts import log_odds_slope
from tracklight.core.segments import (
    Choice,
    Maps,
    Refinement,
    above,
    affine,
    choose,
    hidden_states,
    labelling,
    plain,
    smoothing,
    variation,
    walking,
)
from tracklight.errors import complaint
from tracklight.files import whole_file
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.elements import Strands, by_strand
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.intervals import read_bed
from tracklight.genome.nuisance import threshold
from tracklight.genome.segmentation import AveragedNetworks, WindowMaps, elements
from tracklight.genome.slices import window_positions
from tracklight.models.spec import load_checkpoint
from tracklight.progress import track
from tracklight.settings import Segment
from tracklight.stages import door
from tracklight.stages.contig_names import add_contig_names, given_contig_names
from tracklight.stages.tables import write_table
from tracklight.stats import mean_interval

COLUMNS = (
    *("map", "refinement", "strength", "threshold", "annotated_dice"),
    *("dice", "low", "high", "iou", "boundary_error_bp", "false_bases", "false_bases_ungated", "windows"),
)
BATCH = 512  # windows that are cut at once
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


class Found(NamedTuple):
    """What one way to cut was worth on test windows: per window with elements, and per window without."""

    dice: Values
    iou: Values
    boundary: Values
    false: Values
    gated: Values


@dataclass(frozen=True)
class Source:
    """A kind of map, on the scale of windows without the class, and the ways to cut segments from it.

    Attributes
    ----------
    name : str
        Row of `SOURCES`.
    zero, unit : float
        Mean and standard deviation over the bases of inactive training windows.
    methods : dict of str to Refinement
        The ways.
    """

    name: str
    zero: float
    unit: float
    methods: dict[str, Refinement]


@dataclass(frozen=True)
class Study:
    """The networks, the windows they are asked about, and the elements that are known."""

    data: Dataset
    networks: AveragedNetworks
    settings: Segment
    active: Values
    known: Strands | None
    positive_above: float

    def rows(self, split: str, *, active: bool, annotated: bool = False, most: int | None = None) -> Rows:
        """Return the windows of a split, drawn at random when there are more than `most`."""
        rows = np.flatnonzero((self.data.index["split"] == split).to_numpy() & (self.active == float(active)))
        rows = rows[self.truth(rows).any(axis=1)] if annotated else rows
        return np.sort(np.random.default_rng(self.settings.seed).permutation(rows)[:most])

    def windows(self, rows: Rows) -> WindowMaps:
        """Return what the networks say of windows."""
        return self.networks.maps(self.data.codes(rows))

    def truth(self, rows: Rows) -> Mask:
        """Return the bases of known elements `(window, position)`, 5' to 3'; none where nothing is known."""
        index = self.data.index.iloc[rows]
        reverse = index["reverse"].to_numpy(bool)
        start = self.data.tape.on_tape(index["contig"].to_numpy(object), index["start"].to_numpy(np.int64))
        positions = window_positions(start, reverse, length=self.data.length)
        return np.zeros(positions.shape, bool) if self.known is None else self.known.contain(positions, reverse)

    def scored(self, source: Source, windows: WindowMaps) -> Maps:
        """Return one kind of map of windows, for windows taken to hold the class."""
        scores = (SOURCES[source.name](windows) - source.zero) / source.unit
        sure = seeds(scores, sure_yes=self.settings.sure_yes, sure_no=self.settings.sure_no)
        return Maps(scores, sure, windows.features)


SOURCES = {
    "cam": lambda windows: windows.cam,
    "gradient_x_input": lambda windows: windows.gradient,
    "gc": lambda windows: windows.gc,
    "every_base": lambda windows: np.ones_like(windows.gc),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    door.add_attribute_settings(parser)
    parser.add_argument("--elements", type=Path, help="known elements (BED): to choose with, and to be judged by")
    add_contig_names(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for elements.bed and segmentation.tsv")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `segmentation.tsv` and `elements.bed`."""
    settings = door.stage_settings(arguments, Segment, section="segment")
    data = open_dataset(arguments.genome, arguments.windows)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    inputs |= {} if arguments.elements is None else {"elements": arguments.elements}
    with door.recorded(arguments, "segment", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        study = _study(arguments, data, settings)
        sources = _sources(study)
        choices = _choices(study, sources)
        cam = {name: choice for (source, name), choice in choices.items() if source == "cam"}
        chosen = max(cam, key=lambda name: cam[name].dice) if settings.refinement == "best" else settings.refinement
        found = _judged(study, sources, choices)
        write_table(arguments.out / "segmentation.tsv", _table(study, choices, found))
        listed = _elements(study, sources["cam"], chosen, cam[chosen])
        with whole_file(arguments.out / "elements.bed") as temporary:
            listed.to_csv(temporary, sep="\t", index=False, header=False, float_format="%.6g")
        facts |= {"refinement": chosen, **cam[chosen]._asdict(), "elements": len(listed)}


def _study(arguments: argparse.Namespace, data: Dataset, settings: Segment) -> Study:
    if arguments.elements is None and settings.refinement != "hmm":
        raise complaint(
            "refinement is chosen on windows with known elements, and none are given",
            where="segment.refinement", got=settings.refinement, allowed="hmm",
            do="give inputs.elements (BED), or set segment.refinement: hmm",
        )  # fmt: skip
    known = None
    if arguments.elements is not None:
        names = given_contig_names(arguments)
        intervals = read_bed(arguments.elements, lengths=data.tape.lengths, contig_names=names)
        known = by_strand(intervals, data.tape, stranded=data.stranded)
    target = target_number(data.targets, door.attribute_settings(arguments).target)
    ensemble = open_ensemble(arguments.models, data=data).to(choose_device(settings.device))
    loss = str(load_checkpoint(arguments.models[0]).settings.get("loss", "mse"))
    return Study(
        data=data,
        networks=AveragedNetworks(ensemble, target=target, paths=arguments.models),
        settings=settings,
        active=data.active(data.targets[target]),
        known=known,
        positive_above=threshold(data.facts, loss=loss),
    )


def _sources(study: Study) -> dict[str, Source]:
    """Measure zero and unit of every kind of map, and learn from training windows what refinements learn."""
    settings = study.settings
    drawn = {
        "inactive": study.rows("train", active=False, most=settings.background_windows),
        "active": study.rows("train", active=True, most=settings.training_windows),
    }
    for kind, rows in drawn.items():
        if not len(rows):
            raise complaint(f"no {kind} training window to learn from", do="check prepare_windows.active_above")
    background, training = (study.windows(rows) for rows in drawn.values())
    sources = {}
    for name, values in SOURCES.items():
        level = values(background)
        source = Source(name, float(level.mean()), float(level.std()) or 1.0, {})
        methods = _methods(study, source, background, training)
        sources[name] = Source(name, source.zero, source.unit, methods)
    return sources


def _methods(study: Study, source: Source, background: WindowMaps, training: WindowMaps) -> dict[str, Refinement]:
    settings = study.settings
    if source.name == "every_base":
        return {"none": Refinement(lambda maps, _: maps.scores, [0.0], above, threshold=-1.0)}
    if source.name == "gc":
        return {"smooth": smoothing(settings.smooth_bp)}
    maps, outside = study.scored(source, training), study.scored(source, background)
    if not (maps.seeds == YES).any():
        raise complaint("no base of any active training window is a sure yes", where=source.name, do="train again")
    slope = log_odds_slope(maps.scores[maps.seeds == YES], outside.scores.ravel())
    methods = {
        "threshold": plain(),
        "smooth": smoothing(settings.smooth_bp),
        "tv": variation(settings.tv_weights),
        "potts": labelling(settings.potts_betas, slope=slope),
        "walker": walking(settings.walker_betas),
        "hmm": hidden_states(fit_two_states(maps.scores)),
    }
    return methods | ({"affinity": _affinity(maps, settings)} if source.name == "cam" else {})


def _affinity(maps: Maps, settings: Segment) -> Refinement:
    """Learn pairs from training windows that hold both kinds of seeds."""
    how = settings.affinity
    assert maps.features is not None, "networks gave features"
    both = np.flatnonzero((maps.seeds == YES).any(1) & (maps.seeds == NO).any(1))[: how.windows]
    embed = fit_affinity(
        torch.from_numpy(maps.features[both]),
        torch.from_numpy(maps.seeds[both]),
        radius=how.radius_bp,
        units=how.units,
        steps=how.training_steps,
        learning_rate=how.learning_rate,
        seed=settings.seed,
    )
    return affine(how.walk_steps, embed=embed, radius=how.radius_bp, power=how.power)


def _choices(study: Study, sources: dict[str, Source]) -> dict[tuple[str, str], Choice]:
    """Choose strength and threshold of everything on the annotated windows; without any, only what needs none."""
    settings = study.settings
    ways = [(source, name) for source in sources.values() for name in source.methods]
    if study.known is None:
        return {("cam", "hmm"): Choice(0.0, 0.5, float("nan"))}
    rows = study.rows("validation", active=True, annotated=True, most=settings.annotated_windows)
    if not len(rows):
        raise complaint(
            "no active validation window holds a known element", do="hold out more of the genome for validation"
        )
    windows, truth = study.windows(rows), study.truth(rows)
    return {
        (source.name, name): choose(
            source.methods[name], study.scored(source, windows), truth, thresholds=settings.thresholds
        )
        for source, name in track(ways, what="choose", total=len(ways), unit="refinement")
    }


def _judged(
    study: Study, sources: dict[str, Source], choices: dict[tuple[str, str], Choice]
) -> dict[tuple[str, str], Found]:
    """Cut test windows in every way, those with known elements and the inactive ones."""
    if study.known is None:
        return {}
    with_elements, without = _test_rows(study)
    parts: dict[tuple[str, str], list[Found]] = {way: [] for way in choices}
    for rows in _batches(np.concatenate([with_elements, without]), what="judge"):
        windows, truth, inside = study.windows(rows), study.truth(rows), np.isin(rows, with_elements)
        positive = windows.output[~inside] > study.positive_above
        for (source, name), choice in choices.items():
            answer = sources[source].methods[name].segments(study.scored(sources[source], windows), choice)
            own, right, false = answer[inside], truth[inside], answer[~inside].sum(1).astype(np.float64)
            measured = dice(own, right), intersection_over_union(own, right), boundary_error(own, right)
            parts[source, name].append(Found(*measured, false, false * positive))
    return {way: Found(*map(np.concatenate, zip(*found, strict=True))) for way, found in parts.items()}


def _test_rows(study: Study) -> tuple[Rows, Rows]:
    rows = study.rows("test", active=True, annotated=True), study.rows("test", active=False)
    for kind, some in zip(("active test window with a known element", "inactive test window"), rows, strict=True):
        if not len(some):
            raise complaint(f"no {kind} to judge by", do="hold out more of the genome, or check inputs.elements")
    return rows


def _table(study: Study, choices: dict[tuple[str, str], Choice], found: dict[tuple[str, str], Found]) -> pd.DataFrame:
    rows = []
    groups = study.data.index["group"].to_numpy(str)[_test_rows(study)[0]] if found else np.array([], str)
    for (source, name), what in found.items():
        generator = np.random.default_rng(study.settings.seed)
        ends = mean_interval(what.dice[:, None], groups, samples=study.settings.bootstrap, generator=generator)
        mean, low, high = (float(end[0]) for end in ends)
        error, median = float(what.iou.mean()), float(np.median(what.boundary))
        false = float(what.gated.mean()), float(what.false.mean())
        rows.append((source, name, *choices[source, name], mean, low, high, error, median, *false, len(what.dice)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _elements(study: Study, source: Source, name: str, choice: Choice) -> pd.DataFrame:
    """Cut every window that may hold elements: by its label or, where that is asked for, by what is predicted."""
    by_label = study.settings.gate == "label"
    rows = np.flatnonzero(study.active == 1) if by_label else np.arange(len(study.data.index))
    masks, scores = [], []
    for part in _batches(rows, what="cut"):
        windows = study.windows(part)
        maps = study.scored(source, windows)
        positive = by_label | (windows.output > study.positive_above)
        masks.append(source.methods[name].segments(maps, choice) & positive[:, None])
        scores.append(maps.scores)
    return elements(np.concatenate(masks), np.concatenate(scores), study.data, rows=rows)


def _batches(rows: Rows, *, what: str) -> Iterator[Rows]:
    parts = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    yield from track(parts, what=what, total=len(parts), unit="batch")
