"""Known elements, and what is to be scored against them, as arrays over the windows that hold some."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.genome.slices import N, box_mean, window_positions

A, T = 0, 3


@dataclass(frozen=True)
class Strands:
    """Intervals on the tape, merged to a disjoint union for each strand of a window.

    Attributes
    ----------
    plus, minus : ndarray of int64 (2, interval)
        First base and base after the last, increasing, on the tape.
    """

    plus: NDArray[np.int64]
    minus: NDArray[np.int64]

    def contain(self, positions: NDArray[np.int64], reverse: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which bases lie inside an interval of the window's strand.

        Parameters
        ----------
        positions : ndarray of int64 (window, position)
            Tape positions.
        reverse : ndarray of bool (window,)
            Windows on the minus strand.

        Returns
        -------
        ndarray of bool (window, position)
        """
        return np.where(reverse[:, None], _contains(self.minus, positions), _contains(self.plus, positions))


def by_strand(intervals: pd.DataFrame, tape: Tape, *, stranded: bool) -> Strands:
    """Merge intervals to one union per strand.

    Parameters
    ----------
    intervals : DataFrame
        `chrom start end strand` (0-based half-open); `.` counts on both strands.
    tape : Tape
        The genome.
    stranded : bool
        False: every interval counts on both strands.
    """
    spans, sides = _tape_spans(intervals, tape, stranded=stranded)
    return Strands(*(_union(spans[:, side]) for side in sides))


def windows_with_elements(
    start: NDArray[np.int64], reverse: NDArray[np.bool_], elements: Strands, *, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Choose the windows that overlap an element on their strand.

    Parameters
    ----------
    start : ndarray of int64 (window,)
        Leftmost base on the tape.
    reverse : ndarray of bool (window,)
        Windows on the minus strand.
    elements : Strands
        Known elements.
    length : int
        Window length (bp).

    Returns
    -------
    rows : ndarray of int64 (chosen,)
        Which windows.
    positions : ndarray of int64 (chosen, position)
        Their tape positions, 5' to 3'.
    inside : ndarray of bool (chosen, position)
        Bases inside an element.
    """
    positions = window_positions(start, reverse, length=length)
    inside = elements.contain(positions, reverse)
    rows = np.flatnonzero(inside.any(axis=1))
    return rows, positions[rows], inside[rows]


def at_content(codes: NDArray[np.uint8], *, width: int) -> NDArray[np.float64]:
    """Return the share of A and T in a centred box that stops at the ends of the window.

    Parameters
    ----------
    codes : ndarray of uint8 (window, position)
        Bases; N counts as unknown.
    width : int
        Width of the box (bp).

    Returns
    -------
    ndarray of float64 (window, position)
    """
    weak = np.where(codes == N, np.nan, ((codes == A) | (codes == T)).astype(np.float64))
    return box_mean(weak, width)


def listed_scores(intervals: pd.DataFrame) -> NDArray[np.float64]:
    """Return a score for every interval of a list: its own, or its rank when the list has none.

    Parameters
    ----------
    intervals : DataFrame
        With `score`, NaN where absent; the best interval comes first when no score tells intervals apart.

    Returns
    -------
    ndarray of float64 (interval,)
        Larger is better.
    """
    score = intervals["score"].to_numpy(np.float64)
    if np.isfinite(score).all() and len(np.unique(score)) > 1:
        return score
    return -np.arange(len(intervals), dtype=np.float64)


def list_track(
    intervals: pd.DataFrame, tape: Tape, positions: NDArray[np.int64], reverse: NDArray[np.bool_], *, stranded: bool
) -> NDArray[np.float64]:
    """Give every base of the windows the best score of the list's intervals that cover it on its strand.

    Parameters
    ----------
    intervals : DataFrame
        `chrom start end score strand` (0-based half-open).
    tape : Tape
        The genome.
    positions : ndarray of int64 (window, position)
        Tape positions.
    reverse : ndarray of bool (window,)
        Windows on the minus strand.
    stranded : bool
        False: every interval counts on both strands.

    Returns
    -------
    ndarray of float64 (window, position)
        NaN where the list has nothing.
    """
    spans, sides = _tape_spans(intervals, tape, stranded=stranded)
    scores = listed_scores(intervals)
    values = np.full(positions.shape, np.nan)
    for side, windows in zip(sides, (~reverse, reverse), strict=True):
        values[windows] = _best_cover(spans[:, side], scores[side], positions[windows])
    return values


def _tape_spans(
    intervals: pd.DataFrame, tape: Tape, *, stranded: bool
) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
    """Return `(2, interval)` tape positions, and which intervals count on plus and on minus."""
    start = tape.on_tape(intervals["chrom"].tolist(), intervals["start"].to_numpy(np.int64))
    spans = np.stack([start, start + (intervals["end"] - intervals["start"]).to_numpy(np.int64)])
    strand = intervals["strand"].to_numpy(str)
    return spans, [np.isin(strand, [sign, "."]) | (not stranded) for sign in "+-"]


def _best_cover(
    spans: NDArray[np.int64], scores: NDArray[np.float64], positions: NDArray[np.int64]
) -> NDArray[np.float64]:
    asked, place = np.unique(positions, return_inverse=True)
    first, last = np.searchsorted(asked, spans)
    n = last - first
    covered = np.repeat(first - (np.cumsum(n) - n), n) + np.arange(n.sum())
    best = np.full(len(asked), -np.inf)
    np.maximum.at(best, covered, np.repeat(scores, n))
    return np.where(np.isinf(best), np.nan, best)[place].reshape(positions.shape)


def _union(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Merge overlapping and touching intervals."""
    spans = spans[:, np.argsort(spans[0], kind="stable")]
    reach = np.maximum.accumulate(spans[1]) if spans.shape[1] else spans[1]
    begins = np.concatenate([[True], spans[0, 1:] > reach[:-1]])[: spans.shape[1]]
    last = np.concatenate([begins[1:], [True]])[: spans.shape[1]]
    return np.stack([spans[0, begins], reach[last]])


def _contains(union: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    begun = np.searchsorted(union[0], positions, side="right")
    ended = np.searchsorted(union[1], positions, side="right")
    return begun > ended
