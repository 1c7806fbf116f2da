"""`tracklight feedback-effects`: networks before and after they were corrected, on held-out windows."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.device import choose_device
from tracklight.errors import complaint, existing_file
from tracklight.genome.correction import (
    EFFECT_COLUMNS,
    PLACES,
    as_if_independent,
    compared,
    marked_probes,
    scored,
    shares,
)
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.marks import read_marks
from tracklight.genome.nuisance import Nuisance, group_accuracy, moved, threshold
from tracklight.genome.probes import choose_probes
from tracklight.learning.feedback import IRRELEVANT, RELEVANT
from tracklight.models.spec import load_checkpoint
from tracklight.settings import Feedback
from tracklight.stages import door
from tracklight.stages.shortcuts import Subject
from tracklight.stages.tables import write_table
from tracklight.stats import auroc

BEFORE = "before"
Rows = Iterator[tuple[object, ...]]


@dataclass(frozen=True)
class Comparison:
    """The same held-out windows under several networks.

    Attributes
    ----------
    subjects : dict of str to Subject
        By name, the networks before first.
    values : ndarray of float64 (window,)
        What was measured, in units of the transformed target.
    irrelevant, relevant : Nuisance
        Marked bases of the windows.
    settings : Feedback
        Numbers of windows and of bootstrap samples, seed.
    """

    subjects: dict[str, Subject]
    values: NDArray[np.float64]
    irrelevant: Nuisance
    relevant: Nuisance
    settings: Feedback

    @property
    def first(self) -> Subject:
        """The networks before; windows and labels are the same for all."""
        return self.subjects[BEFORE]

    @property
    def correct(self) -> dict[str, NDArray[np.float64]]:
        """Whether each window is predicted as it measured (1 or 0), by network."""
        return {
            name: ((subject.before > subject.threshold) == subject.active).astype(np.float64)
            for name, subject in self.subjects.items()
        }

    def rows(self, measure: str, values: dict[str, NDArray[np.float64]], windows: NDArray[np.int64] | slice) -> Rows:
        """Yield rows of one measure of some windows, with intervals."""
        groups = self.first.probes.groups[windows]
        yield from compared(measure, values, groups, samples=self.settings.bootstrap, seed=self.settings.seed)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows")
    parser.add_argument("--marks", type=Path, required=True, help="marks.tsv of feedback-check")
    parser.add_argument(
        "--networks", nargs="+", required=True, metavar="NAME=FILE",
        help="checkpoints; those of one name answer together, and `before` is what the others are set beside",
    )  # fmt: skip
    door.add_attribute_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables of this stage")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `feedback.tsv`, `feedback_groups.tsv` and `feedback_profile.tsv`."""
    settings = door.stage_settings(arguments, Feedback, section="feedback")
    networks, data = _networks(arguments.networks), open_dataset(arguments.genome, arguments.windows)
    inputs: dict[str, str | Path] = {**data.inputs, "marks": arguments.marks}
    inputs |= {f"{name}{number}": path for name, paths in networks.items() for number, path in enumerate(paths)}
    with door.recorded(arguments, "feedback-effects", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        comparison = _comparison(arguments, networks, data, settings)
        table = pd.DataFrame(_measured(comparison), columns=EFFECT_COLUMNS)
        write_table(arguments.out / "feedback_groups.tsv", _groups(comparison))
        write_table(arguments.out / "feedback_profile.tsv", _profile(comparison))
        write_table(arguments.out / "feedback.tsv", table)
        facts |= {"held_out_windows": len(comparison.first.probes)}


def _networks(given: list[str]) -> dict[str, list[Path]]:
    networks: dict[str, list[Path]] = {BEFORE: []}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise complaint("network is not NAME=FILE", got=text, do="for example before=model.pt")
        networks.setdefault(name, []).append(existing_file(path, what="checkpoint"))
    if not networks[BEFORE]:
        raise complaint("there is nothing to compare with", where="--networks", got=given, do="give before=FILE")
    return networks


def _comparison(
    arguments: argparse.Namespace, networks: dict[str, list[Path]], data: Dataset, settings: Feedback
) -> Comparison:
    device, attribute = choose_device(settings.device), door.attribute_settings(arguments)
    target = target_number(data.targets, attribute.target)
    probes = choose_probes(data, target=data.targets[target], active=None, most=len(data.index), seed=settings.seed)
    active = data.active(data.targets[target])[probes.rows] == 1
    marks = read_marks(arguments.marks, lengths=data.tape.lengths)
    subjects = {
        name: Subject(
            model=open_ensemble(paths, data=data).to(device).mean,
            target=target,
            correct=attribute.correct_gradient,
            device=device,
            probes=probes,
            active=active,
            threshold=threshold(data.facts, loss=str(load_checkpoint(paths[0]).settings.get("loss", "mse"))),
        )
        for name, paths in networks.items()
    }
    irrelevant, relevant = (marked_probes(marks, kind, data=data, probes=probes) for kind in (IRRELEVANT, RELEVANT))
    values = data.values(data.targets[target])[probes.rows]
    return Comparison(subjects, values, irrelevant=irrelevant, relevant=relevant, settings=settings)


def _measured(comparison: Comparison) -> Rows:
    yield from _accuracies(comparison)
    for held in (comparison.irrelevant, comparison.relevant):
        if min(map(len, (held.holders, held.recipients))) >= comparison.settings.smallest_group:
            yield from _places(comparison, held)
            yield from _effects(comparison, held)


def _accuracies(comparison: Comparison) -> Rows:
    first, correct = comparison.first, comparison.correct
    predictions = {name: subject.before for name, subject in comparison.subjects.items()}
    weights = as_if_independent(first.active, comparison.irrelevant.present)
    yield from comparison.rows("accuracy", correct, slice(None))
    if np.isfinite(weights).all():
        weighted = {name: values * weights for name, values in correct.items()}
        yield from comparison.rows("deconfounded_accuracy", weighted, slice(None))
    yield from scored("auroc", lambda prediction: auroc(prediction, first.active), predictions)
    yield from scored("pearson", lambda prediction: _correlation(prediction, comparison.values), predictions)


def _places(comparison: Comparison, held: Nuisance) -> Rows:
    """Yield where the saliency lies in windows that hold a kind of mark beside other bases."""
    rows, found = _drawn(held.holders, comparison.settings), dict[str, NDArray[np.float64]]()
    inside = [kind.inside[rows] for kind in (comparison.irrelevant, comparison.relevant)]
    for name, subject in comparison.subjects.items():
        found[name] = shares(subject.saliency(subject.probes.codes[rows]), *inside)
    for column, place in enumerate(PLACES):
        values = {name: share[:, column] for name, share in found.items()}
        yield from comparison.rows(f"mass_{place}_where_{held.name}", values, rows)


def _effects(comparison: Comparison, held: Nuisance) -> Rows:
    """Yield what putting marked bases into windows without them does, in SD of the prediction of each network."""
    first, draw = comparison.first, np.random.default_rng(comparison.settings.seed)
    rows, variants = moved(held, first.probes.codes, most=comparison.settings.windows, generator=draw)
    for variant in ("insertion", "permuted"):
        values = {
            name: (subject.predictions(variants[variant]) - subject.before[rows]) / _spread(subject)
            for name, subject in comparison.subjects.items()
        }
        yield from comparison.rows(f"{variant}_{held.name}", values, rows)


def _correlation(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    return float(np.corrcoef(predicted, measured)[0, 1]) if min(predicted.std(), measured.std()) > 0 else float("nan")


def _spread(subject: Subject) -> float:
    return float(subject.before.std()) or float("nan")


def _groups(comparison: Comparison) -> pd.DataFrame:
    """Return the accuracy in the four groups of windows by label and irrelevant mark, of every network."""
    first = comparison.first
    tables = [
        group_accuracy(
            name,
            values == 1,
            active=first.active,
            holds=comparison.irrelevant.present,
            smallest=comparison.settings.smallest_group,
        )
        for name, values in comparison.correct.items()
    ]
    return pd.concat(tables).rename(columns={"nuisance": "network", "with_nuisance": "with_mark"})


def _profile(comparison: Comparison) -> pd.DataFrame:
    """Return the mean share of a window's saliency by position, over active held-out windows."""
    rows = _drawn(np.flatnonzero(comparison.first.active), comparison.settings)
    tables = []
    for name, subject in comparison.subjects.items():
        saliency = subject.saliency(subject.probes.codes[rows]).astype(np.float64)
        total = saliency.sum(axis=1, keepdims=True)
        share = (saliency / np.where(total > 0, total, np.nan)) if len(rows) else saliency
        mean = np.nanmean(share, axis=0) if (total > 0).any() else np.full(saliency.shape[1], np.nan)
        tables.append(pd.DataFrame({"network": name, "position": np.arange(len(mean)), "share": mean}))
    return pd.concat(tables)


def _drawn(rows: NDArray[np.int64], settings: Feedback) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(settings.seed).permutation(rows)[: settings.windows])
