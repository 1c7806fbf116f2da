"""From maps to segments: one form for every refinement, and how its strength and threshold are chosen.

Everything is chosen on a few annotated examples and applied to others; nothing is scaled example by example, so that an
example without the class does not light up.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tracklight.core.affinity import spread
from tracklight.core.hidden_states import TwoStates, posterior
from tracklight.core.overlap import dice
from tracklight.core.potts import potts
from tracklight.core.smoothness import box_smoothed, total_variation
from tracklight.core.walker import walked

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


class Maps(NamedTuple):
    """Maps of examples taken to hold the class.

    `scores` float64 `(batch, *space)` with the level of examples without the class as zero; `seeds` int8 of the same
    shape; `features` float32 `(batch, filter, *space)` where there are some.
    """

    scores: Values
    seeds: NDArray[np.int8]
    features: NDArray[np.float32] | None = None


class Refinement(NamedTuple):
    """A way from maps to segments.

    Attributes
    ----------
    refine : callable
        `f(maps, strength) -> (batch, *space)`, refined scores.
    strengths : sequence of float
        Those that are tried; one that means nothing for a refinement without a choice.
    cut : callable
        `f(refined, threshold, strength) -> bool (batch, *space)`.
    threshold : float or None
        The only one that makes sense; None: it is chosen.
    """

    refine: Callable[[Maps, float], Values]
    strengths: Sequence[float]
    cut: Callable[[Values, float, float], Mask]
    threshold: float | None = None

    def segments(self, maps: Maps, choice: "Choice") -> Mask:
        """Return the segments `(batch, *space)` under a choice."""
        return self.cut(self.refine(maps, choice.strength), choice.threshold, choice.strength)


class Choice(NamedTuple):
    """Strength and threshold of a refinement, and their mean Dice on the annotated examples (NaN without any)."""

    strength: float
    threshold: float
    dice: float


def above(refined: Values, threshold: float, _: float) -> Mask:
    """Return where refined scores are above a threshold."""
    return refined > threshold


def plain() -> Refinement:
    """Return the threshold alone."""
    return Refinement(lambda maps, _: maps.scores, [0.0], above)


def smoothing(widths: Sequence[int]) -> Refinement:
    """Return the box mean, of `widths` places."""
    return Refinement(lambda maps, width: box_smoothed(maps.scores, width=int(width)), widths, above)


def variation(weights: Sequence[float]) -> Refinement:
    """Return total variation, of `weights`."""
    return Refinement(lambda maps, weight: total_variation(maps.scores, weight=weight), weights, above)


def labelling(betas: Sequence[float], *, slope: float) -> Refinement:
    """Return the Potts model; `slope` turns a score into log-odds, and the threshold is where they are even."""

    def cut(refined: Values, threshold: float, beta: float) -> Mask:
        return potts(slope * (refined - threshold), beta=beta)

    return Refinement(lambda maps, _: maps.scores, betas, cut)


def walking(betas: Sequence[float]) -> Refinement:
    """Return the random walker between the seeds."""
    return Refinement(lambda maps, beta: walked(maps.scores, maps.seeds, beta=beta), betas, above)


def affine(steps: Sequence[int], *, embed: torch.nn.Module, radius: int, power: float) -> Refinement:
    """Return the walk along learned affinities, of `steps`; other arguments as of `core.affinity.spread`."""

    def refine(maps: Maps, count: float) -> Values:
        assert maps.features is not None, "affinities are read from features"
        scores = torch.from_numpy(maps.scores).float()
        with torch.no_grad():
            embedded = embed(torch.from_numpy(maps.features))
            return spread(scores, embedded, radius=radius, power=power, steps=int(count)).double().numpy()

    return Refinement(refine, steps, above)


def hidden_states(model: TwoStates) -> Refinement:
    """Return the hidden Markov model, which needs neither strength nor threshold; lines only."""
    return Refinement(lambda maps, _: posterior(maps.scores, model), [0.0], above, threshold=0.5)


def choose(refinement: Refinement, maps: Maps, truth: Mask, *, thresholds: int) -> Choice:
    """Return the strength and threshold of the highest mean Dice.

    Parameters
    ----------
    refinement : Refinement
        What is tuned.
    maps, truth
        Annotated examples that hold the class, and their segments `(batch, *space)`.
    thresholds : int
        How many are tried: quantiles of the refined scores, evenly spaced.

    Returns
    -------
    Choice
        The first of the best.
    """
    return max(_tried(refinement, maps, truth, thresholds), key=lambda choice: choice.dice)


def _tried(refinement: Refinement, maps: Maps, truth: Mask, thresholds: int) -> Iterator[Choice]:
    shares = (np.arange(thresholds) + 1) / (thresholds + 1)
    for strength in refinement.strengths:
        refined = refinement.refine(maps, strength)
        fixed = refinement.threshold
        for threshold in np.unique(np.quantile(refined, shares)) if fixed is None else [fixed]:
            answer = refinement.cut(refined, float(threshold), strength)
            yield Choice(float(strength), float(threshold), float(dice(answer, truth).mean()))
