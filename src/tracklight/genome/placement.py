"""Where in measured windows the best peak lies, and what networks predict for windows placed like that."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.genome.shards import Tracks

QUARTILES = (0.25, 0.75)


def usual_place(
    peaks: pd.DataFrame, windows: pd.DataFrame, best: NDArray[np.int64], *, window_bp: int, stride_bp: int
) -> tuple[int, int]:
    """Return the distances from a window's 5' end between which its best peak usually lies.

    In assays whose windows are laid around a landmark, such as a transcription start, peaks lie at one place, and
    the window that has the peak there tells most. In others the range is wide and nearly every window counts.

    Parameters
    ----------
    peaks : DataFrame
        With `summit`.
    windows : DataFrame
        Active training windows: `start end strand`.
    best : ndarray of int64 (window,)
        Row of the best peak of each window, -1 where there is none.
    window_bp, stride_bp : int
        Length of a window and distance between scanned ones; the range is never narrower than a stride.

    Returns
    -------
    tuple of int
        Lowest and highest distance (bp), both included; the whole window when there is nothing to learn from.
    """
    with_peak = windows[best >= 0]
    if with_peak.empty:
        return 0, window_bp - 1
    summit = peaks["summit"].to_numpy()[best[best >= 0]]
    minus = (with_peak["strand"] == "-").to_numpy()
    distance = np.where(minus, with_peak["end"] - 1 - summit, summit - with_peak["start"])
    low, high = np.quantile(distance, QUARTILES)
    spare = max(0.0, stride_bp - 1 - (high - low)) / 2
    return max(0, int(np.floor(low - spare))), min(window_bp - 1, int(np.ceil(high + spare)))


def best_prediction(peaks: pd.DataFrame, tracks: Tracks, tape: Tape, *, place: tuple[int, int]) -> NDArray[np.float32]:
    """Return the highest prediction of the scanned windows that have the summit at a place.

    Parameters
    ----------
    peaks : DataFrame
        `chrom strand summit`.
    tracks : Tracks
        Predictions of the whole tape.
    tape : Tape
        Where the contigs lie.
    place : tuple of int
        Lowest and highest distance of the summit from the window's 5' end (bp), both included;
        `(0, window_bp - 1)` takes every window that contains it.

    Returns
    -------
    ndarray of float32 (peak,)
        NaN where no such window was scanned.
    """
    summit = tape.on_tape(peaks["chrom"].to_numpy(object), peaks["summit"].to_numpy(np.int64))
    found = np.full(len(peaks), np.nan, np.float32)
    for row, strand in enumerate(tracks.strands):
        own = np.flatnonzero((peaks["strand"] == strand).to_numpy())
        # distance of the summit from the window's leftmost base; the 5' end of a minus window is its last base
        near, far = place if strand != "-" else (tracks.window_bp - 1 - place[1], tracks.window_bp - 1 - place[0])
        earliest, latest = summit[own] - far, summit[own] - near
        first = np.searchsorted(tracks.window_start, earliest)
        last = np.searchsorted(tracks.window_start, latest, side="right")
        found[own] = _highest(tracks.prediction[row], first, last)
    return found


def _highest(values: NDArray[np.float32], first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.float32]:
    """Maximum of `values[first:last]`, NaN where empty."""
    if not first.size:
        return np.empty(0, np.float32)
    padded = np.append(values, np.float32(np.nan))  # so that `last` is always a valid index
    highest = np.maximum.reduceat(padded, np.stack([first, last], axis=1).reshape(-1))[::2]
    return np.where(first < last, highest, np.float32(np.nan))
