"""Pairs of places that belong together, learned from seeds, and a walk along them (Ahn & Kwak 2018, CVPR, 4981)."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from tracklight.core.cam import NO, UNKNOWN, YES

Offset = tuple[int, ...]


def fit_affinity(
    features: Tensor, seeds: Tensor, *, radius: int, units: int, steps: int, learning_rate: float, seed: int
) -> nn.Module:
    """Learn an embedding in which sure places of one kind are near to each other, and others far apart.

    Parameters
    ----------
    features : Tensor (batch, filter, *space)
        Of the network.
    seeds : Tensor of int (batch, *space)
        `YES`, `NO` or `UNKNOWN`; pairs with an unknown teach nothing.
    radius : int
        Pairs are at most so many places apart.
    units, steps, learning_rate, seed
        Length of the embedding; steps and rate of Adam on all pairs at once; of the first weights.

    Returns
    -------
    Module
        `(batch, filter, *space)` to `(batch, unit, *space)`, in evaluation mode.
    """
    embed = _Embedding(features, units, seed=seed)
    optimiser = torch.optim.Adam(embed.parameters(), lr=learning_rate)
    with torch.enable_grad():
        for _ in range(steps):
            optimiser.zero_grad()
            pair_loss(embed(features), seeds, radius=radius).backward()
            optimiser.step()
    return embed.eval().requires_grad_(requires_grad=False)


def pair_loss(embedded: Tensor, seeds: Tensor, *, radius: int) -> Tensor:
    """Return the mean cross-entropy of pairs: a quarter of yes-yes, a quarter of no-no, half of mixed ones.

    Parameters
    ----------
    embedded : Tensor (batch, unit, *space)
        The affinity of two places is `exp(-|difference|)`, summed over units.
    seeds : Tensor of int (batch, *space)
        What is sure.
    radius : int
        Greatest distance of a pair.
    """
    totals, counts = [embedded.new_zeros(()) for _ in range(3)], [embedded.new_zeros(()) for _ in range(3)]
    for one, other in _windows(seeds.shape[1:], radius):
        distance = (embedded[:, :, *one] - embedded[:, :, *other]).abs().sum(1)
        first, second = seeds[:, *one], seeds[:, *other]
        apart = -torch.log1p(-torch.exp(-distance.clamp(min=1e-4)))
        mixed = (first != second) & (first != UNKNOWN) & (second != UNKNOWN)
        chosen = [(first == YES) & (second == YES), (first == NO) & (second == NO), mixed]
        for kind, (cost, pairs) in enumerate(zip([distance, distance, apart], chosen, strict=True)):
            totals[kind] = totals[kind] + (cost * pairs).sum()
            counts[kind] = counts[kind] + pairs.sum()
    return sum(
        (
            share * total / count.clamp(min=1)
            for share, total, count in zip([0.25, 0.25, 0.5], totals, counts, strict=True)
        ),
        embedded.new_zeros(()),
    )


def spread(scores: Tensor, embedded: Tensor, *, radius: int, power: float, steps: int) -> Tensor:
    """Let scores wander along affinities: `T^steps s` with `T` the row-normalised power of the affinities.

    Parameters
    ----------
    scores : Tensor (batch, *space)
        A map.
    embedded : Tensor (batch, unit, *space)
        From the module of `fit_affinity`.
    radius, power, steps
        Length of a step at most, exponent of the affinities, and number of steps.

    Returns
    -------
    Tensor (batch, *space)
        Each value is a weighted mean of scores.
    """
    pairs = list(_windows(scores.shape[1:], radius))
    weights = [torch.exp(-power * (embedded[:, :, *one] - embedded[:, :, *other]).abs().sum(1)) for one, other in pairs]

    def step(values: Tensor) -> Tensor:
        total = values.clone()
        for (one, other), weight in zip(pairs, weights, strict=True):
            total[:, *one] += weight * values[:, *other]
            total[:, *other] += weight * values[:, *one]
        return total

    degree = step(torch.ones_like(scores))
    for _ in range(steps):
        scores = step(scores) / degree
    return scores


class _Embedding(nn.Module):
    """A linear map of standardised features at every place."""

    def __init__(self, features: Tensor, units: int, *, seed: int):
        super().__init__()
        flat = features.transpose(0, 1).flatten(1)
        self.register_buffer("centre", flat.mean(1))
        self.register_buffer("scale", 1 / flat.std(1).clamp(min=1e-6))
        start = torch.randn(units, len(flat), generator=torch.Generator().manual_seed(seed)) / len(flat)
        self.weight = nn.Parameter(start.to(features))

    def forward(self, features: Tensor) -> Tensor:
        shape = (1, -1, *[1] * (features.ndim - 2))
        standard = (features - self.centre.view(shape)) * self.scale.view(shape)  # type: ignore[operator]
        return torch.einsum("uk,bk...->bu...", self.weight, standard)


def _windows(space: torch.Size, radius: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Yield for every offset up to `radius`, each direction once, the slices of both ends of its pairs."""
    zero = (0,) * len(space)
    for offset in product(range(-radius, radius + 1), repeat=len(space)):
        inside = sum(step * step for step in offset) <= radius * radius
        if offset > zero and inside and all(abs(step) < size for step, size in zip(offset, space, strict=True)):
            yield _ends(offset, first=True), _ends(offset, first=False)


def _ends(offset: Offset, *, first: bool) -> tuple[slice, ...]:
    steps = [step if first else -step for step in offset]
    return tuple(slice(max(-step, 0), -step if step > 0 else None) for step in steps)
