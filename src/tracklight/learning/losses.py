"""Losses, and the units of the targets they are made for; what was not measured does not count."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tracklight.errors import complaint


@dataclass(frozen=True)
class Loss:
    """A loss and what it asks of the targets.

    Attributes
    ----------
    each : callable
        `each(prediction, target, reduction="none")`, one loss per value.
    standardised : bool
        Whether targets are brought to mean 0 and spread 1 on the training windows; otherwise they stay as they are.
    labels : tuple of float
        The only values a target may have; any when empty. Of labels the network predicts the log-odds.
    """

    each: Callable[..., Tensor]
    standardised: bool
    labels: tuple[float, ...]


LOSSES: dict[str, Loss] = {
    "mse": Loss(functional.mse_loss, standardised=True, labels=()),
    "huber": Loss(functional.smooth_l1_loss, standardised=True, labels=()),
    "bce": Loss(functional.binary_cross_entropy_with_logits, standardised=False, labels=(0.0, 1.0)),
}


def masked_loss(name: str, prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean loss over measured values of `(batch, target)`; 0 when there are none."""
    measured = ~torch.isnan(target)
    filled = torch.where(measured, target, prediction.detach())
    each = LOSSES[name].each(prediction, filled, reduction="none")
    return (each * measured).sum() / measured.sum().clamp(min=1)


def check_labels(name: str, targets: Tensor) -> None:
    """Raise `InputError` when a loss is for labels and a measured target (example, target) is none of them."""
    labels = LOSSES[name].labels
    other = targets[~torch.isnan(targets) & ~torch.isin(targets, torch.tensor(labels, device=targets.device))]
    if labels and len(other):
        raise complaint(
            "targets are not the labels this loss is for",
            where=f"train.loss: {name}",
            got=round(other[0].item(), 6),
            allowed=f"{', '.join(f'{label:g}' for label in labels)}, or nothing where not measured",
            do="use prepare_windows.transform: none on a column of labels, or train.loss: mse",
        )
