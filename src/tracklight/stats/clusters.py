"""Clusters: features that are neighbours (same channel, next frequency...) and strong together.

What lives here: which features are neighbours, and the mass of their clusters. May import: numpy, scipy.
To add: one function with its witness in `tests/stats/test_clusters.py`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, eye_array, kron
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def chain(count: int) -> csr_array:
    """Return the neighbours of ordered levels, each the one before and the one after, sparse `(level, level)`."""
    left = np.arange(count - 1)
    return coo_array((np.ones(count - 1, bool), (left, left + 1)), shape=(count, count)).tocsr()


def neighbour_pairs(levels: Numbers, axes: Sequence[csr_array]) -> Numbers:
    """Return the pairs of features that are neighbours: alike on all axes but one, and neighbours there.

    Parameters
    ----------
    levels : ndarray of int64 (feature, axis)
        Level of each feature on each axis (channel, frequency, time...); no two features share all.
    axes : sequence of sparse (level, level)
        Neighbours on each axis; either or both triangles may be filled.

    Returns
    -------
    ndarray of int64 (pair, 2)
        Each pair once, the lower feature first.
    """
    sizes = [axis.shape[0] for axis in axes]
    grid = np.full(int(np.prod(sizes)), -1)
    grid[np.ravel_multi_index(tuple(levels.T), sizes)] = np.arange(len(levels))
    pairs = []
    for number, axis in enumerate(axes):
        before, after = (eye_array(int(np.prod(part))) for part in (sizes[:number], sizes[number + 1 :]))
        place = kron(kron(before, axis, format="coo"), after, format="coo")  # other formats keep zeros
        pairs.append(np.stack([grid[place.row], grid[place.col]], axis=1))
    found = np.sort(np.concatenate(pairs), axis=1)
    return np.unique(found[(found[:, 0] >= 0) & (found[:, 0] < found[:, 1])], axis=0)


def find_clusters(z: Floats, *, above: float, pairs: Numbers) -> tuple[Numbers, Floats]:
    """Join neighbours that are beyond `above` on the same side of 0.

    Parameters
    ----------
    z : ndarray of float64 (map, feature)
        Maps of a statistic; each is searched alone.
    above : float
        A feature counts when `|z|` is above it.
    pairs : ndarray of int64 (pair, 2)
        Which features are neighbours.

    Returns
    -------
    cluster : ndarray of int64 (map, feature)
        Number of the cluster (from 0, over all maps), -1 outside.
    mass : ndarray of float64 (cluster,)
        Sum of `z` in it, with its sign.

    References
    ----------
    Maris and Oostenveld (2007), J. Neurosci. Methods 164:177.
    """
    side = np.where(np.abs(z) > above, np.sign(z), 0.0)
    which, pair = np.nonzero(side[:, pairs[:, 0]] * side[:, pairs[:, 1]] > 0)
    nodes = which * z.shape[1] + pairs[pair].T
    graph = coo_array((np.ones(nodes.shape[1], bool), (nodes[0], nodes[1])), shape=(z.size, z.size))
    _, component = connected_components(graph, directed=False)
    inside = side != 0
    cluster: Numbers = np.full(z.shape, -1, np.int64)
    _, cluster[inside] = np.unique(component.reshape(z.shape)[inside], return_inverse=True)
    return cluster, np.asarray(np.bincount(cluster[inside], z[inside]), np.float64)


def largest_mass(z: Floats, *, above: float, pairs: Numbers) -> Floats:
    """Return the largest absolute mass of a cluster in each map, `(map,)`; 0 without clusters."""
    cluster, mass = find_clusters(z, above=above, pairs=pairs)
    largest = np.zeros(len(z))
    which, feature = np.nonzero(cluster >= 0)
    np.maximum.at(largest, which, np.abs(mass[cluster[which, feature]]))
    return largest
