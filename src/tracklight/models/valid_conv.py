"""Convolutions without padding, max-pooling, and a dense head written as a convolution.

Padding would tie the output to where a window ends; without it the network is one strided convolution and reads a
segment of any length at once (`scan`).
"""

import copy
from collections.abc import Sequence
from math import prod

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tracklight.errors import complaint
from tracklight.models.network import Network, Shape
from tracklight.models.pooling import RectifiedMaxPool


class ValidConv(Network):
    """Network of the valid-convolution family.

    Parameters
    ----------
    shape : Shape
        Of the windows.
    filters, kernels, pools
        Filters per layer; kernel width and max-pooling of each layer.
    hidden, dropout, batch_norm
        Units of the dense layer, dropout before the output, batch normalisation after each convolution.

    Raises
    ------
    InputError
        When kernels and pools differ in number, or leave nothing of the window.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        filters: int,
        kernels: Sequence[int],
        pools: Sequence[int],
        hidden: int,
        dropout: float,
        batch_norm: bool,
    ):
        super().__init__(shape)
        self.stride = prod(pools)
        left = pooled_length(shape.length, kernels, pools)
        channels = shape.channels
        layers: list[nn.Module] = []
        for kernel, pool in zip(kernels, pools, strict=True):
            layers += [nn.Conv1d(channels, filters, kernel)]
            layers += [nn.BatchNorm1d(filters)] if batch_norm else []
            layers += [RectifiedMaxPool(pool)]
            channels = filters
        self.body = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Conv1d(filters, hidden, left), nn.ReLU(), nn.Dropout(dropout))
        self.output = nn.Conv1d(hidden, shape.targets, 1)

    def for_inference(self) -> Network:
        """Return an equal network whose normalisation is folded into the convolutions before it."""
        network = copy.deepcopy(self).eval()
        layers: list[nn.Module] = []
        for layer in network.body:
            before = layers[-1] if layers else None
            if isinstance(layer, nn.BatchNorm1d) and isinstance(before, nn.Conv1d):
                layers[-1] = fuse_conv_bn_eval(before, layer)
            else:
                layers.append(layer)
        network.body = nn.Sequential(*layers)
        return network.requires_grad_(requires_grad=False)

    def scan(self, x: Tensor) -> Tensor:
        """Turn a segment `(batch, channel, position)` into `(batch, target, window)`, `stride` positions apart."""
        return self.in_units(self.output(self.dense(self.body(x))))

    def forward(self, x: Tensor) -> Tensor:
        """Turn windows `(batch, channel, length)` into `(batch, target)`."""
        assert x.shape[-1] == self.shape.length, "forward takes single windows; scan takes segments"
        return self.scan(x)[..., 0]


def pooled_length(length: int, kernels: Sequence[int], pools: Sequence[int]) -> int:
    """Return the number of positions left after all convolutions and poolings of a window."""
    if len(kernels) != len(pools):
        raise complaint(
            "kernels and pools must be equally many", where="train.architecture", got=f"{len(kernels)} and {len(pools)}"
        )
    left = length
    for kernel, pool in zip(kernels, pools, strict=True):
        left = (left - kernel + 1) // pool
    if left < 1:
        raise complaint(
            "window is too short for the network",
            where="train.architecture",
            got=f"{length} bp with kernels {list(kernels)} and pools {list(pools)}",
            do="use fewer or smaller kernels and pools, or longer windows",
        )
    return left
