"""Statistics of scores: empirical p-values, false discovery rate, calibration, ranking.

What lives here: functions on plain arrays. May import: numpy, scipy, scikit-learn, errors.
To add: one function with its closed-form or brute-force witness in `tests/stats/test_scores.py`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from tracklight.errors import complaint

Floats = NDArray[np.float64]
Calibrator = Callable[[ArrayLike], Floats]
INTERVAL = (0.025, 0.975)  # quantiles of the bootstrap samples: a 95 % interval
CALLED = {"called_q05": 0.05, "called_q10": 0.10, "called_q20": 0.20}  # column that counts peaks, and its highest q


def empirical_p(scores: ArrayLike, null: ArrayLike) -> Floats:
    """Return `(1 + #{null >= score}) / (1 + n_null)` for each score; it is never 0, and 1 without a null.

    Parameters
    ----------
    scores : array_like (score,)
        Observed scores; larger is more extreme.
    null : array_like (null,)
        Scores under the null, pooled.

    Returns
    -------
    ndarray of float64 (score,)

    References
    ----------
    Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9:39.
    """
    null = np.sort(np.asarray(null, np.float64))
    at_least = null.size - np.searchsorted(null, np.asarray(scores, np.float64), side="left")
    return (1 + at_least) / (1 + null.size)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Return the Benjamini-Hochberg q-value of each p-value, in the order given.

    References
    ----------
    Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57:289.
    """
    p = np.asarray(p, np.float64)
    return np.asarray(false_discovery_control(p, method="bh")) if p.size else p.copy()


def holm(p: ArrayLike) -> Floats:
    """Return the p-value of each test adjusted for their number, in the order given: family-wise, under any dependence.

    References
    ----------
    Holm (1979), Scand. J. Stat. 6:65.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(p.size, 0, -1)))
    return adjusted


def fewest_calls(n_null: float, n_tests: int, *, level: float) -> int:
    """Return how many scores must lie above the whole null before any can pass Benjamini-Hochberg at `level`.

    The smallest empirical p-value is `1 / (1 + n_null)`; `k` of them pass when that times `n_tests / k` is at most
    `level`. A large number says that the null is too small to tell, not that nothing is there.
    """
    return int(np.ceil(n_tests / ((1 + n_null) * level)))


def uniformity_check(p: ArrayLike, *, alpha: float = 0.05) -> float:
    """Return the share of p-values below `alpha`: close to `alpha` when the null is right; NaN without p-values."""
    p = np.asarray(p, np.float64)
    return float((p < alpha).mean()) if p.size else float("nan")


def isotonic(scores: ArrayLike, labels: ArrayLike) -> Calibrator:
    """Fit an increasing map from score to the probability of being active.

    Two windows are added to those given: an active one at the lowest score and an inactive one at the highest. So no
    confidence is ever exactly 0 or 1: a top step of `n` windows, all active, says `n / (n + 1)`, and a constant score
    gives Laplace's rule of succession, `(k + 1) / (n + 2)`. The map is linear between fitted scores and flat outside.

    Parameters
    ----------
    scores : array_like (window,)
        Finite scores; larger is more active.
    labels : array_like of bool or {0, 1} (window,)
        Whether the window measured active.

    Returns
    -------
    callable
        From new scores `(score,)` to probabilities, float64 `(score,)`.

    References
    ----------
    Zadrozny and Elkan (2002), KDD, for isotonic calibration.
    """
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    x = np.concatenate([[scores.min()], scores, [scores.max()]])
    y = np.concatenate([[1.0], labels, [0.0]])
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip").fit(x, y)
    return lambda new: np.asarray(fitted.predict(np.asarray(new, np.float64)), np.float64)


def grouped_out_of_fold(scores: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, folds: int) -> Floats:
    """Return for each window the confidence of a calibrator that saw no window of its group.

    Parameters
    ----------
    scores, labels : array_like (window,)
        As in `isotonic`.
    groups : array_like (window,)
        Label of the group (genome block, chromosome) of each window; a group is never split.
    folds : int
        Number of calibrators at most; fewer when there are fewer groups.

    Returns
    -------
    ndarray of float64 (window,)

    Raises
    ------
    InputError
        When all windows are of one group.
    """
    scores, labels, groups = np.asarray(scores, np.float64), np.asarray(labels, np.float64), np.asarray(groups)
    n_groups = np.unique(groups).size
    if n_groups < 2:
        raise complaint(
            "calibration needs held-out windows of several groups", got=n_groups, allowed="2 or more",
            do="split by block, or hold out more chromosomes",
        )  # fmt: skip
    confidence = np.empty(scores.size)
    for fitted, held_out in GroupKFold(n_splits=min(folds, n_groups)).split(scores, groups=groups):
        confidence[held_out] = isotonic(scores[fitted], labels[fitted])(scores[held_out])
    return confidence


def reliability_curve(confidence: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> dict[str, NDArray[Any]]:
    """Return the reliability curve in bins of about equal count; equal confidences are never parted.

    Parameters
    ----------
    confidence : array_like (window,)
        Predicted probability of being active.
    labels : array_like of bool or {0, 1} (window,)
        Whether the window measured active.
    bins : int
        Number of bins at most; bins that ties leave empty are absent.

    Returns
    -------
    dict of ndarray (bin,)
        `bin` (from 1) and `n`, int64; `mean_confidence` and `fraction_active`, float64.
    """
    confidence, labels = np.asarray(confidence, np.float64), np.asarray(labels, np.float64)
    _, level, count = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2  # 0-based rank in the middle of each level's run of ties
    row = np.floor(middle * bins / max(confidence.size, 1)).astype(np.int64)[level]
    n = np.bincount(row, minlength=bins)
    kept = np.flatnonzero(n)
    return {
        "bin": np.arange(1, kept.size + 1),
        "n": n[kept],
        "mean_confidence": np.bincount(row, confidence, bins)[kept] / n[kept],
        "fraction_active": np.bincount(row, labels, bins)[kept] / n[kept],
    }


def expected_calibration_error(confidence: ArrayLike, labels: ArrayLike, *, bins: int = 10) -> float:
    """Return the mean distance of the reliability curve from the diagonal, weighted by count; NaN without windows.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), AAAI; equal-count bins as in Nguyen and O'Connor (2015), EMNLP.
    """
    curve = reliability_curve(confidence, labels, bins=bins)
    if not curve["n"].size:
        return float("nan")
    return float(np.average(np.abs(curve["mean_confidence"] - curve["fraction_active"]), weights=curve["n"]))


def bootstrap_weights(
    groups: NDArray[np.generic], *, samples: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw groups of windows with replacement: windows of a stretch of genome overlap and are not independent.

    Parameters
    ----------
    groups : ndarray (window,)
        Label of the group (genome block) of each window.
    samples : int
        Number of samples.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of int64 (sample, window)
        How often each window is drawn.
    """
    names, member = np.unique(groups, return_inverse=True)
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=samples)
    return drawn[:, member]


