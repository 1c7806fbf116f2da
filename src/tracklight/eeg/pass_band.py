"""What the filters let through: frequencies that they stop are no features, since nothing of a brain is left there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracklight.eeg.report_level import Maps, named_bands

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PassBand:
    """What filters let through.

    Attributes
    ----------
    low_hz, high_hz : float
        Edges of the pass band (Hz); 0 and infinity without filters.
    stopped_hz : ndarray of float64 (stop, 2)
        Both ends of the bands that are stopped within it (Hz).
    """

    low_hz: float
    high_hz: float
    stopped_hz: Floats

    def frequencies(self, hz: Floats) -> NDArray[np.bool_]:
        """Tell which frequencies `(bin,)` (Hz) pass."""
        low, high = self.stopped_hz.T
        stopped = ((hz[:, None] > low) & (hz[:, None] < high)).any(axis=1)
        return np.asarray((hz >= self.low_hz) & (hz <= self.high_hz) & ~stopped, bool)

    def bands(self, ends_hz: Floats) -> NDArray[np.bool_]:
        """Tell which bands `(band, 2)` (Hz) pass, at least in part; ends that are not known pass."""
        low, high = ends_hz.T
        wide = self.stopped_hz[None]
        stopped = ((low[:, None] >= wide[..., 0]) & (high[:, None] <= wide[..., 1])).any(axis=1)
        return ~((high <= self.low_hz) | (low >= self.high_hz) | stopped)


def pass_band(facts: Mapping[str, Any]) -> PassBand:
    """Return what the filters of prepared recordings let through, by what `epochs.json` says of them."""
    low, high = (facts.get(name) for name in ("low_hz", "high_hz"))
    half = (facts.get("notch_width_hz") or 0.0) / 2
    stopped = [(centre - half, centre + half) for centre in facts.get("notch_hz") or []]
    return PassBand(low or 0.0, np.inf if high is None else high, np.array(stopped, np.float64).reshape(-1, 2))


def passed(maps: Maps, band: PassBand) -> Maps:
    """Return maps without the bins whose middle is stopped, and without the bands of which nothing passes."""
    bins, bands = band.frequencies(maps.hz), band.bands(maps.band_hz)
    return replace(
        maps, frequency=maps.frequency[..., bins], hz=maps.hz[bins],
        time=maps.time[:, :, bands], bands=maps.bands[bands], band_hz=maps.band_hz[bands],
    )  # fmt: skip


def left_out(both: list[Maps], band: PassBand) -> dict[str, Any]:
    """Say what of the maps of both halves is stopped, and which share of the attribution it has.

    Returns
    -------
    dict
        `hz` (middles of the bins), `bands` (names), `share_of_attribution` (of the sum of absolute values).
    """
    out = ~band.frequencies(both[0].hz)
    stopped, whole = (sum(_size(maps, bins) for maps in both) for bins in (out, np.ones_like(out)))
    names = both[0].bands[~band.bands(both[0].band_hz) & named_bands(both[0])]
    return {
        "hz": both[0].hz[out].tolist(),
        "bands": names.tolist(),
        "share_of_attribution": stopped / whole if whole else 0.0,
    }


def _size(maps: Maps, bins: NDArray[np.bool_]) -> float:
    return float(np.abs(maps.frequency[..., bins]).sum(dtype=np.float64))
