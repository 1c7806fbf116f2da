"""Where in its input a network looks: the effective receptive field, for any module and any `(batch, channel, *space)`.

A unit is any module that gives one number per example, `(batch, channel, *space)` to `(batch, target)`: a network, or
the centre of one of its feature maps (`CentreUnit`). Its field is the energy `G(p) = E[(dy / dx_p)^2]`, the mean over
examples of the squared gradient summed over input channels, normalised to shares. With independent weights of mean 0
it follows the law of large depth: a Gaussian of width `sigma = d sqrt(L (k^2 - 1) / 12)` after `L` convolutions of
kernel `k` and dilation `d` (Luo, Li, Urtasun & Zemel 2016, NeurIPS), while the theoretical field grows with `L`. Where
all weights are positive the gradient itself is that law, and `A(p) = E|dy / dx_p|` is the map to measure; it also is
the map whose size those authors report (`luo_size`).
"""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor, nn

from tracklight.core.attribution import corrected, gradient

EXAMPLES_PER_BATCH = 64
LUO_ABOVE = 0.0455  # of the maximum, 1 - 95.45 %: the threshold of the published size, part of its definition
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
Floats = NDArray[np.float64]


class CentreUnit(nn.Module):
    """The middle unit of a layer: `(batch, channel, *space)` to one mix of its channels per example `(batch, 1)`.

    Parameters
    ----------
    model : Module
        The network; its mode and weights are left alone.
    layer : str
        Name of a module in it whose output is `(batch, channel, *space)`; "" is the network itself.
    generator : torch.Generator, optional
        Channels are mixed with Gaussian weights, drawn anew for every example, so that the mean of squared gradients
        estimates the sum over channels of each one's; without it they are added.
    """

    def __init__(self, model: nn.Module, layer: str, generator: torch.Generator | None):
        super().__init__()
        self.model, self.layer, self.generator = model, layer, generator

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed channels of the unit."""
        features = _outputs(self.model, [self.layer], x)[self.layer]
        units = features
        for size in features.shape[2:]:
            units = units.select(2, size // 2)  # in the end (batch, channel)
        if self.generator is None:
            return units.sum(1, keepdim=True)
        mix = torch.randn(units.shape, generator=self.generator).to(units)
        return (units * mix).sum(1, keepdim=True)


def centre_units(model: nn.Module, x: Tensor, generator: torch.Generator) -> dict[str, nn.Module]:
    """Return the centre unit of every feature map of a network, by the name of its convolution, in their order.

    A feature map is the output of a convolution that has more than one position.

    Parameters
    ----------
    model : Module
        Network in evaluation mode.
    x : Tensor (batch, channel, *space)
        Input to try.
    generator : torch.Generator
        Of the mixes of channels.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, CONVOLUTIONS)]
    with torch.no_grad():
        found = _outputs(model, names, x[:1])
    layers = [name for name, features in found.items() if features[0, 0].numel() > 1]
    return {layer: CentreUnit(model, layer, generator) for layer in layers}


def _outputs(model: nn.Module, layers: list[str], x: Tensor) -> dict[str, Tensor]:
    """Run a network and return what the named layers gave, in the order they were run."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: found.__setitem__(name, output)

    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def energy(unit: nn.Module, x: Tensor, *, target: int, power: int, correct: bool) -> Floats:
    """Return the mean over examples of one power of the gradient's size `(*space)`; parameters as in `energies`."""
    return energies(unit, x, target=target, powers=[power], correct=correct)[0]


def energies(unit: nn.Module, x: Tensor, *, target: int, powers: Sequence[int], correct: bool) -> list[Floats]:
    """Return the means over examples of powers of the gradient's size, summed over input channels.

    The powers are of the same gradients: also where a unit draws its mix of channels anew.

    Parameters
    ----------
    unit : Module
        Maps `(batch, channel, *space)` to `(batch, target)`.
    x : Tensor (batch, channel, *space)
        Inputs.
    target : int
        Which output.
    powers : sequence of int
        2: the energy `G`; 1: the absolute map `A`.
    correct : bool
        Remove the channel mean of the gradient first: for one-hot input what is left says what another letter would
        change. Without it the squares are summed as they are.

    Returns
    -------
    list of ndarray of float64 (*space)
        One per power, not normalised.
    """
    total = torch.zeros(len(powers), *x.shape[2:], dtype=torch.float64)
    for batch in x.split(EXAMPLES_PER_BATCH):
        slope = gradient(unit, batch, target=target)
        slope = corrected(slope) if correct else slope
        for number, power in enumerate(powers):
            total[number] += slope.abs().pow(power).double().sum((0, 1)).cpu()
    return list((total / len(x)).numpy())


def luo_size(absolute: Floats) -> float:
    """Return the size of a field as Luo et al. (2016) give it (positions along an axis).

    It is the number of positions where the mean size of the gradient is above 4.55 % of its maximum, to the power of
    1 / dimension. Positions need not touch: of a field with gaps, as dilation leaves them, the gaps do not count.

    Parameters
    ----------
    absolute : ndarray of float64 (*space)
        The absolute map `A`; 0 is returned where it is zero everywhere.
    """
    return float(np.count_nonzero(absolute > LUO_ABOVE * absolute.max()) ** (1 / absolute.ndim))


