"""Two labels with a price for every change between neighbours: exact by Viterbi on a line, by a minimal cut elsewhere.

`sum_p U_p(x_p) + beta * sum_{p~q} [x_p != x_q]` (Potts; Greig, Porteous & Seheult 1989, JRSS B 51:271).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
LARGEST_CAPACITY = 2**30
LEAST_OVERLAP = 1e-3  # of the squared distance between labels: what is perfectly apart has no finite slope


def potts(evidence: NDArray[np.floating], *, beta: float) -> Mask:
    """Return the labels of least cost for each map.

    Parameters
    ----------
    evidence : ndarray (batch, *space)
        Log-odds that the label is 1: the cost of label 0 minus the cost of label 1.
    beta : float
        Cost of two neighbours with different labels, in the same unit.

    Returns
    -------
    ndarray of bool (batch, *space)
        The exact minimum; label 0 where both are equally good.
    """
    if evidence.ndim == 2:
        return _viterbi(evidence.astype(np.float64), beta)
    return np.stack([_minimal_cut(image.astype(np.float64), beta) for image in evidence])


def log_odds_slope(yes: NDArray[np.floating], no: NDArray[np.floating]) -> float:
    """Return how fast the log-odds of the label rise with the score.

    Parameters
    ----------
    yes, no : ndarray (place,)
        Scores of places of either label, taken as normal with one spread.

    Returns
    -------
    float
        Per unit of score; the evidence of a score is this times its distance from the threshold.
    """
    gap = yes.mean() - no.mean()
    within = (np.square(yes - yes.mean()).sum() + np.square(no - no.mean()).sum()) / (len(yes) + len(no))
    return float(gap / max(within, LEAST_OVERLAP * gap**2, 1e-300))


def _viterbi(evidence: Values, beta: float) -> Mask:
    """Follow, from left to right, what it costs less to end in label 0 than in label 1; then walk back."""
    batch, length = evidence.shape
    stays = np.empty((2, length, batch), bool)  # whether the best way into a label comes from the same label
    ahead = np.zeros(batch)  # cost of the best way into 0 minus the one into 1
    for place in range(length):
        stays[0, place], stays[1, place] = ahead <= beta, ahead >= -beta
        ahead = np.clip(ahead, -beta, beta) + evidence[:, place]
    labels = np.empty((batch, length), bool)
    labels[:, -1] = ahead > 0
    for place in range(length - 1, 0, -1):
        same = np.where(labels[:, place], stays[1, place], stays[0, place])
        labels[:, place - 1] = labels[:, place] == same
    return labels


def _minimal_cut(evidence: Values, beta: float) -> Mask:
    """Cut the cheapest edges between a source (label 1) and a sink (label 0); capacities are rounded to integers."""
    count = evidence.size
    source, sink, place = count, count + 1, np.arange(count)
    flat = evidence.ravel()
    edges = [(np.full(count, source), place, flat.clip(min=0)), (place, np.full(count, sink), (-flat).clip(min=0))]
    for one, other in _neighbours(place.reshape(evidence.shape)):
        price = np.full(len(one), beta)
        edges += [(one, other, price), (other, one, price)]
    starts, ends, costs = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    scale = LARGEST_CAPACITY / max(costs.max() * count, 1e-300)
    capacity = coo_array((np.rint(costs * scale).astype(np.int32), (starts, ends)), shape=(count + 2, count + 2))
    residual = capacity.tocsr() - maximum_flow(capacity.tocsr(), source, sink).flow
    residual.data = (residual.data > 0).astype(np.int32)
    residual.eliminate_zeros()
    labels = np.zeros(count + 2, bool)
    labels[breadth_first_order(residual, source, return_predecessors=False)] = True
    return labels[:count].reshape(evidence.shape)


def _neighbours(number: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for axis in range(number.ndim):
        moved = np.moveaxis(number, axis, 0)
        yield moved[:-1].ravel(), moved[1:].ravel()
