import numpy as np
import pytest

from tracklight.genome.maxima import around_maxima, consensus, find_maxima, maxima_table, share_inside, words_at_maxima

A, C, G, T, N = range(5)
SALIENCY = np.array(
    [
        [0.0, 0.0, 1.0, 3.0, 2.0, 0.0, 0.0],
        [5.0, -9.0, 0.0, 0.0, 1.0, 1.0, 1.0],
        [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0],
        [np.nan, 9.0, 9.0, np.nan, 0.0, 0.5, 0.0],
    ],
    np.float32,
)
CODES = np.array([[A, A, T, A, T, C, C], [G, G, G, G, T, A, T], [A] * 7, [N, C, C, N, T, C, T]], np.uint8)


def test_maximum_is_the_centre_of_the_highest_box_of_the_signed_track() -> None:
    rows, centres = find_maxima(SALIENCY, width=3)
    # the second window's single base of 5 has -9 beside it; the fourth window's 9s lie beside unknown bases
    assert rows.tolist() == [0, 1, 3]
    assert centres.tolist() == [3, 5, 5]


def test_even_box_is_centred_on_the_left_of_its_two_middle_bases() -> None:
    assert find_maxima(np.array([[0.0, 0.0, 1.0, 1.0, 0.0]]), width=2)[1].tolist() == [2]
    assert find_maxima(np.array([[1.0, 1.0, 1.0, 1.0, 0.0]]), width=4)[1].tolist() == [1]


def test_windows_without_a_positive_box_have_no_maximum() -> None:
    rows, centres = find_maxima(np.full((2, 4), np.nan), width=2)
    assert rows.size == centres.size == 0


def test_table_counts_maxima_relative_to_the_reference_point() -> None:
    table = maxima_table(np.array([3, 5, 5]), length=7, width=3, origin=6)
    assert table["position"].tolist() == [-5, -4, -3, -2, -1]
    assert table["n"].tolist() == [0, 0, 1, 0, 2]
    assert table["fraction"].sum() == pytest.approx(1)
    assert table["expected_by_chance"].tolist() == [0.2] * 5


def test_share_counts_both_ends_of_the_range() -> None:
    table = maxima_table(np.array([3, 5, 5]), length=7, width=3, origin=6)
    assert share_inside(table, first=-3, last=-1) == (pytest.approx(1), pytest.approx(0.6))
    assert share_inside(table, first=-2, last=-1) == (pytest.approx(2 / 3), pytest.approx(0.4))


def test_chance_of_the_twelve_bases_of_the_promoter_box_is_8_3_percent() -> None:
    table = maxima_table(np.array([110]), length=150, width=6, origin=120)
    assert share_inside(table, first=-16, last=-5) == (1.0, pytest.approx(12 / 145))


def test_no_maxima_give_a_table_of_zeros() -> None:
    table = maxima_table(np.array([], np.int64), length=4, width=1, origin=0)
    assert table["fraction"].tolist() == [0, 0, 0, 0]


def test_aggregate_is_the_mean_of_one_hot_times_saliency_around_the_maxima() -> None:
    rows, centres = find_maxima(SALIENCY, width=3)
    weights = around_maxima(CODES[rows], SALIENCY[rows], centres, flank=2)
    expected = np.zeros((5, 4))
    for row, centre in zip(rows, centres, strict=True):
        for offset in range(-2, 3):
            if 0 <= centre + offset < 7 and CODES[row, centre + offset] != N:
                expected[offset + 2, CODES[row, centre + offset]] += np.nan_to_num(SALIENCY[row, centre + offset]) / 3
    np.testing.assert_allclose(weights, expected)
    assert weights[2].tolist() == [pytest.approx(4 / 3), pytest.approx(0.5 / 3), 0, 0]


def test_consensus_spells_the_largest_weight_and_leaves_gaps() -> None:
    assert consensus(np.array([[0, 0, 0, 2.0], [1.0, 0.5, 0, 0], [-1.0, 0, 0, -2.0], [0, 0, 3.0, 1.0]])) == "TA.G"


def test_words_are_counted_under_the_boxes() -> None:
    rows, centres = find_maxima(SALIENCY, width=3)
    assert words_at_maxima(CODES[rows], centres, width=3, n=2) == {"TAT": 2, "TCT": 1}


def test_equally_frequent_words_come_in_alphabetical_order() -> None:
    codes = np.array([[T, T], [C, C], [A, A]], np.uint8)
    assert list(words_at_maxima(codes, np.array([0, 0, 0]), width=1, n=2)) == ["A", "C"]
