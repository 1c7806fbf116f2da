"""Losses on standardised targets; what was not measured does not count."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

LOSSES: dict[str, Callable[..., Tensor]] = {"mse": functional.mse_loss, "huber": functional.smooth_l1_loss}


def masked_loss(name: str, prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean loss over measured values of `(batch, target)`; 0 when there are none."""
    measured = ~torch.isnan(target)
    filled = torch.where(measured, target, prediction.detach())
    each = LOSSES[name](prediction, filled, reduction="none")
    return (each * measured).sum() / measured.sum().clamp(min=1)
