"""The two usual analyses: SciPy is the witness, and both must fall for a confound."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, permutation_test, ttest_ind

from tracklight.eeg.naive import pooled_epochs, without_strata


def test_pooled_epochs_are_welch_and_benjamini_hochberg():
    rng = np.random.default_rng(0)
    values, label = rng.normal(size=(60, 5)), rng.random(60) < 0.3
    values[label, 0] += 2
    difference, q = pooled_epochs(values, label)
    p = [ttest_ind(column[label], column[~label], equal_var=False).pvalue for column in values.T]
    assert q == pytest.approx(false_discovery_control(p))
    assert difference == pytest.approx(values[label].mean(0) - values[~label].mean(0))
    assert q[0] < 0.01


def test_a_feature_that_does_not_vary_is_not_found():
    values = np.zeros((10, 2))
    values[:, 1] = np.arange(10)
    assert pooled_epochs(values, np.arange(10) > 4)[1].tolist() == [1.0, pytest.approx(0.002, abs=0.003)]


def confounded(rng, subjects=8, reports=16):
    """Reports of which half are from REM, where label 1 is more frequent; feature 1 follows REM, no content at all."""
    rem = np.tile(np.arange(reports) % 2 == 1, subjects)
    label = rng.random(len(rem)) < np.where(rem, 0.8, 0.2)
    values = rng.normal(size=(len(rem), 3))
    values[:, 1] += 2 * rem
    subject = np.repeat([f"s{n}" for n in range(subjects)], reports)
    return values, label, subject, np.where(np.repeat(np.arange(subjects), reports) % 2, "A", "B")


def test_without_strata_stage_passes_for_content():
    values, label, subject, fold = confounded(np.random.default_rng(1))
    theta, p = without_strata(values, label, subject=subject, fold=fold, permutations=499, seed=0)
    by_subject = [values[mine & label].mean(0) - values[mine & ~label].mean(0)
                  for mine in (subject == name for name in np.unique(subject))]  # fmt: skip
    assert theta == pytest.approx(np.mean(by_subject, axis=0))
    assert p[1] == pytest.approx(2 / 500)
    assert p[0] > 0.05


def test_one_subject_of_one_direction_gives_the_p_of_scipy():
    rng = np.random.default_rng(2)
    values, label = rng.normal(size=(9, 1)), np.arange(9) < 4
    everyone = np.full(9, "s")
    _, p = without_strata(values, label, subject=everyone, fold=everyone, permutations=500, seed=0)
    other = permutation_test(
        (values[label, 0], values[~label, 0]), lambda a, b: abs(a.mean() - b.mean()), n_resamples=np.inf,
        alternative="greater",
    )  # fmt: skip
    assert p[0] == pytest.approx(other.pvalue)  # all 126 labellings
