from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight.report.figures import evaluation_figure, scatter_figure, training_curve, training_figure
from tracklight.report.style import encoded


@pytest.fixture
def metrics(whole_run: Path) -> pd.DataFrame:
    return pd.read_csv(whole_run / "model" / "seed0" / "metrics.tsv", sep="\t")


def test_training_curve_is_written_where_asked(metrics: pd.DataFrame, tmp_path: Path) -> None:
    training_curve(metrics, tmp_path / "training.png")
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")


def test_training_curve_shows_both_losses_and_marks_the_kept_epoch(metrics: pd.DataFrame) -> None:
    losses, correlation = training_figure({"seed0": metrics}).axes
    train, validation, kept = losses.lines
    assert list(train.get_ydata()) == [1.0, 0.7, 0.5]
    assert list(validation.get_ydata()) == [1.0, 0.8, 0.85]
    assert (list(kept.get_xdata()), list(kept.get_ydata())) == ([2], [0.8])
    assert list(correlation.lines[0].get_ydata()) == [0.1, 0.4, 0.38]


def test_one_row_of_panels_per_network(metrics: pd.DataFrame) -> None:
    assert len(training_figure({"seed0": metrics, "seed1": metrics}).axes) == 4


def test_evaluation_has_a_panel_per_metric_and_a_mark_per_seed(whole_run: Path) -> None:
    figure = evaluation_figure(pd.read_csv(whole_run / "evaluation.tsv", sep="\t"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Pearson r", "Spearman", "AUROC", "AUPRC"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["ensemble", "single networks", "k-mer ridge", "AT content", "untrained networks"]
    assert [list(line.get_xdata()) for line in figure.axes[0].lines[:3]] == [[0.55], [0.51, 0.53], [0.52]]


def test_evaluation_without_rows_still_draws(whole_run: Path) -> None:
    table = pd.read_csv(whole_run / "evaluation.tsv", sep="\t")
    assert encoded(evaluation_figure(table.iloc[:0]), "png")


def test_scatter_leaves_unmeasured_windows_out() -> None:
    figure = scatter_figure(np.array([0.0, 1.0, np.nan]), np.array([0.1, 0.9, 5.0]), unit="expression")
    assert figure.axes[0].get_title(loc="left") == "2 test windows"
    assert figure.axes[0].get_xlabel() == "measured expression"
    assert encoded(figure, "png")


def test_scatter_of_nothing_says_so() -> None:
    figure = scatter_figure(np.array([np.nan]), np.array([1.0]), unit="expression")
    assert figure.axes[0].get_title(loc="left") == "0 test windows"
