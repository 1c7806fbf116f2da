"""Filters of a channel: zero-phase Butterworth bands and anti-aliased resampling, over a whole recording."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from tracklight.errors import complaint
from tracklight.settings.prepare_eeg import PrepareEeg

LARGEST_FACTOR = 10_000  # of up- and downsampling; rates that need larger ones are hardly meant


def condition(volts: NDArray[np.float64], *, rate_hz: float, settings: PrepareEeg, where: str) -> NDArray[np.float64]:
    """Filter a channel and bring it to the rate of the tape.

    The filters run at the higher one of the two rates, so that a slow channel is resampled before it is filtered.

    Parameters
    ----------
    volts : ndarray of float64 (sample,)
        A whole channel.
    rate_hz : float
        Its sampling rate (Hz).
    settings : PrepareEeg
        Filters and the rate of the tape.
    where : str
        Recording and channel, for complaints.

    Returns
    -------
    ndarray of float64 (sample,)
        `resampled_length` samples at the rate of the tape.
    """
    rate = settings.rate_hz or rate_hz
    if rate > rate_hz:
        return filtered(resampled(volts, rate_hz, rate, where=where), rate_hz=rate, settings=settings, where=where)
    return resampled(filtered(volts, rate_hz=rate_hz, settings=settings, where=where), rate_hz, rate, where=where)


def filtered(volts: NDArray[np.float64], *, rate_hz: float, settings: PrepareEeg, where: str) -> NDArray[np.float64]:
    """Return the channel `(sample,)` after its pass band and notches, each run forwards and backwards."""
    bands: list[tuple[str, tuple[float, ...]]] = [
        ("bandstop", (f - settings.notch_width_hz / 2, f + settings.notch_width_hz / 2)) for f in settings.notch_hz
    ]
    bands += _pass_band(settings.low_hz, settings.high_hz)
    for kind, edges in bands:
        if min(edges) <= 0 or max(edges) >= rate_hz / 2:
            raise complaint(
                "filter beyond what the sampling rate can hold", where=where,
                got=f"{kind} {', '.join(f'{edge:g}' for edge in edges)} Hz", allowed=f"0 to {rate_hz / 2:g} Hz",
            )  # fmt: skip
        sections = signal.butter(settings.filter_order, np.squeeze(edges), kind, fs=rate_hz, output="sos")
        if len(volts) <= 3 * (2 * len(sections) + 1):
            raise complaint("recording too short to be filtered", where=where, got=f"{len(volts)} samples")
        volts = signal.sosfiltfilt(sections, volts)
    return volts


def resampled(volts: NDArray[np.float64], old_hz: float, new_hz: float, *, where: str) -> NDArray[np.float64]:
    """Return the channel `(sample,)` at another sampling rate, low-passed at the lower one of the two Nyquist rates."""
    factor = _factor(old_hz, new_hz, where=where)
    if factor == 1:
        return volts
    # A straight line through the ends is taken off first: what is added beyond the ends is no step.
    return signal.resample_poly(volts, factor.numerator, factor.denominator, padtype="line")


def resampled_length(samples: int, old_hz: float, new_hz: float, *, where: str) -> int:
    """Return how many samples a channel of `samples` has at another rate."""
    factor = _factor(old_hz, new_hz, where=where)
    return -(-samples * factor.numerator // factor.denominator)


def _factor(old_hz: float, new_hz: float, *, where: str) -> Fraction:
    factor = (Fraction(new_hz) / Fraction(old_hz)).limit_denominator(LARGEST_FACTOR)
    if factor.numerator > LARGEST_FACTOR or abs(float(factor) * old_hz / new_hz - 1) > 1e-9:
        raise complaint("sampling rate cannot be reached", where=where, got=f"{old_hz:g} to {new_hz:g} Hz")
    return factor


def _pass_band(low: float | None, high: float | None) -> list[tuple[str, tuple[float, ...]]]:
    if low is not None and high is not None:
        return [("bandpass", (low, high))]
    return [("highpass", (low,))] if low is not None else [("lowpass", (high,))] if high is not None else []
