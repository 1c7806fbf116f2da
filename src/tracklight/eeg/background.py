"""The ground of simulated EEG: 1/f noise of every stage, mixed to channels, and muscle activity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Where the channels sit, seen from above: the head has radius 1, x to the right ear, y to the nose.
SITES = {
    "Fp1": (-0.29, 0.90),
    "Fz": (0.0, 0.50),
    "C3": (-0.50, 0.0),
    "P4": (0.38, -0.55),
    "O2": (0.29, -0.90),
    "EOG": (-0.55, 1.05),
}
CHANNELS = tuple(SITES)
SOURCE_WIDTH = 0.35  # SD of the fall-off from a source to the electrodes, in head radii
FLAT_BELOW_HZ = 0.5
MUSCLE_FROM_HZ = 15.0


@dataclass(frozen=True)
class Ground:
    """The background of a stage.

    Attributes
    ----------
    exponent : float
        Power falls with frequency to this power; flat below 0.5 Hz.
    sd_uv : float
        Standard deviation of a channel (µV), muscle activity and oscillations not counted.
    muscle_uv : float
        Standard deviation of muscle activity (µV), flat from 15 Hz on.
    """

    exponent: float
    sd_uv: float
    muscle_uv: float


# Exponents and SD of W to N3: medians over people of Sleep-EDF (N3: its stages 3 and 4 together). REM and muscle
# activity follow textbooks: REM looks like N1, and muscle tone falls from wakefulness to REM. How much muscle activity
# there is decides how far a burst of 32 Hz stands out; with these a burst of 0.2 SD is found by networks and in power.
GROUND = {
    "W": Ground(1.8, 26.0, 2.1),
    "N1": Ground(2.0, 13.0, 1.05),
    "N2": Ground(2.4, 18.5, 0.85),
    "N3": Ground(2.7, 27.0, 0.75),
    "REM": Ground(2.0, 14.0, 0.55),
}


def background(
    rng: np.random.Generator,
    exponents: NDArray[np.float64],
    *,
    sd_uv: NDArray[np.float64],
    samples: int,
    rate_hz: float,
) -> NDArray[np.float64]:
    """Return 1/f noise of independent sources under the electrodes, mixed to the channels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    exponents, sd_uv : ndarray (report,)
        Exponent of the power spectrum and standard deviation of every channel (µV), per stretch.
    samples : int
        Length of a stretch; its end goes over into its start without a step.
    rate_hz : float
        Sampling rate (Hz).

    Returns
    -------
    ndarray of float64 (report, channel, sample)
        In µV.
    """
    frequency = np.fft.rfftfreq(samples, 1 / rate_hz)
    amplitude = np.maximum(frequency, FLAT_BELOW_HZ) ** (-exponents[:, None] / 2)
    sources = shaped_noise(rng, amplitude[:, None, :], samples=samples, sources=len(CHANNELS))
    return sd_uv[:, None, None] * np.einsum("cs,rst->rct", mixing(), sources)


def muscle(
    rng: np.random.Generator, sd_uv: NDArray[np.float64], *, samples: int, rate_hz: float
) -> NDArray[np.float64]:
    """Return muscle activity `(report, channel, sample)` (µV): noise from 15 Hz on, independent between channels."""
    frequency = np.fft.rfftfreq(samples, 1 / rate_hz)
    band = np.broadcast_to(frequency >= MUSCLE_FROM_HZ, (len(sd_uv), 1, len(frequency)))
    return sd_uv[:, None, None] * shaped_noise(rng, band.astype(float), samples=samples, sources=len(CHANNELS))


def shaped_noise(
    rng: np.random.Generator, amplitude: NDArray[np.float64], *, samples: int, sources: int
) -> NDArray[np.float64]:
    """Return Gaussian noise with the given amplitude spectrum and an expected variance of 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    amplitude : ndarray (report, 1, frequency)
        Relative amplitude at the frequencies of `rfftfreq(samples)`; 0 Hz and the highest are left out.
    samples, sources : int
        Length of the noise, and how many independent ones per report.

    Returns
    -------
    ndarray of float64 (report, source, sample)
    """
    amplitude = amplitude.copy()
    amplitude[..., [0, -1]] = 0  # neither an offset nor a frequency whose phase is not free
    shape = (len(amplitude), sources, amplitude.shape[-1])
    spectrum = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    scale = samples / (2 * np.sqrt((amplitude**2).sum(axis=-1, keepdims=True)))
    return np.fft.irfft(amplitude * scale * spectrum, n=samples, axis=-1)


def mixing() -> NDArray[np.float64]:
    """Return the matrix `(channel, source)`: Gaussian fall-off from a source under each electrode, rows of length 1."""
    fall_off = np.exp(-(distances() ** 2) / (2 * SOURCE_WIDTH**2))
    return fall_off / np.linalg.norm(fall_off, axis=1, keepdims=True)


def distances() -> NDArray[np.float64]:
    """Return the distances `(channel, channel)` between electrodes, in head radii."""
    sites = np.array(list(SITES.values()))
    return np.linalg.norm(sites[:, None] - sites, axis=-1)


def nearest(channel: str) -> str:
    """Return the channel whose electrode is nearest."""
    away = distances()[CHANNELS.index(channel)]
    return CHANNELS[int(np.argsort(away)[1])]


def of_stages(stages: Sequence[str], what: str) -> NDArray[np.float64]:
    """Return one property of the background `(report,)`: `exponent`, `sd_uv` or `muscle_uv` of each stage."""
    return np.array([getattr(GROUND[stage], what) for stage in stages], dtype=float)
