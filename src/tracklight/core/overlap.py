"""How well segments agree with the truth, example by example, in any number of dimensions."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


def dice(answer: Mask, truth: Mask) -> Values:
    """Return twice the overlap over the sum of both sizes, `(batch, *space)` to `(batch,)`; 1 when both are empty."""
    both, one = _sizes(answer & truth), _sizes(answer) + _sizes(truth)
    return np.divide(2 * both, one, out=np.ones(len(both)), where=one > 0)


def intersection_over_union(answer: Mask, truth: Mask) -> Values:
    """Return the overlap over the union, `(batch, *space)` to `(batch,)`; 1 when both are empty."""
    both, either = _sizes(answer & truth), _sizes(answer | truth)
    return np.divide(both, either, out=np.ones(len(both)), where=either > 0)


def boundary_error(answer: Mask, truth: Mask) -> Values:
    """Return how far the edges of the truth are from the nearest edge of the answer, on average.

    Parameters
    ----------
    answer, truth : ndarray of bool (batch, *space)
        Segments. An edge is a place inside a segment with a neighbour outside it or outside the example.

    Returns
    -------
    ndarray of float64 (batch,)
        In places; the longest side of the space where the answer is empty, NaN where the truth is.
    """
    return np.array([_edge_distance(one, other) for one, other in zip(answer, truth, strict=True)])


def _edge_distance(answer: Mask, truth: Mask) -> float:
    if not truth.any():
        return float("nan")
    if not answer.any():
        return float(max(truth.shape))
    return float(distance_transform_edt(~_edges(answer))[_edges(truth)].mean())


def _edges(mask: Mask) -> Mask:
    return np.asarray(mask & ~binary_erosion(mask))


def _sizes(mask: Mask) -> Values:
    return mask.sum(axis=tuple(range(1, mask.ndim))).astype(np.float64)
