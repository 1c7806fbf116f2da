"""Fillers: what replaced positions become, `f(x, generator) -> like x`, any `(batch, channel, *space)`.

No filler is the absence of a feature. Shuffled positions keep the composition of the example; a uniform or an empty
channel was never seen in training; randomised phases keep the power spectrum of a signal. So a curve is read within
one filler, beside its controls.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Filler = Callable[[Tensor, torch.Generator], Tensor]


def shuffle(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return every example with its positions permuted; the channels of a position stay together.

    Parameters
    ----------
    x : Tensor (batch, channel, *space)
        Examples; not modified.
    generator : torch.Generator
        On the CPU, so that every device sees the same permutations.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    flat = x.flatten(2)
    order = torch.rand(len(x), 1, flat.shape[-1], generator=generator).argsort(-1).to(x.device)
    return flat.gather(-1, order.expand_as(flat)).view_as(x)


def neutral(x: Tensor, _: torch.Generator) -> Tensor:
    """Return the same value, one over the number of channels, everywhere: no base is likelier than another."""
    return torch.full_like(x, 1 / x.shape[1])


def zero(x: Tensor, _: torch.Generator) -> Tensor:
    """Return zeros."""
    return torch.zeros_like(x)


def phase_randomised(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return surrogates with the same power spectrum and mean and with random phases.

    All channels of an example are turned by the same phases, so their cross-spectra stay. The phases are those of
    white noise, which have the symmetry that keeps the surrogate real, in any number of dimensions.

    Parameters
    ----------
    x : Tensor of real numbers (batch, channel, *space)
        Signals; not modified.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor (batch, channel, *space)

    References
    ----------
    Theiler et al. (1992), Physica D 58:77; Prichard and Theiler (1994), Phys. Rev. Lett. 73:951, for several channels.
    """
    axes = tuple(range(2, x.ndim))
    noise = torch.randn(len(x), 1, *x.shape[2:], generator=generator, dtype=x.dtype).to(x.device)
    noise = noise - noise.mean(axes, keepdim=True) + 1  # so the mean is not turned
    turn = torch.sgn(torch.fft.rfftn(noise, dim=axes))  # of a complex number: itself over its modulus
    return torch.fft.irfftn(torch.fft.rfftn(x, dim=axes) * turn, s=x.shape[2:], dim=axes)


FILLERS: dict[str, Filler] = {
    "shuffle": shuffle,
    "neutral": neutral,
    "zero": zero,
    "phase_randomised": phase_randomised,
}
