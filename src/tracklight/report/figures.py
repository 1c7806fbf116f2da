"""Figures of training and of held-out accuracy."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tracklight.report.style import ACCENT, NEGATIVE, NEUTRAL, POSITIVE, light_grid, panels, save, styled

METRICS = {"pearson": "Pearson r", "spearman": "Spearman", "auroc": "AUROC", "auprc": "AUPRC"}
PREDICTORS = {
    "ensemble": "ensemble",
    "model": "single networks",
    "kmer_ridge": "k-mer ridge",
    "at_content": "AT content",
    "untrained": "untrained networks",
}


def training_curve(table: pd.DataFrame, path: str | Path) -> None:
    """Draw and save the training curve of one network.

    Parameters
    ----------
    table : DataFrame
        Rows of `metrics.tsv`, one per epoch.
    path : str or Path
        Image to write, `.png` or `.svg`.
    """
    save(training_figure({"": table}), path)


@styled
def training_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw losses and validation correlation by epoch; one row of panels per network, keyed by its name."""
    figure, axes = panels(width=9, height=2.8 * len(tables), ratios=(1,) * len(tables), columns=2)
    for row, (name, table) in zip(axes, tables.items(), strict=True):
        _losses(row[0], table, name)
        _correlation(row[1], table)
    return figure


def _losses(axes: Axes, table: pd.DataFrame, name: str) -> None:
    axes.plot(table["epoch"], table["train_loss"], color=NEUTRAL, linestyle="--", label="training windows")
    axes.plot(table["epoch"], table["validation_loss"], color=POSITIVE, label="validation windows")
    _mark_best(axes, table, "validation_loss")
    axes.set(xlabel="epoch", ylabel="loss", title=" ".join(filter(None, [name, "loss"])))
    axes.legend()


def _correlation(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table["epoch"], table["validation_pearson"], color=POSITIVE)
    _mark_best(axes, table, "validation_pearson")
    axes.set(xlabel="epoch", ylabel="Pearson r", title="predicted and measured, validation windows")


def _mark_best(axes: Axes, table: pd.DataFrame, column: str) -> None:
    best = table[table["best"].astype(bool)].tail(1)
    axes.plot(best["epoch"], best[column], "o", color=NEGATIVE, markersize=7, label="kept checkpoint")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    light_grid(axes, "y")


@styled
def evaluation_figure(table: pd.DataFrame) -> Figure:
    """Draw held-out accuracy beside the baselines, one panel per metric.

    Parameters
    ----------
    table : DataFrame
        Rows of `evaluation.tsv` of one target. Every seed is a ring; the mean of several is a bar.
    """
    metrics = [metric for metric in METRICS if metric in set(table["metric"])]
    predictors = [predictor for predictor in PREDICTORS if predictor in set(table["predictor"])]
    figure, axes = panels(width=10, height=0.9 + 0.36 * len(predictors), columns=max(1, len(metrics)))
    for panel, metric in zip(axes[0], metrics, strict=False):
        _accuracy(panel, table[table["metric"] == metric], predictors)
        panel.set_title(METRICS[metric])
        panel.set_yticks(range(len(predictors)), [PREDICTORS[name] for name in predictors])
        panel.tick_params(labelleft=panel is axes[0][0])
    return figure


def _accuracy(axes: Axes, table: pd.DataFrame, predictors: list[str]) -> None:
    for row, predictor in enumerate(predictors):
        values = table.loc[table["predictor"] == predictor, "value"].to_numpy(float)
        colour = POSITIVE if predictor in ("ensemble", "model") else NEUTRAL
        if len(values) == 1:
            axes.plot(values, [row], "D", color=colour, markersize=6)
        else:
            axes.plot(values, np.full(len(values), row), "o", mfc="none", color=colour, markersize=5)
            axes.plot([np.mean(values)], [row], "|", color=colour, markersize=14, markeredgewidth=2)
    axes.set_ylim(len(predictors) - 0.5, -0.5)
    light_grid(axes)


@styled
def scatter_figure(measured: np.ndarray, predicted: np.ndarray, *, unit: str) -> Figure:
    """Draw predicted against measured values of held-out windows as hexagons coloured by their number.

    Parameters
    ----------
    measured, predicted : ndarray of float (window,)
        Values in units of the transformed target; pairs with NaN are left out.
    unit : str
        Name of the target and its transform, for the axes.
    """
    known = np.isfinite(measured) & np.isfinite(predicted)
    measured, predicted = measured[known], predicted[known]
    figure, axes = panels(width=4.8, height=4)
    panel = axes[0][0]
    if len(measured):
        drawn = panel.hexbin(measured, predicted, gridsize=45, bins="log", mincnt=1, cmap="viridis", linewidths=0.1)
        figure.colorbar(drawn, ax=panel, label="windows")
        ends = [float(min(measured.min(), predicted.min())), float(max(measured.max(), predicted.max()))]
        panel.plot(ends, ends, color=ACCENT, linewidth=1, linestyle="--")
    panel.set(xlabel=f"measured {unit}", ylabel=f"predicted {unit}", title=f"{len(measured):,} test windows")
    return figure
