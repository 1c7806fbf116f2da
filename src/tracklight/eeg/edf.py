"""Writing EDF+: signals of one rate and annotations, the same input giving the same bytes."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording
from numpy.typing import NDArray

from tracklight.errors import complaint
from tracklight.files import whole_file

LARGEST_STEP = 32767  # of 16 bits; the one more below zero is left out, so that 0 is a step of its own
# A date that says nothing, so that neither a person nor the day of the run is in the file.
START = datetime.datetime(2000, 1, 1)
NO_DATE = datetime.date(1985, 1, 1)  # what the format writes where the date is withheld
WHO = "tracklight"


def write_recording(
    path: str | Path,
    signals: Mapping[str, NDArray[np.floating]],
    *,
    rate_hz: float,
    unit: str,
    limit: float,
    annotations: Iterable[EdfAnnotation],
    start: datetime.datetime = START,
) -> None:
    """Write signals as EDF+, 16 bits a sample.

    Parameters
    ----------
    path : str or Path
        File to write.
    signals : mapping of str to ndarray (position,)
        By label of the channel, samples in `unit`. What lies beyond `limit` is clipped.
    rate_hz : float
        Sampling rate (Hz).
    unit : str
        Physical unit, as `uV`.
    limit : float
        The samples are stored between `-limit` and `limit`, in steps of `limit / 32767`. 0 is read back as 0 where the
        eight characters of the header hold the limit exactly.
    annotations : iterable of EdfAnnotation
        Events: onset (s), duration (s) or None, text.
    start : datetime
        What the clock said at the first sample; on `NO_DATE` the file has the time alone.

    Raises
    ------
    InputError
        When a sample is not finite.
    """
    if not all(np.isfinite(samples).all() for samples in signals.values()):
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
        for name, samples in signals.items()
    ]
    with whole_file(path) as temporary:
        Edf(
            stored, annotations=list(annotations), patient=Patient(), recording=_who(start), starttime=start.time()
        ).write(temporary)  # fmt: skip


def annotation_file(annotations: Iterable[EdfAnnotation]) -> Edf:
    """Return an EDF+ file that holds nothing but annotations."""
    return Edf([], annotations=list(annotations), patient=Patient(), recording=_who())


def _who(start: datetime.datetime = START) -> Recording:
    return Recording(startdate=None if start.date() == NO_DATE else start.date(), equipment_code=WHO)
