"""Stacks of convolutions with random weights, on which the laws of the receptive field are measured over depth.

One stack leaves the law for a reason that is worth knowing: rectified, without biases, and given zeros with a single 1
in the middle. Whatever the impulse does not reach is exactly 0, and there the derivative of the rectifier is taken as
0. The gradient then comes back only along paths that stay inside the cone that opens from the impulse, so at the input
it ends next to the impulse at any depth. A little noise or random biases bring the law back, so it says nothing about
the network: whoever measures a field with a single bright pixel must not leave the rest black.

The draws of a stack are the groups of one grouped convolution: they are computed together and never see each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.receptive import CentreUnit, energies, profile

KERNEL = 3
NOISE = 0.1  # standard deviation of the small noise around an impulse, and of random biases
ACTIVATIONS = {"none": nn.Identity(), "relu": nn.ReLU(), "tanh": nn.Tanh()}
CONVOLVE = {1: nn.functional.conv1d, 2: nn.functional.conv2d}
# keeps the spread of the signal from layer to layer (He et al. 2015): rectification halves the mean square
GAIN = {"none": 1.0, "tanh": 1.0, "relu": 2.0}


@dataclass(frozen=True)
class Stack:
    """A kind of stack of equal convolutions of kernel 3.

    Attributes
    ----------
    dimension : int
        Number of space dimensions.
    weights : str
        All equal, independent uniform on (0, 1), or independent Gaussian.
    activation : str
        Row of `ACTIVATIONS`, between the layers.
    signal : str
        Input: Gaussian noise; a single 1 in the middle of zeros, alone or with a tenth of noise.
    dilation : str
        1 in every layer, 2 in every layer, or 1, 2, 4, ...
    residual : bool
        A layer gives `(x + f(x)) / sqrt 2`.
    biases : bool
        Random biases; otherwise none.
    """

    dimension: int
    weights: Literal["uniform", "positive", "gaussian"]
    activation: Literal["none", "relu", "tanh"]
    signal: Literal["noise", "impulse", "impulse_noise"]
    dilation: Literal["one", "two", "doubling"]
    residual: bool
    biases: bool

    @property
    def power(self) -> int:
        """Which map follows the law: 1, the gradient's size, where all weights are positive; else 2, its energy."""
        return 2 if self.weights == "gaussian" else 1

    def dilations(self, depth: int) -> list[int]:
        """Return the dilation of every layer."""
        return [{"one": 1, "two": 2, "doubling": 2**layer}[self.dilation] for layer in range(depth)]

    def theoretical(self, depth: int) -> int:
        """Return the theoretical field along an axis, `1 + (k - 1) sum of dilations` (positions)."""
        return 1 + (KERNEL - 1) * sum(self.dilations(depth))


RELU = Stack(1, "gaussian", "relu", "noise", "one", residual=False, biases=False)
LINEAR = replace(RELU, activation="none")
UNIFORM = replace(LINEAR, weights="uniform")
DEGENERATE = "ReLU, impulse, no biases"
STACKS = {
    "uniform": UNIFORM,
    "positive": replace(LINEAR, weights="positive"),
    "random linear": LINEAR,
    "ReLU, noise": RELU,
    "tanh, noise": replace(RELU, activation="tanh"),
    "ReLU, impulse + noise": replace(RELU, signal="impulse_noise"),
    "ReLU, impulse, random biases": replace(RELU, signal="impulse", biases=True),
    DEGENERATE: replace(RELU, signal="impulse"),
    "ReLU, dilation 2": replace(RELU, dilation="two"),
    "ReLU, doubling dilation": replace(RELU, dilation="doubling"),
    "ReLU, residual": replace(RELU, residual=True),
    "2-D uniform": replace(UNIFORM, dimension=2),
    "2-D random linear": replace(LINEAR, dimension=2),
    "2-D ReLU, noise": replace(RELU, dimension=2),
    "2-D tanh, noise": replace(RELU, dimension=2, activation="tanh"),
    "2-D ReLU, dilation 2": replace(RELU, dimension=2, dilation="two"),
    "2-D ReLU, doubling dilation": replace(RELU, dimension=2, dilation="doubling"),
    "2-D ReLU, residual": replace(RELU, dimension=2, residual=True),
    f"2-D {DEGENERATE}": replace(RELU, dimension=2, signal="impulse"),
}


