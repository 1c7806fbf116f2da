"""Maps of channels by frequency or time: one scale around 0 that every reader sees, grey where nothing may be read."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from tracklight.report.style import NEUTRAL

Floats = NDArray[np.float64]
# CIELAB: both ends are equally dark, and lightness falls evenly from the middle, so that size reads without colour.
BLUE, PAPER, ORANGE = (36.0, 6.0, -43.0), (97.0, 0.0, 0.0), (36.0, 38.0, 46.0)
WHITE_POINT = (0.95047, 1.0, 1.08883)  # D65
FROM_XYZ = ((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252))
STEPS = 128
PALE = 2.5  # grey maps stay light: nothing in them is to catch the eye
LABEL_PT, LABELS_PT = 8.0, 300.0  # size of a label, and of all labels of a column together (points)
NOT_READ = "gate not passed: not interpretable"


def diverging() -> Colormap:
    """Return the colours from blue through paper white to orange, even in lightness, no value grey."""
    fade = np.linspace(0, 1, STEPS)[:, None]
    blue, paper, orange = (np.array(colour) for colour in (BLUE, PAPER, ORANGE))
    lab = np.concatenate([blue + (paper - blue) * fade, paper + (orange - paper) * fade])
    return ListedColormap(_rgb(lab), name="tracklight_diverging").with_extremes(bad="#DDDDDD")


def _rgb(lab: Floats) -> Floats:
    """Turn CIELAB (colour, 3) under D65 into sRGB from 0 to 1 (IEC 61966-2-1)."""
    y = (lab[:, 0] + 16) / 116
    f = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array(WHITE_POINT)
    linear = np.clip(xyz @ np.array(FROM_XYZ).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def grid(table: pd.DataFrame, name: str, channels: Sequence[str]) -> tuple[Floats, tuple[float, float]]:
    """Lay a column out by channel and frequency.

    Parameters
    ----------
    table : DataFrame
        Rows with `channel`, `hz` (Hz) and the column.
    name : str
        The column.
    channels : sequence of str
        Rows of the result.

    Returns
    -------
    ndarray of float64 (channel, frequency)
        NaN where a feature is missing.
    tuple of float
        Where the first bin begins and the last one ends (Hz).
    """
    levels = np.unique(table["hz"].to_numpy(float))
    width = float(np.diff(levels).min()) if len(levels) > 1 else 1.0
    columns = np.round((table["hz"].to_numpy(float) - levels[0]) / width).astype(int)
    values = np.full((len(channels), columns.max() + 1), np.nan)
    values[[channels.index(channel) for channel in table["channel"]], columns] = table[name].to_numpy(float)
    return values, (levels[0] - width / 2, levels[-1] + width / 2)


def rows_height(count: int, *, each: float, most: float) -> float:
    """Return the height of so many rows, of `each` where they fit into `most` (inches)."""
    return min(each * count, most)


def draw_heat(
    panel: Axes, values: Floats, *, rows: Sequence[str], ends: tuple[float, float], limit: float, readable: bool
) -> AxesImage:
    """Draw a map around 0.

    Parameters
    ----------
    panel : Axes
        Where.
    values : ndarray of float64 (row, column)
        What; NaN stays grey.
    rows : sequence of str
        Names of the rows.
    ends : tuple of float
        Where on the axis the first column begins and the last one ends (Hz or s).
    limit : float
        Value of the full colours.
    readable : bool
        Whether the map may be interpreted; otherwise it is drawn in grey and says so.
    """
    shown, colours, scale = (
        (values, diverging(), (-limit, limit)) if readable else (np.abs(values), "Greys", (0, PALE * limit))
    )
    image = panel.imshow(
        shown, cmap=colours, vmin=scale[0], vmax=scale[1], aspect="auto", interpolation="nearest",
        extent=(*ends, len(rows) - 0.5, -0.5),
    )  # fmt: skip
    panel.set_yticks(range(len(rows)), rows)
    panel.tick_params(length=2)
    panel.tick_params(axis="y", labelsize=min(LABEL_PT, LABELS_PT / len(rows)))
    if not readable:
        panel.text(
            0.5, 0.5, NOT_READ, transform=panel.transAxes, ha="center", va="center", fontsize=8, color="black",
            bbox={"facecolor": "white", "edgecolor": NEUTRAL, "boxstyle": "round,pad=0.4"},
        )  # fmt: skip
    return image


def reach(values: Floats) -> float:
    """Return the largest size of a map, for its scale; 1 for one that is 0 everywhere."""
    largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
    return largest or 1.0