def reach(unit: nn.Module, x: Tensor) -> NDArray[np.bool_]:
    """Tell which input positions a unit can see at all: its theoretical field, without knowing the architecture.

    Every position in turn is made not-a-number, which convolutions, poolings and nonlinearities hand on to all that
    depends on it. This is done in double precision on the CPU, where convolutions are plain sums: fast algorithms on
    other devices mix neighbours on the way. A module that treats NaN as a value (`nan_to_num`, comparisons) hides it.

    Parameters
    ----------
    unit : Module
        Maps `(batch, channel, *space)` to `(batch, target)`; a copy is used.
    x : Tensor (batch, channel, *space)
        Only the first example is used.

    Returns
    -------
    ndarray of bool (*space)
    """
    twin = copy.deepcopy(unit).cpu().double().eval()
    space = x.shape[2:]
    plain = x[:1].detach().cpu().double()
    seen = []
    for position in torch.arange(space.numel()).split(EXAMPLES_PER_BATCH):
        batch = plain.flatten(2).repeat(len(position), 1, 1)
        batch[torch.arange(len(position)), :, position] = torch.nan
        with torch.no_grad():
            seen.append(twin(batch.reshape(-1, *x.shape[1:])).isnan().any(1))
    return torch.cat(seen).reshape(space).numpy()


def extent(mask: NDArray[np.bool_], axis: int) -> int:
    """Return the number of positions from the first to the last that is true along an axis; 0 when none is."""
    others = tuple(other for other in range(mask.ndim) if other != axis % mask.ndim)
    at = np.flatnonzero(mask.any(others))
    return int(at[-1] - at[0] + 1) if at.size else 0


def profile(energy: Floats, axis: int) -> Floats:
    """Return the shares of a map's mass along one axis, float64 (position,); NaN where the map is zero everywhere."""
    others = tuple(other for other in range(energy.ndim) if other != axis % energy.ndim)
    along = energy.sum(others)
    return along / along.sum() if along.sum() > 0 else np.full_like(along, np.nan)


class Shape(NamedTuple):
    """What a profile `(position,)` looks like; all NaN (and an empty stretch) for a profile of NaN.

    Attributes
    ----------
    sigma : float
        Standard deviation (positions).
    start, width : int
        First position and length of the shortest stretch that holds the wanted share of the mass.
    kurtosis : float
        Excess kurtosis: 0 for a Gaussian, -1.2 for a flat profile.
    gaussian_r2 : float
        Share of the profile's variance over positions that the fitted Gaussian explains.
    gaussian : ndarray of float64 (position,)
        The least-squares Gaussian.
    """

    sigma: float
    start: int
    width: int
    kurtosis: float
    gaussian_r2: float
    gaussian: Floats


def shape(shares: Floats, *, mass: float) -> Shape:
    """Describe a profile of shares `(position,)`; `mass` is the share that the stretch holds."""
    if not np.isfinite(shares).all():
        return Shape(np.nan, 0, 0, np.nan, np.nan, np.full_like(shares, np.nan))
    away = np.arange(len(shares)) - np.arange(len(shares)) @ shares
    variance = float(away**2 @ shares)
    start, width = shortest_stretch(shares, mass=mass)
    fitted = _gaussian_fit(shares, np.sqrt(variance))
    total = float(((shares - shares.mean()) ** 2).sum())
    unexplained = float(((shares - fitted) ** 2).sum())
    kurtosis = float(away**4 @ shares) / variance**2 - 3 if variance > 0 else np.nan
    # a flat profile has no variance to explain, up to rounding
    r2 = 1 - unexplained / total if total > len(shares) * np.finfo(float).eps ** 2 else np.nan
    return Shape(float(np.sqrt(variance)), start, width, kurtosis, r2, fitted)


def shortest_stretch(shares: Floats, *, mass: float) -> tuple[int, int]:
    """Return first position and length of the shortest stretch that holds `mass` of a profile `(position,)`."""
    held = np.concatenate([[0.0], np.cumsum(shares)])
    rounding = 1e-12  # of the cumulative sum, which ends at 1 only nearly
    last = np.searchsorted(held, held + mass - rounding)
    start = int(np.argmin(np.where(last < len(held), last - np.arange(len(held)), len(held))))
    return start, int(last[start] - start)


def _gaussian_fit(shares: Floats, sigma: float) -> Floats:
    """Fit height, centre and width by least squares, from the moments on; return the curve `(position,)`."""
    at = np.arange(len(shares), dtype=np.float64)

    def curve(height: float, centre: float, width: float) -> Floats:
        return height * np.exp(-((at - centre) ** 2) / (2 * width**2))

    scale = float(shares.max())
    low, high = [0.0, 0.0, 0.1], [10.0, max(1.0, at[-1]), 10.0 * len(at)]
    first = np.clip([1.0, at @ shares, sigma], np.add(low, 1e-6), np.subtract(high, 1e-6))
    found = least_squares(lambda guess: curve(*guess) - shares / scale, first, bounds=(low, high))
    return scale * curve(*found.x)
