"""Attribution on the time line of a recording: an EDF+ file whose channels lie sample by sample beside its own."""

import datetime
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from edfio import EdfAnnotation
from numpy.typing import NDArray

from tracklight.eeg.dataset import Epochs
from tracklight.eeg.edf import START, write_recording
from tracklight.errors import complaint

UNIT = "1/s"  # log-odds per second: its integral over time, summed over channels, is the margin that was explained
LONGEST_RECORD_S = 10
LONGEST_LABEL = 16  # of a channel, by the format; ASCII
PARTS = 32  # limits are multiples of 1 / 32: exact, in the eight characters of the header, down to "-0.03125"
MANY = 9.0  # above it those characters hold whole numbers only


def check_traces(channels: Sequence[str], *, rate_hz: float) -> None:
    """Raise `InputError` unless channels of these names and this sampling rate (Hz) fit into an EDF+ file."""
    for name in channels:
        if not (name.isascii() and name.isprintable() and name.strip() == name and 0 < len(name) <= LONGEST_LABEL):
            raise complaint(
                "channel cannot be named so in EDF+", got=repr(name), allowed=f"{LONGEST_LABEL} ASCII characters",
                do="rename it in prepare_eeg.channels",
            )  # fmt: skip
    if _record_s(rate_hz) > LONGEST_RECORD_S:
        raise complaint(
            "sampling rate cannot be kept in EDF+", got=f"{rate_hz!r} Hz",
            allowed=f"a whole number of samples in some whole number of seconds up to {LONGEST_RECORD_S}",
            do="set prepare_eeg.rate_hz",
        )  # fmt: skip


def write_trace(
    path: Path,
    epochs: Epochs,
    rows: NDArray[np.int64],
    *,
    attribution: NDArray[np.floating],
    margin: NDArray[np.float64],
) -> None:
    """Write the attribution of a recording's epochs at their place in the recording, 0 elsewhere.

    Parameters
    ----------
    path : Path
        EDF+ file to write. It has the channels, the sampling rate and the length of the recording on the tape, and the
        date and time of its start; a record of the format that its end does not fill is filled with zeros.
    epochs : Epochs
        The tape and the index.
    rows : ndarray of int64 (epoch,)
        Explained epochs, all of one recording.
    attribution : ndarray (epoch, channel, position)
        Their attribution, in margin units per sample; written per second.
    margin : ndarray of float64 (epoch,)
        What is explained, for the annotations.
    """
    index = epochs.index.iloc[rows]
    length = epochs.tape.lengths[index["contig"].iloc[0]]
    per_second = attribution * epochs.rate_hz
    line = laid_out(per_second, index["start"].to_numpy(np.int64), length=_padded(length, epochs.rate_hz))
    write_recording(
        path,
        dict(zip(epochs.channels, line, strict=True)),
        rate_hz=epochs.rate_hz,
        unit=UNIT,
        limit=_limit(per_second),
        annotations=_marks(index, margin, epochs),
        start=_start(epochs, index["contig"].iloc[0]),
    )


def laid_out(attribution: NDArray[np.floating], starts: NDArray[np.int64], *, length: int) -> NDArray[np.floating]:
    """Return `(channel, length)`: epochs `(epoch, channel, position)` from their start on, 0 elsewhere."""
    _, channels, positions = attribution.shape
    line = np.zeros((channels, length), attribution.dtype)
    for values, start in zip(attribution, starts, strict=True):
        line[:, start : start + positions] = values
    return line


def _start(epochs: Epochs, contig: str) -> datetime.datetime:
    """Return what the clock said at the start of a recording; the date that says nothing where that is not known."""
    text = epochs.facts.get("starts", {}).get(contig)
    try:
        return START if text is None else datetime.datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise complaint(
            "not the start of a recording", where=epochs.inputs["epochs"], got=repr(text), do="run prepare-eeg again"
        ) from None


def _marks(index: pd.DataFrame, margin: NDArray[np.float64], epochs: Epochs) -> list[EdfAnnotation]:
    onsets = index["start"].to_numpy(np.int64) / epochs.rate_hz
    seconds = epochs.length / epochs.rate_hz
    texts = [
        f"Explained report {report} epoch {epoch}, {stage}, margin {value:+.2f}"
        for report, epoch, stage, value in zip(index["report"], index["epoch"], index["stage"], margin, strict=True)
    ]
    return [EdfAnnotation(onset, seconds, text) for onset, text in zip(onsets.tolist(), texts, strict=True)]


def _limit(values: NDArray[np.floating]) -> float:
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
    parts = PARTS if largest < MANY else 1
    return max(math.ceil(largest * parts), 1) / parts


def _padded(length: int, rate_hz: float) -> int:
    record = round(_record_s(rate_hz) * rate_hz)
    return -(-length // record) * record


def _record_s(rate_hz: float) -> int:
    """Return the shortest whole number of seconds that holds a whole number of samples."""
    return Fraction(rate_hz).limit_denominator(10**6).denominator
