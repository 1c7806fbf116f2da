"""The split of a difference: it sums to the whole, and says what textbooks say it does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.stats.decomposition import confound_share, decompose, decompose_by_stage
from tracklight.stats.strata import stratify


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 4))
def test_the_parts_sum_to_the_difference_of_means(seed, subjects, stages):
    rng = np.random.default_rng(seed)
    subject, stage, label = (rng.integers(most, size=50) for most in (subjects, stages, 2))
    label[:2], subject[:2], stage[:2] = (0, 1), 0, 0
    values = rng.normal(50, 10, size=(50, 3))
    parts = decompose(stratify(subject, stage, label=label), values)
    for number, name in enumerate(np.unique(subject)):
        mine = subject == name
        if {0, 1} <= set(label[mine]):
            plain = values[mine & (label == 1)].mean(0) - values[mine & (label == 0)].mean(0)
            np.testing.assert_allclose(parts.total[number], plain, atol=1e-9)
            np.testing.assert_allclose((parts.within + parts.between + parts.rest)[number], plain, atol=1e-9)
        else:
            assert np.isnan(parts.total[number]).all()


def test_a_difference_inside_stages_of_the_same_mix_is_all_within():
    stage, label = ["N2", "N2", "REM", "REM"] * 2, [1, 0] * 4
    parts = decompose(stratify(["a"] * 8, stage, label=label), np.array([[3.0], [1], [12], [10]] * 2))
    np.testing.assert_allclose(np.ravel(parts), [2, 2, 0, 0], atol=1e-12)


def test_levels_that_follow_the_stage_alone_are_all_between():
    stage, label = ["REM"] * 4 + ["N2"] * 4, [1, 1, 1, 0, 1, 0, 0, 0]
    values = np.where(np.array(stage) == "REM", 10.0, 4.0)[:, None]
    parts = decompose(stratify(["a"] * 8, stage, label=label), values)
    np.testing.assert_allclose(np.ravel(parts), [3, 0, 3, 0], atol=1e-12)


def test_a_stage_with_one_label_is_neither_within_nor_between():
    # Over all rows the mean is 4.5; W, with one label, holds 1/3 of the labelled rows at 9 - 4.5.
    stage, label = ["N2", "N2", "N2", "N2", "W"], [1, 1, 0, 0, 1]
    parts = decompose(stratify(["a"] * 5, stage, label=label), np.array([[4.0], [6], [1], [2.5], [9]]))
    np.testing.assert_allclose(parts.rest, [[4.5 / 3]])
    np.testing.assert_allclose(parts.total, [[19 / 3 - 1.75]])


def test_a_constant_added_to_all_values_changes_no_part():
    rng = np.random.default_rng(0)
    design = stratify(rng.integers(3, size=40), rng.integers(6, size=40), label=rng.random(40) < 0.5)
    values = rng.normal(size=(40, 2))
    assert design.overlap < 1
    for one, other in zip(decompose(design, values), decompose(design, values + 1e3), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_subjects_with_other_base_rates_make_no_difference():
    # Inside each subject the label does nothing; pooled, the subject with many labels and high values would show one.
    subject, label = ["high"] * 4 + ["low"] * 4, [1, 1, 1, 0, 1, 0, 0, 0]
    values = np.where(np.array(subject) == "high", 10.0, 0.0)
    pooled = values[np.array(label) == 1].mean() - values[np.array(label) == 0].mean()
    assert pooled == 5.0
    parts = decompose(stratify(subject, ["s"] * 8, label=label), values[:, None])
    np.testing.assert_allclose(parts, 0.0, atol=1e-12)


def test_parts_of_features_sum_to_the_parts_of_their_sum():
    rng = np.random.default_rng(1)
    design = stratify(rng.integers(3, size=60), rng.integers(3, size=60), label=rng.random(60) < 0.5)
    values = rng.normal(size=(60, 4))
    whole = decompose(design, values.sum(1, keepdims=True))
    for part, total in zip(decompose(design, values), whole, strict=True):
        np.testing.assert_allclose(part.sum(1, keepdims=True), total, atol=1e-9)


def test_parts_of_stages_sum_to_those_of_the_subject_and_are_nothing_where_it_never_was():
    rng = np.random.default_rng(2)
    subject, stage, label = rng.integers(3, size=60), rng.integers(4, size=60), rng.random(60) < 0.5
    stage[(subject == 0) & (stage == 3)] = 1
    design = stratify(subject, stage, label=label, within=rng.integers(2, size=60))
    values = rng.normal(20, 4, size=(60, 2))
    by_stage = decompose_by_stage(design, values)
    for part, whole in zip(by_stage, decompose(design, values), strict=True):
        assert part.shape == (4, 3, 2)
        np.testing.assert_allclose(part.sum(0), whole, atol=1e-9)
        assert (part[3, 0] == 0).all()
    np.testing.assert_allclose(by_stage.total, by_stage.within + by_stage.between + by_stage.rest, atol=1e-9)


def test_a_difference_inside_one_stage_alone_is_within_that_stage():
    # Same mix for both labels; the label adds 4 in REM and nothing in N2: half of the reports are from REM.
    stage, label = ["N2", "N2", "REM", "REM"], [1, 0, 1, 0]
    parts = decompose_by_stage(stratify(["a"] * 4, stage, label=label), np.array([[1.0], [1], [9], [5]]))
    np.testing.assert_allclose(np.ravel(parts.within), [0, 2])
    np.testing.assert_allclose(np.ravel(parts.between), [0, 0], atol=1e-12)


def test_the_confound_share_of_literal_parts():
    found = confound_share(np.array([3.0, -1, 0, 0]), np.array([1.0, 1, 2, 0]))
    assert found[:3] == pytest.approx([0.25, 0.5, 1.0])
    assert np.isnan(found[3])
