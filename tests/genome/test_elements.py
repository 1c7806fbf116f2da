import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.genome.elements import at_content, by_strand, list_track, listed_scores, windows_with_elements
from tracklight.genome.slices import window_positions

TAPE = Tape(np.zeros(60, np.uint8), ("a", "b"), np.array([0, 40, 60]))


def bed(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "strand", "score"])
    return table.astype({"start": "int64", "end": "int64", "score": "float64"})


KNOWN = bed([("a", 5, 8, "+", np.nan), ("a", 20, 23, "-", np.nan), ("b", 0, 2, ".", np.nan)])


def test_only_windows_with_an_element_on_their_strand_are_chosen() -> None:
    start, reverse = np.array([0, 0, 18, 18, 40, 40, 50]), np.array([0, 1, 0, 1, 0, 1, 0], bool)
    rows, positions, inside = windows_with_elements(start, reverse, by_strand(KNOWN, TAPE, stranded=True), length=10)
    assert rows.tolist() == [0, 3, 4, 5]
    assert inside.sum(axis=1).tolist() == [3, 3, 2, 2]
    assert np.flatnonzero(inside[0]).tolist() == [5, 6, 7]
    # minus strand: window 18-28 is read from 27 down to 18, so element 20-23 stands at 5-7 from its end
    assert positions[1, np.flatnonzero(inside[1])].tolist() == [22, 21, 20]
    assert np.flatnonzero(inside[3]).tolist() == [8, 9]


def test_without_strands_every_element_counts_for_every_window() -> None:
    known = by_strand(KNOWN, TAPE, stranded=False)
    rows, _, _ = windows_with_elements(np.array([0, 18]), np.array([True, False]), known, length=10)
    assert rows.tolist() == [0, 1]


def test_no_elements_choose_no_windows() -> None:
    known = by_strand(KNOWN.iloc[:0], TAPE, stranded=True)
    rows, positions, inside = windows_with_elements(np.array([0]), np.array([False]), known, length=4)
    assert rows.size == 0
    assert positions.shape == inside.shape == (0, 4)


intervals = st.lists(
    st.tuples(st.integers(0, 38), st.integers(1, 12), st.sampled_from("+-."), st.integers(0, 3)), max_size=8
)


def brute(rows: list[tuple], position: int, *, strand: str) -> list[float]:
    return [score for _, start, end, sign, score in rows if start <= position < end and sign in (strand, ".")]


@given(intervals)
def test_membership_equals_a_search_through_all_intervals(drawn: list[tuple]) -> None:
    rows = [("a", start, min(40, start + width), strand, score) for start, width, strand, score in drawn]
    reverse = np.array([False, True])
    positions = window_positions(np.array([0, 0]), reverse, length=40)
    inside = by_strand(bed(rows), TAPE, stranded=True).contain(positions, reverse)
    for window, strand in enumerate("+-"):
        expected = [bool(brute(rows, at, strand=strand)) for at in positions[window]]
        assert inside[window].tolist() == expected


@given(intervals)
def test_a_base_takes_the_best_score_that_covers_it(drawn: list[tuple]) -> None:
    rows = [("a", start, min(40, start + width), strand, score) for start, width, strand, score in drawn]
    rows += [("b", 0, 20, ".", 9.0), ("b", 1, 2, ".", 1.0)]  # so that the scores differ
    reverse = np.array([False, True, False])
    positions = window_positions(np.array([0, 10, 5]), reverse, length=30)
    found = list_track(bed(rows), TAPE, positions, reverse, stranded=True)
    for window, strand in enumerate("+-+"):
        for at, value in zip(positions[window], found[window], strict=True):
            scores = brute([row for row in rows if row[0] == "a"], at, strand=strand)
            assert value == pytest.approx(max(scores, default=np.nan), nan_ok=True)


def test_a_list_without_telling_scores_counts_by_its_order() -> None:
    assert listed_scores(bed([("a", 0, 1, "+", 7), ("a", 1, 2, "+", 3)])).tolist() == [7, 3]
    assert listed_scores(bed([("a", 0, 1, "+", np.nan), ("a", 1, 2, "+", 3)])).tolist() == [0, -1]
    assert listed_scores(bed([("a", 0, 1, "+", 5), ("a", 1, 2, "+", 5)])).tolist() == [0, -1]


def test_an_empty_list_covers_nothing() -> None:
    positions = window_positions(np.array([0]), np.array([False]), length=3)
    found = list_track(KNOWN.iloc[:0], TAPE, positions, np.array([False]), stranded=True)
    assert np.isnan(found).all()


def test_at_content_is_the_share_of_a_and_t_and_skips_n() -> None:
    codes = np.array([[0, 3, 1, 4, 2, 0]], np.uint8)
    np.testing.assert_allclose(at_content(codes, width=3), [[1, 2 / 3, 0.5, np.nan, 0.5, 0.5]])
