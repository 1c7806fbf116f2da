"""Contrasts of two labels within strata: who belongs where, and what the difference is there.

A *row* is one unit whose label could have been another (a report after an awakening, a window of a genome); rows of one
*subject* and one *stage* (and one bin of a second stratifier) form a *stratum*. Differences are taken within strata,
averaged within a subject with Cochran-Mantel-Haenszel weights, and averaged over subjects with equal weights.

What lives here: the design and every linear estimate from it. May import: numpy, scipy, errors.
To add: a contrast, as weights per stratum; the exact tests of `permutation` then apply to it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.stats import rankdata

from tracklight.errors import complaint

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Design:
    """Which stratum each row is in, and its label.

    Attributes
    ----------
    label : ndarray of bool (row,)
        What is contrasted.
    member : ndarray of int64 (row,)
        Number of the stratum of each row.
    subject, stage : ndarray of int64 (stratum,)
        Number of the subject and of the stage of each stratum.
    subjects, stages : tuple of str
        Their names.
    """

    label: NDArray[np.bool_]
    member: Numbers
    subject: Numbers
    stage: Numbers
    subjects: tuple[str, ...]
    stages: tuple[str, ...]

    @cached_property
    def ones(self) -> Numbers:
        """Rows with the label in each stratum, `(stratum,)`."""
        return np.bincount(self.member[self.label], minlength=len(self.subject))

    @cached_property
    def zeros(self) -> Numbers:
        """Rows without the label in each stratum, `(stratum,)`."""
        return np.bincount(self.member[~self.label], minlength=len(self.subject))

    @cached_property
    def weight(self) -> Floats:
        """Weight of each stratum, `n1 n0 / (n1 + n0)`: 0 where one label is missing, `(stratum,)`."""
        return self.ones * self.zeros / (self.ones + self.zeros)

    @cached_property
    def informative(self) -> NDArray[np.bool_]:
        """Whether a stratum has both labels, `(stratum,)`."""
        return self.weight > 0

    @property
    def overlap(self) -> float:
        """Share of the rows that are in strata with both labels."""
        return float(self.informative[self.member].mean())

    @cached_property
    def indicator(self) -> csr_array:
        """Whether a row is in a stratum, sparse `(stratum, row)`: summing over the rows of each stratum."""
        rows = np.arange(len(self.member))
        return csr_array((np.ones(len(rows)), (self.member, rows)), shape=(len(self.subject), len(rows)))

    @cached_property
    def shares(self) -> Floats:
        """Weight of each stratum within its subject, `(subject, stratum)`; rows sum to 1, or are 0 without overlap."""
        return _rows_to_one(np.where(self.subject == np.arange(len(self.subjects))[:, None], self.weight, 0.0))


def stratify(subject: ArrayLike, stage: ArrayLike, *, label: ArrayLike, within: ArrayLike | None = None) -> Design:
    """Sort rows into strata.

    Parameters
    ----------
    subject : array_like (row,)
        Name of the subject.
    stage : array_like (row,)
        Name of the stage, or whatever else travels with the label and must not be mistaken for it.
    label : array_like of bool (row,)
        What is contrasted.
    within : array_like of int (row,), optional
        Bin of a second stratifier: rows of other bins are another stratum of the same stage.

    Raises
    ------
    InputError
        When no stratum has both labels.
    """
    subjects, who = np.unique(np.asarray(subject, dtype=str), return_inverse=True)
    stages, where = np.unique(np.asarray(stage, dtype=str), return_inverse=True)
    bins = np.zeros(len(who), np.int64) if within is None else np.asarray(within, np.int64)
    strata, member = np.unique(np.stack([who, where, bins]), axis=1, return_inverse=True)
    names = tuple(map(str, subjects)), tuple(map(str, stages))
    design = Design(np.asarray(label, bool), member.reshape(-1), strata[0], strata[1], *names)
    if not design.informative.any():
        raise complaint(
            "no stratum has both labels", got=f"{len(design.label)} rows in {len(design.subject)} strata",
            do="take coarser strata, or gather more rows of the rarer label",
        )  # fmt: skip
    return design


def quantile_bins(values: ArrayLike, groups: NDArray[Any], *, count: int) -> Numbers:
    """Return the bin of each row, of about equal count within each group; equal values are never parted.

    Parameters
    ----------
    values : array_like (row,)
        The second stratifier.
    groups : ndarray (row,)
        Bins are made within each group: a proxy has other units in another subject.
    count : int
        Number of bins at most.

    Returns
    -------
    ndarray of int64 (row,)
        From 0.
    """
    values, bins = np.asarray(values, np.float64), np.zeros(len(groups), np.int64)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        bins[rows] = np.floor((rankdata(values[rows]) - 0.5) * count / len(rows)).astype(np.int64)
    return bins


def differences(design: Design, values: Floats) -> Floats:
    """Return mean with the label minus mean without it in each stratum; 0 where one is missing.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.

    Returns
    -------
    ndarray of float64 (stratum, feature)
    """
    sums = design.indicator @ values
    with_label = design.indicator @ (values * design.label[:, None])
    ones, zeros = (np.maximum(1, count)[:, None] for count in (design.ones, design.zeros))
    return np.where(design.informative[:, None], with_label / ones - (sums - with_label) / zeros, 0.0)


def centred(design: Design, values: Floats) -> Floats:
    """Return values minus the mean of their stratum, `(row, feature)`: no difference within a stratum changes."""
    size = (design.ones + design.zeros)[:, None]
    return np.asarray(values - (design.indicator @ values / size)[design.member], np.float64)


def permuted_variance(design: Design, values: Floats) -> Floats:
    """Return the variance of each stratum's difference over all permutations of its labels; exact.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.

    Returns
    -------
    ndarray of float64 (stratum, feature)
        Sample variance of the stratum times `1/n1 + 1/n0`; 0 where one label is missing.
    """
    squares = design.indicator @ centred(design, values) ** 2
    freedom = np.maximum(1, design.ones + design.zeros - 1)
    with np.errstate(divide="ignore"):
        harmonic = np.where(design.informative, 1 / design.weight, 0.0)
    return np.asarray(squares * (harmonic / freedom)[:, None], np.float64)


def subject_effects(design: Design, values: Floats) -> Floats:
    """Return the weighted difference of each subject, `(subject, feature)`; NaN where no stratum has both labels."""
    effects = design.shares @ differences(design, values)
    return np.where(_some(design.shares)[:, None], effects, np.nan)


def stage_effects(design: Design, values: Floats) -> Floats:
    """Return the effect in each stage alone, `(stage, feature)`; NaN where no stratum of it has both labels."""
    weights = stage_contrasts(design)
    return np.where(_some(weights)[:, None], weights @ differences(design, values), np.nan)


def common_contrast(design: Design) -> Floats:
    """Return the weights of the mean over subjects of their effects, `(1, stratum)`."""
    return design.shares.sum(0, keepdims=True) / _some(design.shares).sum()


def stage_contrasts(design: Design) -> Floats:
    """Return the weights of the effect in each stage alone, `(stage, stratum)`: its subjects weigh the same."""
    return np.stack([_of_stage(design, stage)[0] for stage in range(len(design.stages))])


def departures(design: Design) -> Floats:
    """Return the weights of each stage's effect minus the common effect of the subjects that have this stage.

    Where every subject has every stage this is `theta_s - theta`. Otherwise subjects that lack a stage do not make it
    look different.

    Returns
    -------
    ndarray of float64 (stage, stratum)
    """
    rows = []
    for stage in range(len(design.stages)):
        alone, has = _of_stage(design, stage)
        rows.append(alone - design.shares[has].sum(0) / max(1, has.sum()))
    return np.stack(rows)


def inverse_variance(design: Design, values: Floats) -> Floats:
    """Return the mean of the subjects' effects weighted by one over their variance under permutation, `(feature,)`.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.

    Returns
    -------
    ndarray of float64 (feature,)
        NaN where the feature never varies within a stratum.
    """
    effects, variance = subject_effects(design, values), design.shares**2 @ permuted_variance(design, values)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(np.isfinite(effects) & (variance > 0), 1 / variance, 0.0)
        return (weights * np.nan_to_num(effects)).sum(0) / weights.sum(0)


def within_pattern(design: Design, values: Floats, *, score: ArrayLike) -> Floats:
    """Return how each feature moves with the model's output inside strata: `Cov(value, score) / Var(score)`.

    Parameters
    ----------
    design : Design
        Strata; the labels are not used.
    values : ndarray of float64 (row, feature)
        What the model reads.
    score : array_like (row,)
        What it answers, as a margin.

    Returns
    -------
    ndarray of float64 (feature,)
        Mean over subjects of their pooled within-stratum slope; NaN when the score varies in no stratum.

    References
    ----------
    Haufe et al. (2014), NeuroImage 87:96.
    """
    score = centred(design, np.asarray(score, np.float64)[:, None])
    owner = design.subject[design.member]
    products = np.stack([np.bincount(owner, column) for column in (score * centred(design, values)).T], axis=1)
    variance = np.bincount(owner, score[:, 0] ** 2)
    varies = variance > 0
    return (products[varies] / variance[varies, None]).mean(0) if varies.any() else np.full(values.shape[1], np.nan)


def _of_stage(design: Design, stage: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Weights of the mean effect in one stage `(stratum,)`, and the subjects that have it `(subject,)`."""
    alone = _rows_to_one(np.where(design.stage == stage, design.shares, 0.0))
    has = _some(alone)
    return alone.sum(0) / max(1, has.sum()), has


def _rows_to_one(weights: Floats) -> Floats:
    total = weights.sum(1, keepdims=True)
    return weights / np.where(total > 0, total, 1.0)


def _some(weights: Floats) -> NDArray[np.bool_]:
    return np.asarray(weights.any(1), bool)
