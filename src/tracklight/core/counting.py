"""What a method costs: how many inputs pass through a model, forwards and backwards."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Passes:
    """Inputs that passed a model forwards and backwards; copies of the model count into the same."""

    forward: float = 0
    backward: float = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Passes":
        return self


class Counted(nn.Module):
    """A model that counts in `passes` what it is asked; its outputs and gradients are those of the model.

    Parameters
    ----------
    model : Module
        Maps `(batch, ...)` to `(batch, target)`.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.passes = Passes()
        self.train(model.training)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the model and count the rows of `x`."""
        output = self.model(x)
        self.passes.forward += len(x)
        if torch.is_grad_enabled() and output.requires_grad:
            output.register_hook(self._count_backward)
        return output

    def _count_backward(self, gradient: Tensor) -> None:
        self.passes.backward += len(gradient)
