"""Tests within strata beside enumeration by hand, scipy's permutation test and literal counts."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from scipy.stats import permutation_test

from tracklight.errors import InputError
from tracklight.stats import permutation as tests
from tracklight.stats.clusters import chain, neighbour_pairs
from tracklight.stats.exchange import Enumerated, Permuted, Shifted, draws
from tracklight.stats.strata import common_contrast, differences, stage_effects, stratify, subject_effects


def table(rng, *, subjects=3, rows=30, features=4):
    subject, stage = rng.integers(subjects, size=rows), rng.integers(2, size=rows)
    return stratify(subject, stage, label=rng.random(rows) < 0.5), rng.normal(size=(rows, features))


def run(design, values, *, count=999, seed=0, shape=None, exchange="permute"):
    drawn = draws(design, count=count, seed=seed, exchange=exchange)
    statistic = tests.main_statistic(design, values, drawn=drawn)
    observed = statistic(design.label[None])[0]
    parts = [tests.null_part(statistic, drawn, span=span, observed=observed, shape=shape)
             for span in tests.spans(drawn, statistic)]  # fmt: skip
    return observed, tests.join(parts), drawn


def by_hand(design, values):
    """Theta of every labelling there is, the observed first, as loops over strata."""
    strata = [np.flatnonzero(design.member == stratum) for stratum in range(len(design.subject))]
    ways = [list(combinations(rows, int(design.label[rows].sum()))) for rows in strata]
    thetas = []
    for choice in product(*ways):
        label = np.zeros(len(values), bool)
        label[[row for rows in choice for row in rows]] = True
        changed = stratify(design.subject[design.member], design.stage[design.member], label=label)
        thetas.append(np.nanmean(subject_effects(changed, values), axis=0))
    return np.array(thetas)


SMALL = stratify(list("aaaaabbbb"), ["N", "N", "N", "R", "R", "R", "R", "R", "R"], label=[1, 0, 0, 1, 0, 1, 0, 0, 1])
VALUES = np.array([[3.0, 1], [1, 2], [0, 5], [4, 4], [2, 1], [9, 0], [3, 7], [1, 1], [6, 2]])


def test_the_sd_of_theta_is_that_over_every_permutation():
    drawn = draws(SMALL, count=1000, seed=0, exchange="permute")
    thetas = by_hand(SMALL, VALUES)
    assert drawn.count == len(thetas) == 3 * 2 * comb(4, 2)
    np.testing.assert_allclose(tests.main_statistic(SMALL, VALUES, drawn=drawn).sd[0], thetas.std(0))
    np.testing.assert_allclose(thetas.mean(0), 0.0, atol=1e-12)


def test_enumeration_gives_every_labelling_once_and_the_p_values_of_brute_force():
    observed, null, drawn = run(SMALL, VALUES)
    assert drawn.exact
    labels = drawn.labels(0, drawn.count)
    assert len(np.unique(labels, axis=0)) == drawn.count
    thetas = by_hand(SMALL, VALUES)
    theta = np.nanmean(subject_effects(SMALL, VALUES), axis=0)
    z = thetas / thetas.std(0)
    np.testing.assert_allclose(observed, theta / thetas.std(0))
    p = (np.abs(thetas) >= np.abs(theta) - 1e-9).mean(0)
    np.testing.assert_allclose(tests.p_reached(null.reached, drawn), p)
    largest = [(np.abs(z).max(1) >= abs(one) - 1e-9).mean() for one in observed]
    np.testing.assert_allclose(tests.p_largest(observed, null.largest, drawn=drawn), largest)


@pytest.mark.parametrize("exact", [True, False])
def test_one_stratum_gives_the_p_value_of_scipy(exact):
    rng = np.random.default_rng(0)
    label = np.repeat([True, False], [5, 6])
    values = rng.normal(size=11) + label
    _, null, drawn = run(stratify(["a"] * 11, ["s"] * 11, label=label), values[:, None], count=9999 if exact else 300)
    theirs = permutation_test(
        (values[label], values[~label]), lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis), vectorized=True,
        n_resamples=np.inf, alternative="two-sided",
    )  # fmt: skip
    ours = tests.p_reached(null.reached, drawn)[0]
    assert drawn.exact == exact
    # scipy doubles the smaller tail, which for 5 against 6 is not the mass of |theta|
    both = np.mean(np.abs(theirs.null_distribution) >= abs(theirs.statistic) - 1e-9)
    assert ours == pytest.approx(both, abs=1e-12 if exact else 4 * np.sqrt(both / 300))


def test_equal_halves_give_exactly_the_two_sided_p_value_of_scipy():
    rng = np.random.default_rng(3)
    label, values = np.repeat([True, False], 5), rng.normal(size=10)
    _, null, drawn = run(stratify(["a"] * 10, ["s"] * 10, label=label), values[:, None])
    theirs = permutation_test((values[label], values[~label]), lambda x, y: np.mean(x) - np.mean(y), n_resamples=np.inf)
    assert tests.p_reached(null.reached, drawn)[0] == pytest.approx(theirs.pvalue, abs=1e-12)


def test_permuted_labels_keep_the_counts_of_every_stratum():
    design, _ = table(np.random.default_rng(1), rows=80)
    labels = Permuted(design, 50, seed=3).labels(0, 50)
    ones = np.stack([np.bincount(design.member[one], minlength=len(design.subject)) for one in labels])
    assert (ones == design.ones).all()
    assert len(np.unique(labels, axis=0)) == 50


def test_every_permutation_of_a_stratum_is_as_likely():
    design = stratify(["a"] * 4, ["s"] * 4, label=[1, 1, 0, 0])
    _, counts = np.unique(Permuted(design, 6000, seed=0).labels(0, 6000), axis=0, return_counts=True)
    assert len(counts) == 6
    assert (np.abs(counts - 1000) < 5 * np.sqrt(1000)).all()


def test_parts_drawn_anywhere_and_in_any_order_are_those_of_one_run(monkeypatch):
    design, values = table(np.random.default_rng(2))
    shape = tests.Shape(1.0, neighbour_pairs(np.arange(4)[:, None], [chain(4)]))
    _, whole, drawn = run(design, values, count=200, shape=shape)
    monkeypatch.setattr(tests, "MOST_AT_ONCE", 30 * 37)
    statistic = tests.main_statistic(design, values, drawn=drawn)
    spans = tests.spans(drawn, statistic)
    assert len(spans) == 6
    observed = statistic(design.label[None])[0]
    parts = {span: tests.null_part(statistic, drawn, span=span, observed=observed, shape=shape)
             for span in reversed(spans)}  # fmt: skip
    again = tests.join([parts[span] for span in spans])
    np.testing.assert_array_equal(again.reached, whole.reached)
    np.testing.assert_allclose(again.largest, whole.largest, rtol=1e-12)
    np.testing.assert_allclose(again.mass, whole.mass, rtol=1e-12)


def test_the_same_seed_draws_the_same_labels_and_another_draws_anew():
    design, _ = table(np.random.default_rng(3))
    one, same, other = (Permuted(design, 9, seed=seed).labels(4, 9) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_shifts_keep_the_circle_of_labels_in_every_stratum():
    order = np.array([3, 1, 2, 0, 5, 9, 7, 8, 6])
    design = stratify(["a"] * 9, list("xxxxyyyyy"), label=[1, 1, 0, 0, 1, 0, 0, 0, 0])
    labels = Shifted(design, order, 300, seed=0).labels(0, 300)
    x, y = np.argsort(order[:4]), 4 + np.argsort(order[4:])
    circles = {tuple(np.roll(design.label[x], step)) for step in range(4)}
    assert {tuple(one[x]) for one in labels} == circles
    assert {tuple(one[y]) for one in labels} == {tuple(np.roll([1, 0, 0, 0, 0], step) == 1) for step in range(5)}
    assert draws(design, count=300, seed=0, exchange="shift", order=order).count == 2 * 5  # in order of time x is 0101


def test_the_sd_over_shifts_is_that_of_every_shift_written_out():
    rng = np.random.default_rng(4)
    design = stratify(["a"] * 6 + ["b"] * 5, ["s"] * 11, label=[1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1])
    values = rng.normal(size=(11, 2)).cumsum(0)
    thetas = []
    for one, two in product(range(6), range(5)):
        label = np.concatenate([np.roll(design.label[:6], one), np.roll(design.label[6:], two)])
        moved = stratify(["a"] * 6 + ["b"] * 5, ["s"] * 11, label=label)
        thetas.append((common_contrast(moved) @ differences(moved, values))[0])
    drawn = draws(design, count=1000, seed=0, exchange="shift")
    assert isinstance(drawn, Enumerated)
    np.testing.assert_allclose(tests.main_statistic(design, values, drawn=drawn).sd[0], np.std(thetas, axis=0))


def test_labels_of_period_two_have_two_shifts():
    design = stratify(["a"] * 6, ["s"] * 6, label=[1, 0] * 3)
    assert draws(design, count=10, seed=0, exchange="shift").distinct == 2


def test_a_design_that_cannot_reach_alpha_is_refused_with_its_numbers():
    design = stratify(["a"] * 5, ["s"] * 5, label=[1, 1, 0, 0, 0])
    drawn = draws(design, count=1000, seed=0, exchange="permute")
    tests.refuse_weak(drawn, alpha=0.1)
    with pytest.raises(InputError, match=r"cannot reach alpha; got 10 distinct labellings, p at least 0\.1; .* 0\.05"):
        tests.refuse_weak(drawn, alpha=0.05)


def test_equal_halves_have_a_mirror_image_that_doubles_the_smallest_p():
    design = stratify(["a"] * 4, ["s"] * 4, label=[1, 1, 0, 0])
    observed, null, drawn = run(design, np.array([[9.0], [8], [1], [0]]))
    assert drawn.smallest_p == 2 / 6
    assert tests.p_reached(null.reached, drawn)[0] == pytest.approx(2 / 6)
    assert observed > 0


def test_random_draws_can_reach_one_over_their_number_plus_one():
    design = stratify(["a"] * 40, ["s"] * 40, label=[1, 0] * 20)
    drawn = draws(design, count=199, seed=0, exchange="permute")
    assert (drawn.smallest_p, drawn.distinct) == (1 / 200, comb(40, 20))


def test_a_feature_that_is_flat_within_strata_is_never_found():
    design, values = table(np.random.default_rng(5))
    values = np.column_stack([values, 0.1 + design.member])
    observed, null, drawn = run(design, values, count=99)
    assert observed[-1] == 0
    assert tests.p_reached(null.reached, drawn)[-1] == 1


def test_stages_that_differ_are_told_from_a_common_effect():
    rng = np.random.default_rng(6)
    subject, stage = np.repeat(np.arange(6), 40), np.tile(np.repeat([0, 1], 20), 6)
    label = np.tile([1, 0], 120)
    values = rng.normal(size=(240, 2)) + 2.0 * label[:, None] * np.stack([np.ones(240), np.where(stage, 1, -1)], axis=1)
    design = stratify(subject, stage, label=label)
    drawn = draws(design, count=500, seed=0, exchange="permute")
    statistic, observed = tests.stage_statistic(design, values, drawn=drawn)
    by_stage = stage_effects(design, values) - (common_contrast(design) @ differences(design, values))
    np.testing.assert_allclose(observed, np.abs(by_stage / statistic.sd).max(0))
    null = tests.null_part(statistic, drawn, span=(0, 500), observed=observed, shape=None)
    p = tests.p_reached(null.reached, drawn)
    assert p[0] > 0.05
    assert p[1] == 1 / 501


def test_residuals_have_the_spread_of_a_regression_with_a_mean_per_stratum():
    rng = np.random.default_rng(7)
    stage, label, values = np.repeat([0, 1, 2], 8), rng.random(24) < 0.5, rng.normal(size=24)
    rest = tests.without_effect(stratify(["a"] * 24, stage, label=label), values[:, None])[:, 0]
    x = np.column_stack([label, stage[:, None] == np.arange(3)]).astype(float)
    residual = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    np.testing.assert_allclose(rest, residual * np.sqrt(21 / 20))


def test_directions_are_joined_by_twice_the_smaller_and_by_the_larger():
    either, every = tests.cross_fit([[0.01, 0.6, 0.3], [0.2, 0.7, 0.01]])
    np.testing.assert_allclose(either, [0.02, 1.0, 0.02])
    np.testing.assert_allclose(every, [0.2, 0.7, 0.3])
