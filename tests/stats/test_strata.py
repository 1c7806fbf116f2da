"""Designs small enough to write every stratum out, and statsmodels and least squares beside the rest."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from tracklight.errors import InputError
from tracklight.stats import strata

# Two subjects, two stages; subject b has one label only in REM.
SUBJECT = list("aaaaaaabbbbb")
STAGE = ["N2", "N2", "N2", "REM", "REM", "REM", "REM", "N2", "N2", "N2", "REM", "REM"]
LABEL = [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1]
VALUE = np.array([5.0, 1, 3, 2, 4, 0, 1, 7, 9, 2, 100, 50])


def small():
    return strata.stratify(SUBJECT, STAGE, label=LABEL)


def random_design(rng, *, subjects=5, stages=3, rows=60):
    subject, stage = rng.integers(subjects, size=rows), rng.integers(stages, size=rows)
    return strata.stratify(subject, stage, label=rng.random(rows) < 0.4)


def written_out(design, values):
    """Weighted difference of each subject, as nested loops over the formula."""
    effects = []
    for subject in range(len(design.subjects)):
        above = below = 0.0
        for stratum in np.flatnonzero(design.subject == subject):
            rows = design.member == stratum
            one, zero = values[rows & design.label], values[rows & ~design.label]
            if len(one) and len(zero):
                weight = len(one) * len(zero) / (len(one) + len(zero))
                above, below = above + weight * (one.mean() - zero.mean()), below + weight
        effects.append(above / below if below else np.nan)
    return np.array(effects)


def test_the_effect_of_a_literal_subject_is_the_weighted_mean_of_its_strata():
    # a: N2 has 5 against 2, weight 2/3; REM has 3 against .5, weight 1. b: N2 alone, 8 against 2.
    expected = [(2 / 3 * 3 + 1 * 2.5) / (5 / 3), 6.0]
    np.testing.assert_allclose(strata.subject_effects(small(), VALUE[:, None])[:, 0], expected)


def test_the_common_effect_weighs_subjects_alike_and_each_stage_its_own():
    design, differences = small(), strata.differences(small(), VALUE[:, None])
    expected = (2.7 + 6.0) / 2
    np.testing.assert_allclose(strata.common_contrast(design) @ differences, [[expected]])
    np.testing.assert_allclose(strata.stage_effects(design, VALUE[:, None])[:, 0], [(3 + 6) / 2, 2.5])


def test_a_stage_is_set_against_the_subjects_that_have_it():
    differences = strata.differences(small(), VALUE[:, None])
    np.testing.assert_allclose((strata.departures(small()) @ differences)[:, 0], [4.5 - 4.35, 2.5 - 2.7])


def test_overlap_is_the_share_of_rows_in_strata_with_both_labels():
    assert small().overlap == 10 / 12


@pytest.mark.parametrize("seed", range(5))
def test_effects_of_random_tables_equal_the_formula_written_out(seed):
    rng = np.random.default_rng(seed)
    design = random_design(rng)
    values = rng.normal(size=(60, 2))
    expected = np.stack([written_out(design, column) for column in values.T], axis=1)
    np.testing.assert_allclose(strata.subject_effects(design, values), expected, atol=1e-12)


def test_a_subject_without_overlap_has_no_effect_and_no_weight():
    design = strata.stratify(list("aabb"), ["s"] * 4, label=[1, 0, 1, 1])
    values = np.array([[3.0], [1.0], [9.0], [9.0]])
    assert np.isnan(strata.subject_effects(design, values)[1, 0])
    np.testing.assert_allclose(strata.common_contrast(design) @ strata.differences(design, values), [[2.0]])


def test_one_stratum_of_yes_and_no_gives_the_risk_difference_of_statsmodels():
    rng = np.random.default_rng(0)
    stage, label, answer = rng.integers(4, size=200), rng.random(200) < 0.4, rng.random(200) < 0.5
    tables = [np.array([[np.sum((stage == s) & (label == y) & (answer == a)) for a in (1, 0)] for y in (1, 0)])
              for s in range(4)]  # fmt: skip
    design = strata.stratify(np.zeros(200), stage, label=label)
    # Mantel and Haenszel's risk difference; statsmodels has their test, whose numerator is the same sum of a - E[a].
    numerator = sum((t[0, 0] * t[1, 1] - t[0, 1] * t[1, 0]) / t.sum() for t in tables)
    values = answer[:, None].astype(float)
    effect = strata.subject_effects(design, values)[0, 0]
    np.testing.assert_allclose(effect * design.weight.sum(), numerator)
    variance = strata.common_contrast(design) ** 2 @ strata.permuted_variance(design, values)
    test = StratifiedTable(tables).test_null_odds(correction=False)
    np.testing.assert_allclose(effect**2 / variance[0, 0], test.statistic)


def test_inverse_variance_weighs_a_quiet_subject_more():
    rng = np.random.default_rng(3)
    label, subject = np.tile([1, 0], 20), np.repeat(["loud", "quiet"], 20)
    values = label * np.where(subject == "quiet", 1.0, 5.0) + rng.normal(size=40) * np.where(subject == "quiet", 0.1, 9)
    design = strata.stratify(subject, ["s"] * 40, label=label)
    effects = strata.subject_effects(design, values[:, None])[:, 0]
    within = [np.var(values[subject == name], ddof=1) * (1 / 10 + 1 / 10) for name in ("loud", "quiet")]
    np.testing.assert_allclose(
        strata.inverse_variance(design, values[:, None]), np.average(effects, weights=1 / np.array(within))
    )


def test_the_pattern_inside_strata_is_the_slope_of_a_regression_with_a_mean_per_stratum():
    rng = np.random.default_rng(4)
    stage, score = rng.integers(3, size=40), rng.normal(size=40)
    values = (2 * score + 10 * stage + rng.normal(size=40))[:, None]
    design = strata.stratify(["x"] * 40, stage, label=rng.random(40) < 0.5)
    dummies = (stage[:, None] == np.arange(3)).astype(float)
    slope = np.linalg.lstsq(np.column_stack([score, dummies]), values[:, 0], rcond=None)[0][0]
    np.testing.assert_allclose(strata.within_pattern(design, values, score=score), [slope])
    assert np.isnan(strata.within_pattern(design, values, score=stage)).all()


def test_bins_hold_about_as_many_rows_each_and_never_part_ties():
    bins = strata.quantile_bins([3, 1, 2, 4, 10, 10, 10, 11], np.array(list("aaaabbbb")), count=2)
    assert bins.tolist() == [1, 0, 0, 1, 0, 0, 0, 1]


def test_rows_of_other_bins_are_another_stratum_of_the_same_stage():
    design = strata.stratify(["a"] * 4, ["s"] * 4, label=[1, 0, 1, 0], within=[0, 0, 1, 1])
    assert design.weight.tolist() == [0.5, 0.5]
    assert design.stages == ("s",)


def test_one_label_in_every_stratum_is_refused():
    with pytest.raises(InputError, match="no stratum has both labels; got 4 rows in 2 strata"):
        strata.stratify(list("aabb"), ["s"] * 4, label=[1, 1, 0, 0])
