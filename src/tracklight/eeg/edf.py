"""Writing EDF+: signals of one rate and annotations, the same input giving the same bytes."""

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording
from numpy.typing import NDArray

from tracklight.errors import complaint
from tracklight.files import whole_file

LARGEST_STEP = 32767  # of 16 bits; the one more below zero is left out, so that 0 is a step of its own
# A date that says nothing, so that neither a person nor the day of the run is in the file.
START = datetime.date(2000, 1, 1)
WHO = "tracklight"


def write_recording(
    path: str | Path,
    signals: NDArray[np.floating],
    *,
    channels: Sequence[str],
    rate_hz: float,
    unit: str,
    limit: float,
    annotations: Iterable[EdfAnnotation],
) -> None:
    """Write signals as EDF+, 16 bits a sample.

    Parameters
    ----------
    path : str or Path
        File to write.
    signals : ndarray (channel, position)
        Samples in `unit`. What lies beyond `limit` is clipped.
    channels : sequence of str
        One label per channel.
    rate_hz : float
        Sampling rate (Hz).
    unit : str
        Physical unit, as `uV`.
    limit : float
        The samples are stored between `-limit` and `limit`, in steps of `limit / 32767`. 0 is read back as 0 where the
        eight characters of the header hold the limit exactly.
    annotations : iterable of EdfAnnotation
        Events: onset (s), duration (s) or None, text.

    Raises
    ------
    InputError
        When a sample is not finite.
    """
    if not np.isfinite(signals).all():
        raise complaint("cannot write samples that are not finite", where=path, do="mask or drop them before")
    stored = [
        EdfSignal(
            np.clip(samples, -limit, limit).astype(np.float64),
            rate_hz,
            label=name,
            physical_dimension=unit,
            physical_range=(-limit, limit),
            digital_range=(-LARGEST_STEP, LARGEST_STEP),
        )
        for name, samples in zip(channels, signals, strict=True)
    ]
    with whole_file(path) as temporary:
        Edf(stored, annotations=list(annotations), patient=Patient(), recording=_who()).write(temporary)


def annotation_file(annotations: Iterable[EdfAnnotation]) -> Edf:
    """Return an EDF+ file that holds nothing but annotations."""
    return Edf([], annotations=list(annotations), patient=Patient(), recording=_who())


def _who() -> Recording:
    return Recording(startdate=START, equipment_code=WHO)
