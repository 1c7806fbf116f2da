import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.genome.shards import Tracks
from tracklight.genome.slices import (
    base_predictions,
    box_mean,
    surroundings,
    window_codes,
    window_positions,
    window_track,
)

TAPE = Tape(np.array([0, 1, 2, 3, 4, 0], np.uint8), ("a",), np.array([0, 6]))
START, REVERSE = np.array([0, 2]), np.array([False, True])


def tracks(mean: list[list[float]], *, window_start: list[int], prediction: list[list[float]]) -> Tracks:
    values = np.array(mean, np.float32)
    return Tracks(
        start=0,
        mean=values,
        sd=np.zeros_like(values),
        coverage=np.ones(values.shape[1], np.int32),
        window_start=np.array(window_start),
        prediction=np.array(prediction, np.float32),
        window_bp=4,
        stride_bp=2,
    )


def test_minus_strand_windows_are_read_backwards() -> None:
    assert window_positions(START, REVERSE, length=3).tolist() == [[0, 1, 2], [4, 3, 2]]


def test_minus_strand_bases_are_complemented_and_n_stays_n() -> None:
    positions = window_positions(START, REVERSE, length=4)
    assert window_codes(TAPE, positions, REVERSE).tolist() == [[0, 1, 2, 3], [3, 4, 0, 1]]


def test_a_window_takes_the_track_of_its_own_strand() -> None:
    both = tracks([[0, 1, 2, 3, 4, 5], [0, -1, -2, -3, -4, -5]], window_start=[0], prediction=[[0], [0]])
    positions = window_positions(START, REVERSE, length=2)
    assert window_track(both, positions, REVERSE).tolist() == [[0, 1], [-3, -2]]


def test_a_track_without_strands_serves_both() -> None:
    one = tracks([[0, 1, 2, 3, 4, 5]], window_start=[0], prediction=[[0]])
    positions = window_positions(START, REVERSE, length=2)
    assert window_track(one, positions, REVERSE).tolist() == [[0, 1], [3, 2]]


def test_predictions_stand_on_the_stride_around_the_centre_of_their_window() -> None:
    both = tracks([[0.0] * 12] * 2, window_start=[0, 2, 6], prediction=[[1, 2, 3], [4, 5, 6]])
    nan = np.nan
    # window 0-4 has its centre at 2 and stands on 1 and 2, window 2-6 on 3 and 4, window 6-10 on 7 and 8
    expected = [nan, 1, 1, 2, 2, nan, nan, 3, 3, nan, nan, nan]
    np.testing.assert_array_equal(base_predictions(both, strand="+", start=0, end=12), expected)
    np.testing.assert_array_equal(base_predictions(both, strand="-", start=2, end=5), [4, 5, 5])


def test_prediction_of_an_unstranded_track_serves_any_strand() -> None:
    one = tracks([[0.0] * 6], window_start=[0], prediction=[[7]])
    assert base_predictions(one, strand="-", start=1, end=3).tolist() == [7, 7]


def test_box_mean_stops_at_the_ends_and_skips_unknown_values() -> None:
    values = np.array([[1.0, 2.0, np.nan, 4.0, 8.0]])
    np.testing.assert_allclose(box_mean(values, 3), [[1.5, 1.5, np.nan, 6.0, 6.0]])
    np.testing.assert_allclose(box_mean(values, 2), [[1.5, 2.0, np.nan, 6.0, 8.0]])


@given(st.lists(st.floats(-9, 9) | st.just(float("nan")), min_size=1, max_size=12), st.integers(1, 15))
def test_box_mean_equals_the_mean_of_each_slice(values: list[float], width: int) -> None:
    track = np.array(values)
    for at, found in enumerate(box_mean(track, width)):
        inside = track[max(0, at - (width - 1) // 2) : at + width // 2 + 1]
        expected = np.nan if np.isnan(track[at]) else np.nanmean(inside)
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_surroundings_hold_each_window_and_what_its_scan_needs_inside_its_contig() -> None:
    tape = Tape(np.arange(30, dtype=np.uint8) % 4, ("a", "b"), np.array([0, 12, 30]))
    positions = window_positions(np.array([1, 20]), np.array([False, True]), length=4)
    around, moved = surroundings(tape, positions)
    # a: window 1-5 with 3 bases on both sides, cut at the contig's start; b: window 20-24
    assert around.lengths == {"window0": 8, "window1": 10}
    assert np.asarray(around.data).tolist() == [*tape.data[0:8], *tape.data[17:27]]
    assert np.asarray(around.data)[moved].tolist() == tape.data[positions].tolist()
