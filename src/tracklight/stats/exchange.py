"""Labels as they could have been: permuted within strata, all of them enumerated, or shifted along time.

What lives here: draws of labels under the null hypothesis, each fixed by the seed and its own number, so that any part
of them can be drawn anywhere and drawn again. May import: numpy, scipy, `stats.strata`.
To add: a class with what `Draws` asks for.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tracklight.stats.strata import Design, centred, permuted_variance

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Rows = NDArray[np.int64]
Exchange = Literal["permute", "shift"]


class Draws(Protocol):
    """Labels under the null hypothesis, numbered from 0."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def exact(self) -> bool:
        """Whether they are all there could be, the observed ones included."""

    @property
    def distinct(self) -> int:
        """How many different labellings there could be: the product of those of the strata."""

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that a two-sided test over them can give."""

    def labels(self, first: int, last: int) -> Labels:
        """Return draws `first` to `last - 1`, `(draw, row)`."""

    def variance(self, values: Floats) -> Floats:
        """Return the variance of each stratum's difference over all that there could be, `(stratum, feature)`."""


@dataclass(frozen=True, eq=False)
class Permuted:
    """Labels permuted at random within strata."""

    design: Design
    count: int
    seed: int
    exact = False

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that a two-sided test over them can give."""
        return 1 / (1 + self.count)

    @cached_property
    def distinct(self) -> int:
        """How many different labellings there could be."""
        both = zip(self.design.ones.tolist(), self.design.zeros.tolist(), strict=True)
        return math.prod(math.comb(ones + zeros, ones) for ones, zeros in both)

    @cached_property
    def parts(self) -> list[Rows]:
        """Rows of each stratum."""
        return _parts(self.design, np.argsort(self.design.member, kind="stable"))

    @property
    def mirrored(self) -> bool:
        """Whether exchanging the two labels is one of the permutations: then two at least are as extreme as any."""
        return bool((self.design.ones == self.design.zeros)[self.design.informative].all())

    def arrangements(self, label: Labels) -> Labels:
        """Return all permutations of the labels of a stratum, `(arrangement, row of the stratum)`."""
        chosen = list(combinations(range(len(label)), int(label.sum())))
        labels = np.zeros((len(chosen), len(label)), bool)
        np.put_along_axis(labels, np.array(chosen, np.int64).reshape(len(chosen), -1), np.True_, 1)
        return labels

    def labels(self, first: int, last: int) -> Labels:
        """Return draws `first` to `last - 1`, `(draw, row)`."""
        design, rows = self.design, len(self.design.member)
        keys = np.stack([np.random.default_rng([self.seed, number]).random(rows) for number in range(first, last)])
        order = np.argsort(design.member + keys, axis=1)  # strata one after the other, each in random order
        template = design.label[np.argsort(design.member, kind="stable")]
        labels = np.empty(keys.shape, bool)
        np.put_along_axis(labels, order, np.broadcast_to(template, keys.shape), 1)
        return labels

    def variance(self, values: Floats) -> Floats:
        """Return the variance of each stratum's difference over all permutations, `(stratum, feature)`."""
        return permuted_variance(self.design, values)


