"""The area under the ROC within strata beside Mann and Whitney, pairs counted by hand and every permutation."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from tracklight.stats.discrimination import auc_contrast, auc_interval, ranks_within, stratified_auc
from tracklight.stats.exchange import draws
from tracklight.stats.strata import differences, stratify


def random_design(rng, *, subjects=5, stages=3, rows=60):
    subject, stage = rng.integers(subjects, size=rows), rng.integers(stages, size=rows)
    return stratify(subject, stage, label=rng.random(rows) < 0.4)


def test_the_stratified_auc_of_one_stratum_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(1)
    score, label = rng.integers(6, size=30).astype(float), rng.random(30) < 0.5
    design = stratify(["x"] * 30, ["x"] * 30, label=label)
    auc = 0.5 + auc_contrast(design) @ differences(design, ranks_within(design, score))
    expected = mannwhitneyu(score[label], score[~label]).statistic / (label.sum() * (~label).sum())
    np.testing.assert_allclose(auc, [[expected]])


def test_the_stratified_auc_counts_pairs_inside_strata_only():
    rng = np.random.default_rng(2)
    design, score = random_design(rng), rng.integers(5, size=60).astype(float)
    auc = 0.5 + auc_contrast(design) @ differences(design, ranks_within(design, score))
    won = pairs = 0.0
    for i in np.flatnonzero(design.label):
        for j in np.flatnonzero(~design.label & (design.member == design.member[i])):
            won, pairs = won + (score[i] > score[j]) + 0.5 * (score[i] == score[j]), pairs + 1
    np.testing.assert_allclose(auc, [[won / pairs]])


def test_the_stratified_auc_test_is_exact_in_one_direction():
    label, score = np.array([1, 1, 0, 1, 0, 0], bool), np.array([5.0, 4, 3, 3, 1, 0])
    design = stratify(["a"] * 6, ["s"] * 6, label=label)
    drawn = draws(design, count=100, seed=0, exchange="permute")
    auc, p = stratified_auc(design, score, drawn=drawn)
    every = []
    for chosen in combinations(range(6), 3):
        others = [row for row in range(6) if row not in chosen]
        every.append(np.mean([(score[i] > score[j]) + 0.5 * (score[i] == score[j]) for i in chosen for j in others]))
    assert auc == pytest.approx(8.5 / 9)
    assert p == pytest.approx(np.mean(np.array(every) >= auc - 1e-9))
    assert stratified_auc(design, -score, drawn=drawn)[1] > 0.9


def test_the_interval_of_the_auc_is_that_of_subjects_drawn_anew():
    # Of three subjects with one pair each two are right: the share of k right of 3 drawn is binomial.
    design = stratify(list("aabbcc"), ["s"] * 6, label=[1, 0] * 3)
    ends = auc_interval(design, [1, 0, 1, 0, 0, 1], samples=4000, generator=np.random.default_rng(0))
    assert ends == (0.0, 1.0)  # all wrong with probability 1/27, all right with 8/27
    same = auc_interval(design, [1, 0, 1, 0, 1, 0], samples=50, generator=np.random.default_rng(0))
    assert same == (1.0, 1.0)
