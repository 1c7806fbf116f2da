from pathlib import Path

import pandas as pd
import pytest

from tracklight.report.style import encoded
from tracklight.report.trust_figures import elements_figure, maxima_figure, null_figure, reliability_figure


def read(run: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(run / name, sep="\t")


def test_reliability_curve_goes_through_the_bins(whole_run: Path) -> None:
    (panel,) = reliability_figure(read(whole_run, "peaks/calibration.tsv"), prior=0.15).axes
    diagonal, prior, curve = panel.lines
    assert list(diagonal.get_ydata()) == [0, 1]
    assert set(prior.get_ydata()) == {0.15}
    assert list(curve.get_xdata()) == [0.1, 0.3, 0.7]
    assert list(curve.get_ydata()) == [0.08, 0.35, 0.68]


def test_null_figure_marks_the_median_of_each_null(whole_run: Path) -> None:
    figure = null_figure(read(whole_run, "peaks/peaks.tsv"), read(whole_run, "peaks/null.tsv"))
    medians = [line.get_xdata()[0] for line in figure.axes[0].lines]
    assert medians == pytest.approx([1.55, 1.4, 1.2])
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["against dinucleotide shuffles", "against windows measured inactive", "chance"]


def test_null_figure_of_no_peaks_still_draws(whole_run: Path) -> None:
    peaks = read(whole_run, "peaks/peaks.tsv").iloc[:0]
    assert encoded(null_figure(peaks, read(whole_run, "peaks/null.tsv")), "png")


def test_maxima_inside_the_expected_range_are_set_apart(whole_run: Path) -> None:
    table = read(whole_run, "logos/maxima.tsv")
    (panel,) = maxima_figure(table, expected=(-16, -5), share=0.63, chance=0.4).axes
    elsewhere, inside = panel.containers
    assert len(inside) == 12
    assert len(elsewhere) == 18
    assert inside.get_label() == "-16..-5: 63.0% (by chance 40.0%)"
    assert panel.get_title(loc="left") == "maximum of the smoothed saliency in 98 held-out active windows"


def test_elements_have_a_row_each_and_untrained_networks_share_one(whole_run: Path) -> None:
    figure = elements_figure(read(whole_run, "elements.tsv"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["AUROC", "AUPRC", "enrichment at the top"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["|saliency|", "saliency", "AT content", "untrained networks"]
    interval, value = figure.axes[0].lines[:2]
    assert list(interval.get_xdata()) == pytest.approx([0.66, 0.74])
    assert list(value.get_xdata()) == [0.7]


@pytest.mark.parametrize(("panel", "chance"), [(0, 0.5), (1, 0.1), (2, 1.0)])
def test_each_metric_shows_its_own_level_of_chance(whole_run: Path, panel: int, chance: float) -> None:
    line = elements_figure(read(whole_run, "elements.tsv")).axes[panel].lines[-1]
    assert list(line.get_xdata()) == pytest.approx([chance, chance])
