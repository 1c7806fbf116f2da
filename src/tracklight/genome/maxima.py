"""Where in measured windows the light falls: maxima relative to a reference point, and the letters around them."""

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BASES = np.array(list("ACGTN"))


def find_maxima(saliency: NDArray[np.floating], *, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the highest box of every window.

    The signed track is averaged in boxes that lie wholly inside the window; a box with an unknown base does not
    count. A window whose highest box is not above zero has no maximum.

    Parameters
    ----------
    saliency : ndarray of float (window, position)
        Signed track, 5' to 3'.
    width : int
        Width of the box (bp), at most the window length.

    Returns
    -------
    rows : ndarray of int64 (maximum,)
        Windows that have a maximum.
    centres : ndarray of int64 (maximum,)
        Position in the window (0-based, 5' to 3') of the centre of the highest box: its base `(width - 1) // 2`.
    """
    boxes = np.lib.stride_tricks.sliding_window_view(saliency.astype(np.float64), width, axis=1).mean(axis=-1)
    boxes = np.where(np.isfinite(boxes), boxes, -np.inf)
    rows = np.flatnonzero(boxes.max(axis=1) > 0)
    return rows, boxes[rows].argmax(axis=1) + (width - 1) // 2


def maxima_table(centres: NDArray[np.int64], *, length: int, width: int, origin: int) -> pd.DataFrame:
    """Count maxima by position.

    Parameters
    ----------
    centres : ndarray of int64 (maximum,)
        Positions in the window, of `find_maxima`.
    length, width : int
        Window length and box width (bp): together they say which positions a centre can take.
    origin : int
        Position of the reference point in the window (0-based).

    Returns
    -------
    DataFrame
        `position` (bp from the reference point), `n`, `fraction`, `expected_by_chance` (a uniform choice of box).
    """
    possible = np.arange(length - width + 1) + (width - 1) // 2
    n = np.bincount(centres, minlength=length)[possible]
    fraction = n / max(1, len(centres))
    return pd.DataFrame(
        {"position": possible - origin, "n": n, "fraction": fraction, "expected_by_chance": 1 / len(possible)}
    )


def share_inside(table: pd.DataFrame, *, first: int, last: int) -> tuple[float, float]:
    """Return the share of maxima from `first` to `last` (bp, both included) and the share expected by chance."""
    inside = table[table["position"].between(first, last)]
    return float(inside["fraction"].sum()), float(inside["expected_by_chance"].sum())


def around_maxima(
    codes: NDArray[np.uint8], saliency: NDArray[np.floating], centres: NDArray[np.int64], *, flank: int
) -> NDArray[np.float64]:
    """Average one-hot times saliency around the maxima.

    Parameters
    ----------
    codes : ndarray of uint8 (window, position)
        Bases, 5' to 3'.
    saliency : ndarray of float (window, position)
        Signed track, 5' to 3'.
    centres : ndarray of int64 (window,)
        One maximum per window.
    flank : int
        Bases on both sides (bp); what lies beyond the window counts as zero.

    Returns
    -------
    ndarray of float64 (2 * flank + 1, 4)
    """
    weights = (codes[..., None] == np.arange(4)) * np.nan_to_num(saliency.astype(np.float64))[..., None]
    padded = np.pad(weights, [(0, 0), (flank, flank), (0, 0)])
    columns = centres[:, None] + np.arange(2 * flank + 1)
    return padded[np.arange(len(centres))[:, None], columns].sum(axis=0) / max(1, len(centres))


def consensus(weights: NDArray[np.float64]) -> str:
    """Spell the letter of largest weight at each position; `.` where no letter is above zero.

    Parameters
    ----------
    weights : ndarray of float64 (position, 4)
        Weight of A, C, G and T.
    """
    letters = BASES[weights.argmax(axis=1)]
    return "".join(np.where(weights.max(axis=1) > 0, letters, "."))


def words_at_maxima(codes: NDArray[np.uint8], centres: NDArray[np.int64], *, width: int, n: int) -> dict[str, int]:
    """Count what the highest boxes spell.

    Parameters
    ----------
    codes : ndarray of uint8 (window, position)
        Bases, 5' to 3'.
    centres : ndarray of int64 (window,)
        One maximum per window, of `find_maxima` with the same `width`.
    width : int
        Width of the box (bp).
    n : int
        How many of the most frequent words to keep.

    Returns
    -------
    dict of str to int
        Word and number of windows, most frequent first.
    """
    columns = centres[:, None] + np.arange(width) - (width - 1) // 2
    letters = BASES[codes[np.arange(len(codes))[:, None], columns]]
    counts = Counter("".join(row) for row in letters)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n])
