"""How well a score puts positives above negatives: AUROC, AUPRC, enrichment, and their bootstrap over windows.

All three are read off the same curve: how many positives and negatives lie on each level of the score.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

METRICS = ("auroc", "auprc", "enrichment")
# Bootstrap samples are ranked on this many levels of equal size; finer levels change no digit that is shown.
LEVELS = 4096
SAMPLES_AT_ONCE = 50


def ranking_metrics(
    positive: NDArray[np.floating], negative: NDArray[np.floating], *, top_fraction: float
) -> NDArray[np.float64]:
    """Measure rankings given as counts per level.

    Parameters
    ----------
    positive, negative : ndarray of float (..., level)
        Number of positives and negatives on each level, the highest level first. Members of one level are tied.
    top_fraction : float
        Enrichment is measured among this share of the highest; a level that straddles the limit counts in part.

    Returns
    -------
    ndarray of float64 (..., 3)
        AUROC (ties count half), AUPRC (average precision) and enrichment (share of positives at the top divided by
        the share among all); NaN without positives or without negatives.
    """
    hits, misses = np.cumsum(positive, axis=-1), np.cumsum(negative, axis=-1)
    n_hits, n_misses = hits[..., -1], misses[..., -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        below = n_misses[..., None] - misses + negative / 2
        auroc = (positive * below).sum(axis=-1) / (n_hits * n_misses)
        precision = np.nan_to_num(hits / (hits + misses))
        auprc = (positive * precision).sum(axis=-1) / n_hits
        top = _hits_at_top(hits, misses, top_fraction)
        enrichment = (top / n_hits) / top_fraction
    found = np.stack([auroc, auprc, enrichment], axis=-1)
    return np.where(((n_hits > 0) & (n_misses > 0))[..., None], found, np.nan)


def _hits_at_top(hits: NDArray[np.float64], misses: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    seen = hits + misses
    flat_seen, flat_hits = seen.reshape(-1, seen.shape[-1]), hits.reshape(-1, hits.shape[-1])
    limits = share * flat_seen[:, -1]
    found = [
        np.interp(limit, np.concatenate([[0], x]), np.concatenate([[0], y]))
        for limit, x, y in zip(limits, flat_seen, flat_hits, strict=True)
    ]
    return np.array(found).reshape(seen.shape[:-1])


def rank_levels(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Give every score the number of its level, the highest 0; equal scores share a level and NaN is the lowest of all.

    Parameters
    ----------
    scores : ndarray of float (...)
        Scores.

    Returns
    -------
    ndarray of int64, shaped like `scores`
    """
    filled = np.where(np.isnan(scores), -np.inf, scores.astype(np.float64))
    return np.unique(-filled, return_inverse=True)[1].reshape(scores.shape)


def coarse_levels(levels: NDArray[np.int64], *, n: int = LEVELS) -> NDArray[np.int64]:
    """Merge neighbouring levels to at most `n` of about equal size; members of one level stay together."""
    counts = np.bincount(levels.ravel())
    if len(counts) <= n:
        return levels
    before = np.cumsum(counts) - counts
    return (before * n // levels.size)[levels]


def measure(
    labels: NDArray[np.bool_], scores: NDArray[np.floating], *, weights: NDArray[np.integer], top_fraction: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure a score against labels, with its value in every bootstrap sample of windows.

    Parameters
    ----------
    labels : ndarray of bool (window, position)
        Positives.
    scores : ndarray of float (window, position)
        Larger means more likely positive; NaN counts as the lowest.
    weights : ndarray of int (sample, window)
        How often each window is drawn in each bootstrap sample.
    top_fraction : float
        For the enrichment.

    Returns
    -------
    values : ndarray of float64 (3,)
        The metrics, in the order of `METRICS`, over all windows.
    samples : ndarray of float64 (sample, 3)
        The metrics of each bootstrap sample, ranked on `LEVELS` levels.
    """
    levels = rank_levels(scores)
    counts = [_per_level(levels, chosen).sum(axis=0) for chosen in (labels, ~labels)]
    values = ranking_metrics(*(np.asarray(count, np.float64) for count in counts), top_fraction=top_fraction)
    coarse = coarse_levels(levels)
    positive, negative = _per_level(coarse, labels), _per_level(coarse, ~labels)
    samples = [
        ranking_metrics(drawn @ positive, drawn @ negative, top_fraction=top_fraction)
        for drawn in np.split(weights.astype(np.float64), range(SAMPLES_AT_ONCE, len(weights), SAMPLES_AT_ONCE))
    ]
    return values, np.concatenate(samples)


def _per_level(levels: NDArray[np.int64], chosen: NDArray[np.bool_]) -> sparse.csr_array:
    windows, positions = np.nonzero(chosen)
    shape = (levels.shape[0], int(levels.max()) + 1)
    entries = (np.ones(len(windows)), (windows, levels[windows, positions]))
    return sparse.coo_array(entries, shape=shape).tocsr()
