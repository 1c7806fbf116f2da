"""CutOut, guided by saliency: what a network looks at most is hidden from it, so that it learns to use the rest.

Plain CutOut hides a window at random (DeVries & Taylor 2017, arXiv:1708.04552); KeepAugment hides what matters least
(Gong et al. 2021, CVPR, 1055). The label stays what it was, which is right for labels that other evidence supports too,
and wrong for a measured amount to which the hidden part has contributed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tracklight.core.attribution import evaluating
from tracklight.core.deletion import box_sums
from tracklight.core.masking import FILLERS
from tracklight.core.saliency_losses import saliency
from tracklight.learning.levers import Batch, evidence
from tracklight.models.network import Network

Score = Callable[[Tensor, Tensor], Tensor]


def most_salient(mass: Tensor, _: Tensor) -> Tensor:
    """Return the mass itself."""
    return mass


def by_share(mass: Tensor, draw: Tensor) -> Tensor:
    """Return scores whose maximum falls on a window with a probability proportional to its mass (Gumbel 1954)."""
    return mass.log() - (-draw.log()).log()


def anywhere(_: Tensor, draw: Tensor) -> Tensor:
    """Return the random numbers: every window is as likely as any other."""
    return draw


def among_least(share: float) -> Score:
    """Return the score of windows drawn among the given share with the least mass."""

    def score(mass: Tensor, draw: Tensor) -> Tensor:
        limit = mass.quantile(share, dim=1, keepdim=True)
        return torch.where(mass <= limit, draw, -1.0)

    return score


def window_mass(s: Tensor, width: int) -> Tensor:
    """Return the absolute mass of a map in every window.

    Parameters
    ----------
    s : Tensor (batch, *space)
        Map.
    width : int
        Side of a window along every dimension (positions).

    Returns
    -------
    Tensor (batch, *start)
        By the first position of a window that lies inside the space.
    """
    return box_sums(s.abs(), width)


def window_mask(first: Tensor, space: tuple[int, ...], width: int) -> Tensor:
    """Return where windows lie.

    Parameters
    ----------
    first : Tensor of int64 (batch,)
        The window of each example, numbered as `window_mass(...).flatten(1)` numbers them.
    space : tuple of int
        Size of each dimension.
    width : int
        Side of a window along every dimension (positions).

    Returns
    -------
    Tensor of bool (batch, *space)
    """
    mask = torch.ones((len(first), *space), dtype=torch.bool, device=first.device)
    corner = torch.unravel_index(first, [size - width + 1 for size in space])
    for axis, start in enumerate(corner):
        ends = [1] * len(space)
        ends[axis] = space[axis]
        place = torch.arange(space[axis], device=first.device).view(1, *ends)
        start = start.view(-1, *[1] * len(space))
        mask &= (place >= start) & (place < start + width)
    return mask


@dataclass(frozen=True)
class CutOut:
    """Hides one window of some of the examples.

    Attributes
    ----------
    how : str
        What is hidden, for the record: a training is resumed with the same only.
    score : callable
        `score(mass, draw) -> (batch, window)`, from the mass of every window and random numbers; the highest is hidden.
    width : int
        Side of the window along every dimension (positions).
    probability : float
        Share of examples that are cut.
    start : float
        Share of the training after which it acts.
    fill : str
        Row of `core.masking.FILLERS`, what is put there.
    guide : Network, optional
        Whose map decides, when it is not that of the network in training.
    """

    how: str
    score: Score = field(repr=False)
    width: int
    probability: float
    start: float
    fill: str
    guide: Network | None = field(default=None, repr=False)

    def __call__(self, model: Network, batch: Batch) -> Tensor:
        """Return the windows of the batch, some with a hole."""
        cut = (torch.rand(len(batch.x), generator=batch.draw) < self.probability).nonzero()[:, 0].to(batch.x.device)
        if not len(cut):
            return batch.x
        x, guide = batch.x[cut], self.guide if self.guide is not None else model
        with evaluating(guide):
            s = saliency(evidence(guide, batch.target[cut]), x, target=0, create_graph=False)
        return batch.x.index_copy(0, cut, self.hide(x, s, draw=batch.draw))

    def hide(self, x: Tensor, s: Tensor, *, draw: torch.Generator) -> Tensor:
        """Return every example with one window filled.

        Parameters
        ----------
        x : Tensor (batch, channel, *space)
            Examples; not modified.
        s : Tensor (batch, *space)
            Their maps.
        draw : torch.Generator
            On the CPU.

        Returns
        -------
        Tensor (batch, channel, *space)
        """
        mass = window_mass(s, self.width).flatten(1)
        first = self.score(mass, torch.rand(mass.shape, generator=draw).to(mass.device)).argmax(1)
        inside = window_mask(first, tuple(x.shape[2:]), self.width)
        return torch.where(inside[:, None], FILLERS[self.fill](x, draw), x)
