"""From the effects of subjects to statements about subjects: mean, interval, effect size.

What lives here: functions on `(subject, feature)`; a subject without an effect is NaN and left out. May import: numpy,
scipy. To add: one function with its closed-form or scipy witness in `tests/stats/test_subjects.py`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import norm
from scipy.stats import t as student

from tracklight.stats.scores import INTERVAL

Floats = NDArray[np.float64]
MOST_AT_ONCE = 1 << 22  # bootstrap means in memory: 32 MiB; the result does not depend on it


class Estimate(NamedTuple):
    """A mean over subjects and the ends of its 95 % interval, each `(feature,)`."""

    mean: Floats
    low: Floats
    high: Floats


def present(effects: Floats) -> Floats:
    """Return the subjects that have an effect, `(subject, feature)`."""
    return effects[np.isfinite(effects).all(1)]


def mean_over_subjects(effects: Floats, *, samples: int, bca_from: int, generator: np.random.Generator) -> Estimate:
    """Return the mean over subjects with its 95 % interval.

    Parameters
    ----------
    effects : ndarray of float64 (subject, feature)
        One effect per subject.
    samples : int
        Bootstrap samples, subjects drawn with replacement.
    bca_from : int
        With fewer subjects the interval is Student's, since a bootstrap of few is too narrow.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Estimate
        Ends are NaN with fewer than two subjects.
    """
    effects = present(effects)
    mean = effects.mean(0)
    if len(effects) < 2:
        return Estimate(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    if len(effects) < bca_from:
        half = student.ppf(INTERVAL[1], len(effects) - 1) * effects.std(0, ddof=1) / np.sqrt(len(effects))
        return Estimate(mean, mean - half, mean + half)
    weights = subject_weights(len(effects), samples=samples, generator=generator)
    blocks = -(-effects.shape[1] * samples // MOST_AT_ONCE)
    ends = [bca(part, weights @ part) for part in np.array_split(effects, blocks, axis=1)]
    return Estimate(mean, *np.concatenate(ends, axis=1))


def subject_weights(count: int, *, samples: int, generator: np.random.Generator) -> Floats:
    """Draw `count` subjects with replacement, `samples` times: the weight of each in a mean, `(sample, subject)`."""
    return generator.multinomial(count, np.full(count, 1 / count), size=samples) / count


def bca(effects: Floats, drawn: Floats) -> Floats:
    """Return the ends of the bias-corrected and accelerated 95 % interval of a mean.

    Parameters
    ----------
    effects : ndarray of float64 (subject, feature)
        The sample.
    drawn : ndarray of float64 (sample, feature)
        Means of bootstrap samples.

    Returns
    -------
    ndarray of float64 (2, feature)
        Low and high; both the mean where all subjects are equal.

    References
    ----------
    Efron (1987), J. Am. Stat. Assoc. 82:171.
    """
    mean, samples = effects.mean(0), len(drawn)
    below = ((drawn < mean).sum(0) + (drawn <= mean).sum(0)) / (2 * samples)
    bias = norm.ppf(np.clip(below, 0.5 / samples, 1 - 0.5 / samples))
    deviation = effects - mean
    squares = (deviation**2).sum(0)
    acceleration = (deviation**3).sum(0) / (6 * np.where(squares > 0, squares, 1.0) ** 1.5)
    step = bias + norm.ppf(INTERVAL)[:, None]
    place = norm.cdf(bias + step / (1 - acceleration * step)) * (samples - 1)
    drawn, left = np.sort(drawn, axis=0), np.minimum(np.floor(place).astype(np.int64), samples - 2)
    low, high = (np.take_along_axis(drawn, left + side, 0) for side in (0, 1))
    return np.where(squares > 0, low + (place - left) * (high - low), mean)


def effect_size(effects: Floats) -> Floats:
    """Return the mean over the SD of subjects, corrected for their small number (Hedges' g for paired data).

    Parameters
    ----------
    effects : ndarray of float64 (subject, feature)
        One effect per subject.

    Returns
    -------
    ndarray of float64 (feature,)
        NaN with fewer than three subjects or where all are equal.

    References
    ----------
    Hedges (1981), J. Educ. Stat. 6:107, the exact correction.
    """
    effects = present(effects)
    freedom = len(effects) - 1
    if freedom < 2:
        return np.full(effects.shape[1], np.nan)
    correction = np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    spread = effects.std(0, ddof=1)
    return np.where(spread > 0, correction * effects.mean(0) / np.where(spread > 0, spread, 1.0), np.nan)


def next_subject(effects: Floats) -> Floats:
    """Return where the effect of a new subject lies with probability 0.95, `(2, feature)`, subjects being normal."""
    effects = present(effects)
    if len(effects) < 2:
        return np.full((2, effects.shape[1]), np.nan)
    spread = effects.std(0, ddof=1) * np.sqrt(1 + 1 / len(effects))
    return effects.mean(0) + student.ppf(INTERVAL, len(effects) - 1)[:, None] * spread


def same_sign(effects: Floats) -> NDArray[np.int64]:
    """Return how many subjects have the sign of the mean, `(feature,)`."""
    effects = present(effects)
    return (np.sign(effects) == np.sign(effects.mean(0))).sum(0)
