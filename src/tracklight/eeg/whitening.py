"""Whitening: every frequency of a subject's channel is given the same mean amplitude, so that 1/f hides nothing.

EEG falls with frequency, and a network that reads it in volts sees slow waves only. Each subject x channel has one
filter, made of all of the subject's epochs and of nothing else: no label, no other subject. It is linear, without
phase and its own transpose, so it is undone by no choice of a network, and a gradient with respect to whitened epochs
becomes one with respect to volts by the same filter (`filtered`). Attributions by frequency are the same in both.

An average reference holds in volts, not after whitening, which scales channels differently: project there. To explain
in volts with the reference kept in mind, explain `Projected(Whitened(model, gains), average_reference(channels))`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.errors import complaint
from tracklight.files import whole_file

Floats = NDArray[np.floating]
GAINS_FILE = "gains.npz"  # in the folder of whiten-eeg


class Whitened(nn.Module):
    """A model of whitened epochs as a model of epochs in volts of one subject.

    Parameters
    ----------
    model : Module or callable
        Maps whitened epochs `(batch, channel, position)` to `(batch, target)`.
    gains : ndarray (channel, frequency)
        Of the subject, as `whitening_gains` returns them.
    """

    gains: Tensor

    def __init__(self, model: Callable[[Tensor], Tensor], gains: Floats):
        super().__init__()
        self.model = model
        self.register_buffer("gains", torch.from_numpy(np.array(gains)))

    def forward(self, volts: Tensor) -> Tensor:
        """Turn epochs in volts `(batch, channel, position)` into `(batch, target)`."""
        spectrum = torch.fft.rfft(volts) * self.gains.to(volts.dtype)
        return self.model(torch.fft.irfft(spectrum, n=volts.shape[-1]))


def whiten(
    epochs: Floats,
    subjects: Sequence[str] | NDArray[np.object_],
    *,
    names: Sequence[str],
    rate: float,
    smooth_hz: float,
    floor: float,
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float64]]]:
    """Whiten the epochs of several subjects, each on its own.

    Parameters
    ----------
    epochs : ndarray (epoch, channel, position)
        In volts.
    subjects : sequence of str (epoch,)
        Whose epoch it is.
    names, rate, smooth_hz, floor
        As in `whitening_gains`.

    Returns
    -------
    whitened : ndarray of float32 (epoch, channel, position)
        Mean 0 in every epoch, standard deviation 1 over all epochs of a subject's channel.
    gains : dict of str to ndarray of float64 (channel, frequency)
        Per subject, in the order of first appearance.

    Raises
    ------
    InputError
        When a subject's channel is flat or not finite.
    """
    whose = np.asarray(subjects, object)
    whitened = np.empty(epochs.shape, np.float32)
    gains: dict[str, NDArray[np.float64]] = {}
    how: dict[str, Any] = {"rate": rate, "smooth_hz": smooth_hz, "floor": floor}
    for subject in dict.fromkeys(whose.tolist()):
        own, filters = np.flatnonzero(whose == subject), []
        for channel, name in enumerate(names):  # one at a time, since transforms are larger than what they are of
            part = epochs[own, channel : channel + 1]
            filters.append(whitening_gains(part, names=[name], where=f"subject {subject}", **how))
            whitened[own, channel : channel + 1] = filtered(part, filters[-1])
        gains[subject] = np.concatenate(filters)
    return whitened, gains


def whitening_gains(
    epochs: Floats, *, names: Sequence[str], rate: float, smooth_hz: float, floor: float, where: str
) -> NDArray[np.float64]:
    """Return the filter that whitens the epochs of one subject.

    Parameters
    ----------
    epochs : ndarray (epoch, channel, position)
        All epochs of a subject, in volts.
    names : sequence of str (channel,)
        For complaints.
    rate : float
        Positions per second (Hz).
    smooth_hz : float
        Width over which the mean amplitude spectrum is averaged (Hz); 0 Hz itself stays out, since offsets are large.
    floor : float
        Amplitudes below this share of the channel's largest count as this share: what a filter has removed is not
        blown up to the size of the rest.
    where : str
        Whose epochs, for complaints.

    Returns
    -------
    ndarray of float64 (channel, frequency)
        Real factors of the transform's coefficients: 0 at 0 Hz, else 1 over the smoothed mean amplitude, scaled so
        that the standard deviation over all epochs and positions of a channel is 1.

    Raises
    ------
    InputError
        When a channel is flat or not finite.
    """
    for name, flat, known in zip(names, *_faults(epochs), strict=True):
        if flat or not known:
            fault = "is flat" if known else "holds values that are not finite"
            raise complaint(f"channel {name} {fault}", where=where, do="leave out the channel or its bad epochs")
    magnitudes = np.abs(np.fft.rfft(np.asarray(epochs, np.float64)))
    amplitude = _smoothed(magnitudes[..., 1:].mean(0), bins=round(smooth_hz * epochs.shape[-1] / rate))
    smallest = floor * amplitude.max(1, keepdims=True)
    gains = np.pad(1 / np.maximum(amplitude, smallest), ((0, 0), (1, 0)))
    return gains / _deviation(magnitudes * gains, epochs.shape[-1])


def filtered(values: Floats, gains: Floats) -> NDArray[np.float32]:
    """Apply a subject's filter: to epochs in volts, or to gradients with respect to whitened epochs.

    Parameters
    ----------
    values : ndarray (epoch, channel, position)
        Of one subject.
    gains : ndarray (channel, frequency)
        As `whitening_gains` returns them.

    Returns
    -------
    ndarray of float32 (epoch, channel, position)
    """
    spectrum = np.fft.rfft(np.asarray(values, np.float64)) * gains
    return np.fft.irfft(spectrum, n=values.shape[-1]).astype(np.float32)


def save_gains(path: Path, gains: Mapping[str, NDArray[np.float64]]) -> None:
    """Write the filters of all subjects.

    Parameters
    ----------
    path : Path
        The file: `subjects` (subject,) and `gains` float64 (subject, channel, frequency).
    gains : mapping of str to ndarray of float64 (channel, frequency)
        Per subject.
    """
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, subjects=np.array(list(gains), str), gains=np.stack(list(gains.values())))


def open_gains(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Return the filters `(channel, frequency)` per subject from a folder of whiten-eeg.

    Raises
    ------
    InputError
        When it has none, or they are damaged.
    """
    path = folder / GAINS_FILE
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            subjects, gains = stored["subjects"], stored["gains"]
        if gains.ndim != 3 or gains.dtype != np.float64 or subjects.shape != gains.shape[:1]:
            raise ValueError(f"subjects {subjects.shape}, gains {gains.dtype} {gains.shape}")
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise complaint("not the filters of whitened epochs", where=path, got=error, do="run whiten-eeg") from None
    return dict(zip(subjects.tolist(), gains, strict=True))


def _faults(epochs: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell per channel whether it stands still in every epoch, and whether all its values are finite."""
    flat: NDArray[np.bool_] = np.asarray((epochs == epochs[..., :1]).all((0, 2)))
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(epochs).all((0, 2)))
    return flat, finite


def _smoothed(amplitude: NDArray[np.float64], *, bins: int) -> NDArray[np.float64]:
    """Average `(channel, frequency)` over an odd number of neighbouring frequencies; fewer at the ends."""
    reach = bins // 2
    sums = np.pad(np.cumsum(amplitude, 1), ((0, 0), (1, 0)))
    middle = np.arange(amplitude.shape[1])
    low, end = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, len(middle))
    return (sums[:, end] - sums[:, low]) / (end - low)


def _deviation(magnitudes: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the standard deviation `(channel, 1)` of signals without mean from their transforms, by Parseval."""
    power = np.square(magnitudes).mean(0)
    twice = 2 * power.sum(-1) - (power[:, -1] if length % 2 == 0 else 0)
    return np.sqrt(twice)[:, None] / length
