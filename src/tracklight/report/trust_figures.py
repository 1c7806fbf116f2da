"""Figures of what the peaks and their confidence are worth: null, calibration, known elements, maxima."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tracklight.report.style import ACCENT, CANDIDATE, LIGHT, NEGATIVE, NEUTRAL, POSITIVE, light_grid, panels, styled

NULLS = {"shuffle": "dinucleotide shuffles", "inactive": "windows measured inactive"}
NULL_COLOURS = {"shuffle": NEGATIVE, "inactive": ACCENT}
CONTROLS = {"at_content": "AT content", "position_prior": "position alone"}
ELEMENT_METRICS = {"auroc": "AUROC", "auprc": "AUPRC", "enrichment": "enrichment at the top"}


@styled
def reliability_figure(table: pd.DataFrame, *, prior: float) -> Figure:
    """Draw observed against stated confidence on held-out windows.

    Parameters
    ----------
    table : DataFrame
        Rows of `calibration.tsv`; the area of a mark is proportional to the number of windows.
    prior : float
        Share of active windows among those used.
    """
    figure, axes = panels(width=4.6, height=3.9)
    panel = axes[0][0]
    panel.plot([0, 1], [0, 1], color=NEUTRAL, linestyle="--", linewidth=1, label="perfect calibration")
    panel.axhline(prior, color=ACCENT, linewidth=1, linestyle=":", label=f"all windows: {prior:.0%} active")
    area = 120 * table["n"] / max(1, table["n"].max())
    panel.plot(table["mean_confidence"], table["fraction_active"], color=POSITIVE, linewidth=1)
    panel.scatter(table["mean_confidence"], table["fraction_active"], s=area, color=POSITIVE, alpha=0.8)
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="confidence", ylabel="share measured active")
    panel.legend(loc="upper left")
    return figure


@styled
def null_figure(peaks: pd.DataFrame, nulls: pd.DataFrame) -> Figure:
    """Draw the heights of the peaks beside the medians of the nulls, and the p-values beside chance.

    Parameters
    ----------
    peaks : DataFrame
        Rows of `peaks.tsv`.
    nulls : DataFrame
        Rows of `null.tsv`.
    """
    figure, axes = panels(width=10, height=3.2, columns=2)
    _heights(axes[0][0], peaks["height"].to_numpy(float), nulls)
    for name in nulls["null"]:
        _p_values(axes[0][1], peaks[f"p_{name}"].dropna().to_numpy(float), name)
    axes[0][1].axhline(1, color=NEUTRAL, linestyle="--", linewidth=1, label="chance")
    axes[0][1].set(xlim=(0, 1), ylim=(0, None), xlabel="p of a peak", ylabel="density", title="p-values of the peaks")
    axes[0][1].legend()
    return figure


def _heights(axes: Axes, heights: np.ndarray, nulls: pd.DataFrame) -> None:
    if len(heights) and heights.max() > 0:
        edges = np.linspace(0, np.quantile(heights, 0.999), 60)
        axes.hist(heights[heights <= edges[-1]], bins=edges.tolist(), color=POSITIVE, alpha=0.55)
        axes.axvline(float(np.median(heights)), color=POSITIVE, linewidth=1.5, label="median of the peaks")
    for row in nulls.itertuples():
        name = str(row.null)
        label = f"median of {NULLS.get(name, name)}"
        axes.axvline(row.median_null, color=NULL_COLOURS.get(name, NEUTRAL), linestyle="--", label=label)  # type: ignore[arg-type]
    axes.set(xlabel="height (smoothed integrated gradients)", ylabel="peaks", title="heights of the peaks")
    axes.legend()


def _p_values(axes: Axes, values: np.ndarray, name: str) -> None:
    if len(values):
        colour, label = NULL_COLOURS.get(name, NEUTRAL), f"against {NULLS.get(name, name)}"
        axes.hist(values, bins=np.linspace(0, 1, 41).tolist(), density=True, histtype="step", color=colour, label=label)


@styled
def maxima_figure(table: pd.DataFrame, *, expected: tuple[int, int], share: float, chance: float) -> Figure:
    """Draw where in measured active windows the saliency is highest.

    Parameters
    ----------
    table : DataFrame
        Rows of `maxima.tsv`: `position` (bp from the reference point, 5' to 3'), `n`, `fraction`, `expected_by_chance`.
    expected : tuple of int
        First and last position where maxima are expected (bp, both included).
    share, chance : float
        Share of maxima there, and the share a uniform choice of position would put there.
    """
    figure, axes = panels(width=9, height=3.2)
    panel = axes[0][0]
    inside = table["position"].between(*expected)
    for rows, colour, label in (
        (table[~inside], LIGHT, "elsewhere"),
        (table[inside], CANDIDATE, f"{expected[0]}..{expected[1]}: {share:.1%} (by chance {chance:.1%})"),
    ):
        panel.bar(rows["position"], rows["fraction"], width=0.9, color=colour, label=label)
    panel.step(table["position"], table["expected_by_chance"], where="mid", color=NEUTRAL, linestyle="--", linewidth=1)
    panel.axvline(0, color=NEUTRAL, linewidth=0.8)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.set(
        xlabel="position from the reference point (bp, 5' to 3'; dashed line: a uniform choice)",
        ylabel="windows",
        title=f"maximum of the smoothed saliency in {int(table['n'].sum()):,} held-out active windows",
    )
    panel.legend()
    return figure


@styled
def elements_figure(table: pd.DataFrame) -> Figure:
    """Draw how well every track finds the known elements, with bootstrap intervals and the level of chance.

    Parameters
    ----------
    table : DataFrame
        Rows of `elements.tsv`. Untrained networks are drawn in one row.
    """
    metrics = [metric for metric in ELEMENT_METRICS if metric in set(table["metric"])]
    table = table.assign(row=[_family(str(name)) for name in table["track"]])
    families = list(dict.fromkeys(table["row"]))
    figure, axes = panels(width=10, height=0.9 + 0.34 * len(families), columns=max(1, len(metrics)))
    for panel, metric in zip(axes[0], metrics, strict=False):
        rows = table[table["metric"] == metric]
        _intervals(panel, rows, families)
        base_rate = rows["n_positive"] / (rows["n_positive"] + rows["n_negative"])
        chance = {"auroc": 0.5, "auprc": float(base_rate.mean()), "enrichment": 1.0}[metric]
        panel.axvline(chance, color=NEUTRAL, linestyle="--", linewidth=1)
        panel.set_title(ELEMENT_METRICS[metric])
        panel.set_yticks(range(len(families)), families)
        panel.tick_params(labelleft=panel is axes[0][0])
    return figure


def _family(track: str) -> str:
    if track.startswith("untrained"):
        return "untrained networks"
    return CONTROLS.get(track, track)


def _intervals(axes: Axes, table: pd.DataFrame, families: Sequence[str]) -> None:
    controls = ("untrained networks", *CONTROLS.values())
    for height, family in enumerate(families):
        rows = table[table["row"] == family]
        colour = NEUTRAL if family in controls else POSITIVE
        for value, low, high in rows[["value", "low", "high"]].to_numpy(float):
            axes.plot([low, high], [height, height], color=colour, linewidth=1.2, alpha=1 if len(rows) == 1 else 0.35)
            axes.plot([value], [height], "o", color=colour, markersize=5, mfc=colour if len(rows) == 1 else "none")
    axes.set_ylim(len(families) - 0.5, -0.5)
    light_grid(axes)
