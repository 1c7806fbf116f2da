"""Levers on the training loop: what may vary, alter the input, or be added to the loss, and when it begins.

A lever acts on a training that is as it would be without it: the plain draws (order, shifts, strands, dropout) come
from generators of their own, and a term of weight 0 is never called.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol, TypedDict

import torch
from torch import Tensor

from tracklight.models.network import Network


class Variation(NamedTuple):
    """How windows vary in training: moved by up to so many positions either way, and read on the other strand."""

    max_shift: int = 0
    flip: bool = False


class Reading(TypedDict):
    """How windows are read: `shift` int64 (batch,), and `flip` bool (batch,) or None."""

    shift: Tensor
    flip: Tensor | None


class Batch(NamedTuple):
    """What a lever sees of a step.

    Attributes
    ----------
    x : Tensor (batch, channel, position)
        Windows after shift and flip, before anything else alters them.
    target : Tensor of float32 (batch, target)
        NaN where not measured.
    rows : Tensor of int64 (batch,)
        Which examples.
    shift : Tensor of int64 (batch,)
        How far each window was moved.
    flip : Tensor of bool (batch,), optional
        Windows read on the strand opposite to their own.
    draw : torch.Generator
        For the levers alone, on the CPU.
    """

    x: Tensor
    target: Tensor
    rows: Tensor
    shift: Tensor
    flip: Tensor | None
    draw: torch.Generator


class Alter(Protocol):
    """Changes the input of a step. Its `repr` tells it from others: a training is resumed with the same one only."""

    @property
    def start(self) -> float:
        """Share of the training after which it acts."""

    def __call__(self, model: Network, batch: Batch) -> Tensor:
        """Return the windows to learn from, of the shape of `batch.x`; draws nothing but from `batch.draw`."""


class Term(Protocol):
    """Is added to the loss. Its `repr` tells it from others: a training is resumed with the same one only."""

    @property
    def name(self) -> str:
        """Its column in the table of metrics."""

    @property
    def weight(self) -> float:
        """What it is multiplied by; at 0 it is never called."""

    @property
    def start(self) -> float:
        """Share of the training after which it acts."""

    def __call__(self, model: Network, batch: Batch) -> Tensor:
        """Return a scalar, differentiable in the weights, before the weight; draws nothing but from `batch.draw`."""


@dataclass(frozen=True)
class Levers:
    """All levers of a training.

    Attributes
    ----------
    vary : Variation
        How windows vary from one epoch to the next.
    alter : Alter, optional
        Changes the input.
    terms : tuple of Term
        Added to the loss.
    keep : str
        Which state a training ends in: that of the lowest validation loss, or the `last`, whose validation loss also
        ends nothing early. A lever that gives up a little of the validation loss for something else needs the `last`.
    guard : float, optional
        Share by which the validation loss may exceed its reference once a term acts. Above it the state before the
        terms is restored and the training ends.
    guard_against : str
        The reference: the validation loss `before` the terms, or that of the best `constant` prediction, for terms that
        must raise the validation loss to do their work.
    """

    vary: Variation = field(default_factory=Variation)
    alter: Alter | None = None
    terms: tuple[Term, ...] = ()
    keep: Literal["best", "last"] = "best"
    guard: float | None = None
    guard_against: Literal["before", "constant"] = "before"

    def weighing(self) -> tuple[Term, ...]:
        """Return the terms whose weight is not 0."""
        return tuple(term for term in self.terms if term.weight)

    def at(self, share: float) -> "Levers":
        """Return the levers that act when this share of the training is done."""
        alter = self.alter if self.alter is not None and self.alter.start <= share else None
        return replace(self, alter=alter, terms=tuple(term for term in self.weighing() if term.start <= share))


def standard_output(model: Network) -> Callable[[Tensor], Tensor]:
    """Return the function whose gradient is a saliency: standardised targets, or log-odds; `(batch, target)`."""

    def output(x: Tensor) -> Tensor:
        return model.standardised(model(x))

    return output


def evidence(model: Network, target: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the one number per example `(batch, 1)` that a network of several outputs is explained by.

    Of one output it is the output. Of several each counts with how far its target is above the mean of the example's
    targets: of classes this is the logit of the right one minus the mean, which no constant added to all of them moves.

    Parameters
    ----------
    model : Network
        The network.
    target : Tensor (batch, target)
        Of the examples that the function will be given, in their order; NaN counts as the mean.
    """
    weight = torch.ones_like(target) if target.shape[1] == 1 else target - target.nanmean(1, keepdim=True)

    def output(x: Tensor) -> Tensor:
        return (standard_output(model)(x) * weight.nan_to_num()).sum(1, keepdim=True)

    return output
