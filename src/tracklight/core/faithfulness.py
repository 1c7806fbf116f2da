"""Faithfulness of a map in numbers: infidelity, sensitivity-n and max-sensitivity.

The first two compare what a map says a set of positions is worth, the sum of its values, with what the output loses
when the set is replaced by a reference. Gradient x input with the corrected gradient is, to first order, the effect of
replacing a position by the uniform distribution over its channels, so that is the reference to compare it with.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from tracklight.core.deletion import Score

Explain = Callable[[Tensor], Tensor]  # (batch, channel, *space) to (batch, *space)


def random_subsets(scores: Tensor, generator: torch.Generator, *, size: int, count: int) -> Tensor:
    """Draw sets of positions, `count` for every example.

    Parameters
    ----------
    scores : Tensor (batch, *space)
        Gives shape and device.
    generator : torch.Generator
        On the CPU.
    size : int
        Positions in a set.
    count : int
        Sets per example.

    Returns
    -------
    Tensor of bool (batch, set, *space)
    """
    length = scores[0].numel()
    place = torch.rand(len(scores), count, length, generator=generator).argsort(-1).argsort(-1)
    return (place < size).view(len(scores), count, *scores.shape[1:]).to(scores.device)


def subset_effects(score: Score, x: Tensor, reference: Tensor, *, subsets: Tensor, batch_size: int) -> Tensor:
    """Return what the score loses when each set of positions is replaced by the reference.

    Parameters
    ----------
    score : callable
        From inputs to one number each, `(batch,)`.
    x, reference : Tensor (batch, channel, *space)
        Examples and what replaces their positions.
    subsets : Tensor of bool (batch, set, *space)
        The sets.
    batch_size : int
        Inputs that are computed together.

    Returns
    -------
    Tensor (batch, set)
    """
    count = subsets.shape[1]
    row = torch.arange(len(x), device=x.device).repeat_interleave(count)
    masks = subsets.flatten(0, 1)[:, None]
    with torch.no_grad():
        whole = torch.cat([score(part) for part in x.split(batch_size)])
        parts = zip(row.split(batch_size), masks.split(batch_size), strict=True)
        left = torch.cat([score(torch.where(mask, reference[rows], x[rows])) for rows, mask in parts])
    return whole[:, None] - left.view(len(x), count)


def subset_sums(scores: Tensor, *, subsets: Tensor) -> Tensor:
    """Return the sum of a map `(batch, *space)` over each set `(batch, set, *space)`: `(batch, set)`."""
    return (scores[:, None] * subsets).flatten(2).sum(-1)


def infidelity(sums: Tensor, effects: Tensor) -> Tensor:
    """Return the mean squared difference between a map and the effects, the map first brought to its best scale.

    Parameters
    ----------
    sums, effects : Tensor (batch, set)
        What the map says of each set, and what its replacement does.

    Returns
    -------
    Tensor (batch,)
        `mean((scale * sums - effects) ** 2)` with `scale = mean(sums * effects) / mean(sums ** 2)`, in squared units of
        the score; for a map that is zero the mean square of the effects.

    References
    ----------
    Yeh et al. (2019), NeurIPS, "On the (in)fidelity and sensitivity of explanations".
    """
    size = sums.square().mean(1)
    scale = torch.where(size > 0, (sums * effects).mean(1) / size, 0.0)
    return (scale[:, None] * sums - effects).square().mean(1)


def unexplained(sums: Tensor, effects: Tensor) -> Tensor:
    """Return infidelity over the mean square of the effects `(batch,)`; NaN where no set has an effect.

    0 for a perfect map, 1 for one that says nothing.
    """
    return infidelity(sums, effects) / effects.square().mean(1)


def sensitivity_n(sums: Tensor, effects: Tensor) -> Tensor:
    """Return the correlation over sets of one size between what a map says and what replacement does.

    Parameters
    ----------
    sums, effects : Tensor (batch, set)
        As in `infidelity`.

    Returns
    -------
    Tensor (batch,)
        Pearson's r; NaN where either does not vary.

    References
    ----------
    Ancona et al. (2018), ICLR, "Towards better understanding of gradient-based attribution methods".
    """
    said, done = sums - sums.mean(1, keepdim=True), effects - effects.mean(1, keepdim=True)
    return (said * done).sum(1) / (said.square().sum(1) * done.square().sum(1)).sqrt()


def point_mutations(x: Tensor, generator: torch.Generator, *, count: int) -> Tensor:
    """Return one-hot examples with `count` positions each changed to another channel.

    Parameters
    ----------
    x : Tensor (batch, channel, *space)
        One-hot over channels; not modified. A position without any channel set (N) stays as it is when drawn.
    generator : torch.Generator
        On the CPU.
    count : int
        Positions to change.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    flat, channels = x.flatten(2), x.shape[1]
    place = torch.rand(len(x), flat.shape[-1], generator=generator).argsort(1).argsort(1)
    step = torch.randint(1, channels, place.shape, generator=generator) * (place < count)
    source = (torch.arange(channels)[None, :, None] - step[:, None]) % channels
    return flat.gather(1, source.to(x.device)).view_as(x)


def max_sensitivity(explain: Explain, x: Tensor, *, perturb: Explain, copies: int) -> Tensor:
    """Return the largest relative change of a map over perturbed copies of each example.

    Parameters
    ----------
    explain : callable
        From inputs to their maps.
    x : Tensor (batch, channel, *space)
        Examples.
    perturb : callable
        From examples to perturbed examples, a new draw at every call.
    copies : int
        Perturbed copies per example.

    Returns
    -------
    Tensor (batch,)
        `max ||map(x') - map(x)|| / ||map(x)||`; NaN where the map is zero.

    References
    ----------
    Yeh et al. (2019), NeurIPS, "On the (in)fidelity and sensitivity of explanations".
    """
    before = explain(x).flatten(1)
    changes = torch.stack([(explain(perturb(x)).flatten(1) - before).norm(dim=1) for _ in range(copies)])
    return changes.amax(0) / before.norm(dim=1)
