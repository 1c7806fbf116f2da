"""Spatial filters, a temporal filter for each, and the mean square of what passes: a weighted sum of band powers.

The output is a quadratic form of the input, so it hardly mixes frequencies: what is attributed to one does not depend
on the others, as it does where another frequency opens a rectified unit. Gradient x input sums to twice the output
minus its bias; integrated gradients from 0 are exact.
"""

from torch import Tensor, nn

from tracklight.models.eeg_conv import spatial_and_temporal
from tracklight.models.network import Network, Shape
from tracklight.models.valid_conv import pooled_length


class SquarePool(Network):
    """Network whose output is linear in the power of its filters.

    Parameters
    ----------
    shape : Shape
        Of the epochs in training; others may be shorter or longer.
    filters
        Spatial filters (mixtures of channels), each with a temporal filter of its own.
    temporal_kernel
        Width of the temporal filters (positions).

    Raises
    ------
    InputError
        When the kernel is longer than the epoch.
    """

    def __init__(self, shape: Shape, *, filters: int, temporal_kernel: int):
        super().__init__(shape)
        pooled_length(shape.length, [temporal_kernel], [1])
        self.body = nn.Sequential(*spatial_and_temporal(shape.channels, filters, temporal_kernel))
        self.output = nn.Linear(filters, shape.targets)

    def forward(self, x: Tensor) -> Tensor:
        """Turn epochs `(batch, channel, position)`, of any length, into `(batch, target)`."""
        return self.in_units(self.output(self.body(x).square().mean(-1)))
