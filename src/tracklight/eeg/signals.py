"""Signals of EDF, EDF+ and BDF files, in volts, channel by channel."""

import datetime
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import edfio
import numpy as np
from numpy.typing import NDArray

from tracklight.eeg.edf import NO_DATE
from tracklight.errors import complaint, existing_file

# Both micro signs occur: the letter mu and the sign of its own.
VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "\u00b5V": 1e-6, "\u03bcV": 1e-6, "nV": 1e-9}
BDF_MAGIC = b"\xff"


@dataclass(frozen=True)
class Signals:
    """An open signal file.

    Attributes
    ----------
    path : Path
        The file.
    labels : tuple of str
        Labels of its channels, without those of annotations.
    rates : tuple of float
        Sampling rate of each (Hz).
    seconds : float
        Length of the recording (s).
    start : datetime or None
        What the clock said at its first sample; None where the file does not tell. Of files without a date it is
        `edf.NO_DATE`, with the time as it stands.
    """

    path: Path
    labels: tuple[str, ...]
    rates: tuple[float, ...]
    seconds: float
    start: datetime.datetime | None
    _file: edfio.Edf | edfio.Bdf

    def rate(self, label: str) -> float:
        """Return the sampling rate of a channel (Hz)."""
        return self.rates[self.labels.index(label)]

    def unit(self, label: str) -> str:
        """Return the unit of a channel as the file writes it."""
        return str(self._file.signals[self.labels.index(label)].physical_dimension)

    def volts(self, label: str, *, units: Mapping[str, str]) -> NDArray[np.float64]:
        """Return a channel `(sample,)` in volts.

        Parameters
        ----------
        label : str
            One of `labels`.
        units : mapping of str to str
            Units by label, which count where the file tells none.

        Raises
        ------
        InputError
            When the unit is not a voltage, the scale of the channel is not usable, or the channel is flat.
        """
        signal = self._file.signals[self.labels.index(label)]
        digital = signal.digital
        where = f"{self.path} channel {label}"
        if digital.min() == digital.max():
            raise complaint("flat channel", where=where, do="choose another channel, or leave the recording out")
        low, high = signal.digital_range
        gain = (signal.physical_max - signal.physical_min) / (high - low) if high != low else np.nan
        scale = _volts_per_unit(self.unit(label), units.get(label), where=where)
        data: NDArray[np.float64] = ((digital.astype(np.float64) - low) * gain + signal.physical_min) * scale
        if not np.isfinite(data).all() or gain == 0:
            raise complaint(
                "NaN in a channel", where=where, got="physical or digital range that is none", do="repair it"
            )
        return data

    def clipped(self, label: str, *, samples: int) -> NDArray[np.float64]:
        """Return the stretches `(stretch, 2)`, start and end in seconds, where a channel stays at an end of its range.

        Parameters
        ----------
        label : str
            One of `labels`.
        samples : int
            Fewer samples in a row are not clipped: every channel reaches its highest value somewhere.
        """
        signal = self._file.signals[self.labels.index(label)]
        low, high = signal.digital_range
        parts = [_runs(signal.digital == end, least=samples) for end in (low, high)]
        return np.concatenate(parts) / self.rate(label)


def open_signals(path: str | Path) -> Signals:
    """Open an EDF, EDF+ or BDF file (known by its first byte); samples of EDF are read when asked for.

    Raises
    ------
    InputError
        When it is missing, damaged, truncated, with gaps, or has two channels of the same label.
    """
    path = existing_file(path, what="recording")
    with path.open("rb") as handle:
        bdf = handle.read(1) == BDF_MAGIC
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            file = (edfio.read_bdf if bdf else edfio.read_edf)(path, header_encoding="latin-1")
            signals = file.signals
            labels = tuple(signal.label for signal in signals)
            rates = tuple(float(signal.sampling_frequency) for signal in signals)
            gaps, seconds = file.reserved.endswith("+D"), file.duration
    except UserWarning as error:
        raise complaint("truncated recording", where=path, got=error, do="copy or export it again") from None
    except (OSError, ValueError, LookupError, ArithmeticError, UnboundLocalError) as error:
        raise complaint("not an EDF or BDF file", where=path, got=error, do="copy or export it again") from None
    if gaps:
        raise complaint("recording with gaps", where=path, got=file.reserved, do="export it as continuous (EDF+C)")
    if not labels or seconds <= 0:
        raise complaint("recording without signals", where=path, do="copy or export it again")
    return Signals(path, labels, rates, seconds, start_of(file), file)


def start_of(file: edfio.Edf | edfio.Bdf) -> datetime.datetime | None:
    """Return what the clock said at the start of a file, or None where its header does not tell.

    The date of EDF+ counts before the older one, which holds two digits of the year.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return datetime.datetime.combine(file.startdate, file.starttime)
        except edfio.AnonymizedDateError:
            return datetime.datetime.combine(NO_DATE, file.starttime)
        except (ValueError, LookupError):
            return None


def choose_channels(
    signals: Signals, channels: Mapping[str, str | Sequence[str]], *, bad: frozenset[str]
) -> dict[str, str]:
    """Find the label of every channel in a recording.

    Parameters
    ----------
    signals : Signals
        The recording.
    channels : mapping of str to str or sequence of str
        New name, and label in the recordings or labels in order of preference.
    bad : frozenset of str
        Labels that are passed over as long as there is another one to choose.

    Returns
    -------
    dict of str to str
        New name to label.

    Raises
    ------
    InputError
        When none of the labels is there, or a label that is chosen stands for two channels.
    """
    chosen = {}
    for name, wish in channels.items():
        wishes = [wish] if isinstance(wish, str) else list(wish)
        present = [label for label in wishes if label in signals.labels]
        if not present:
            raise complaint(
                f"channel {name} is missing", where=signals.path, got=wishes, allowed=signals.labels,
                do="name its label in prepare_eeg.channels, or leave the recording out",
            )  # fmt: skip
        chosen[name] = next((label for label in present if label not in bad), present[0])
        if signals.labels.count(chosen[name]) > 1:
            raise complaint("two channels of the same label", where=signals.path, got=chosen[name], do="rename one")
    return chosen


def _volts_per_unit(written: str, given: str | None, *, where: str) -> float:
    if written in VOLTS and given in VOLTS and VOLTS[written] != VOLTS[given]:
        raise complaint("unit of a channel told twice", where=where, got=f"{written} and {given}", do="correct one")
    unit = written if written in VOLTS else given or written
    if unit not in VOLTS:
        raise complaint(
            "unit of a channel is not a voltage", where=where, got=repr(unit), allowed=[*VOLTS],
            do="name it in prepare_eeg.units, or choose another channel",
        )  # fmt: skip
    return VOLTS[unit]


def _runs(mask: NDArray[np.bool_], *, least: int) -> NDArray[np.int64]:
    """Return first and last-plus-one index of every run of true values that is long enough, `(run, 2)`."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    return edges[edges[:, 1] - edges[:, 0] >= least]
