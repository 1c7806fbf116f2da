"""Deletion and insertion: how an output moves as positions are replaced in a given order.

A map that points at what the model uses makes the output fall fast when its highest positions are replaced first. The
number means nothing alone: random order and the order of an untrained model stand beside it (Samek et al. 2017, IEEE
Trans. Neural Netw. Learn. Syst. 28:2660; Petsiuk, Das and Saenko 2018, BMVC).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Score = Callable[[Tensor], Tensor]  # (batch, channel, *space) to (batch,)


def rank_positions(scores: Tensor, generator: torch.Generator) -> Tensor:
    """Return the place of every position when the highest score comes first; ties fall at random.

    A map that is the same everywhere gives a random order.

    Parameters
    ----------
    scores : Tensor (batch, *space)
        One value per position.
    generator : torch.Generator
        On the CPU, so that every device sees the same order.

    Returns
    -------
    Tensor of int64 (batch, *space)
        0 for the first.
    """
    flat = scores.flatten(1)
    mixed = torch.rand(flat.shape, generator=generator).argsort(1).to(scores.device)
    order = mixed.gather(1, flat.gather(1, mixed).argsort(stable=True, dim=1, descending=True))
    return order.argsort(1).view(scores.shape)


def rank_stretches(scores: Tensor, generator: torch.Generator, *, width: int) -> Tensor:
    """Return the place of every position when whole stretches are taken, the highest sum first, without overlap.

    Stretches are `width` positions long along every dimension of space. Positions that no free stretch holds any more
    come last, in random order.

    Parameters
    ----------
    scores, generator
        As in `rank_positions`; a map that is the same everywhere gives stretches drawn at random.
    width : int
        Length of a stretch (positions).

    Returns
    -------
    Tensor of int64 (batch, *space)
        Those of the first stretch are 0 to `width - 1` (`width ** dimensions - 1`), and so on.
    """
    space, dimensions = scores.shape[1:], scores.ndim - 1
    place = rank_positions(box_sums(scores, width), generator).flatten(1).float()
    starts = torch.cartesian_prod(*(torch.arange(size - width + 1) for size in space)).view(-1, dimensions)
    positions = torch.cartesian_prod(*(torch.arange(size) for size in space)).view(-1, dimensions)
    starts, positions = starts.to(scores.device), positions.to(scores.device)
    turn = torch.full((len(scores), len(positions)), torch.inf, device=scores.device)
    for number in range(len(positions) // width**dimensions):
        free, best = place.min(1)
        chosen = starts[best][:, None]
        inside = ((positions >= chosen) & (positions < chosen + width)).all(-1)
        turn[inside & free.isfinite()[:, None]] = number
        place[((starts - chosen).abs() < width).all(-1)] = torch.inf
    return rank_positions(-turn.view(scores.shape), generator)


def box_sums(scores: Tensor, width: int) -> Tensor:
    """Sum over boxes of `width` along every dimension, without rounding of one box into another.

    Parameters
    ----------
    scores : Tensor (batch, *space)
        One value per position.
    width : int
        Side of a box (positions); it fits into the space.

    Returns
    -------
    Tensor (batch, *start)
        By the first position of a box.
    """
    assert min(scores.shape[1:]) >= width, "a stretch fits into the space"
    for axis in range(1, scores.ndim):
        scores = scores.unfold(axis, width, 1).sum(-1)
    return scores


def replacement_curve(
    score: Score, x: Tensor, filler: Tensor, *, ranks: Tensor, counts: Sequence[int], batch_size: int
) -> Tensor:
    """Return the score with the first `count` positions of every example replaced, for each count.

    The deletion curve replaces positions of the example by the filler. The insertion curve is the same with the two
    exchanged: it starts from the filler and puts positions of the example back.

    Parameters
    ----------
    score : callable
        From inputs to one number each, `(batch,)`.
    x, filler : Tensor (batch, channel, *space)
        Examples, and what replaces their positions.
    ranks : Tensor of int64 (batch, *space)
        Place of each position in the order, from 0.
    counts : sequence of int
        Numbers of replaced positions.
    batch_size : int
        Examples that are computed together.

    Returns
    -------
    Tensor (batch, count)
    """
    with torch.no_grad():
        parts = [
            torch.stack([score(torch.where((place < count)[:, None], new, old)) for count in counts], dim=1)
            for old, new, place in zip(*(part.split(batch_size) for part in (x, filler, ranks)), strict=True)
        ]
    return torch.cat(parts)


def area(fractions: Tensor, values: Tensor) -> Tensor:
    """Return the area under curves by the trapezoid rule.

    Parameters
    ----------
    fractions : Tensor (point,)
        Shares of replaced positions, rising.
    values : Tensor (..., point)
        Curves.

    Returns
    -------
    Tensor (...)
        In units of the values; over fractions from 0 to 1 it is the mean height of the curve.
    """
    return torch.trapezoid(values, fractions, dim=-1)


def normalised(values: Tensor, *, whole: Tensor, null: Tensor) -> Tensor:
    """Return `(value - null) / (whole - null)`: 1 where nothing is lost, 0 where the filler alone stands.

    Parameters
    ----------
    values : Tensor (..., point)
        Curves.
    whole, null : Tensor (...)
        The score of the untouched example and of the filler.
    """
    return (values - null[..., None]) / (whole - null)[..., None]
