from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tracklight.learning.baselines import at_content, kmer_counts, kmer_ridge
from tracklight.learning.metrics import score


def test_at_content_is_the_share_of_a_and_t_among_known_bases():
    codes = np.array([[0, 3, 1, 2], [0, 4, 4, 1], [4, 4, 4, 4]], np.uint8)
    assert at_content(codes).tolist() == [0.5, 0.5, 0.5]
    assert at_content(np.array([[0, 0, 3, 1]], np.uint8)).tolist() == [0.75]


def test_kmer_counts_equal_counting_words():
    generator = np.random.default_rng(0)
    codes = generator.choice(5, size=(6, 30), p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)
    words = ["".join(letters) for letters in product("ACGT", repeat=3)]
    for row, counts in zip(codes, kmer_counts(codes, 3).toarray(), strict=True):
        text = "".join("ACGTN"[code] for code in row)
        expected = [sum(text[i : i + 3] == word for i in range(28)) for word in words]
        assert counts.tolist() == expected


def test_kmer_ridge_is_the_ridge_regression_that_is_best_on_validation():
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 4, (300, 40)).astype(np.uint8)
    values = kmer_counts(codes, 2).toarray()[:, 6] + generator.normal(0, 0.5, 300)  # counts of CG
    values[5] = np.nan
    train, validation = np.arange(200), np.arange(200, 300)
    prediction, choice = kmer_ridge(codes, values, train, validation, lengths=[1, 2], penalties=[1.0, 100.0])
    known = train[train != 5]
    counts = kmer_counts(codes, 2).toarray()
    expected = Ridge(alpha=choice["penalty"]).fit(counts[known], values[known]).predict(counts)
    assert choice["k"] == 2
    assert prediction == pytest.approx(expected, abs=1e-2)
    assert choice["validation_pearson"] > 0.8


def test_scores_leave_missing_values_out():
    value = np.array([1.0, 2.0, 3.0, np.nan])
    active = np.array([0.0, 0.0, 1.0, np.nan])
    found = score(np.array([1.0, 3.0, 2.0, 9.0]), value, active)
    assert found["pearson"] == pytest.approx(0.5)
    assert found["spearman"] == pytest.approx(0.5)
    assert found["auroc"] == pytest.approx(0.5)
    assert found["auprc"] == pytest.approx(0.5)


def test_scores_of_a_constant_prediction_are_undefined_rather_than_wrong():
    found = score(np.ones(3), np.arange(3.0), np.array([0.0, 1.0, 1.0]))
    assert np.isnan(found["pearson"])
    assert np.isnan(found["spearman"])
    assert found["auroc"] == 0.5
