import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tracklight.genome.ranking import coarse_levels, measure, rank_levels, ranking_metrics
from tracklight.stats import bootstrap_weights

ONCE = np.ones((1, 1), np.int64)


def test_perfect_reversed_and_constant_scores_are_known_by_heart() -> None:
    labels = np.array([[True, False, False, False]])
    for scores, auroc, auprc in (([3, 2, 1, 0], 1, 1), ([0, 1, 2, 3], 0, 0.25), ([1, 1, 1, 1], 0.5, 0.25)):
        values, samples = measure(labels, np.array([scores], float), weights=ONCE, top_fraction=0.25)
        assert values[:2].tolist() == [pytest.approx(auroc), pytest.approx(auprc)]
        np.testing.assert_allclose(samples[0], values)


def test_enrichment_is_the_share_of_positives_at_the_top_over_the_base_rate() -> None:
    labels = np.array([[True, False, True, False, False, False, False, False, False, False]])
    scores = np.arange(10, 0, -1, dtype=float)[None]
    # the top 20 % are one positive and one negative: 50 % against a base rate of 20 %
    assert measure(labels, scores, weights=ONCE, top_fraction=0.2)[0][2] == pytest.approx(2.5)


def test_a_tie_at_the_limit_counts_in_part() -> None:
    labels = np.array([[True, True, False, False]])
    assert measure(labels, np.ones((1, 4)), weights=ONCE, top_fraction=0.25)[0][2] == pytest.approx(1)


def test_unknown_scores_are_the_lowest() -> None:
    labels = np.array([[True, True, False, False]])
    scores = np.array([[np.nan, 2.0, -5.0, np.nan]])
    assert rank_levels(scores).tolist() == [[2, 0, 1, 2]]
    # pairs of a positive and a negative: won 2, lost 1, tied 1
    assert measure(labels, scores, weights=ONCE, top_fraction=0.5)[0][0] == pytest.approx(2.5 / 4)


def test_metrics_are_unknown_without_both_classes() -> None:
    values, samples = measure(np.ones((1, 3), bool), np.ones((1, 3)), weights=ONCE, top_fraction=0.5)
    assert np.isnan(values).all()
    assert np.isnan(samples).all()


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_auroc_and_auprc_equal_scikit_learn_also_in_weighted_samples(seed: int, distinct: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.random((5, 7)) < 0.4
    labels[:, :2] = [True, False]
    scores = generator.integers(0, distinct, (5, 7)).astype(float)
    weights = bootstrap_weights(np.arange(5), samples=3, generator=generator)
    values, samples = measure(labels, scores, weights=weights, top_fraction=0.1)
    flat = labels.ravel(), scores.ravel()
    assert values[:2].tolist() == pytest.approx([roc_auc_score(*flat), average_precision_score(*flat)])
    for drawn, found in zip(weights, samples, strict=True):
        repeated = {"sample_weight": np.repeat(drawn, 7)}
        expected = [roc_auc_score(*flat, **repeated), average_precision_score(*flat, **repeated)]
        assert found[:2].tolist() == pytest.approx(expected)


def test_coarse_levels_keep_the_order_and_ties_together() -> None:
    levels = np.array([0, 1, 1, 1, 2, 3, 4, 5])
    coarse = coarse_levels(levels, n=3)
    assert coarse.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    assert coarse_levels(levels, n=6) is levels


def test_coarse_levels_change_the_metrics_by_less_than_their_interval() -> None:
    generator = np.random.default_rng(1)
    labels = generator.random(20_000) < 0.1
    levels = rank_levels(generator.normal(size=20_000) + labels)
    exact, rough = (
        ranking_metrics(
            np.bincount(numbered[labels], minlength=20_000).astype(float),
            np.bincount(numbered[~labels], minlength=20_000).astype(float),
            top_fraction=0.05,
        )
        for numbered in (levels, coarse_levels(levels, n=1000))
    )
    np.testing.assert_allclose(rough, exact, rtol=2e-2)


def test_bootstrap_draws_as_many_groups_as_there_are_and_whole_ones() -> None:
    groups = np.array(["p", "q", "p", "r", "q"])
    drawn = bootstrap_weights(groups, samples=50, generator=np.random.default_rng(2))
    assert drawn.shape == (50, 5)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 2])
    np.testing.assert_array_equal(drawn[:, 1], drawn[:, 4])
    assert (drawn[:, [0, 1, 3]].sum(axis=1) == 3).all()
    again = bootstrap_weights(groups, samples=50, generator=np.random.default_rng(2))
    np.testing.assert_array_equal(drawn, again)


def test_more_samples_than_fit_at_once_are_all_measured() -> None:
    generator = np.random.default_rng(3)
    labels = generator.random((9, 4)) < 0.5
    weights = bootstrap_weights(np.arange(9), samples=120, generator=generator)
    scores = generator.normal(size=(9, 4))
    _, samples = measure(labels, scores, weights=weights, top_fraction=0.3)
    _, last = measure(labels, scores, weights=weights[-1:], top_fraction=0.3)
    assert samples.shape == (120, 3)
    np.testing.assert_allclose(samples[-1], last[0])