@dataclass(frozen=True, eq=False)
class Shifted:
    """Labels of each stratum shifted along its rows, the end joined to the beginning.

    For events in continuous sleep, whose neighbours resemble each other: free permutation would make them independent.

    Attributes
    ----------
    order : ndarray (row,)
        Time of each row; rows of a stratum follow each other by it.
    """

    design: Design
    order: NDArray[Any]
    count: int
    seed: int
    exact = False
    mirrored = False

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that a two-sided test over them can give."""
        return 1 / (1 + self.count)

    @cached_property
    def distinct(self) -> int:
        """How many different labellings there could be."""
        return math.prod(len(self.arrangements(self.design.label[rows])) for rows in self.parts)

    @cached_property
    def parts(self) -> list[Rows]:
        """Rows of each stratum, in order of time."""
        return _parts(self.design, np.lexsort([self.order, self.design.member]))

    def arrangements(self, label: Labels) -> Labels:
        """Return all shifts of the labels of a stratum that differ, `(arrangement, row of the stratum)`."""
        return np.stack([np.roll(label, step) for step in range(_period(label))])

    def labels(self, first: int, last: int) -> Labels:
        """Return draws `first` to `last - 1`, `(draw, row)`."""
        size, rows = self.design.ones + self.design.zeros, np.concatenate(self.parts)
        moved = np.stack([np.random.default_rng([self.seed, n]).integers(0, size) for n in range(first, last)])
        member = self.design.member[rows]
        start = (np.cumsum(size) - size)[member]
        place = np.arange(len(rows)) - start
        labels = np.empty((last - first, len(rows)), bool)
        labels[:, rows] = self.design.label[rows][start + (place - moved[:, member]) % size[member]]
        return labels

    def variance(self, values: Floats) -> Floats:
        """Return the variance of each stratum's difference over its shifts, `(stratum, feature)`."""
        design, values = self.design, centred(self.design, values)
        variance = np.zeros((len(design.weight), values.shape[1]))
        for stratum in np.flatnonzero(design.informative):
            # Of centred values the difference is the labelled sum over the weight, and its mean over shifts is 0.
            rows = self.parts[stratum]
            sums = self.arrangements(design.label[rows]) @ values[rows]
            variance[stratum] = (sums**2).mean(0) / design.weight[stratum] ** 2
        return variance


@dataclass(frozen=True, eq=False)
class Enumerated:
    """All labels there could be, each once.

    Attributes
    ----------
    drawn : Permuted or Shifted
        The random draws in whose place these stand.
    """

    drawn: Permuted | Shifted
    exact = True

    @property
    def count(self) -> int:
        """How many there are."""
        return self.drawn.distinct

    @property
    def distinct(self) -> int:
        """How many different labellings there could be: these."""
        return self.drawn.distinct

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that a two-sided test over them can give."""
        return (2 if self.drawn.mirrored else 1) / self.count

    @cached_property
    def choices(self) -> list[tuple[Rows, Labels]]:
        """Rows of each stratum that can be labelled in several ways, and all of these ways."""
        label = self.drawn.design.label
        choices = [(rows, self.drawn.arrangements(label[rows])) for rows in self.drawn.parts]
        return [(rows, ways) for rows, ways in choices if len(ways) > 1]

    def labels(self, first: int, last: int) -> Labels:
        """Return labellings `first` to `last - 1`, `(labelling, row)`."""
        labels = np.tile(self.drawn.design.label, (last - first, 1))
        digits = np.unravel_index(np.arange(first, last), [len(ways) for _, ways in self.choices])
        for (rows, ways), digit in zip(self.choices, digits, strict=True):
            labels[:, rows] = ways[digit]
        return labels

    def variance(self, values: Floats) -> Floats:
        """Return the variance of each stratum's difference over all of them, `(stratum, feature)`."""
        return self.drawn.variance(values)


def draws(design: Design, *, count: int, seed: int, exchange: Exchange, order: NDArray[Any] | None = None) -> Draws:
    """Return `count` random labellings, or all that there could be when they are no more.

    Parameters
    ----------
    design : Design
        Labels and strata.
    count : int
        Number of random labellings.
    seed : int
        Seed of the draws; each depends on it and its own number only.
    exchange : str
        `permute` or `shift`.
    order : ndarray (row,), optional
        Time of each row, for `shift`; the order given when absent.
    """
    order = np.arange(len(design.label)) if order is None else order
    drawn = Permuted(design, count, seed) if exchange == "permute" else Shifted(design, order, count, seed)
    return Enumerated(drawn) if drawn.distinct <= count else drawn


def _parts(design: Design, rows: Rows) -> list[Rows]:
    return np.split(rows, np.cumsum(design.ones + design.zeros)[:-1])


def _period(label: Labels) -> int:
    return next(step for step in range(1, len(label) + 1) if (np.roll(label, step) == label).all())
