"""Baseline for signals: ridge regression on the logarithm of power per channel and band, at no cost in training."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tracklight.core.spectral import Band, by_frequency, frequencies, in_bands, members
from tracklight.errors import complaint
from tracklight.stats import auroc


def log_band_power(
    epochs: NDArray[np.floating], *, rate: float, bands: Sequence[Band], batch_size: int
) -> NDArray[np.float64]:
    """Return the natural logarithm of the mean power per channel and band.

    Parameters
    ----------
    epochs : ndarray (epoch, channel, position)
        Signals, in any unit u.
    rate : float
        Positions per second (Hz).
    bands : sequence of (float, float)
        Lowest frequency of a band, which belongs to it, and its end, which does not (Hz).
    batch_size : int
        Epochs transformed at once.

    Returns
    -------
    ndarray of float64 (epoch, channel, band)
        Logarithm of the sum over a band of `c |X / N|^2` (u^2), `c` as in `core.spectral.by_frequency`; without a
        window or overlap, so that it sees what an attribution by frequency sees.

    Raises
    ------
    InputError
        When a band holds no frequency, or an epoch has no power in a band.
    """
    length = epochs.shape[-1]
    inside = members(frequencies(length, rate=rate), bands)
    parts = torch.from_numpy(np.asarray(epochs)).split(batch_size)
    power = torch.cat([in_bands(_power(part.double()), inside) for part in parts]).numpy()
    if not (power > 0).all():
        epoch, channel, band = np.argwhere(~(power > 0))[0]
        raise complaint(
            "no power in a band", where=f"epoch {epoch}, channel {channel}",
            got=f"{bands[band][0]:g} to {bands[band][1]:g} Hz", do="leave out flat epochs, or the band",
        )  # fmt: skip
    return np.log(power)


def power_ridge(
    features: NDArray[np.floating],
    labels: NDArray[np.floating],
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    penalties: Iterable[float],
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Fit ridge regressions on standardised features and predict with the one that is best on validation rows.

    Parameters
    ----------
    features : ndarray (row, ...)
        Of epochs or reports, for instance as `log_band_power` returns them; standardised on the training rows.
    labels : ndarray (row,)
        0 or 1; NaN where there is none.
    train, validation : ndarray of int64
        Row numbers.
    penalties : iterable of float
        To choose from, by the area under the ROC curve on the validation rows.

    Returns
    -------
    prediction : ndarray of float64 (row,)
        A score, higher for label 1; not a probability.
    choice : dict
        `penalty` and `validation_auroc` of the chosen one.

    Raises
    ------
    InputError
        When the training or validation rows lack one of the labels.
    """
    train, validation = (rows[~np.isnan(labels[rows])] for rows in (train, validation))
    for name, rows in (("training", train), ("validation", validation)):
        if not set(labels[rows]) == {0, 1}:
            raise complaint("one label only", where=f"{name} rows", got=sorted(set(labels[rows])), allowed="0 and 1")
    flat = features.reshape(len(features), -1)
    spread = flat[train].std(0)
    scaled = (flat - flat[train].mean(0)) / np.where(spread > 0, spread, 1)
    best, choice = np.zeros(len(flat)), {"validation_auroc": -np.inf}
    for penalty in penalties:
        prediction = Ridge(alpha=penalty).fit(scaled[train], labels[train]).predict(scaled)
        found = auroc(prediction[validation], labels[validation])
        if found > choice["validation_auroc"]:
            best, choice = prediction, {"penalty": penalty, "validation_auroc": found}
    return best, choice


def _power(epochs: torch.Tensor) -> torch.Tensor:
    """Return the power `(epoch, channel, frequency)` that sums to the mean square of each signal."""
    return by_frequency(epochs, epochs) / epochs.shape[-1]
