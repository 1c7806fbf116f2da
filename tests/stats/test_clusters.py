"""Clusters beside a flood fill, scipy's labels and the clusters of MNE."""

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.sparse import csr_array

from tracklight.stats import clusters


def grid(*sizes):
    return np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, sizes), indexing="ij")], axis=1)


def lattice(*sizes):
    return clusters.neighbour_pairs(grid(*sizes), [clusters.chain(size) for size in sizes])


def test_neighbours_of_a_literal_grid_share_a_side():
    assert lattice(2, 2).tolist() == [[0, 1], [0, 2], [1, 3], [2, 3]]


def test_neighbours_equal_those_of_mne_on_channel_frequency_and_time():
    mne = pytest.importorskip("mne")
    channels = csr_array(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool))
    theirs = mne.stats.combine_adjacency(channels, 4, 5).tocoo()
    wanted = {(a, b) for a, b in zip(theirs.row.tolist(), theirs.col.tolist(), strict=True) if a < b}
    ours = clusters.neighbour_pairs(grid(3, 4, 5), [channels, clusters.chain(4), clusters.chain(5)])
    assert set(map(tuple, ours.tolist())) == wanted


def test_a_hole_in_the_grid_parts_what_lies_beside_it():
    pairs = clusters.neighbour_pairs(np.array([[0], [1], [3], [4]]), [clusters.chain(5)])
    assert pairs.tolist() == [[0, 1], [2, 3]]


def test_a_literal_map_has_a_cluster_on_each_side_of_zero():
    z = np.array([[3.0, 2.5, -4.0, -2.5, 0.0, 5.0]])
    cluster, mass = clusters.find_clusters(z, above=2.0, pairs=lattice(6))
    assert cluster.tolist() == [[0, 0, 1, 1, -1, 2]]
    assert mass.tolist() == [5.5, -6.5, 5.0]
    assert clusters.largest_mass(z, above=2.0, pairs=lattice(6)).tolist() == [6.5]


@pytest.mark.parametrize("seed", range(4))
def test_clusters_of_a_plane_equal_those_of_scipy(seed):
    z = np.random.default_rng(seed).normal(size=(3, 8, 9)) * 2
    largest = clusters.largest_mass(z.reshape(3, -1), above=1.0, pairs=lattice(8, 9))
    for one, found in zip(z, largest, strict=True):
        masses = []
        for side in (one > 1, one < -1):
            numbers, count = label(side)
            masses += [abs(one[numbers == number].sum()) for number in range(1, count + 1)]
        np.testing.assert_allclose(found, max(masses))


def test_clusters_and_sums_equal_those_of_mne_on_the_same_map():
    mne = pytest.importorskip("mne")
    data = np.random.default_rng(5).normal(size=(12, 3, 10)) + 0.4
    channels = csr_array(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], bool))
    t, theirs, _, null = mne.stats.permutation_cluster_1samp_test(
        data, threshold=1.5, n_permutations=50, adjacency=mne.stats.combine_adjacency(channels, 10), seed=0,
        out_type="mask", verbose="error",
    )  # fmt: skip
    pairs = clusters.neighbour_pairs(grid(3, 10), [channels, clusters.chain(10)])
    cluster, mass = clusters.find_clusters(t.reshape(1, -1), above=1.5, pairs=pairs)
    ours = {frozenset(np.flatnonzero(cluster[0] == number)): round(mass[number], 9) for number in range(len(mass))}
    assert ours == {frozenset(np.flatnonzero(mask)): round(t[mask].sum(), 9) for mask in theirs}
    assert clusters.largest_mass(t.reshape(1, -1), above=1.5, pairs=pairs)[0] == pytest.approx(
        np.abs(null).max(), rel=1
    )


def test_a_map_without_clusters_has_mass_zero():
    assert clusters.largest_mass(np.zeros((2, 4)), above=1.0, pairs=lattice(4)).tolist() == [0.0, 0.0]
