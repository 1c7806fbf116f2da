"""Spatial filters, a temporal filter for each, and a rectified network without biases, pooled over all positions.

Without biases before the last the output minus that bias grows in proportion with the input, so that gradient x input
sums to it exactly. The mean over positions makes the same network read epochs of any length.
"""

from torch import Tensor, nn

from tracklight.models.network import Network, Shape
from tracklight.models.valid_conv import pooled_length


class EegConv(Network):
    """Network of spatial filters, a temporal filter for each, and one further convolution, all without bias.

    Parameters
    ----------
    shape : Shape
        Of the epochs in training; others may be shorter or longer.
    filters
        Spatial filters (mixtures of channels), and filters of the further convolution.
    temporal_kernel
        Width of the temporal filters (positions).
    pool
        Mean-pooling after them (positions).
    mixing_kernel
        Width of the further convolution, which mixes filters (pooled positions).
    dropout
        Dropout before the output.

    Raises
    ------
    InputError
        When the layers leave nothing of the epoch.
    """

    def __init__(
        self, shape: Shape, *, filters: int, temporal_kernel: int, pool: int, mixing_kernel: int, dropout: float
    ):
        super().__init__(shape)
        pooled_length(shape.length, [temporal_kernel, mixing_kernel], [pool, 1])
        self.body = nn.Sequential(
            *spatial_and_temporal(shape.channels, filters, temporal_kernel),
            nn.ReLU(),
            nn.AvgPool1d(pool),
            nn.Conv1d(filters, filters, mixing_kernel, bias=False),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(filters, shape.targets)

    def forward(self, x: Tensor) -> Tensor:
        """Turn epochs `(batch, channel, position)`, of any length, into `(batch, target)`."""
        return self.in_units(self.output(self.dropout(self.body(x).mean(-1))))


def spatial_and_temporal(channels: int, filters: int, kernel: int) -> list[nn.Module]:
    """Return mixtures of channels and a temporal filter of `kernel` positions for each, without biases or padding."""
    return [
        nn.Conv1d(channels, filters, 1, bias=False),
        nn.Conv1d(filters, filters, kernel, groups=filters, bias=False),
    ]
