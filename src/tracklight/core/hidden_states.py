"""Two hidden states with normal scores along a line, learned without a single mask: segments without a threshold.

Baum-Welch (Rabiner 1989, Proceedings of the IEEE 77:257), all lines at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
MOST_ROUNDS = 200
GAIN_PER_PLACE = 1e-6  # the fit has come to rest when a round raises the log-likelihood by less


class TwoStates(NamedTuple):
    """A hidden Markov model; state 1 has the higher mean.

    `start (state,)`, `step (state, state)` from row to column, `mean (state,)` and `variance (state,)` of the score.
    """

    start: Values
    step: Values
    mean: Values
    variance: Values


def fit_two_states(scores: NDArray[np.floating]) -> TwoStates:
    """Fit two states to lines `(batch, position)`, from above and below the median as a beginning."""
    values = np.asarray(scores, np.float64)
    high = (values > np.median(values)).astype(np.float64)
    states = np.stack([1 - high, high], axis=-1)
    steps = np.einsum("bpi,bpj->ij", states[:, :-1], states[:, 1:])
    model, reached = _from_counts(values, states, steps + 1.0), -np.inf
    for _ in range(MOST_ROUNDS):
        states, steps, likelihood = _expected(values, model)
        model = _from_counts(values, states, steps)
        if likelihood - reached < GAIN_PER_PLACE * values.size:
            break
        reached = likelihood
    return model


def posterior(scores: NDArray[np.floating], model: TwoStates) -> Values:
    """Return the probability of state 1 at every place, `(batch, position)`."""
    return np.asarray(_expected(np.asarray(scores, np.float64), model)[0][..., 1])


def _from_counts(scores: Values, states: Values, steps: Values) -> TwoStates:
    weight = states.sum((0, 1))
    mean = np.einsum("bp,bpi->i", scores, states) / weight
    variance = np.einsum("bpi,bpi->i", np.square(scores[..., None] - mean), states) / weight
    order = np.argsort(mean, kind="stable")
    start = states[:, 0].mean(0)
    step = steps / steps.sum(1, keepdims=True)
    floor = 1e-6 * scores.var() + 1e-300
    return TwoStates(start[order], step[np.ix_(order, order)], mean[order], variance[order].clip(min=floor))


def _expected(scores: Values, model: TwoStates) -> tuple[Values, Values, float]:
    """Return the probability of each state `(batch, position, state)`, expected steps and the log-likelihood."""
    density = -0.5 * (np.square(scores[..., None] - model.mean) / model.variance + np.log(2 * np.pi * model.variance))
    top = density.max(axis=-1, keepdims=True)
    chance = np.exp(density - top)
    batch, length = scores.shape
    forward, scale = np.empty((length, batch, 2)), np.empty((length, batch, 1))
    before = np.broadcast_to(model.start, (batch, 2))
    for place in range(length):
        joint = before * chance[:, place]
        scale[place] = joint.sum(-1, keepdims=True)
        forward[place] = joint / scale[place]
        before = forward[place] @ model.step
    backward, steps = np.ones((length, batch, 2)), np.zeros((2, 2))
    for place in range(length - 2, -1, -1):
        after = chance[:, place + 1] * backward[place + 1] / scale[place + 1]
        steps += model.step * (forward[place].T @ after)
        backward[place] = after @ model.step.T
    states = (forward * backward).transpose(1, 0, 2)
    return states, steps, float(np.log(scale).sum() + top.sum())
