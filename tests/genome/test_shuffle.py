from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tracklight.genome.shuffle import shuffle_dinucleotides

N = 4


def dinucleotides(codes):
    return Counter(pairwise(codes))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_dinucleotide_counts_and_both_ends_are_kept(sequence, seed):
    codes = np.array(sequence, np.uint8)
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(seed))
    assert dinucleotides(shuffled.tolist()) == dinucleotides(sequence)
    assert (shuffled[0], shuffled[-1]) == (codes[0], codes[-1])
    assert codes.tolist() == sequence


@pytest.mark.parametrize(
    "sequence",
    [
        [0, 1, 0, 2, 0, 1, 2, 0],
        [0, 1, 2, 3, 1, 0, 2, 1, 3],
        [3, 3, 0, 3, 0, 0, 1, 3, 0],
        [2, 0, 2, 0, 1, 2, 2, 0],
    ],
)
def test_every_arrangement_with_the_same_dinucleotides_is_equally_frequent(sequence):
    inner = set(permutations(sequence[1:-1]))
    reachable = {
        (sequence[0], *middle, sequence[-1])
        for middle in inner
        if dinucleotides((sequence[0], *middle, sequence[-1])) == dinucleotides(sequence)
    }
    assert len(reachable) > 3
    draws = shuffle_dinucleotides(np.tile(np.array(sequence, np.uint8), (20_000, 1)), np.random.default_rng(7))
    seen = Counter(map(tuple, draws.tolist()))
    assert set(seen) == reachable
    assert chisquare(list(seen.values())).pvalue > 0.01


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 3))
def test_runs_of_n_stay_and_the_stretches_between_are_shuffled_alone(sequence, copies):
    codes = np.tile(np.array(sequence, np.uint8), (copies, 1))
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(0))
    assert ((shuffled == N) == (codes == N)).all()
    for before, after in zip(codes, shuffled, strict=True):
        cuts = np.flatnonzero(np.diff(before == N)) + 1
        for stretch, new in zip(np.split(before, cuts), np.split(after, cuts), strict=True):
            assert dinucleotides(stretch.tolist()) == dinucleotides(new.tolist())
            assert (stretch[0], stretch[-1]) == (new[0], new[-1])


def test_the_same_seed_gives_the_same_shuffle_and_another_seed_another():
    codes = np.random.default_rng(0).integers(0, 4, 500).astype(np.uint8)
    first, again, other = (shuffle_dinucleotides(codes, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5
    assert first.dtype == np.uint8


def test_pieces_of_one_batch_are_shuffled_independently():
    piece = np.random.default_rng(0).integers(0, 4, 300).astype(np.uint8)
    one, two = shuffle_dinucleotides(np.stack([piece, piece]), np.random.default_rng(3))
    assert (one != two).mean() > 0.5


@pytest.mark.parametrize("sequence", [[], [4], [4, 4], [2], [1, 3], [0, 0, 0, 0]])
def test_sequences_with_nothing_to_shuffle_come_back_unchanged(sequence):
    codes = np.array(sequence, np.uint8)
    assert shuffle_dinucleotides(codes, np.random.default_rng(0)).tolist() == sequence


def test_long_repeats_are_shuffled_without_rejection():
    codes = np.array([0, 3] * 20_000 + [1], np.uint8)
    shuffled = shuffle_dinucleotides(codes, np.random.default_rng(0))
    assert dinucleotides(shuffled.tolist()) == dinucleotides(codes.tolist())
