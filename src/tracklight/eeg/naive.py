"""What is usually reported: two analyses that mistake the company of a label for its content.

They are computed to stand beside the stratified test, never in its place. Pooled epochs take the epochs of a report,
and the reports of a subject, for independent; both let whatever travels with the label (REM sleep) pass for content.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from tracklight.stats import benjamini_hochberg
from tracklight.stats import permutation as tests
from tracklight.stats.exchange import draws
from tracklight.stats.strata import common_contrast, differences, stratify

Floats = NDArray[np.float64]
ONE_STRATUM = "all"


def pooled_epochs(values: NDArray[np.floating], label: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Compare all epochs with one label with all others, as if they were independent.

    Parameters
    ----------
    values : ndarray (epoch, feature)
        What is compared.
    label : ndarray of bool (epoch,)
        Label of each epoch's report.

    Returns
    -------
    difference : ndarray of float64 (feature,)
        Difference of means.
    q : ndarray of float64 (feature,)
        Welch's t-test, adjusted after Benjamini and Hochberg; 1 where a feature does not vary.
    """
    ones, zeros = values[label].astype(np.float64), values[~label].astype(np.float64)
    difference = ones.mean(0) - zeros.mean(0)
    varies = (np.ptp(ones, axis=0) > 0) | (np.ptp(zeros, axis=0) > 0)
    p = np.ones(values.shape[1])
    if min(len(ones), len(zeros)) > 1:
        p[varies] = ttest_ind(ones[:, varies], zeros[:, varies], equal_var=False).pvalue
    return difference, benjamini_hochberg(p)


def without_strata(
    values: Floats,
    label: NDArray[np.bool_],
    *,
    subject: NDArray[np.str_],
    fold: NDArray[np.str_],
    permutations: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Compare labels within subjects, stages ignored: the primary test with one stratum per subject.

    Parameters
    ----------
    values : ndarray of float64 (report, feature)
        What is compared.
    label : ndarray of bool (report,)
        Labels.
    subject, fold : ndarray of str (report,)
        Whose report it is, and its direction of the cross-fit.
    permutations, seed : int
        Labellings under the null.

    Returns
    -------
    theta : ndarray of float64 (feature,)
        Mean over subjects of the difference of means.
    p : ndarray of float64 (feature,)
        Family-wise over features, joined over the directions as in the primary test.
    """
    one = np.full(len(label), ONE_STRATUM)
    whole = stratify(subject, one, label=label)
    p = []
    for name in np.unique(fold):
        rows = fold == name
        design = stratify(subject[rows], one[rows], label=label[rows])
        drawn = draws(design, count=permutations, seed=seed, exchange="permute", order=None)
        statistic = tests.main_statistic(design, values[rows], drawn=drawn)
        observed = statistic(design.label[None])[0]
        null = tests.join(
            tests.null_part(statistic, drawn, span=span, observed=observed, shape=None)
            for span in tests.spans(drawn, statistic)
        )
        p.append(tests.p_largest(observed, null.largest, drawn=drawn))
    return (common_contrast(whole) @ differences(whole, values))[0], tests.cross_fit(p)[0]
