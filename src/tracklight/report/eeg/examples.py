"""The section of single epochs: the signal, and what in it spoke for the label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracklight.report.blocks import Block, Picture, Section, Text, absent
from tracklight.report.eeg.heat import diverging, rows_height
from tracklight.report.eeg.study import HALVES, Study
from tracklight.report.run_folder import CSS_DPI
from tracklight.report.style import NEUTRAL, figure_uri, panels, styled

ANCHOR, TITLE = "examples", "Single epochs"
WIDTH_IN = 10
SMOOTH_S = 0.25  # for the eye only: attribution changes sign with every wave
FULL = 0.99  # quantile of the attribution that gets the full colours
HOW = (
    "The colour along a trace is the attribution there, averaged over a quarter of a second: orange speaks for "
    "{label}, blue against it. Shown are the epochs with the highest and the lowest evidence. Single epochs are "
    "examples, no result: attribution of a signal that is not locked to an event cannot be averaged over time."
)
SUMS = "Sums over all channels and the whole epoch give the evidence above that of no signal."
Array = NDArray[np.float64]


def examples_section(studies: Sequence[Study], *, per_half: int) -> Section:
    """Show a few held-out epochs of every study."""
    pictures = [picture for study in studies for half in HALVES for picture in _half(study, half, most=per_half)]
    if not pictures:
        return absent(ANCHOR, TITLE, "This run kept no example epochs.")
    sums = f" {SUMS}" if all(study.complete() for study in studies) else ""
    blocks: list[Block] = [Text(HOW.format(label=studies[0].label()) + sums)]
    blocks += [Text(f"{study.name}: {why}. Its traces are grey.") for study in studies if (why := study.unreadable())]
    return Section(ANCHOR, TITLE, [*blocks, *pictures])


def _half(study: Study, half: str, *, most: int) -> list[Picture]:
    found = study.folder.arrays(f"attribution/{study.network}/{half}/examples.npz")
    epochs, facts = study.epochs(), study.facts()
    if found is None or epochs is None or not len(found["rows"]):
        return []
    pictures = []
    for place in chosen(found["margin"], most=most):
        row = epochs.iloc[int(found["rows"][place])]
        margin = float(found["margin"][place])
        said = (
            f"{study.name}, subject {row['group']}, report {row['report']}, stage {row['stage']}, label "
            f"{_label(row['label'])}; evidence for {study.label()} {margin:+.2f} (log-odds, networks of half {half})"
        )
        figure = epoch_figure(
            found["signal"][place], found["attribution"][place], channels=facts["channels"],
            rate_hz=facts["rate_hz"], readable=not study.unreadable(),
        )  # fmt: skip
        alt = f"Signal by channel, coloured by attribution: {said}."
        pictures.append(Picture(figure_uri(figure, "png"), alt, said, width=WIDTH_IN * CSS_DPI))
    return pictures


def chosen(margin: Array, *, most: int) -> list[int]:
    """Choose examples, the most decided first, for the label and against it by turns.

    Parameters
    ----------
    margin : ndarray of float (example,)
        Evidence of each (log-odds).
    most : int
        How many at most.
    """
    order = np.argsort(-np.asarray(margin, float), kind="stable").tolist()
    turns = [order.pop(0 if turn % 2 == 0 else -1) for turn in range(len(order))]
    return turns[:most]


@styled
def epoch_figure(
    signal: Array, attribution: Array, *, channels: Sequence[str], rate_hz: float, readable: bool
) -> Figure:
    """Draw one epoch, channels below each other, coloured by attribution.

    Parameters
    ----------
    signal : ndarray of float (channel, position)
        Volts.
    attribution : ndarray of float (channel, position)
        Evidence (log-odds).
    channels : sequence of str
        Names.
    rate_hz : float
        Sampling rate (Hz).
    readable : bool
        Whether the gate was passed; otherwise traces have no colours.
    """
    figure, axes = panels(width=WIDTH_IN, height=0.9 + rows_height(len(channels), each=0.5, most=10.0))
    panel, microvolts = axes[0][0], 1e6 * np.asarray(signal, float)
    microvolts = microvolts - microvolts.mean(1, keepdims=True)
    smooth = _smoothed(np.asarray(attribution, float), max(1, round(SMOOTH_S * rate_hz)))
    limit = float(np.quantile(np.abs(smooth), FULL)) or 1.0
    step = 2 * float(np.quantile(np.abs(microvolts), FULL)) or 1.0
    seconds, drawn = np.arange(signal.shape[1]) / rate_hz, None
    traces = microvolts - step * np.arange(len(channels))[:, None]
    for values, colours in zip(traces, smooth, strict=True):
        if readable:
            drawn = _coloured(panel, seconds, values, colours, limit)
        panel.plot(seconds, values, color=NEUTRAL, linewidth=0.7)
    ends = min(traces.min(), -(len(channels) - 0.5) * step), max(traces.max(), 0.5 * step)
    panel.set(xlim=(0, signal.shape[1] / rate_hz), ylim=(ends[0] - 0.1 * step, ends[1] + 0.1 * step))
    panel.set_yticks(-step * np.arange(len(channels)), channels)
    panel.set_xlabel(f"time in the epoch (s); channels are {step:.3g} µV apart")
    if drawn is not None:
        figure.colorbar(drawn, ax=panel, pad=0.01, label="attribution (log-odds / sample)")
    return figure


def _coloured(panel: Axes, seconds: Array, values: Array, colours: Array, limit: float) -> LineCollection:
    points = np.stack([seconds, values], axis=1)
    segments = np.stack([points[:-1], points[1:]], axis=1)
    lines = LineCollection(list(segments), cmap=diverging(), linewidths=4)
    lines.set_array((colours[:-1] + colours[1:]) / 2)
    lines.set_clim(-limit, limit)
    panel.add_collection(lines)
    return lines


def _smoothed(values: Array, width: int) -> Array:
    window = np.ones(width) / width
    return np.stack([np.convolve(row, window, mode="same") for row in values])


def _label(value: float) -> str:
    return "unknown" if pd.isna(value) else f"{value:.0f}"