def mean_interval(
    values: ArrayLike, groups: NDArray[np.generic], *, samples: int, generator: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return the mean over windows and the ends of its 95 % bootstrap interval, groups drawn with replacement.

    Given differences between two treatments of the same windows this is the paired bootstrap.

    Parameters
    ----------
    values : array_like (window, ...)
        One value, or an array of them, per window; NaN is left out.
    groups : ndarray (window,)
        Label of the group (genome block) of each window.
    samples : int
        Number of samples.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    mean, low, high : ndarray of float64 (...)
        NaN where no window has a value.
    """
    values = np.asarray(values, np.float64)
    flat = values.reshape(len(values), -1)
    present = np.isfinite(flat)
    weights = np.vstack([np.ones(len(flat)), bootstrap_weights(groups, samples=samples, generator=generator)])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ np.where(present, flat, 0.0)) / (weights @ present)
    drawn = means[1:]
    ends = np.full((2, flat.shape[1]), np.nan)
    some = np.isfinite(drawn).any(0)
    ends[:, some] = np.nanquantile(drawn[:, some], INTERVAL, axis=0)
    shape = values.shape[1:]
    return means[0].reshape(shape), ends[0].reshape(shape), ends[1].reshape(shape)


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the area under the receiver operating characteristic; NaN when one class is missing."""
    return float(roc_auc_score(labels, scores)) if _both_classes(labels) else float("nan")


def auprc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the average precision (area under the precision-recall staircase); NaN when one class is missing."""
    return float(average_precision_score(labels, scores)) if _both_classes(labels) else float("nan")


def _both_classes(labels: ArrayLike) -> bool:
    return np.unique(np.asarray(labels)).size == 2
