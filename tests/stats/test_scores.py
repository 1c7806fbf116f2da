from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from statsmodels.stats.multitest import multipletests

from tracklight import stats
from tracklight.errors import InputError


def test_empirical_p_of_literal_scores_is_the_counted_share():
    p = stats.empirical_p([0.5, 3.0, 9.0], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(p, [5 / 5, 3 / 5, 1 / 5])


def test_empirical_p_without_a_null_is_one():
    assert stats.empirical_p([1.0, 2.0], []).tolist() == [1.0, 1.0]


@given(st.lists(st.integers(-3, 3), max_size=20), st.lists(st.integers(-3, 3), max_size=20))
def test_empirical_p_equals_brute_force(scores, null):
    expected = [(1 + sum(x >= s for x in null)) / (1 + len(null)) for s in scores]
    np.testing.assert_allclose(stats.empirical_p(scores, null), expected)


def test_benjamini_hochberg_equals_the_step_up_written_out():
    p = np.array([0.03, 0.001, 0.9, 0.03, 0.2])
    expected = [min(p[j] * 5 / (np.sum(p <= p[j])) for j in range(5) if p[j] >= p[i]) for i in range(5)]
    np.testing.assert_allclose(stats.benjamini_hochberg(p), expected)
    assert stats.benjamini_hochberg([]).shape == (0,)


def test_uniformity_check_counts_p_values_below_alpha():
    assert stats.uniformity_check([0.01, 0.05, 0.5, 0.04], alpha=0.05) == 0.5
    assert np.isnan(stats.uniformity_check([]))


def test_second_draw_of_the_null_against_the_first_is_uniform():
    rng = np.random.default_rng(0)
    p = stats.empirical_p(rng.gumbel(size=20_000), rng.gumbel(size=20_000))
    assert 0.045 < stats.uniformity_check(p) < 0.055


def test_isotonic_of_literal_windows_is_the_pooled_staircase():
    calibrate = stats.isotonic([1, 2, 3, 4], [0, 0, 1, 1])
    # with the added windows: labels 1, 0 at score 1; 0 at 2; 1 at 3; 1, 0 at 4 -> pools 1/3 for {1, 2}, 2/3 for {3, 4}
    np.testing.assert_allclose(calibrate([1, 2, 3, 4]), [1 / 3, 1 / 3, 2 / 3, 2 / 3])
    np.testing.assert_allclose(calibrate([-9, 2.5, 9]), [1 / 3, 1 / 2, 2 / 3])


def test_isotonic_of_a_constant_score_is_the_rule_of_succession():
    np.testing.assert_allclose(stats.isotonic([2, 2, 2], [1, 1, 1])([2]), [4 / 5])


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_isotonic_confidence_increases_and_is_never_certain(windows):
    scores, labels = zip(*windows, strict=True)
    confidence = stats.isotonic(scores, labels)(np.linspace(-1, 10, 50))
    assert (np.diff(confidence) >= -1e-12).all()
    assert confidence[0] >= 1 / (len(windows) + 2) - 1e-12
    assert confidence[-1] <= 1 - 1 / (len(windows) + 2) + 1e-12


def test_confidence_out_of_fold_does_not_change_with_the_labels_of_its_own_group():
    rng = np.random.default_rng(1)
    scores, groups = rng.normal(size=60), np.repeat(["a", "b", "c"], 20)
    labels = rng.random(60) < 1 / (1 + np.exp(-scores))
    flipped = np.where(groups == "b", ~labels, labels)
    before = stats.grouped_out_of_fold(scores, labels, groups, folds=3)
    after = stats.grouped_out_of_fold(scores, flipped, groups, folds=3)
    np.testing.assert_array_equal(before[groups == "b"], after[groups == "b"])
    assert (before[groups == "a"] != after[groups == "a"]).any()


def test_more_folds_than_groups_leaves_one_group_out_at_a_time():
    scores, labels, groups = [0.0, 1.0, 0.0, 1.0], [0, 1, 0, 1], [0, 0, 1, 1]
    expected = stats.isotonic([0.0, 1.0], [0, 1])([0.0, 1.0])
    np.testing.assert_allclose(stats.grouped_out_of_fold(scores, labels, groups, folds=5), [*expected, *expected])


def test_calibration_on_a_single_group_is_refused():
    with pytest.raises(InputError, match="several groups; got 1; allowed: 2 or more"):
        stats.grouped_out_of_fold([1.0, 2.0], [0, 1], ["a", "a"], folds=2)


def test_reliability_curve_of_literal_windows():
    curve = stats.reliability_curve([0.1, 0.3, 0.8, 0.6], [0, 0, 1, 0], bins=2)
    assert curve["bin"].tolist() == [1, 2]
    assert curve["n"].tolist() == [2, 2]
    np.testing.assert_allclose(curve["mean_confidence"], [0.2, 0.7])
    np.testing.assert_allclose(curve["fraction_active"], [0.0, 0.5])
    assert stats.expected_calibration_error([0.1, 0.3, 0.8, 0.6], [0, 0, 1, 0], bins=2) == pytest.approx(0.2)


def test_equal_confidences_stay_in_one_bin_whatever_their_order():
    confidence, labels = [0.5] * 6 + [0.9] * 2, [1, 1, 1, 0, 0, 0, 1, 1]
    curve = stats.reliability_curve(confidence, labels, bins=4)
    assert curve["n"].tolist() == [6, 2]
    assert curve["fraction_active"].tolist() == [0.5, 1.0]


@given(st.integers(1, 60), st.integers(1, 12))
def test_bins_of_distinct_confidences_differ_by_one_window_at_most(n, bins):
    counts = stats.reliability_curve(np.linspace(0, 1, n), np.zeros(n), bins=bins)["n"]
    assert counts.sum() == n
    assert counts.max() - counts.min() <= 1


def test_calibration_error_without_windows_is_nan():
    assert np.isnan(stats.expected_calibration_error([], []))


def test_auroc_equals_the_rank_sum_and_auprc_the_mean_precision_at_hits():
    scores, labels = np.array([0.9, 0.8, 0.7, 0.4, 0.3]), np.array([1, 0, 1, 0, 0])
    u = mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    assert stats.auroc(scores, labels) == pytest.approx(u / 6)
    assert stats.auprc(scores, labels) == pytest.approx((1 / 1 + 2 / 3) / 2)


@pytest.mark.parametrize("labels", [[1, 1], [0, 0]])
def test_ranking_metrics_are_nan_when_a_class_is_missing(labels):
    assert np.isnan(stats.auroc([0.1, 0.2], labels))
    assert np.isnan(stats.auprc([0.1, 0.2], labels))


def test_fewest_calls_is_the_smallest_number_at_the_floor_that_passes():
    needed = stats.fewest_calls(100, 1000, level=0.2)
    assert needed == 50  # 1000 / (101 * 0.2) = 49.5
    for calls in (needed - 1, needed):
        p = np.concatenate([np.full(calls, 1 / 101), np.ones(1000 - calls)])  # 100 null scores, 1000 tests
        assert (stats.benjamini_hochberg(p)[0] <= 0.2) == (calls == needed)


def test_the_interval_of_a_mean_is_that_of_means_over_drawn_groups():
    values, groups = np.array([1.0, 3.0, 5.0, 11.0]), np.array(["a", "a", "b", "c"])
    mean, low, high = stats.mean_interval(values, groups, samples=4000, generator=np.random.default_rng(0))
    each = {"a": [1.0, 3.0], "b": [5.0], "c": [11.0]}
    draws = [np.mean([value for name in draw for value in each[name]]) for draw in product("abc", repeat=3)]
    assert float(mean) == 5.0
    np.testing.assert_allclose([low, high], np.quantile(draws, [0.025, 0.975], method="inverted_cdf"))


def test_intervals_of_several_columns_leave_missing_values_out():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]])
    mean, low, high = stats.mean_interval(values, np.arange(2), samples=200, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(mean, [2.0, 4.0, np.nan])
    np.testing.assert_array_equal(low, [1.0, 4.0, np.nan])
    np.testing.assert_array_equal(high, [3.0, 4.0, np.nan])


def test_a_constant_difference_has_an_interval_of_no_width():
    difference = np.full((5, 2), 0.25)
    found = stats.mean_interval(difference, np.arange(5), samples=100, generator=np.random.default_rng(0))
    np.testing.assert_allclose(np.stack(found), 0.25)


@pytest.mark.parametrize("seed", range(3))
def test_holm_equals_statsmodels(seed):
    p = np.random.default_rng(seed).choice([0.001, 0.01, 0.02, 0.2, 0.9], size=6 + seed)
    np.testing.assert_allclose(stats.holm(p), multipletests(p, method="holm")[1], atol=1e-12)
