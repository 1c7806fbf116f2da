"""Convolutions without padding, one pooling over all positions, and a linear output: where a motif lies is all one.

Pooling by the maximum asks whether a motif is there, and its maps are sharp; pooling by the mean keeps every position's
share of the output, so that class activation maps can be read off (Zhou et al. 2016, CVPR, 2921).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from tracklight.models.network import Network, Shape
from tracklight.models.valid_conv import pooled_length

POOLS: dict[str, type[nn.MaxPool1d] | type[nn.AvgPool1d]] = {"max": nn.MaxPool1d, "mean": nn.AvgPool1d}


class GlobalPool(Network):
    """Network of convolutions and one pooling over the window.

    Parameters
    ----------
    shape : Shape
        Of the windows.
    filters, kernels
        Filters per layer; kernel width of each layer.
    pool : str
        `max` or `mean` over positions.
    dropout
        Dropout before the output.

    Raises
    ------
    InputError
        When the kernels leave nothing of the window.
    """

    def __init__(self, shape: Shape, *, filters: int, kernels: Sequence[int], pool: str, dropout: float):
        super().__init__(shape)
        left = pooled_length(shape.length, kernels, [1] * len(kernels))
        widths = [shape.channels, *[filters] * (len(kernels) - 1)]
        layers: list[nn.Module] = []
        for channels, kernel in zip(widths, kernels, strict=True):
            layers += [nn.Conv1d(channels, filters, kernel), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.pool = POOLS[pool](left)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(filters, shape.targets)

    def forward(self, x: Tensor) -> Tensor:
        """Turn windows `(batch, channel, length)` into `(batch, target)`."""
        assert x.shape[-1] == self.shape.length, "forward takes single windows"
        pooled = self.pool(self.body(x))[..., 0]  # (batch, filters)
        return self.in_units(self.output(self.dropout(pooled)))