class ConvolutionStack(nn.Module):
    """A drawn stack: `(batch, draw x channel, *space)` to the like, its size kept by padding.

    Parameters
    ----------
    stack : Stack
        Its kind.
    depth, draws, channels : int
        Layers; independent draws of the weights; channels of each draw, in and out.
    generator : torch.Generator
        Of weights and biases.
    """

    def __init__(self, stack: Stack, *, depth: int, draws: int, channels: int, generator: torch.Generator):
        super().__init__()
        self.stack, self.draws, self.dilations = stack, draws, stack.dilations(depth)
        size = (draws * channels, channels, *[KERNEL] * stack.dimension)
        fan_in = channels * KERNEL**stack.dimension
        self.weights = [_weights(stack, size, fan_in, generator) for _ in range(depth)]
        self.biases = [torch.randn(size[0], generator=generator, dtype=torch.float64) * NOISE for _ in range(depth)]

    def forward(self, x: Tensor) -> Tensor:
        """Run all layers; the last one is not activated."""
        activate = ACTIVATIONS[self.stack.activation]
        for layer, (weight, dilation) in enumerate(zip(self.weights, self.dilations, strict=True)):
            bias = self.biases[layer] if self.stack.biases else None
            convolve = CONVOLVE[self.stack.dimension]
            y = convolve(x, weight, bias, padding=dilation, dilation=dilation, groups=self.draws)
            y = y if layer == len(self.weights) - 1 else activate(y)
            x = (x + y) / 2**0.5 if self.stack.residual else y
        return x


def _weights(stack: Stack, size: tuple[int, ...], fan_in: int, generator: torch.Generator) -> Tensor:
    if stack.weights == "gaussian":
        return torch.randn(size, generator=generator, dtype=torch.float64) * (GAIN[stack.activation] / fan_in) ** 0.5
    if stack.weights == "positive":
        return torch.rand(size, generator=generator, dtype=torch.float64) * 2 / fan_in
    return torch.full(size, 1 / fan_in, dtype=torch.float64)


def stack_signal(stack: Stack, size: int, *, draws: int, channels: int, generator: torch.Generator) -> Tensor:
    """Return the input of a stack, float64 `(1, draw x channel, *[size])`."""
    shape = (1, draws * channels, *[size] * stack.dimension)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    impulse = torch.zeros(shape, dtype=torch.float64)
    impulse.flatten(2)[..., size**stack.dimension // 2] = 1  # the middle, the size being odd
    return {"noise": noise, "impulse": impulse, "impulse_noise": impulse + NOISE * noise}[stack.signal]


def stack_profile(
    stack: Stack, *, depth: int, draws: int, channels: int, generator: torch.Generator
) -> NDArray[np.float64]:
    """Return the field of the centre unit along the first axis, the mean over draws: shares (position,)."""
    maps = stack_maps(stack, depth=depth, draws=draws, channels=channels, generator=generator)
    return profile(maps[stack.power], 0)


def stack_maps(
    stack: Stack, *, depth: int, draws: int, channels: int, generator: torch.Generator
) -> dict[int, NDArray[np.float64]]:
    """Return the absolute map (1) and the energy (2) of the centre unit, means over draws, float64 (*space).

    The input is two positions larger than the theoretical field, so that no border is inside it.
    """
    size = stack.theoretical(depth) + 2
    network = ConvolutionStack(stack, depth=depth, draws=draws, channels=channels, generator=generator)
    x = stack_signal(stack, size, draws=draws, channels=channels, generator=generator)
    unit = CentreUnit(network, "", generator if stack.power == 2 else None)
    absolute, squared = energies(unit, x, target=0, powers=[1, 2], correct=False)
    return {1: absolute, 2: squared}


class PowerLaw(NamedTuple):
    """`y = prefactor x ** exponent`, with the standard error of the exponent."""

    exponent: float
    error: float
    prefactor: float


def power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw:
    """Fit a power law by least squares of `log y` on `log x`; both positive, three points at least."""
    log_x, log_y = np.log(np.asarray(x, np.float64)), np.log(np.asarray(y, np.float64))
    away = log_x - log_x.mean()
    exponent = float(away @ log_y / (away @ away))
    residual = log_y - log_y.mean() - exponent * away
    error = np.sqrt(residual @ residual / (len(log_x) - 2) / (away @ away))
    return PowerLaw(exponent, float(error), float(np.exp(log_y.mean() - exponent * log_x.mean())))
