"""Intervals over subjects beside scipy and the formulas of the textbooks."""

import numpy as np
import pytest
from scipy.special import gamma
from scipy.stats import bootstrap, ttest_1samp

from tracklight.stats import subjects


def estimate(effects, **changed):
    options = {"samples": 4000, "bca_from": 10, "generator": np.random.default_rng(0)} | changed
    return subjects.mean_over_subjects(effects, **options)


def test_few_subjects_get_the_interval_of_student():
    effects = np.random.default_rng(0).normal(1, 2, (6, 3))
    expected = ttest_1samp(effects, 0).confidence_interval(0.95)
    found = estimate(effects)
    np.testing.assert_allclose(found.mean, effects.mean(0))
    np.testing.assert_allclose((found.low, found.high), (expected.low, expected.high))


def test_ten_subjects_get_the_interval_of_scipy_from_the_same_samples():
    effects = np.random.default_rng(1).exponential(size=(12, 2))
    weights = subjects.subject_weights(12, samples=999, generator=np.random.default_rng(2))
    drawn = weights @ effects
    for feature in range(2):
        sample = effects[:, feature]
        theirs = bootstrap((sample,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(3))
        ours = estimate(effects, samples=9999)
        width = theirs.confidence_interval.high - theirs.confidence_interval.low
        for end, name in ((ours.low, "low"), (ours.high, "high")):
            assert abs(end[feature] - getattr(theirs.confidence_interval, name)) < 0.04 * width
        again = bootstrap((sample,), np.mean, n_resamples=0, method="BCa",
                          bootstrap_result=_Result(drawn[:, feature]))  # fmt: skip
        np.testing.assert_allclose(
            subjects.bca(effects, drawn)[:, feature],
            (again.confidence_interval.low, again.confidence_interval.high),
        )


class _Result:
    """What scipy takes as samples that were drawn before."""

    def __init__(self, distribution):
        self.bootstrap_distribution = distribution


def test_subjects_that_all_agree_give_an_interval_of_no_width():
    found = estimate(np.full((12, 1), 0.3))
    np.testing.assert_allclose(np.ravel(found), 0.3)


def test_a_subject_without_an_effect_is_left_out_and_one_alone_has_no_interval():
    found = estimate(np.array([[2.0], [np.nan]]))
    assert found.mean == [2.0]
    assert np.isnan([found.low, found.high]).all()


def test_the_effect_size_is_hedges_exact_formula():
    effects = np.array([[1.0], [2.0], [4.0], [5.0]])
    correction = gamma(1.5) / (np.sqrt(1.5) * gamma(1.0))
    np.testing.assert_allclose(subjects.effect_size(effects), [correction * 3 / np.std([1, 2, 4, 5], ddof=1)])
    assert np.isnan(subjects.effect_size(effects[:2])).all()


def test_a_new_subject_lies_inside_its_interval_as_often_as_promised():
    rng = np.random.default_rng(4)
    drawn = rng.normal(size=(9, 20_000))
    low, high = subjects.next_subject(drawn[:8])
    assert np.mean((low < drawn[8]) & (drawn[8] < high)) == pytest.approx(0.95, abs=0.005)


def test_subjects_of_the_mean_s_sign_are_counted():
    assert subjects.same_sign(np.array([[1.0, -1], [2, 5], [-1, -6], [np.nan, np.nan]])).tolist() == [2, 2]
