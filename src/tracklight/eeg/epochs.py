"""Epochs: stretches of one length cut from recordings, each with its stage; those that cannot be used, and why."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg.hypnogram import STAGES, Scored
from tracklight.settings.prepare_eeg import PrepareEeg

INDEX_FILE = "epochs.tsv.gz"  # in the folder of prepare-eeg, as are the next two
FACTS_FILE = "epochs.json"
DROPPED_FILE = "dropped.tsv"
DROPPED_COLUMNS = ["contig", "start", "report", "epoch", "stage", "reason", "detail"]
MICROVOLTS = 1e6  # in a volt


def epochs_before_reports(reports: pd.DataFrame, *, rate_hz: float, length: int, settings: PrepareEeg) -> pd.DataFrame:
    """Place the epochs that end at each awakening.

    Parameters
    ----------
    reports : DataFrame
        As `tracklight.eeg.reports.read_reports` gives them, by time.
    rate_hz : float
        Sampling rate of the tape (Hz).
    length : int
        Samples of the recording.
    settings : PrepareEeg
        Length of an epoch and of the stretch before the awakening.

    Returns
    -------
    DataFrame
        `reports` with one row an epoch, in the order of time: `epoch` (0 ends at the awakening, 1 ends where that one
        starts), `start` (sample from the start of the recording, may be negative) and `reason` to drop it, or "".
    """
    samples, count = epoch_samples(settings, rate_hz), int(settings.before_s / settings.epoch_s + 1e-9)
    ends = np.minimum(np.rint(reports.time_s.to_numpy() * rate_hz).astype(np.int64), length)
    table = reports.loc[reports.index.repeat(count)].reset_index(drop=True)
    table["epoch"] = np.tile(np.arange(count)[::-1], len(reports))
    table["start"] = np.repeat(ends, count) - (table.epoch + 1) * samples
    earlier = np.repeat(np.concatenate([[0], ends[:-1]]), count)
    reason = np.where(table.start < earlier, "before_earlier_awakening", "")
    reason = np.where(table.start < 0, "before_recording", reason)
    table["reason"] = np.where(table.label.isna(), "no_label", reason)
    return table


def epochs_of_sleep(scored: Sequence[Scored], *, rate_hz: float, length: int, settings: PrepareEeg) -> pd.DataFrame:
    """Place epochs end to end from the first to the last epoch of sleep.

    Parameters
    ----------
    scored : sequence of Scored
        The hypnogram.
    rate_hz : float
        Sampling rate of the tape (Hz).
    length : int
        Samples of the recording.
    settings : PrepareEeg
        Length of an epoch.

    Returns
    -------
    DataFrame
        `report` (empty), `epoch` (counted from 0), `start` (sample from the start of the recording), `label` (NaN),
        `order` (missing) and `reason` (empty).
    """
    asleep = [row for row in scored if row.stage not in (None, "W")]
    samples = epoch_samples(settings, rate_hz)
    first = max(round(min((row.onset_s for row in asleep), default=0.0) * rate_hz), 0)
    last = min(round(max((row.onset_s + row.duration_s for row in asleep), default=0.0) * rate_hz), length)
    start = np.arange(first, last - samples + 1, samples, dtype=np.int64)
    table = pd.DataFrame({"start": start, "epoch": np.arange(len(start))})
    return table.assign(report="", label=np.nan, order=pd.array([pd.NA] * len(start), dtype="Int64"), reason="")


def epoch_samples(settings: PrepareEeg, rate_hz: float) -> int:
    """Return the length of an epoch in samples."""
    return max(round(settings.epoch_s * rate_hz), 1)


def stages_of(start_s: NDArray[np.float64], seconds: float, scored: Sequence[Scored]) -> NDArray[np.object_]:
    """Return the stage that holds most of each epoch.

    Parameters
    ----------
    start_s : ndarray of float64 (epoch,)
        Where the epochs start (s).
    seconds : float
        Their length (s).
    scored : sequence of Scored
        The hypnogram.

    Returns
    -------
    ndarray of object (epoch,)
        A stage, or "" where more is unscored than of any stage. Of stages that hold the same time, the one at the
        epoch's end: nearest to the awakening.
    """
    end_s = start_s + seconds
    held = np.stack([_seconds_of(stage, start_s, end_s, scored) for stage in STAGES])
    late = np.stack([_seconds_of(stage, start_s + seconds / 2, end_s, scored) for stage in STAGES])
    # A millionth of the later half decides between stages that hold the same time, and nothing else.
    best = (held.round(5) + 1e-6 * late / seconds).argmax(axis=0)
    most = held.max(axis=0)
    unscored = seconds - held.sum(axis=0) > most + 1e-6
    return np.where(unscored | (most <= 0), "", np.array(STAGES, object)[best])


def drop_by_stage(epochs: pd.DataFrame, *, keep: Sequence[str]) -> pd.DataFrame:
    """Return `epochs` with the `reason` of those that stand without one and are unscored or in a stage not kept."""
    unscored, other = epochs.stage == "", ~epochs.stage.isin(keep)
    found = np.where(unscored, "unscored", np.where(other, "stage_not_kept", ""))
    return epochs.assign(reason=epochs.reason.where(epochs.reason != "", found))


def drop_by_signal(
    epochs: pd.DataFrame,
    data: NDArray[np.float32],
    *,
    channels: Sequence[str],
    rate_hz: float,
    clipped: Mapping[str, NDArray[np.float64]],
    settings: PrepareEeg,
) -> pd.DataFrame:
    """Look at the signal of the epochs that stand, and name what is wrong with those that are bad.

    Parameters
    ----------
    epochs : DataFrame
        With `start` (sample) and `reason`.
    data : ndarray of float32 (channel, position)
        The recording, in volts.
    channels : sequence of str
        Names of the channels.
    rate_hz : float
        Sampling rate (Hz).
    clipped : mapping of str to ndarray (stretch, 2)
        By channel, the stretches (s) at an end of the recorder's range.
    settings : PrepareEeg
        Length of an epoch and limits.

    Returns
    -------
    DataFrame
        `epochs` with `reason` (`nan`, `flat`, `peak_to_peak` or `clipped`) and `detail` (channel and value).
    """
    samples = epoch_samples(settings, rate_hz)
    reasons, details = list(epochs.reason), list(epochs.get("detail", pd.Series("", index=epochs.index)))
    for row, start in enumerate(epochs.start):
        if not reasons[row]:
            reasons[row], details[row] = _fault(data[:, start : start + samples], channels, settings)
        if not reasons[row]:
            edges = start / rate_hz, (start + samples) / rate_hz
            names = [name for name in channels if _overlaps(clipped[name], *edges)]
            reasons[row], details[row] = ("clipped", names[0]) if names else ("", "")
    return epochs.assign(reason=reasons, detail=details)


def _fault(window: NDArray[np.float32], channels: Sequence[str], settings: PrepareEeg) -> tuple[str, str]:
    """Return the reason and its detail for one epoch `(channel, position)`; two empty texts when it is good."""
    finite = np.isfinite(window).all(axis=1)
    if not finite.all():
        return "nan", channels[int(np.flatnonzero(~finite)[0])]
    span = np.ptp(window, axis=1) * MICROVOLTS
    low, high = int(span.argmin()), int(span.argmax())
    if span[low] < settings.flat_below_uv or span[low] == 0:
        return "flat", f"{channels[low]} {span[low]:.3g} uV"
    if settings.peak_to_peak_above_uv is not None and span[high] > settings.peak_to_peak_above_uv:
        return "peak_to_peak", f"{channels[high]} {span[high]:.4g} uV"
    return "", ""


def _overlaps(stretches: NDArray[np.float64], start: float, end: float) -> bool:
    return bool(((stretches[:, 0] < end) & (stretches[:, 1] > start)).any())


def _seconds_of(
    stage: str, start_s: NDArray[np.float64], end_s: NDArray[np.float64], scored: Sequence[Scored]
) -> NDArray[np.float64]:
    """Return how long each stretch `(epoch,)` is in a stage (s)."""
    rows = sorted((row.onset_s, row.duration_s) for row in scored if row.stage == stage)
    if not rows:
        return np.zeros(len(start_s))
    onset, duration = np.array(rows).T
    # Time spent in the stage before each of its edges; straight between them.
    before = np.concatenate([[0.0], np.cumsum(duration)])
    times = np.stack([onset, onset + duration], axis=1).ravel()
    spent = np.stack([before[:-1], before[1:]], axis=1).ravel()
    return np.interp(end_s, times, spent) - np.interp(start_s, times, spent)
