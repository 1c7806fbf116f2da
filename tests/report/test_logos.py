from dataclasses import replace

import numpy as np
import pytest

from tracklight.report.logos import View, aggregate_figure, candidate_figure, letter_weights
from tracklight.report.style import encoded


def test_each_observed_base_has_its_own_value() -> None:
    codes, values = np.array([0, 3, 4, 1], np.uint8), np.array([1.0, -2.0, 5.0, np.nan])
    assert letter_weights(codes, values).tolist() == [[1, 0, 0, 0], [0, 0, 0, -2], [0, 0, 0, 0], [0, 0, 0, 0]]


def labels(axes: object, at: list[int]) -> list[str]:
    return [axes.xaxis.get_major_formatter()(position) for position in at]


def test_minus_strand_candidate_is_labelled_with_falling_positions(view: View) -> None:
    figure = candidate_figure(view, flank=10)
    letters, saliency = figure.axes[:2]
    assert labels(letters, [0, 10, 20]) == ["1,030", "1,020", "1,010"]
    assert labels(saliency, [0, 39, 40, -1]) == ["1,039", "1,000", "", ""]
    assert "0-based" in figure.axes[-1].get_xlabel()


def test_candidate_shows_letters_both_tracks_and_the_prediction(view: View) -> None:
    figure = candidate_figure(view, flank=10)
    names = [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]
    assert names == ["gradient x input", "gradient x input", "integrated gradients", "prediction"]
    heights = [bar.get_height() for bar in figure.axes[1].patches[:40]]
    assert heights[19] == 2.0
    assert heights[0] == 0.0  # unknown
    low, high = figure.axes[0].get_ylim()
    assert low <= 0
    assert high == pytest.approx(2.0, rel=0.15)


def test_candidate_without_integrated_gradients_has_one_panel_less(view: View) -> None:
    figure = candidate_figure(replace(view, integrated=None), flank=10)
    assert len(figure.axes) == 3
    assert encoded(figure, "png")


def test_letters_stop_at_the_end_of_the_view(view: View) -> None:
    figure = candidate_figure(replace(view, summit=1038), flank=10)
    assert labels(figure.axes[0], [0, 11]) == ["1,039", "1,028"]


def test_aggregate_is_labelled_from_the_maximum() -> None:
    figure = aggregate_figure([("1,200 windows", letter_weights(np.array([3, 0, 3], np.uint8), np.ones(3)))])
    assert labels(figure.axes[0], [0, 1, 2]) == ["-1", "0", "1"]
    assert "1,200 windows" in figure.axes[0].get_title(loc="left")


def test_aggregate_of_nothing_still_draws() -> None:
    assert encoded(aggregate_figure([("none", np.zeros((5, 4)))]), "png")
