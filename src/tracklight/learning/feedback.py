"""Feedback: what people marked becomes a term of the loss, so that a network is right for their reasons.

The share of the saliency inside the marks (scale free), the squared gradient of the output there (Simard et al. 1991,
here with a mask), or right for the right reasons (Ross, Hughes & Doshi-Velez 2017, IJCAI), for three or more classes:
of two, the gradient of the summed log-probabilities vanishes where the network is undecided, so that it learns to be
undecided instead of to look elsewhere.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tracklight.core.attribution import evaluating
from tracklight.core.saliency_losses import logit_l2, mass_fraction, output_gradient, right_reasons, saliency
from tracklight.learning.examples import Examples
from tracklight.learning.levers import Batch, standard_output
from tracklight.learning.losses import constant_prediction, masked_loss
from tracklight.models.network import Network
from tracklight.settings import Loop

RELEVANT, IRRELEVANT = "relevant", "irrelevant"
KINDS = {RELEVANT: RELEVANT, "M+": RELEVANT, IRRELEVANT: IRRELEVANT, "M-": IRRELEVANT}  # as people write them
Form = Literal["mass", "logit_l2", "right_reasons"]


@dataclass(frozen=True, repr=False)
class Feedback:
    """A term of the loss (`learning.levers.Term`): saliency leaves irrelevant marks and gathers in relevant ones.

    Only windows of a batch that hold a mark take part; each kind is averaged over the windows that hold it, of shares
    only those that hold something else too.

    Attributes
    ----------
    marks : Examples
        The windows over a tape of marks: `marks.x(...)` is (batch, 2, position), relevant bases first.
    form : str
        `mass`, `logit_l2` or `right_reasons`; the last two know irrelevant marks only.
    irrelevant_weight, relevant_weight : float
        Weights of the two kinds.
    target : int
        The output that is explained.
    correct : bool
        Remove the mean over channels from the gradient (one-hot inputs).
    turn : Tensor of int64 (example,), optional
        A control: the marks of each window are turned by so many positions, round its end, so that they are as many
        and as long as before and in the wrong place.
    """

    marks: Examples
    form: Form
    irrelevant_weight: float
    relevant_weight: float
    target: int = 0
    correct: bool = True
    turn: Tensor | None = None
    name: str = "feedback"
    start: float = 0.0

    @property
    def weight(self) -> float:
        """1, or 0 when there is nothing to add."""
        return float(bool(self.irrelevant_weight or (self.form == "mass" and self.relevant_weight)))

    def __repr__(self) -> str:
        """Tell terms apart by all they are made of, the marks included."""
        digest = hashlib.sha256()
        for tensor in (self.marks.data, self.marks.start, self.turn):
            digest.update(b"" if tensor is None else tensor.cpu().numpy().tobytes())
        what = (self.form, self.irrelevant_weight, self.relevant_weight, self.target, self.correct)
        return f"Feedback{(*what, digest.hexdigest())}"

    def __call__(self, model: Network, batch: Batch) -> Tensor:
        """Return the weighted sum of both kinds, 0 when no window of the batch is marked."""
        masks = self.masks(batch)
        held = masks.any(-1).any(-1)
        if not held.any():
            return batch.x.new_zeros(())
        relevant, irrelevant = masks[held].unbind(1)
        return self._loss(model, batch.x[held], relevant, irrelevant=irrelevant)

    def masks(self, batch: Batch) -> Tensor:
        """Return the marks of the windows as they were read, float32 `(batch, 2, position)`."""
        masks = self.marks.x(batch.rows, shift=batch.shift, flip=batch.flip)
        return masks if self.turn is None else turned(masks, self.turn[batch.rows])

    def _loss(self, model: Network, x: Tensor, relevant: Tensor, *, irrelevant: Tensor) -> Tensor:
        output = standard_output(model)
        with evaluating(model):
            if self.form == "mass":
                shone = saliency(output, x, target=self.target, create_graph=True, correct=self.correct)
                away = held_mean(mass_fraction(shone, irrelevant), irrelevant, partly=True)
                there = held_mean(1 - mass_fraction(shone, relevant), relevant, partly=True)
                return self.irrelevant_weight * away + self.relevant_weight * there
            if self.form == "logit_l2":
                steepness = output_gradient(output, x, target=self.target, create_graph=True)
                return self.irrelevant_weight * held_mean(logit_l2(steepness, irrelevant), irrelevant)
            return self.irrelevant_weight * held_mean(right_reasons(output, x, irrelevant), irrelevant)


def constant_loss(model: Network, targets: Tensor, rows: dict[str, Tensor], *, settings: Loop) -> float:
    """Return the loss on `validation` rows of the best constant prediction, learned from `train` rows.

    A network that must give up a shortcut loses accuracy where the shortcut still works, and more so while it looks
    for other reasons; worse than a constant at the end, it found none.

    Parameters
    ----------
    model : Network
        Knows the units of the targets.
    targets : Tensor of float32 (example, target)
        NaN where not measured.
    rows : dict of str to Tensor
        Row numbers of the splits.
    settings : Loop
        Loss and temperature.
    """
    target = targets[rows["validation"]]
    constant = constant_prediction(settings.loss, targets[rows["train"]]).expand_as(target)
    values = (model.standardised(part) for part in (constant, target))
    return float(masked_loss(settings.loss, *values, temperature=settings.temperature))


def held_mean(values: Tensor, mask: Tensor, *, partly: bool = False) -> Tensor:
    """Return the mean of `values` (batch,) over examples whose `mask` (batch, position) is not empty; 0 if none.

    With `partly`, masks that fill their example count no more than empty ones: its share is 1, whatever the network.
    """
    held = mask.any(-1) & ~(partly & mask.bool().all(-1))
    return (values * held).sum() / held.sum().clamp(min=1)


def turned(masks: Tensor, by: Tensor) -> Tensor:
    """Return masks `(batch, kind, position)`, each turned to the right by its own number of positions `by` (batch,)."""
    length = masks.shape[-1]
    place = (torch.arange(length, device=masks.device) - by[:, None].to(masks.device)) % length
    return masks.gather(-1, place[:, None].expand_as(masks))
