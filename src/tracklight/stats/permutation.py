"""Exact tests of contrasts within strata: what the map would be with other labels.

All estimates are sums over rows that are linear in the labels, so that many labellings are one matrix product. They are
divided by their standard deviation over all labellings, which is known in closed form: it is the same for every part of
the draws, and large or noisy features do not rule the maximum.

What lives here: the studentised statistic, its largest values under the null, p-values. May import: numpy, `stats`.
To add: a contrast in `strata`; the tests here take any.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracklight.errors import complaint
from tracklight.stats.clusters import largest_mass
from tracklight.stats.exchange import Draws, Labels
from tracklight.stats.strata import Design, centred, common_contrast, departures, differences, subject_effects

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
MOST_AT_ONCE = 1 << 20  # values of draws x features, or draws x rows, in memory: 8 MiB each
ROUNDING = 1e-9  # relative: equal statistics differ by less when their sums are taken in another order
FLAT = 1e-12  # relative to the root mean square: what varies less within strata does not vary


class Statistic:
    """Contrasts of a table, each over its standard deviation under the null.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.
    weights : ndarray of float64 (contrast, stratum)
        How the strata's differences are summed.
    variance : ndarray of float64 (stratum, feature)
        Of each stratum's difference under the null: `Draws.variance(values)`.

    Attributes
    ----------
    sd : ndarray of float64 (contrast, feature)
        Standard deviation of each contrast over all labellings; 0 for a feature that is flat within strata.
    """

    def __init__(self, design: Design, values: Floats, *, weights: Floats, variance: Floats):
        # A row with the label adds gain x value: of centred values those without it add gain x the labelled sum.
        with np.errstate(divide="ignore"):
            harmonic = np.where(design.informative, 1 / design.weight, 0.0)
        self.gain = (weights * harmonic)[:, design.member]
        self.values = centred(design, values)
        scale = np.abs(weights).max(1, initial=0.0)[:, None] * np.sqrt((values**2).mean(0))
        sd = np.sqrt(weights**2 @ variance)
        self.sd = np.where(sd > FLAT * scale, sd, 0.0)

    def __call__(self, labels: Labels) -> Floats:
        """Return z, `(labelling, feature)`; of several contrasts the largest |z|; 0 for flat features.

        Parameters
        ----------
        labels : ndarray of bool (labelling, row)
            Each with as many rows of either label in each stratum as were observed.
        """
        parts = [self._one(labels, number) for number in range(len(self.gain))]
        return parts[0] if len(parts) == 1 else np.abs(parts).max(0)

    def _one(self, labels: Labels, number: int) -> Floats:
        sd = self.sd[number]
        z = (labels * self.gain[number]) @ self.values
        return np.divide(z, sd, out=np.zeros_like(z), where=sd > 0)


class Shape(NamedTuple):
    """How clusters form.

    Attributes
    ----------
    above : float
        A feature counts when `|z|` is above it.
    pairs : ndarray of int64 (pair, 2)
        Which features are neighbours.
    """

    above: float
    pairs: Numbers


@dataclass(frozen=True)
class Null:
    """What other labels gave.

    Attributes
    ----------
    reached : ndarray of int64 (feature,)
        In how many labellings |z| was at least as large as observed.
    largest : ndarray of float64 (labelling,)
        Largest |z| of all features.
    mass : ndarray of float64 (labelling,)
        Largest mass of a cluster; empty where clusters were not asked for.
    """

    reached: Numbers
    largest: Floats
    mass: Floats


def spans(drawn: Draws, statistic: Statistic) -> list[tuple[int, int]]:
    """Return stretches of draws `(first, last + 1)` that fit into memory; any may be done anywhere, in any order."""
    rows, features = statistic.values.shape
    step = max(1, MOST_AT_ONCE // max(rows, features))
    return [(first, min(first + step, drawn.count)) for first in range(0, drawn.count, step)]


def null_part(
    statistic: Statistic, drawn: Draws, *, span: tuple[int, int], observed: Floats, shape: Shape | None
) -> Null:
    """Return what draws `span[0]` to `span[1] - 1` give.

    Parameters
    ----------
    statistic : Statistic
        What is asked of each labelling.
    drawn : Draws
        The labellings.
    span : tuple of int
        First of the draws and the one after the last, one of `spans`.
    observed : ndarray of float64 (feature,)
        The statistic of the observed labels.
    shape : Shape, optional
        How clusters form; None leaves them out.
    """
    z = statistic(drawn.labels(*span))
    mass = np.empty(0) if shape is None else largest_mass(z, above=shape.above, pairs=shape.pairs)
    size = np.abs(z)
    return Null((size >= np.abs(observed) * (1 - ROUNDING)).sum(0), size.max(1), mass)


def join(parts: Iterator[Null] | list[Null]) -> Null:
    """Join parts, given in the order of their draws."""
    parts = list(parts)
    masses, largest = (np.concatenate([getattr(part, name) for part in parts]) for name in ("mass", "largest"))
    return Null(np.sum([part.reached for part in parts], axis=0), largest, masses)


def p_reached(reached: Numbers, drawn: Draws) -> Floats:
    """Return the p-value of each count: `(b + 1) / (B + 1)`, or `b / B` over all labellings there are.

    References
    ----------
    Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9:39.
    """
    extra = 0 if drawn.exact else 1
    return (reached + extra) / (drawn.count + extra)


def p_largest(observed: ArrayLike, largest: Floats, *, drawn: Draws) -> Floats:
    """Return family-wise p-values: how often the largest of a labelling is at least as large as this.

    Parameters
    ----------
    observed : array_like (...)
        Statistics, or masses of clusters; their sign does not count.
    largest : ndarray of float64 (labelling,)
        `Null.largest` or `Null.mass`.
    drawn : Draws
        What they were taken over.

    References
    ----------
    Westfall and Young (1993), Resampling-based multiple testing; Nichols and Holmes (2002), Hum. Brain Mapp. 15:1.
    """
    bound = np.abs(np.asarray(observed, np.float64)) * (1 - ROUNDING)
    return p_reached(largest.size - np.searchsorted(np.sort(largest), bound, side="left"), drawn)


def without_effect(design: Design, values: Floats) -> Floats:
    """Return values less the mean of their stratum and less their subject's effect, as large as without the fit.

    Under one effect for all stages of a subject these could have had any label of their stratum, so that permuting
    them tests whether stages differ and not whether there is an effect. The effect is the slope of a regression with a
    mean per stratum; its fit took one degree of freedom, which is given back to the residuals.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.

    Returns
    -------
    ndarray of float64 (row, feature)
        Approximately exchangeable: the effect is estimated.

    References
    ----------
    Freedman and Lane (1983), J. Bus. Econ. Stat. 1:292.
    """
    owner = design.subject[design.member]
    effects = np.nan_to_num(subject_effects(design, values))[owner]
    freedom = np.bincount(design.subject, (design.ones + design.zeros - 1) * design.informative)
    scale = np.sqrt(freedom / np.maximum(1, freedom - 1))[owner]
    return centred(design, values - design.label[:, None] * effects) * scale[:, None]


def stage_statistic(design: Design, values: Floats, *, drawn: Draws) -> tuple[Statistic, Floats]:
    """Return the statistic of the largest difference between a stage and the others, and what was observed.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.
    drawn : Draws
        Labels under the null.

    Returns
    -------
    statistic : Statistic
        Of values without their subjects' effects.
    observed : ndarray of float64 (feature,)
        `max |theta_s - theta|` over stages, each over its standard deviation; 0 where that is 0.
    """
    rest, weights = without_effect(design, values), departures(design)
    statistic = Statistic(design, rest, weights=weights, variance=drawn.variance(rest))
    apart, sd = np.abs(weights @ differences(design, values)), statistic.sd
    return statistic, np.divide(apart, sd, out=np.zeros_like(apart), where=sd > 0).max(0)


def main_statistic(design: Design, values: Floats, *, drawn: Draws) -> Statistic:
    """Return the statistic of the mean over subjects, the primary test."""
    return Statistic(design, values, weights=common_contrast(design), variance=drawn.variance(values))


def cross_fit(p: ArrayLike) -> tuple[Floats, Floats]:
    """Join p-values of directions whose training and inference subjects were exchanged.

    Parameters
    ----------
    p : array_like (direction, ...)
        P-values of the same features.

    Returns
    -------
    either : ndarray of float64 (...)
        `min(1, n min p)`: valid under any dependence of the `n` directions.
    every : ndarray of float64 (...)
        The largest: what all directions replicate.
    """
    p = np.asarray(p, np.float64)
    return np.minimum(1.0, len(p) * p.min(0)), p.max(0)


def refuse_weak(drawn: Draws, *, alpha: float) -> None:
    """Raise `InputError` when no outcome whatever could be significant."""
    if drawn.smallest_p > alpha:
        raise complaint(
            "this design cannot reach alpha", got=f"{drawn.distinct} distinct labellings, p at least "
            f"{drawn.smallest_p:.3g}", allowed=f"p of {alpha} or less", do="gather more rows, or take coarser strata",
        )  # fmt: skip
