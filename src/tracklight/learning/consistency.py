"""Similar windows, similar maps: a term that compares the map of a window with that of a neighbour of it.

A neighbour is the window read on the other strand, moved by a few positions, or with a few other bases. Its map is
brought back onto the window, and positions that have no counterpart are left out. Stable maps can be stably wrong:
whether they point at the right bases is another question.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from tracklight.core.attribution import evaluating
from tracklight.core.saliency_losses import contrastive, cosine_distance, fourier_prior, saliency
from tracklight.learning.levers import Batch, evidence
from tracklight.models.network import Network


class Neighbours(NamedTuple):
    """Neighbours of windows.

    Attributes
    ----------
    x : Tensor (batch, channel, position)
        The neighbours.
    back : callable
        Brings maps `(batch, position)` of the neighbours back onto the windows.
    valid : Tensor of float (batch, position)
        1 where the two maps can be compared, on the windows.
    """

    x: Tensor
    back: Callable[[Tensor], Tensor]
    valid: Tensor


Operator = Callable[[Tensor, torch.Generator], Neighbours]


def reverse_complement(x: Tensor, _: torch.Generator) -> Neighbours:
    """Return one-hot windows (batch, 4, position), in the order A C G T, as the other strand reads them."""
    return Neighbours(x.flip(1, 2), lambda s: s.flip(-1), torch.ones_like(x[:, 0]))


def shift(most: int) -> Operator:
    """Return the operator that moves all windows of a batch by the same distance, up to `most` positions either way.

    What leaves at one end comes in at the other and is not compared; no position is, where windows are that short.
    """

    def moved(x: Tensor, draw: torch.Generator) -> Neighbours:
        size = int(torch.randint(1, most + 1, (), generator=draw))
        distance = size if torch.rand((), generator=draw) < 0.5 else -size
        there = torch.arange(x.shape[-1], device=x.device) + distance
        valid = ((there >= 0) & (there < x.shape[-1])).to(x).expand(len(x), -1)
        return Neighbours(x.roll(distance, -1), lambda s: s.roll(-distance, -1), valid)

    return moved


def mutation(rate: float) -> Operator:
    """Return the operator that replaces this share of the positions of one-hot windows by another channel."""

    def mutated(x: Tensor, draw: torch.Generator) -> Neighbours:
        count, channels, length = x.shape
        changed = torch.rand((count, length), generator=draw) < rate
        step = torch.randint(1, channels, (count, length), generator=draw) * changed
        order = (torch.arange(channels)[:, None] - step[:, None]) % channels  # the channel that each takes over
        return Neighbours(x.gather(1, order.to(x.device)), lambda s: s, (~changed).to(x))

    return mutated


def supporting(batch: Batch, *, labels: bool) -> Tensor:
    """Return the rows of a batch that have something to show: of one label those with label 1, otherwise all."""
    if labels and batch.target.shape[1] == 1:
        return (batch.target[:, 0] > 0.5).nonzero()[:, 0]
    return torch.arange(len(batch.x), device=batch.x.device)


@dataclass(frozen=True)
class Consistency:
    """The disagreement of maps with those of neighbours.

    Attributes
    ----------
    how : str
        What is compared, for the record: a training is resumed with the same only.
    weight, start : float
        As `learning.levers.Term` says.
    operators : tuple of callable
        Kinds of neighbours; each step takes one at random.
    temperature : float, optional
        Of the contrastive form; None for the cosine.
    labels : bool
        Whether targets are labels, see `supporting`.
    """

    how: str
    weight: float
    start: float
    operators: tuple[Operator, ...] = field(repr=False)
    temperature: float | None
    labels: bool
    name: str = "consistency"

    def __call__(self, model: Network, batch: Batch) -> Tensor:
        """Return the mean over supporting windows; 0 when there are too few to compare."""
        operator = self.operators[int(torch.randint(len(self.operators), (), generator=batch.draw))]
        rows = supporting(batch, labels=self.labels)
        if len(rows) < (1 if self.temperature is None else 2):  # one window alone has none to be told from
            return batch.x.new_zeros(())
        x, target = batch.x[rows], batch.target[rows]
        near = operator(x, batch.draw)
        with evaluating(model):
            both = evidence(model, torch.cat([target, target]))
            own, other = saliency(both, torch.cat([x, near.x]), target=0, create_graph=True).split(len(x))
        if self.temperature is None:
            return cosine_distance(own, near.back(other), valid=near.valid).mean()
        return contrastive(own * near.valid, near.back(other) * near.valid, temperature=self.temperature).mean()


@dataclass(frozen=True)
class Smoothness:
    """The share of high frequencies in maps, see `core.saliency_losses.fourier_prior`.

    Attributes
    ----------
    weight, start : float
        As `learning.levers.Term` says.
    limit : float
        Share of one period per position below which frequencies count in full.
    sd : float
        Standard deviation of the smoothing (positions).
    softness : float
        Exponent of the fall beyond the limit.
    labels : bool
        Whether targets are labels, see `supporting`.
    """

    weight: float
    start: float
    limit: float
    sd: float
    softness: float
    labels: bool
    name: str = "fourier"

    def __call__(self, model: Network, batch: Batch) -> Tensor:
        """Return the mean over supporting windows; 0 when there are none."""
        rows = supporting(batch, labels=self.labels)
        if not len(rows):
            return batch.x.new_zeros(())
        with evaluating(model):
            s = saliency(evidence(model, batch.target[rows]), batch.x[rows], target=0, create_graph=True)
        limit = max(round(self.limit * s.shape[-1]), 1)
        return fourier_prior(s, limit=limit, sd=self.sd, softness=self.softness).mean()
