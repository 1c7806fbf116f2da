"""How much of a difference is within strata (content), and how much is their mix (composition).

What lives here: an exact identity. May import: numpy, `stats.strata`.
To add: nothing without a proof that the parts still sum to the whole.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracklight.stats.strata import Design

Floats = NDArray[np.float64]


class Parts(NamedTuple):
    """A subject's difference and its parts, each `(subject, feature)`; NaN where a subject lacks a label.

    Attributes
    ----------
    total : ndarray
        Mean with the label minus mean without it, strata ignored.
    within : ndarray
        Differences within strata, by the mean of both mixes.
    between : ndarray
        Differences of the mixes, by the mean of both levels: the confound.
    rest : ndarray
        Strata that hold one label only: neither can be told there.
    """

    total: Floats
    within: Floats
    between: Floats
    rest: Floats


def decompose(design: Design, values: Floats) -> Parts:
    """Split each subject's difference so that `total = within + between + rest` holds exactly.

    With `p_sy` the share of stratum `s` among the rows with label `y` and `m_sy` their mean,
    `within = sum (p_s1 + p_s0) / 2 (m_s1 - m_s0)` and `between = sum (p_s1 - p_s0) (m_s1 + m_s0) / 2` over strata with
    both labels, and `rest = sum p_s1 m_s1 - p_s0 m_s0` over the others. Values count from the subject's mean, since
    otherwise a constant added to all of them would move weight between `between` and `rest`. Every subject is split by
    its own mix, so that subjects with other base rates make no difference between strata (Simpson's paradox).

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.

    Returns
    -------
    Parts

    References
    ----------
    Kitagawa (1955), J. Am. Stat. Assoc. 50:1168; Oaxaca (1973), Int. Econ. Rev. 14:693; Blinder (1973), J. Hum.
    Resour. 8:436.
    """
    owners, lacks = _owners(design), _lacks(design)[:, None]
    return Parts(*(np.where(lacks, np.nan, owners @ part) for part in _by_stratum(design, values)))


def decompose_by_stage(design: Design, values: Floats) -> Parts:
    """Split each subject's difference by stage as well: over the stages, each part sums to that of `decompose`.

    Parameters
    ----------
    design : Design
        Labels and strata.
    values : ndarray of float64 (row, feature)
        What is compared.

    Returns
    -------
    Parts
        Each `(stage, subject, feature)`; 0 where a subject was never in a stage, NaN where it lacks a label.
    """
    of_stage, lacks = design.stage == np.arange(len(design.stages))[:, None], _lacks(design)[:, None]
    owners = of_stage[:, None] * _owners(design)
    return Parts(*(np.where(lacks, np.nan, owners @ part) for part in _by_stratum(design, values)))


def _by_stratum(design: Design, values: Floats) -> Parts:
    """Return what each stratum adds to the parts of its subject, each `(stratum, feature)`."""
    owners = _owners(design)
    size = owners @ (design.ones + design.zeros)
    centre = owners @ (design.indicator @ values) / size[:, None]
    values = values - centre[design.subject[design.member]]
    with_label = design.indicator @ (values * design.label[:, None])
    without = design.indicator @ values - with_label
    share, mean = zip(*(_share_and_mean(owners, n, s) for n, s in _labels(design, with_label, without)), strict=True)
    common = design.informative[:, None]
    return Parts(
        share[0] * mean[0] - share[1] * mean[1],
        common * (share[0] + share[1]) / 2 * (mean[0] - mean[1]),
        common * (share[0] - share[1]) * (mean[0] + mean[1]) / 2,
        ~common * (share[0] * mean[0] - share[1] * mean[1]),
    )


def _owners(design: Design) -> Floats:
    """Whether a stratum is of a subject, `(subject, stratum)`."""
    return (design.subject == np.arange(len(design.subjects))[:, None]).astype(np.float64)


def _lacks(design: Design) -> NDArray[np.bool_]:
    """Whether a subject lacks one of the labels, `(subject,)`."""
    owners = _owners(design)
    return (owners @ design.ones == 0) | (owners @ design.zeros == 0)


def confound_share(within: Floats, between: Floats) -> Floats:
    """Return `|between| / (|within| + |between|)`, elementwise; NaN where both are 0."""
    whole = np.abs(within) + np.abs(between)
    return np.where(whole > 0, np.abs(between) / np.where(whole > 0, whole, 1.0), np.nan)


def _labels(design: Design, with_label: Floats, without: Floats) -> tuple[tuple[NDArray[np.int64], Floats], ...]:
    return (design.ones, with_label), (design.zeros, without)


def _share_and_mean(owners: Floats, count: NDArray[np.int64], sums: Floats) -> tuple[Floats, Floats]:
    """Share of each stratum among its subject's rows of one label, and their mean; both 0 where it has none."""
    of_subject = np.maximum(1, owners.T @ (owners @ count))
    return (count / of_subject)[:, None], sums / np.maximum(1, count)[:, None]
