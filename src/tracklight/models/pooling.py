"""Rectification and max-pooling in one step, without the index tensor that makes the library's pooling slow."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class _RectifiedMax(torch.autograd.Function):
    """Forward: the largest of `pool` neighbours, at least 0. Backward: all of the gradient to the first of them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pool: int) -> Tensor:
        parts = _parts(x, pool)
        top = parts[0].relu()
        for part in parts[1:]:
            torch.maximum(top, part, out=top)
        ctx.save_for_backward(x, top)
        ctx.pool = pool
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, top = ctx.saved_tensors
        won = list(_winners(_parts(x, ctx.pool), top))
        if torch.is_grad_enabled():  # somebody differentiates the gradient: no writing in place
            spread = torch.stack([gradients[0] * mask for mask in won], dim=-1).flatten(-2)
            return nn.functional.pad(spread, (0, x.shape[-1] - spread.shape[-1])), None
        spread = torch.zeros_like(x) if x.shape[-1] % ctx.pool else torch.empty_like(x)
        for place, mask in zip(_parts(spread, ctx.pool), won, strict=True):
            torch.mul(gradients[0], mask, out=place)
        return spread, None


class RectifiedMaxPool(nn.Module):
    """Max-pooling of the rectified input, `(..., position)` to `(..., position // pool)`; equal to ReLU and pooling.

    Parameters
    ----------
    pool : int
        Neighbours that become one position; positions left over at the end are dropped.
    """

    def __init__(self, pool: int):
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Pool the last dimension."""
        return _RectifiedMax.apply(x, self.pool)

    def library_layers(self) -> nn.Module:
        """Return the layers of torch that compute the same, for methods that have rules for those alone."""
        return nn.Sequential(nn.ReLU(), nn.MaxPool1d(self.pool))


def _winners(parts: list[Tensor], top: Tensor) -> Iterator[Tensor]:
    """Yield for each neighbour where it is the first to reach a positive `top`."""
    undecided = top > 0
    for part in parts[:-1]:
        won = (part == top).logical_and_(undecided)
        undecided.logical_xor_(won)
        yield won
    yield undecided


def _parts(x: Tensor, pool: int) -> list[Tensor]:
    used = x.shape[-1] // pool * pool
    return [x[..., first:used:pool] for first in range(pool)]
