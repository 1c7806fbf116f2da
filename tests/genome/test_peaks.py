from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.genome.peaks import local_maxima, peak_table, smooth, write_narrowpeak
from tracklight.genome.shards import Tracks

NAN = float("nan")


def a_tape(**lengths):
    offsets = np.concatenate([[0], np.cumsum(list(lengths.values()))]).astype(np.int64)
    return Tape(np.zeros(offsets[-1], np.uint8), tuple(lengths), offsets)


def some_tracks(mean):
    mean = np.atleast_2d(np.array(mean, np.float32))
    return Tracks(
        start=0,
        mean=mean,
        sd=np.zeros_like(mean),
        coverage=np.ones(mean.shape[1], np.int32),
        window_start=np.empty(0, np.int64),
        prediction=np.empty((len(mean), 0), np.float32),
        window_bp=4,
        stride_bp=2,
    )


def test_smoothing_is_the_box_mean_of_the_positive_part_with_zeros_outside():
    np.testing.assert_allclose(smooth(np.array([3.0, -9.0, 6.0, 0.0]), 3), [1, 3, 2, 2])


def test_an_even_box_reaches_one_base_further_to_the_left():
    np.testing.assert_allclose(smooth(np.array([0.0, 0, 4, 0, 0]), 4), [0, 1, 1, 1, 1])


def test_bases_without_a_value_count_as_zero_and_stay_zero():
    np.testing.assert_allclose(smooth(np.array([3.0, NAN, NAN, 3.0]), 3), [1, 0, 0, 1])


@given(st.lists(st.floats(-5, 5, width=32) | st.just(NAN), max_size=30), st.integers(1, 14))
def test_smoothing_equals_brute_force(track, width):
    expected = []
    for p in range(len(track)):
        box = [track[q] for q in range(p - width // 2, p - width // 2 + width) if 0 <= q < len(track)]
        expected.append(0 if np.isnan(track[p]) else sum(max(v, 0) for v in box if not np.isnan(v)) / width)
    np.testing.assert_allclose(smooth(np.array(track, np.float32), width), expected, rtol=1e-6, atol=1e-30)


def test_smoothing_leaves_exact_zeros_behind_large_values():
    track = np.zeros(300)
    track[100:110] = 1e6 / 3
    assert np.flatnonzero(smooth(track, 9)).tolist() == list(range(96, 114))


def test_smoothing_works_on_both_strands_at_once():
    both = np.array([[1.0, 2, 3], [3.0, 0, 0]])
    np.testing.assert_array_equal(smooth(both, 2), np.stack([smooth(both[0], 2), smooth(both[1], 2)]))


def test_local_maxima_of_a_literal_track():
    assert local_maxima(np.array([0, 1, 5, 1, 4, 0, 0, 2, 2, 0.0]), 2).tolist() == [2, 7]


@pytest.mark.parametrize(("heights", "peaks"), [([], []), ([0, 0], []), ([2], [0]), ([1, 1, 1, 1, 1, 1], [0])])
def test_flat_and_empty_tracks(heights, peaks):
    assert local_maxima(np.array(heights, float), 1).tolist() == peaks


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 9))
def test_local_maxima_equal_the_definition(heights, distance):
    expected = [
        p
        for p, h in enumerate(heights)
        if h > 0
        and all(h >= v for v in heights[p : p + distance + 1])
        and all(h > v for v in heights[max(p - distance, 0) : p])
    ]
    found = local_maxima(np.array(heights, np.float32), distance).tolist()
    assert found == expected
    assert all(b - a > distance for a, b in pairwise(found))


def test_peak_table_of_a_literal_track():
    mean = [[0, 3, 0, 0, 0, 0, 0, 6, NAN, 0], [0, 0, 0, 0, 0, 9, 0, 0, 0, 0]]
    table = peak_table(some_tracks(mean), a_tape(one=5, two=5), width=3, min_distance=2)
    assert list(table) == ["chrom", "start", "end", "strand", "summit", "height"]
    assert table.values.tolist() == [
        ["one", 0, 2, "+", 0, 1.0],
        ["two", 0, 2, "-", 0, 3.0],
        ["two", 0, 3, "+", 1, 2.0],
    ]


def test_a_peak_never_looks_across_a_contig_border():
    table = peak_table(some_tracks([0, 0, 1, 2, 0, 0]), a_tape(left=3, right=3), width=1, min_distance=5)
    assert table[["chrom", "summit", "height"]].values.tolist() == [["left", 2, 1.0], ["right", 0, 2.0]]


def test_an_unstranded_track_has_peaks_on_no_strand():
    assert peak_table(some_tracks([0, 1, 0]), a_tape(c=3), width=1, min_distance=1)["strand"].tolist() == ["."]


def test_a_track_without_peaks_gives_an_empty_table_with_typed_columns():
    table = peak_table(some_tracks([[NAN] * 6, [-1] * 6]), a_tape(c=6), width=3, min_distance=2)
    assert table.shape == (0, 6)
    assert table[["start", "end", "summit"]].dtypes.tolist() == [np.int64] * 3


def some_peaks():
    return pd.DataFrame(
        {
            "chrom": ["one", "two"],
            "start": [0, 7],
            "end": [7, 16],
            "name": ["peak_2", "peak_1"],
            "strand": ["+", "-"],
            "summit": [2, 11],
            "height": [0.25, 1.5],
            "confidence": [0.1234, NAN],
            "p_shuffle": [0.01, 1.0],
            "q_shuffle": [0.001, NAN],
        }
    )


def test_narrowpeak_has_ten_columns_with_logarithms_and_minus_one_where_unknown(tmp_path):
    write_narrowpeak(tmp_path / "peaks" / "peaks.narrowPeak", some_peaks(), null="shuffle")
    assert (tmp_path / "peaks" / "peaks.narrowPeak").read_text().splitlines() == [
        "one\t0\t7\tpeak_2\t123\t+\t0.25\t2\t3\t2",
        "two\t7\t16\tpeak_1\t0\t-\t1.5\t0\t-1\t4",
    ]


def test_no_peaks_give_an_empty_narrowpeak_file(tmp_path):
    write_narrowpeak(tmp_path / "none.narrowPeak", some_peaks().iloc[:0], null="shuffle")
    assert (tmp_path / "none.narrowPeak").read_text() == ""
