"""What all networks share: the shape of their windows and the units of their outputs."""

from typing import NamedTuple

from torch import Tensor, nn, ones, zeros


class Shape(NamedTuple):
    """Input channels, window length in positions, number of outputs."""

    channels: int
    length: int
    targets: int


class Network(nn.Module):
    """Base of the networks.

    Subclasses map `(batch, channel, length)` to `(batch, target)` and pass their raw, standardised outputs through
    `in_units`, so that training sees targets of mean 0 and spread 1 while users see the units of the table.

    Attributes
    ----------
    shape : Shape
        Of the windows.
    scale, shift : Tensor (target,)
        Spread and mean of the training targets; buffers, kept with the weights.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.register_buffer("scale", ones(shape.targets))
        self.register_buffer("shift", zeros(shape.targets))

    def in_units(self, raw: Tensor) -> Tensor:
        """Turn standardised outputs `(batch, target)` or `(batch, target, window)` into units of the targets."""
        tail = (1,) * (raw.ndim - 2)
        return raw * self.scale.view(-1, *tail) + self.shift.view(-1, *tail)

    def standardised(self, values: Tensor) -> Tensor:
        """Turn values `(batch, target)` in units of the targets into standardised ones."""
        return (values - self.shift) / self.scale

    def for_inference(self) -> "Network":
        """Return an equal network in evaluation mode, without gradients for its weights, made fast where it can be."""
        return self.eval().requires_grad_(requires_grad=False)
