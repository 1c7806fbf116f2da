import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from tracklight.genome.agreements import Agreements, mean_of_known

GROUPS = np.array(["a", "a", "b", "c"])


@pytest.fixture
def notes() -> Agreements:
    return Agreements(GROUPS, samples=200, seed=0)


def drawn(seed: int) -> torch.Tensor:
    return torch.randn((4, 9), generator=torch.Generator().manual_seed(seed))


def test_pairs_are_averaged_within_windows_and_their_means_give_the_spread(notes):
    pairs = [(drawn(0), drawn(1)), (drawn(2), drawn(3)), (drawn(4), drawn(5))]
    values = notes.compare("seeds", "3 pairs", pairs)
    each = np.array([[spearmanr(abs(u), abs(v)).statistic for u, v in zip(a, b, strict=True)] for a, b in pairs])
    np.testing.assert_allclose(values, each.mean(0), atol=1e-12)
    rank, signed = notes.table().to_dict("records")
    assert (rank["check"], rank["variant"], rank["what"], rank["n"]) == ("seeds", "3 pairs", "agreement", 4)
    assert rank["value"] == pytest.approx(each.mean())
    assert rank["spread"] == pytest.approx(each.mean(1).std(ddof=1))
    assert rank["low"] < rank["value"] < rank["high"]
    assert signed["what"] == "signed agreement"
    expected = np.mean([[pearsonr(u, v).statistic for u, v in zip(a, b, strict=True)] for a, b in pairs])
    assert signed["value"] == pytest.approx(expected, abs=1e-6)


def test_windows_with_an_empty_map_are_left_out_and_counted_out(notes):
    a, b = drawn(0), drawn(1)
    b[1] = 0.0
    values = notes.compare("x", "y", [(a, b)])
    assert np.isfinite(values).tolist() == [True, False, True, True]
    row = notes.table().iloc[0]
    assert row["n"] == 3
    assert row["value"] == pytest.approx(np.mean(values[[0, 2, 3]]))
    assert np.isnan(row["spread"])  # of one pair there is none


def test_no_pair_gives_rows_without_a_value(notes):
    assert np.isnan(notes.compare("seeds", "one network only", [])).all()
    assert notes.table()[["value", "low", "high", "spread"]].isna().all(axis=None)
    assert notes.table()["n"].tolist() == [0, 0]


def test_every_interval_draws_the_same_blocks(notes):
    values = np.array([0.1, 0.4, 0.2, 0.9])
    assert notes.interval(values) == notes.interval(values)
    shifted = np.array(notes.interval(values + 1)) - 1
    np.testing.assert_allclose(shifted, notes.interval(values))


def test_the_mean_of_known_values_is_that_of_nanmean_and_missing_where_nothing_is_known():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(mean_of_known(values, axis=0), [2.0, 5.0, np.nan])
    np.testing.assert_array_equal(mean_of_known(values, axis=1), [1.0, 4.0])
