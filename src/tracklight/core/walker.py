"""The random walker (Grady 2006, IEEE TPAMI 28:1768): how likely a walk reaches a sure yes before a sure no."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from skimage.segmentation import random_walker

from tracklight.core.cam import NO, UNKNOWN, YES

Values = NDArray[np.float64]
PULL = 1e-9  # so weak that it only decides where no seed can be reached: there the answer is one half
FEWEST_STEPS = 1e-12  # weight of the hardest step, so that the equations stay solvable


def walked(scores: NDArray[np.floating], seeds: NDArray[np.integer], *, beta: float) -> Values:
    """Return the probability of reaching a yes first.

    Parameters
    ----------
    scores : ndarray (batch, *space)
        A walk crosses between neighbours with weight `exp(-beta * difference^2)`.
    seeds : ndarray of int (batch, *space)
        `YES`, `NO` or `UNKNOWN` of `core.cam`.
    beta : float
        How hard it is to cross a change of the score, per squared unit of the score.

    Returns
    -------
    ndarray of float64 (batch, *space)
        1 and 0 at the seeds; one half where there are none. A line is solved exactly, images by scikit-image.
    """
    values = np.asarray(scores, np.float64)
    if values.ndim == 2:
        return _lines(values, seeds, beta)
    return np.stack([_image(image, seed, beta) for image, seed in zip(values, seeds, strict=True)])


def _lines(scores: Values, seeds: NDArray[np.integer], beta: float) -> Values:
    """Solve all lines as one, which is cut between them; a seed's equation says its own value."""
    weight = np.zeros(scores.shape)  # between a place and the next; 0 after the last of a line
    weight[:, :-1] = np.exp(-beta * np.square(np.diff(scores, axis=1))).clip(min=FEWEST_STEPS)
    to_next = weight.ravel()
    from_last = np.concatenate([[0.0], to_next[:-1]])
    free = (seeds == UNKNOWN).ravel()
    diagonal = np.where(free, to_next + from_last + PULL, 1.0)
    wanted = np.where(free, PULL / 2, (seeds == YES).ravel())
    bands = np.zeros((3, scores.size))
    bands[0, 1:] = np.where(free, -to_next, 0.0)[:-1]
    bands[1] = diagonal
    bands[2, :-1] = np.where(free, -from_last, 0.0)[1:]
    return np.asarray(solve_banded((1, 1), bands, wanted)).reshape(scores.shape)


def _image(image: Values, seeds: NDArray[np.integer], beta: float) -> Values:
    found = set(np.unique(seeds)) - {UNKNOWN}
    if found != {YES, NO}:  # one kind of seed is reached from everywhere
        return np.full(image.shape, {frozenset({YES}): 1.0, frozenset({NO}): 0.0}.get(frozenset(found), 0.5))
    labels = np.select([seeds == YES, seeds == NO], [1, 2], 0)
    spread = image.std() or 1.0
    # The library divides beta by ten times the spread of the image; here it has one meaning for all images.
    probability = random_walker(image, labels, beta=10 * spread * beta, mode="cg_j", tol=1e-8, return_full_prob=True)
    return np.asarray(probability[0], np.float64)
