"""What stands out of the background of simulated EEG: the oscillations of every stage, and eye movements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracklight.eeg.background import CHANNELS, SITES, distances

ALPHA_HZ = 10.0


@dataclass(frozen=True)
class Rhythm:
    """Short trains of waves under a Hann window.

    Attributes
    ----------
    name : str
        As in sleep scoring.
    band_hz : tuple of float
        Lowest and highest frequency (Hz); every train has one.
    seconds : tuple of float
        Shortest and longest train (s).
    per_minute, peak_uv : float
        How often, and the peak at the focus (µV).
    focus : tuple of float
        Where on the head, in the coordinates of `background.SITES`.
    width : float
        SD of the fall-off from the focus (head radii).
    of_subject : bool
        Whether the frequency moves with the alpha peak of the subject.
    """

    name: str
    band_hz: tuple[float, float]
    seconds: tuple[float, float]
    per_minute: float
    peak_uv: float
    focus: tuple[float, float]
    width: float
    of_subject: bool = False


RHYTHMS = {
    "W": (Rhythm("alpha", (9.5, 10.5), (1.0, 6.0), 8.0, 25.0, SITES["O2"], 0.6, of_subject=True),),
    "N1": (Rhythm("theta", (4.0, 7.0), (1.0, 3.0), 6.0, 12.0, (0.0, 0.0), 0.8),),
    "N2": (
        Rhythm("spindle", (11.0, 16.0), (0.5, 2.0), 4.0, 18.0, (0.0, 0.0), 0.6),
        Rhythm("K-complex", (0.8, 1.2), (0.8, 1.2), 1.5, 80.0, SITES["Fz"], 0.8),
    ),
    "N3": (Rhythm("slow wave", (0.5, 2.0), (1.0, 2.0), 15.0, 50.0, SITES["Fz"], 1.0),),
    "REM": (Rhythm("sawtooth", (3.0, 6.0), (1.0, 4.0), 6.0, 14.0, (0.0, 0.0), 0.8),),
}
EYE_MOVEMENTS_PER_MINUTE = {"W": 15.0, "REM": 12.0}
EYE_PEAK_UV = (40.0, 120.0)
EYE_HOLD_S = (0.2, 1.0)
EYE_RISE_S = 0.02
EYE_WIDTH = 0.4  # SD of the fall-off from Fp1 (head radii)


def add_rhythms(
    rng: np.random.Generator,
    signals: NDArray[np.float64],
    stages: Sequence[str],
    *,
    gains: NDArray[np.float64],
    alpha_hz: float,
    rate_hz: float,
) -> None:
    """Add the oscillations of each stage to `signals`, in place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    signals : ndarray of float64 (report, channel, sample)
        Background (µV).
    stages : sequence of str (report,)
        Stage of each stretch.
    gains : ndarray (report,)
        Factor on the peak of every train.
    alpha_hz : float
        Alpha peak of the subject (Hz).
    rate_hz : float
        Sampling rate (Hz).
    """
    for stretch, stage, gain in zip(signals, stages, gains, strict=True):
        for rhythm in RHYTHMS[stage]:
            shift = alpha_hz - ALPHA_HZ if rhythm.of_subject else 0.0
            away = np.linalg.norm(np.array(list(SITES.values())) - rhythm.focus, axis=1)
            weights = gain * rhythm.peak_uv * np.exp(-(away**2) / (2 * rhythm.width**2))
            for _ in range(rng.poisson(rhythm.per_minute * stretch.shape[1] / rate_hz / 60)):
                train = wave(
                    rng, rng.uniform(*rhythm.band_hz) + shift, seconds=rng.uniform(*rhythm.seconds), rate_hz=rate_hz
                )
                _place(rng, stretch, weights[:, None] * train)


def wave(rng: np.random.Generator, frequency_hz: float, *, seconds: float, rate_hz: float) -> NDArray[np.float64]:
    """Return a cosine of random phase under a Hann window `(sample,)`, with an envelope that reaches 1."""
    samples = max(round(seconds * rate_hz), 1)
    return hann(samples) * np.cos(2 * np.pi * frequency_hz * np.arange(samples) / rate_hz + rng.uniform(0, 2 * np.pi))


def hann(samples: int) -> NDArray[np.float64]:
    """Return a Hann window `(sample,)` that is sampled between its zeros."""
    return np.sin(np.pi * (np.arange(samples) + 0.5) / samples) ** 2


def add_eye_movements(
    rng: np.random.Generator, signals: NDArray[np.float64], stages: Sequence[str], *, leak: float, rate_hz: float
) -> None:
    """Add eye movements to `signals` `(report, channel, sample)` in place: whole on EOG, `leak` of it on Fp1."""
    weights = leak * np.exp(-(distances()[CHANNELS.index("Fp1")] ** 2) / (2 * EYE_WIDTH**2))
    weights[CHANNELS.index("EOG")] = 1.0
    for stretch, stage in zip(signals, stages, strict=True):
        expected = EYE_MOVEMENTS_PER_MINUTE.get(stage, 0.0) * stretch.shape[1] / rate_hz / 60
        for _ in range(rng.poisson(expected)):
            peak = rng.uniform(*EYE_PEAK_UV) * rng.choice([-1, 1])
            _place(rng, stretch, peak * weights[:, None] * _glance(rng.uniform(*EYE_HOLD_S), rate_hz))


def _glance(hold_s: float, rate_hz: float) -> NDArray[np.float64]:
    # The eye jumps, rests and jumps back: a box with soft edges.
    margin = 8 * EYE_RISE_S
    time = np.arange(round((hold_s + 2 * margin) * rate_hz)) / rate_hz - margin
    return (np.tanh(time / (2 * EYE_RISE_S)) - np.tanh((time - hold_s) / (2 * EYE_RISE_S))) / 2


def _place(rng: np.random.Generator, stretch: NDArray[np.float64], piece: NDArray[np.float64]) -> None:
    # A stretch closes to a circle, like its background, so that events are as frequent at its ends as elsewhere.
    piece = piece[:, : stretch.shape[1]]
    positions = (rng.integers(stretch.shape[1]) + np.arange(piece.shape[1])) % stretch.shape[1]
    stretch[:, positions] += piece
