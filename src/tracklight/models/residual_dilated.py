"""Residual blocks with doubling dilation, for windows whose parts act on each other over long distances.

Shape of the trunk after Avsec et al. 2021 (Nature Genetics 53:354), with a mean over positions before the output.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from tracklight.models.network import Network, Shape


class ResidualDilated(Network):
    """Network with a stem, dilated residual blocks and a pooled dense head.

    Parameters
    ----------
    shape : Shape
        Of the windows.
    filters, kernels, blocks
        Filters per layer; kernel of the stem and of the blocks; number of blocks, dilation 2, 4, 8, ...
    hidden, dropout
        Units of the dense layer, dropout before the output.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        filters: int,
        kernels: Sequence[int],
        blocks: int,
        hidden: int,
        dropout: float,
    ):
        super().__init__(shape)
        stem, block = kernels[0], kernels[-1] | 1  # odd kernels keep the length
        self.stem = nn.Sequential(nn.Conv1d(shape.channels, filters, stem, padding="same"), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Conv1d(filters, filters, block, padding="same", dilation=2 ** (number + 1)) for number in range(blocks)
        )
        # A module each, since methods such as DeepLIFT attach their rules to modules; they hold no weights.
        self.rectifiers = nn.ModuleList(nn.ReLU() for _ in range(blocks))
        self.dense = nn.Sequential(nn.Linear(filters, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.output = nn.Linear(hidden, shape.targets)

    def forward(self, x: Tensor) -> Tensor:
        """Turn windows `(batch, channel, length)` into `(batch, target)`."""
        x = self.stem(x)  # (batch, filters, position)
        for block, rectifier in zip(self.blocks, self.rectifiers, strict=True):
            x = x + rectifier(block(x))
        return self.in_units(self.output(self.dense(x.mean(-1))))
