"""Peaks of an attribution track: smoothed positive part, local maxima, their table, and narrowPeak files."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.files import whole_file
from tracklight.genome.shards import Tracks


def smooth(track: NDArray[np.floating], width: int) -> NDArray[np.float32]:
    """Return the centred box mean of the positive part.

    Bases without a value (NaN) and bases beyond the ends count as zero, and the divisor is always `width`; so a height
    means the same everywhere, and a flat zero stays exactly zero.

    Parameters
    ----------
    track : ndarray of float (..., position)
        Attribution; NaN where no window saw the base.
    width : int
        Length of the box (bp). Base `p` looks at `[p - width // 2, p - width // 2 + width)`.

    Returns
    -------
    ndarray of float32 (..., position)
        Never negative; exactly 0 where the track has no value, so that no peak lies there.
    """
    track = np.asarray(track)
    before, after = width // 2, width - 1 - width // 2
    positive = np.zeros((*track.shape[:-1], track.shape[-1] + width - 1), np.float32)
    np.fmax(track, 0, out=positive[..., before : positive.shape[-1] - after])
    mean = _box_sum(positive, width)
    mean /= width
    mean[np.isnan(track)] = 0
    return mean


def local_maxima(smoothed: NDArray[np.floating], min_distance: int) -> NDArray[np.int64]:
    """Return the positions that are highest among all bases at most `min_distance` away.

    Position `p` is a peak when its value is above 0, not below any in `[p, p + min_distance]` and above all in
    `[p - min_distance, p)`: of equal heights the leftmost wins. So two peaks are always more than `min_distance` apart,
    and whether `p` is a peak depends on its neighbourhood alone.

    Parameters
    ----------
    smoothed : ndarray of float (position,)
        Finite values, zero or more.
    min_distance : int
        Distance (bp), at least 1.

    Returns
    -------
    ndarray of int64 (peak,)
        Increasing positions.
    """
    if not smoothed.size:
        return np.empty(0, np.int64)
    highest = _running_max(np.pad(smoothed, min_distance), min_distance)  # of padded [i, i + min_distance)
    left, right = highest[: smoothed.size], highest[min_distance + 1 :]
    return np.flatnonzero((smoothed > 0) & (smoothed > left) & (smoothed >= right))


def peak_table(tracks: Tracks, tape: Tape, *, width: int, min_distance: int) -> pd.DataFrame:
    """Find the peaks of every contig and strand.

    Parameters
    ----------
    tracks : Tracks
        Attribution of the whole tape (`tracks.start` is 0).
    tape : Tape
        Where the contigs lie; a peak never looks across a contig's border.
    width : int
        Box smoothing, and length of a peak (bp).
    min_distance : int
        As in `local_maxima` (bp).

    Returns
    -------
    DataFrame
        `chrom start end strand summit height`: the peak is `width` bases around its summit, clipped to the contig;
        `height` is the smoothed track at the summit. Ordered by contig, summit, strand.
    """
    found = [
        _of_contig(tracks, contig, row, start=int(start), end=int(end), width=width, min_distance=min_distance)
        for contig, (start, end) in enumerate(zip(tape.offsets[:-1], tape.offsets[1:], strict=True))
        for row in range(len(tracks.strands))
    ]
    columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    order = np.lexsort((columns["row"], columns["on_tape"]))
    return _as_table({name: values[order] for name, values in columns.items()}, tracks, tape, width=width)


def write_narrowpeak(path: str | Path, peaks: pd.DataFrame, *, null: str) -> None:
    """Write peaks as ENCODE narrowPeak (BED6+4), in the order given.

    Parameters
    ----------
    path : str or Path
        Final name.
    peaks : DataFrame
        `chrom start end name strand summit height confidence` and `p_<null> q_<null>`.
    null : str
        Null behind the columns p and q: `-log10`, -1 where there is none. The score is 1000 times the confidence.
    """
    table = pd.DataFrame(
        {
            **{name: peaks[name] for name in ("chrom", "start", "end", "name")},
            "score": (peaks["confidence"].fillna(0) * 1000).round().astype(np.int64),
            "strand": peaks["strand"],
            "signal": peaks["height"],
            "p": _minus_log10(peaks[f"p_{null}"]),
            "q": _minus_log10(peaks[f"q_{null}"]),
            "offset": peaks["summit"] - peaks["start"],
        }
    )
    with whole_file(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, header=False, float_format="%.10g")


def _minus_log10(p: pd.Series) -> NDArray[np.float64]:
    value = -np.log10(p.to_numpy(np.float64)) + 0.0  # + 0: p = 1 is written as 0, not as -0
    return np.where(np.isnan(value), -1.0, value)


def _of_contig(
    tracks: Tracks, contig: int, row: int, *, start: int, end: int, width: int, min_distance: int
) -> dict[str, NDArray[np.generic]]:
    smoothed = smooth(tracks.mean[row, start:end], width)
    summit = local_maxima(smoothed, min_distance)
    return {
        "contig": np.full(summit.size, contig),
        "row": np.full(summit.size, row),
        "on_tape": summit + start,
        "height": smoothed[summit],
    }


def _as_table(columns: dict[str, NDArray[np.generic]], tracks: Tracks, tape: Tape, *, width: int) -> pd.DataFrame:
    contig, row = columns["contig"].astype(np.int64), columns["row"].astype(np.int64)
    summit = columns["on_tape"].astype(np.int64) - tape.offsets[contig]
    start = summit - width // 2
    return pd.DataFrame(
        {
            "chrom": pd.Series(np.array(tape.names, dtype=object)[contig], dtype="str"),
            "start": np.maximum(start, 0),
            "end": np.minimum(start + width, np.diff(tape.offsets)[contig]),
            "strand": pd.Series(np.array(tracks.strands, dtype=object)[row], dtype="str"),
            "summit": summit,
            "height": columns["height"],
        }
    )


def _box_sum(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Sum of `width` values from each position on, by doubling: no running sum, hence no drift and exact zeros."""
    size = values.shape[-1] - width + 1
    total, done = np.zeros((*values.shape[:-1], size), np.float32), 0
    power, block = 1, values
    while True:
        if width & power:
            total += block[..., done : done + size]
            done += power
        if done == width:
            return total
        block = block[..., :-power] + block[..., power:]
        power *= 2


def _running_max(values: NDArray[np.floating], width: int) -> NDArray[np.floating]:
    """Highest of `width` values from each position on, by doubling."""
    reached = 1
    while reached < width:
        step = min(reached, width - reached)
        values = np.maximum(values[:-step], values[step:])
        reached += step
    return values
