"""Does a score tell the labels apart inside strata: the gate before any map is read.

What lives here: the area under the ROC within strata, its test and its interval. May import: numpy, scipy, `stats`.
To add: one function with its witness in `tests/stats/test_discrimination.py`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from tracklight.stats.exchange import Draws
from tracklight.stats.permutation import ROUNDING, Statistic, p_reached, spans
from tracklight.stats.scores import INTERVAL
from tracklight.stats.strata import Design, differences
from tracklight.stats.subjects import subject_weights

Floats = NDArray[np.float64]


def auc_within(design: Design, score: ArrayLike) -> float:
    """Return the area under the ROC within strata, `sum(U) / sum(n1 n0)`."""
    return float(0.5 + (auc_contrast(design) @ differences(design, ranks_within(design, score)))[0, 0])


def stratified_auc(design: Design, score: ArrayLike, *, drawn: Draws) -> tuple[float, float]:
    """Return the area under the ROC within strata, `sum(U) / sum(n1 n0)`, and its one-sided p-value.

    Parameters
    ----------
    design : Design
        Labels and strata.
    score : array_like (row,)
        Higher where the label is predicted.
    drawn : Draws
        Labels under the null.

    References
    ----------
    van Elteren (1960), Bull. Int. Stat. Inst. 37:351, with weights `n1 n0 / sum(n1 n0)`.
    """
    ranks = ranks_within(design, score)
    statistic = Statistic(design, ranks, weights=auc_contrast(design), variance=drawn.variance(ranks))
    observed = statistic(design.label[None])[0, 0]
    reached = [(statistic(drawn.labels(*span)) >= observed - ROUNDING).sum(0) for span in spans(drawn, statistic)]
    return auc_within(design, score), float(p_reached(np.sum(reached, axis=0), drawn)[0])


def auc_contrast(design: Design) -> Floats:
    """Return the weights that turn differences of ranks within strata into stratified AUC minus 1/2, `(1, stratum)`.

    In a stratum `U / (n1 n0) - 1/2` is the difference of mean ranks over `n1 + n0`, so that
    `sum(U) / sum(n1 n0) - 1/2` is a sum of differences weighted by `n1 n0 / (n1 + n0) / sum(n1 n0)`.
    """
    return (design.weight / (design.ones * design.zeros).sum())[None]


def ranks_within(design: Design, score: ArrayLike) -> Floats:
    """Return the rank of each row's score in its stratum, ties sharing the middle, `(row, 1)`."""
    score, ranks = np.asarray(score, np.float64), np.empty((len(design.member), 1))
    for stratum in range(len(design.subject)):
        rows = design.member == stratum
        ranks[rows, 0] = rankdata(score[rows])
    return ranks


def auc_interval(
    design: Design, score: ArrayLike, *, samples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the stratified AUC, subjects drawn with replacement (percentiles).

    Parameters
    ----------
    design : Design
        Labels and strata.
    score : array_like (row,)
        Higher where the label is predicted.
    samples : int
        Bootstrap samples.
    generator : numpy.random.Generator
        Source of randomness.
    """
    ranks, size = ranks_within(design, score), design.ones + design.zeros
    pairs = design.ones * design.zeros
    won = pairs * (0.5 + differences(design, ranks)[:, 0] / size)
    by_subject = np.stack([np.bincount(design.subject, each) for each in (won, pairs)], axis=1)
    by_subject = by_subject[by_subject[:, 1] > 0]
    drawn = subject_weights(len(by_subject), samples=samples, generator=generator) @ by_subject
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], INTERVAL)
    return float(low), float(high)
