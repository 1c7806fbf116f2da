"""Sequence logos and track views with genomic coordinates."""

from dataclasses import dataclass

import logomaker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from tracklight.report.style import CANDIDATE, LETTERS, NEGATIVE, NEUTRAL, POSITIVE, panels, styled


@dataclass(frozen=True)
class View:
    """A stretch of one strand, read 5' to 3'.

    Attributes
    ----------
    title : str
        Name and place.
    positions : ndarray of int64 (position,)
        Contig position of each base (0-based): rising on the plus strand, falling on the minus strand.
    codes : ndarray of uint8 (position,)
        Bases as read on the strand: A0 C1 G2 T3, anything else 4.
    saliency : ndarray of float32 (position,)
        Gradient x input of each base; NaN where no window saw it.
    integrated : ndarray of float32 (position,) or None
        Integrated gradients.
    prediction : ndarray of float32 (position,)
        Prediction of the window centred on the base; NaN where none was scanned.
    summit : int
        Contig position of the summit (0-based).
    element : tuple of int
        First base and base after the last of the candidate on the contig.
    """

    title: str
    positions: NDArray[np.int64]
    codes: NDArray[np.uint8]
    saliency: NDArray[np.float32]
    integrated: NDArray[np.float32] | None
    prediction: NDArray[np.float32]
    summit: int
    element: tuple[int, int]


@styled
def candidate_figure(view: View, *, flank: int) -> Figure:
    """Draw one candidate: the letters around its summit above its tracks.

    Parameters
    ----------
    view : View
        The candidate with its surroundings.
    flank : int
        Bases drawn as letters on both sides of the summit (bp).
    """
    tracks = {"gradient x input": view.saliency, "integrated\ngradients": view.integrated}
    shown = {label: values for label, values in tracks.items() if values is not None}
    figure, axes = panels(width=9.5, height=3.2 + 1.25 * len(shown), ratios=(1.7, *(1,) * len(shown), 0.8))
    centre = int(np.flatnonzero(view.positions == view.summit)[0])
    first, last = max(0, centre - flank), min(len(view.positions), centre + flank + 1)
    _letters(axes[0][0], view, first, last)
    for panel, (label, values) in zip(axes[1:-1, 0], shown.items(), strict=True):
        _bars(panel, values, label)
    _prediction(axes[-1][0], view.prediction)
    for panel in axes[1:, 0]:
        _place(panel, view, (first, last))
    return figure


def _letters(axes: Axes, view: View, first: int, last: int) -> None:
    weights = letter_weights(view.codes[first:last], view.saliency[first:last])
    draw_letters(axes, weights, positions=view.positions[first:last])
    axes.axvline(float(np.flatnonzero(view.positions[first:last] == view.summit)[0]), color=NEUTRAL, lw=0.8, ls=":")
    axes.set(title=view.title, ylabel="gradient x input")


def letter_weights(codes: NDArray[np.uint8], values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give each observed base its value.

    Parameters
    ----------
    codes : ndarray of uint8 (position,)
        Bases A0 C1 G2 T3, anything else 4 (no letter).
    values : ndarray of float (position,)
        Height of the letter; NaN counts as 0.

    Returns
    -------
    ndarray of float64 (position, 4)
    """
    one_hot = codes[:, None] == np.arange(4, dtype=np.uint8)
    return one_hot * np.nan_to_num(values.astype(np.float64))[:, None]


def draw_letters(axes: Axes, weights: NDArray[np.float64], *, positions: NDArray[np.int64]) -> None:
    """Draw letters of the given heights with positions on the axis.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    weights : ndarray of float64 (position, 4)
        Height of A, C, G and T.
    positions : ndarray of int64 (position,)
        What the axis says at each base.
    """
    if weights.any():  # logomaker cannot draw letters without any height
        _logo(axes, weights)
    axes.axhline(0, color=NEUTRAL, linewidth=0.6)
    axes.set_xlim(-0.5, len(weights) - 0.5)
    _coordinates(axes, positions)


def _logo(axes: Axes, weights: NDArray[np.float64]) -> None:
    table = pd.DataFrame(weights, columns=list("ACGT"))
    looks = {"color_scheme": LETTERS, "flip_below": True, "shade_below": 0, "fade_below": 0}
    logomaker.Logo(table, ax=axes, baseline_width=0, show_spines=False, **looks)
    axes.spines["left"].set_visible(True)
    low, high = weights.clip(max=0).sum(axis=1).min(), weights.clip(min=0).sum(axis=1).max()
    margin = 0.06 * (high - low)
    axes.set_ylim(low - margin if low < 0 else 0, high + margin)


@styled
def aggregate_figure(parts: list[tuple[str, NDArray[np.float64]]]) -> Figure:
    """Draw the mean letters around the maxima of many windows.

    Parameters
    ----------
    parts : list of (str, ndarray of float64 (position, 4))
        Title, and mean over windows of one-hot times saliency with the maximum in the middle; a panel each.
    """
    figure, axes = panels(width=7, height=2.8 * len(parts), ratios=(1,) * len(parts))
    top = max(weights.clip(min=0).sum(axis=1).max() for _, weights in parts)
    low = min(weights.clip(max=0).sum(axis=1).min() for _, weights in parts)
    for panel, (title, weights) in zip(axes[:, 0], parts, strict=True):
        flank = len(weights) // 2
        draw_letters(panel, weights, positions=np.arange(-flank, len(weights) - flank))
        panel.set(title=title, ylabel="mean\ngradient x input", ylim=(1.06 * low, 1.06 * top or 1.0))
    axes[-1, 0].set_xlabel("position from the maximum (bp, 5' to 3')")
    return figure


def _bars(axes: Axes, values: NDArray[np.float32], label: str) -> None:
    known = np.nan_to_num(values)
    axes.bar(np.arange(len(known)), known, width=1, color=np.where(known >= 0, POSITIVE, NEGATIVE))
    axes.axhline(0, color=NEUTRAL, linewidth=0.6)
    axes.set_ylabel(label)


def _prediction(axes: Axes, values: NDArray[np.float32]) -> None:
    axes.plot(np.arange(len(values)), values, color=NEUTRAL, linewidth=1.2, drawstyle="steps-mid")
    axes.set(ylabel="prediction", xlabel="contig position (bp, 0-based), read 5' to 3' on the candidate's strand")


def _place(axes: Axes, view: View, letters: tuple[int, int]) -> None:
    """Mark the candidate and the stretch drawn as letters, and label positions."""
    inside = np.flatnonzero((view.positions >= view.element[0]) & (view.positions < view.element[1]))
    axes.axvspan(inside[0] - 0.5, inside[-1] + 0.5, color=CANDIDATE, alpha=0.10, linewidth=0)
    for edge in letters:
        axes.axvline(edge - 0.5, color=NEUTRAL, linewidth=0.8, linestyle=":")
    axes.set_xlim(-0.5, len(view.positions) - 0.5)
    _coordinates(axes, view.positions)


def _coordinates(axes: Axes, positions: NDArray[np.int64]) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))

    def label(at: float, _tick: int | None = None) -> str:
        index = round(at)
        return f"{positions[index]:,}" if 0 <= index < len(positions) else ""

    axes.xaxis.set_major_formatter(FuncFormatter(label))
