"""When simulated sleepers are woken: stretches of real nights, how deep they were, and what is reported."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tracklight.eeg.hypnogram import Scored, joined
from tracklight.errors import complaint
from tracklight.settings.simulate_eeg import Confound

SCORED_S = 30


class Awakening(NamedTuple):
    """An awakening: the stage before it, and its time from sleep onset (s)."""

    stage: str
    time_s: float


class Night(NamedTuple):
    """A real night: its name, its hypnogram from sleep onset on (times from there), and when sleep ends (s)."""

    name: str
    hypnogram: list[Scored]
    sleep_s: float


def trim_night(name: str, hypnogram: Sequence[Scored]) -> Night:
    """Return the night from the first to the last sleep, with times from sleep onset on.

    Raises
    ------
    InputError
        When nobody slept.
    """
    asleep = [place for place, one in enumerate(hypnogram) if one.stage not in ("W", None)]
    if not asleep:
        raise complaint("hypnogram without sleep", where=name, do="leave the file out")
    onset = hypnogram[asleep[0]].onset_s
    kept = [one._replace(onset_s=one.onset_s - onset) for one in hypnogram[asleep[0] : asleep[-1] + 1]]
    return Night(name, joined(kept), kept[-1].onset_s + kept[-1].duration_s)


def deal_nights(rng: np.random.Generator, nights: Sequence[Night], *, subjects: int) -> list[Night]:
    """Return one night per subject: all nights in random order, then all again in another."""
    rounds = -(-subjects // len(nights))
    order = np.concatenate([rng.permutation(len(nights)) for _ in range(rounds)])[:subjects]
    return [nights[place] for place in order]


def choose_awakenings(
    rng: np.random.Generator, night: Night, *, counts: Sequence[tuple[Sequence[str], int]], stretch_s: float
) -> list[Awakening]:
    """Choose awakenings, each at the end of a scored epoch and after a stretch of one stage.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    night : Night
        Where to choose.
    counts : sequence of (stages, int)
        How many awakenings from each group of stages; within a group as often as the night offers them.
    stretch_s : float
        What has to lie before an awakening in one stage, and is shared with no other (s).

    Returns
    -------
    list of Awakening
        In order of time.

    Raises
    ------
    InputError
        When the night has too few such stretches.
    """
    chosen: list[Awakening] = []
    for stages, count in counts:
        found = _apart(rng, _possible(night, stages, stretch_s), stretch_s=stretch_s)[:count]
        if len(found) < count:
            raise complaint(
                f"night with too few stretches of {stretch_s:g} s in {' or '.join(stages)}", where=night.name,
                got=len(found), allowed=f"{count} or more", do="ask for fewer reports, or leave the night out",
            )  # fmt: skip
        chosen += found
    return sorted(chosen, key=lambda one: one.time_s)


def depth_course(rng: np.random.Generator, steps: int, *, memory: float) -> NDArray[np.float64]:
    """Return a first-order autoregressive course `(step,)` with mean 0, SD 1 and correlation `memory` of neighbours."""
    course = rng.standard_normal(steps)
    course[1:] *= np.sqrt(1 - memory**2)
    for step in range(1, steps):
        course[step] += memory * course[step - 1]
    return course


def label_probability(
    own: float, *, rem: NDArray[np.bool_], depth: NDArray[np.float64], night: NDArray[np.float64], confound: Confound
) -> NDArray[np.float64]:
    """Return the probability of the label, from the stage, the depth and the time and not from the signal.

    Parameters
    ----------
    own : float
        Log-odds of the subject (b).
    rem : ndarray of bool (report,)
        Whether the awakening is from REM sleep.
    depth, night : ndarray of float64 (report,)
        Depth within the stage (SD), and the share of the night that is over (0 to 1).
    confound : Confound
        Weights k, r and t. Stage and time count from their middle, so that labels stay balanced at any weight.

    Returns
    -------
    ndarray of float64 (report,)
        expit(b + k ([REM] - 1/2) + r z + t (night - 1/2)).
    """
    return expit(own + confound.rem * (rem - 0.5) + confound.depth * depth + confound.time * (night - 0.5))


def _possible(night: Night, stages: Sequence[str], stretch_s: float) -> list[Awakening]:
    return [
        Awakening(str(bout.stage), bout.onset_s + end)
        for bout in night.hypnogram
        if bout.stage in stages
        for end in range(SCORED_S, int(bout.duration_s) + 1, SCORED_S)
        if end >= stretch_s
    ]


def _apart(rng: np.random.Generator, possible: list[Awakening], *, stretch_s: float) -> list[Awakening]:
    # In random order, each that shares nothing with those before it.
    chosen: list[Awakening] = []
    for place in rng.permutation(len(possible)):
        if all(abs(possible[place].time_s - other.time_s) >= stretch_s for other in chosen):
            chosen.append(possible[place])
    return chosen
