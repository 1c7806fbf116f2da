"""The tests of the stage `strata`: what is asked, what other labels give, and the p-values of each direction.

What other labels give is found here at once, or in parts on many machines: the draws are cut into stretches that depend
on the table alone, a part takes whole stretches, and parts laid end to end are what one machine would have found.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.errors import InputError
from tracklight.progress import track
from tracklight.settings import Strata
from tracklight.stages.strata_tables import labellings
from tracklight.stages.units import Units
from tracklight.stats import permutation as tests
from tracklight.stats import strata as engine
from tracklight.stats.clusters import find_clusters
from tracklight.stats.discrimination import stratified_auc
from tracklight.stats.exchange import Draws

Floats = NDArray[np.float64]
Nulls = Mapping[tuple[str, str], tests.Null]  # by direction and question
MAIN, STAGES = "mean", "stages"


@dataclass(frozen=True, eq=False)
class Question:
    """A statistic of the labels.

    Attributes
    ----------
    name : str
        `mean`, the mean over subjects, or `stages`, the largest difference between stages.
    statistic : Statistic
        The statistic of any labels.
    observed : ndarray of float64 (feature,)
        Its value for the observed labels.
    shape : Shape or None
        How clusters form; None leaves them out.
    """

    name: str
    statistic: tests.Statistic
    observed: Floats
    shape: tests.Shape | None


@dataclass(frozen=True, eq=False)
class Direction:
    """One direction of the cross-fit: its units, the labels they could have had, and what is asked of each."""

    units: Units
    drawn: Draws
    questions: tuple[Question, ...]

    @property
    def fold(self) -> str:
        """Its name."""
        return str(self.units.fold[0])

    @property
    def design(self) -> engine.Design:
        """Its labels and strata."""
        return self.units.design


@dataclass(frozen=True, eq=False)
class Inference:
    """Tests of one direction of the cross-fit.

    Attributes
    ----------
    fold : str
        Its name.
    design : Design
        Its labels and strata.
    drawn : Draws
        The labellings.
    p : dict of str to ndarray of float64 (feature,)
        P-values by column of `strata.tsv`.
    clusters : DataFrame
        Its clusters.
    auc : tuple of float or None
        Stratified AUC and its p-value.
    """

    fold: str
    design: engine.Design
    drawn: Draws
    p: dict[str, Floats]
    clusters: pd.DataFrame
    auc: tuple[float, float] | None


def directions(units: Units, settings: Strata, pairs: NDArray[np.int64] | None) -> list[Direction]:
    """Return what is asked in every direction, by name.

    Parameters
    ----------
    units : Units
        The whole table.
    settings : Strata
        How labels are exchanged, and from where on a feature joins a cluster.
    pairs : ndarray of int64 (pair, 2) or None
        Neighbouring features; None leaves clusters out.

    Raises
    ------
    InputError
        When a direction has no stratum with both labels.
    """
    shape = None if pairs is None else tests.Shape(settings.cluster_z, pairs)
    return [_direction(units.of_fold(fold), settings, shape) for fold in np.unique(units.fold).tolist()]


def _direction(units: Units, settings: Strata, shape: tests.Shape | None) -> Direction:
    try:
        design, drawn = units.design, labellings(units, settings)
    except InputError as error:
        raise InputError(f"direction {units.fold[0]}: {error}") from None
    statistic = tests.main_statistic(design, units.values, drawn=drawn)
    questions = [Question(MAIN, statistic, statistic(design.label[None])[0], shape)]
    if len(design.stages) > 1:
        between, observed = tests.stage_statistic(design, units.values, drawn=drawn)
        questions.append(Question(STAGES, between, observed, None))
    return Direction(units, drawn, tuple(questions))


def draw(asked: Iterable[Direction], *, part: int = 0, parts: int = 1) -> dict[tuple[str, str], tests.Null]:
    """Return what other labels give, by direction and question.

    Parameters
    ----------
    asked : iterable of Direction
        What is asked.
    part, parts : int
        Which share of the draws, from 0, and of how many; all of them unless given. A share may be empty.
    """
    return {
        (direction.fold, question.name): _null(direction, question, part=part, parts=parts)
        for direction in asked
        for question in direction.questions
    }


def _null(direction: Direction, question: Question, *, part: int, parts: int) -> tests.Null:
    drawn, statistic = direction.drawn, question.statistic
    # Never cut further: a matrix product of other rows may round otherwise.
    spans = tests.spans(drawn, statistic)
    share = spans[part * len(spans) // parts : (part + 1) * len(spans) // parts]
    found = [
        tests.null_part(statistic, drawn, span=span, observed=question.observed, shape=question.shape)
        for span in track(share, what=f"labellings {direction.fold}, {question.name}", total=len(share))
    ]
    nothing = tests.Null(np.zeros(len(question.observed), np.int64), np.empty(0), np.empty(0))
    return tests.join([nothing, *found])


def infer(direction: Direction, nulls: Nulls) -> Inference:
    """Return the p-values and clusters of one direction.

    Parameters
    ----------
    direction : Direction
        What is asked.
    nulls : mapping of (str, str) to Null
        What all of the draws gave, as `draw` returns it.
    """
    units, drawn = direction.units, direction.drawn
    p, clusters = dict[str, Floats](), pd.DataFrame(columns=["fold", "cluster", "features", "peak", "mass", "p"])
    for question in direction.questions:
        null, suffix = nulls[direction.fold, question.name], "" if question.name == MAIN else f"_{question.name}"
        p[f"p{suffix}"] = tests.p_reached(null.reached, drawn)
        p[f"p{suffix}_max"] = tests.p_largest(question.observed, null.largest, drawn=drawn)
        if question.shape is not None:
            clusters, p["p_cluster"] = _clusters(direction, question.observed, shape=question.shape, null=null)
    auc = None if units.score is None else stratified_auc(direction.design, units.score, drawn=drawn)
    return Inference(direction.fold, direction.design, drawn, p, clusters, auc)


def _clusters(direction: Direction, z: Floats, *, shape: tests.Shape, null: tests.Null) -> tuple[pd.DataFrame, Floats]:
    """Return the clusters of the observed map, and the p-value of the cluster that each feature is in (1 outside)."""
    member, mass = find_clusters(z[None], above=shape.above, pairs=shape.pairs)
    p, rows = tests.p_largest(mass, null.mass, drawn=direction.drawn), []
    for number in range(len(mass)):
        inside = np.flatnonzero(member[0] == number)
        names = [direction.units.features[at] for at in inside]
        rows.append((direction.fold, number, ";".join(names), names[np.abs(z[inside]).argmax()]))
    table = pd.DataFrame(rows, columns=["fold", "cluster", "features", "peak"]).assign(mass=mass, p=p)
    return table, np.append(p, 1.0)[member[0]]  # -1, outside of any, is the last
