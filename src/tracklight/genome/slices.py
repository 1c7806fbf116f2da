"""What lies under a window, read 5' to 3' on its own strand: bases, tracks and their box means."""

import numpy as np
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.genome.shards import Tracks

N = 4


def window_positions(start: NDArray[np.int64], reverse: NDArray[np.bool_], *, length: int) -> NDArray[np.int64]:
    """Return the position of every base of every window, in reading order.

    Parameters
    ----------
    start : ndarray of int64 (window,)
        Leftmost base of each window (0-based; on the tape or on a contig, as the result).
    reverse : ndarray of bool (window,)
        Windows read on the minus strand.
    length : int
        Window length (bp).

    Returns
    -------
    ndarray of int64 (window, position)
        Rising on the plus strand, falling on the minus strand.
    """
    step = np.arange(length, dtype=np.int64)
    return start[:, None] + np.where(reverse[:, None], length - 1 - step, step)


def window_codes(tape: Tape, positions: NDArray[np.int64], reverse: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the bases of windows as read on their strand.

    Parameters
    ----------
    tape : Tape
        Codes A0 C1 G2 T3 N4.
    positions : ndarray of int64 (window, position)
        Tape positions in reading order.
    reverse : ndarray of bool (window,)
        Windows read on the minus strand, complemented here.

    Returns
    -------
    ndarray of uint8 (window, position)
    """
    codes = np.asarray(tape.data, np.uint8)[positions]
    return np.where(reverse[:, None] & (codes < N), 3 - codes, codes).astype(np.uint8)


def window_track(tracks: Tracks, positions: NDArray[np.int64], reverse: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the attribution of windows on their own strand, in reading order.

    Parameters
    ----------
    tracks : Tracks
        The whole tape. A track that does not tell the strands apart serves both.
    positions, reverse
        As in `window_codes`.

    Returns
    -------
    ndarray of float32 (window, position)
        NaN where no scanned window saw the base.
    """
    row = np.minimum(reverse.astype(np.int64), len(tracks.strands) - 1)
    return tracks.mean[row[:, None], positions]


def surroundings(tape: Tape, positions: NDArray[np.int64]) -> tuple[Tape, NDArray[np.int64]]:
    """Cut windows out with as much on either side as a scan needs to see every base of them by all its windows.

    Parameters
    ----------
    tape : Tape
        The genome.
    positions : ndarray of int64 (window, position)
        From `window_positions`.

    Returns
    -------
    around : Tape
        One contig per window: the window and one window length less a base on both sides, inside the contig.
    positions : ndarray of int64 (window, position)
        The same bases on the new tape.
    """
    length = positions.shape[1]
    left = positions.min(1)
    row = np.searchsorted(tape.offsets, left, side="right") - 1
    first = np.maximum(left - length + 1, tape.offsets[row])
    last = np.minimum(left + 2 * length - 1, tape.offsets[row + 1])
    offsets = np.concatenate([[0], np.cumsum(last - first)])
    data = np.asarray(tape.data)
    codes = np.concatenate([data[start:end] for start, end in zip(first, last, strict=True)])
    names = tuple(f"window{number}" for number in range(len(left)))
    return Tape(codes, names, offsets), positions - first[:, None] + offsets[:-1, None]


def base_predictions(tracks: Tracks, *, strand: str, start: int, end: int) -> NDArray[np.float32]:
    """Return, per base, the prediction of the window scanned around it.

    Parameters
    ----------
    tracks : Tracks
        The whole tape.
    strand : str
        `+`, `-` or `.`.
    start, end : int
        Stretch of the tape (0-based, half-open).

    Returns
    -------
    ndarray of float32 (position,)
        Each window's value stands on the `stride_bp` bases around its centre; NaN elsewhere.
    """
    row = tracks.strands.index(strand) if strand in tracks.strands else 0
    first = tracks.window_start + tracks.window_bp // 2 - tracks.stride_bp // 2
    at = np.arange(start, end)
    window = np.searchsorted(first, at, side="right") - 1
    known = window >= 0
    known[known] = at[known] < first[window[known]] + tracks.stride_bp
    values = np.full(end - start, np.nan, np.float32)
    values[known] = tracks.prediction[row, window[known]]
    return values


def box_mean(values: NDArray[np.floating], width: int) -> NDArray[np.float64]:
    """Smooth along the last axis with a centred box that stops at the ends and skips unknown values.

    Parameters
    ----------
    values : ndarray of float (..., position)
        NaN where unknown.
    width : int
        Width of the box (bp); an even box holds one base more to the right of its centre.

    Returns
    -------
    ndarray of float64 (..., position)
        Mean of the known values in the box; NaN where `values` is.
    """
    known = np.isfinite(values)
    total = _box_sum(np.where(known, values, 0.0), width)
    count = _box_sum(known.astype(np.float64), width)
    return np.where(known, total / np.maximum(count, 1), np.nan)


def _box_sum(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    before, after = (width - 1) // 2, width // 2
    ends = [(0, 0)] * (values.ndim - 1) + [(before, after)]
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, ends), width, axis=-1).sum(axis=-1)
