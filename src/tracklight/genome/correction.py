"""What marks changed: held-out windows under the networks before and after, measured alike."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.genome.dataset import Dataset
from tracklight.genome.marks import marked_windows
from tracklight.genome.nuisance import Nuisance
from tracklight.genome.probes import Probes
from tracklight.learning.feedback import IRRELEVANT, RELEVANT
from tracklight.stats import mean_interval

ELSEWHERE = "elsewhere"
PLACES = (IRRELEVANT, RELEVANT, ELSEWHERE)
EFFECT_COLUMNS = ["measure", "network", "value", "low", "high", "change", "change_low", "change_high", "n"]
Floats = NDArray[np.float64]


def marked_probes(marks: pd.DataFrame, kind: str, *, data: Dataset, probes: Probes) -> Nuisance:
    """Find a kind of mark in held-out windows, as what can be moved between them.

    Parameters
    ----------
    marks : DataFrame
        From `genome.marks.read_marks`.
    kind : str
        `relevant` or `irrelevant`.
    data : Dataset
        Genome and windows.
    probes : Probes
        Held-out windows.
    """
    rows, found = marked_windows(marks, data, kind)
    of_all = np.zeros((len(data.index), data.length), bool)
    of_all[rows] = found
    inside = of_all[probes.rows]
    holders = np.flatnonzero(inside.any(axis=1) & ~inside.all(axis=1))
    free = np.flatnonzero(~inside.any(axis=1))
    return Nuisance(kind, inside, everywhere=False, holders=holders, donors=holders, recipients=free)


def shares(saliency: NDArray[np.floating], irrelevant: NDArray[np.bool_], relevant: NDArray[np.bool_]) -> Floats:
    """Return where the saliency of each window lies.

    Parameters
    ----------
    saliency : ndarray (window, position)
        Absolute attribution per base.
    irrelevant, relevant : ndarray of bool (window, position)
        Marked bases; no base is both.

    Returns
    -------
    ndarray of float64 (window, 3)
        Shares in `PLACES`, which sum to 1; NaN for a window without any saliency.
    """
    total = saliency.sum(axis=1, dtype=np.float64)
    inside = [(saliency * mask).sum(axis=1, dtype=np.float64) for mask in (irrelevant, relevant)]
    parts = np.stack([*inside, total - inside[0] - inside[1]], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total[:, None] > 0, parts / total[:, None], np.nan)


def as_if_independent(active: NDArray[np.bool_], holds: NDArray[np.bool_]) -> Floats:
    """Return the weight of each window that makes the mean that of the four groups by label and mark.

    With these weights the mark tells nothing about the label, and labels are balanced: the weighted accuracy is what
    would be measured where mark and label do not go together.

    Parameters
    ----------
    active, holds : ndarray of bool (window,)
        Whether the window measured active, and holds the mark.

    Returns
    -------
    ndarray of float64 (window,)
        Mean 1; NaN everywhere when a group is empty.
    """
    group = 2 * active.astype(np.int64) + holds
    size = np.bincount(group, minlength=4)
    if not size.all():
        return np.full(len(active), np.nan)
    return np.asarray(len(active) / (4 * size[group]), np.float64)


def compared(
    measure: str, values: Mapping[str, Floats], groups: NDArray[np.str_], *, samples: int, seed: int
) -> Iterator[tuple[object, ...]]:
    """Yield rows `EFFECT_COLUMNS` of one measure, each network beside the first.

    Parameters
    ----------
    measure : str
        What was measured.
    values : mapping of str to ndarray (window,)
        By network, all of the same windows; NaN is left out.
    groups : ndarray of str (window,)
        Genome block of each window.
    samples, seed : int
        Bootstrap samples over blocks, and their seed.

    Yields
    ------
    tuple
        Mean and change with their 95 % intervals; the change is that of the same windows (paired bootstrap).
    """
    names = list(values)
    own = np.stack([values[name] for name in names], axis=1)
    every = np.concatenate([own, own - own[:, :1]], axis=1)
    draw = np.random.default_rng(seed)
    mean, low, high = (end.tolist() for end in mean_interval(every, groups, samples=samples, generator=draw))
    for place, name in enumerate(names):
        change = (np.nan,) * 3 if place == 0 else tuple(part[len(names) + place] for part in (mean, low, high))
        yield measure, name, mean[place], low[place], high[place], *change, int(np.isfinite(own[:, place]).sum())


def scored(
    measure: str, score: Callable[[Floats], float], predictions: Mapping[str, Floats]
) -> Iterator[tuple[object, ...]]:
    """Yield rows `EFFECT_COLUMNS` of a score that is not a mean over windows, without intervals."""
    values = {name: float(score(prediction)) for name, prediction in predictions.items()}
    first = next(iter(values.values()))
    for place, (name, value) in enumerate(values.items()):
        change = value - first if place else np.nan
        yield measure, name, value, np.nan, np.nan, change, np.nan, np.nan, len(predictions[name])
