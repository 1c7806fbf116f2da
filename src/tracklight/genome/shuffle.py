"""Exact dinucleotide-preserving shuffles: every arrangement with the same neighbour counts is equally likely."""

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

BASES = 4  # codes below are A C G T; anything else is N


def shuffle_dinucleotides(codes: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Shuffle each N-free stretch of each sequence alone, keeping its dinucleotide counts and its first and last base.

    The stretch is read as a walk on the four bases. A random Euler walk with the same steps is drawn uniformly: first
    the last exit of every base, which form a tree towards the last base (one of 16, drawn by its exact weight), then a
    random order of the other exits. All stretches walk in step, so many pieces cost about as much as the longest.

    Parameters
    ----------
    codes : ndarray of uint8 (..., position)
        Codes A0 C1 G2 T3, N 4. Leading axes are separate sequences.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of uint8 (..., position)
        A new array; N stays in place.

    References
    ----------
    Altschul and Erickson (1985), Mol. Biol. Evol. 2:526; Kandel, Matias, Unger and Winkler (1996), Discrete Appl. Math.
    71:171, for the uniform choice of last exits.
    """
    shuffled = np.array(codes, np.uint8).reshape(-1)
    starts, lengths = _stretches(np.asarray(codes))
    if starts.size:
        exits, first_exit = _ordered_exits(shuffled, starts, lengths, generator)
        _walk(shuffled, starts, lengths, exits=exits, next_exit=first_exit)
    return shuffled.reshape(np.shape(codes))


def _stretches(codes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat start and length of the N-free stretches of two bases or more, longest first."""
    sequences = (codes < BASES).reshape(math.prod(codes.shape[:-1]), codes.shape[-1])
    known = np.pad(sequences, ((0, 0), (1, 1))).astype(np.int8).reshape(-1)
    edges = np.flatnonzero(np.diff(known)).reshape(-1, 2)
    padding = 2 * (edges[:, 0] // (codes.shape[-1] + 2))  # two borders were added for each sequence before
    starts, lengths = edges[:, 0] - padding, edges[:, 1] - edges[:, 0]
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 1]
    return starts[order], lengths[order]


def _ordered_exits(
    codes: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bases that follow, grouped by `stretch * 4 + base` in the order of use, and where each group starts."""
    steps = lengths - 1
    row = np.repeat(np.arange(starts.size), steps)
    position = np.arange(row.size) - np.repeat(np.cumsum(steps) - steps - starts, steps)
    source, target = codes[position].astype(np.int64), codes[position + 1]
    group = row * BASES + source
    step = group * BASES + target
    counts = np.bincount(step, minlength=starts.size * BASES**2).reshape(-1, BASES, BASES)
    last = _last_exits(counts, codes[starts + steps], generator)
    kinds, example = np.unique(step, return_index=True)
    order = generator.random(row.size)
    order[example[last.reshape(-1)[kinds // BASES] == kinds % BASES]] = 1.0  # above every random number: used last
    exits_of = counts.sum(2).reshape(-1)
    return target[np.lexsort((order, group))], np.cumsum(exits_of) - exits_of


def _last_exits(
    counts: NDArray[np.int64], ends: NDArray[np.uint8], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the last exit of each base, `(stretch, base)`, -1 for the end: a tree by the product of its counts."""
    counts = counts.astype(np.float64)
    rows, bases = np.arange(len(ends)), np.arange(BASES)
    absent = counts.sum(2) == 0
    counts[rows[:, None], bases, ends[:, None].astype(np.int64)] += absent  # an unused base hangs on the end, weight 1
    counts[rows, ends, ends] = 1.0
    trees = TREES[ends]
    weight = counts[rows[:, None, None], bases, trees].prod(2)
    bound = np.cumsum(weight, axis=1)
    drawn = (generator.random(len(ends))[:, None] * bound[:, -1:] >= bound).sum(1)
    last = trees[rows, np.minimum(drawn, trees.shape[1] - 1)]
    last[rows, ends] = -1
    return last


def _walk(
    codes: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    exits: NDArray[np.uint8],
    next_exit: NDArray[np.int64],
) -> None:
    """Overwrite the stretches by their new walks, all in step; the longest come first, so those still walking lead."""
    base = codes[starts].astype(np.int64)
    group = np.arange(starts.size) * BASES
    walking = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    for step in range(1, int(lengths[0])):
        n = walking[step]
        at = group[:n] + base[:n]
        exit_ = next_exit[at]
        next_exit[at] = exit_ + 1
        base = exits[exit_]
        codes[starts[:n] + step] = base


def _trees() -> NDArray[np.int64]:
    """For each root, the 16 trees on four bases that lead to it, as the next base of every base (root: itself)."""
    trees = [
        [t for t in product(range(BASES), repeat=BASES) if t[root] == root and _leads_to(root, t)]
        for root in range(BASES)
    ]
    return np.array(trees)


def _leads_to(root: int, parents: tuple[int, ...]) -> bool:
    reached = np.arange(BASES)
    for _ in range(BASES):
        reached = np.array(parents)[reached]
    return bool((reached == root).all())


TREES = _trees()  # int64 (root, tree, base); Cayley: 4 ** 2 trees for each root
