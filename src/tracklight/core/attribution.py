"""Gradient methods: `f(model, x, *, target) -> like x`, any module or function, any `(batch, channel, *space)`.

The gradient correction removes the mean over channels from the gradient before it is multiplied by the input: a
one-hot input lives on the simplex, and the component of the gradient off it is arbitrary (Majdandzic, Rajesh &
Koo 2023, Genome Biology 24:109).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Model = nn.Module | Callable[[Tensor], Tensor]


def gradient(model: Model, x: Tensor, *, target: int = 0) -> Tensor:
    """Return the gradient of one output with respect to the input.

    Parameters
    ----------
    model : Module or callable
        Maps `(batch, channel, *space)` to `(batch, target)`; examples must not influence each other, so a
        module is run in evaluation mode and given back as it was.
    x : Tensor (batch, channel, *space)
        Input; not modified.
    target : int
        Which output.

    Returns
    -------
    Tensor (batch, channel, *space)
        One gradient per example.
    """
    x = x.detach().requires_grad_()
    with evaluating(model), torch.enable_grad():
        return torch.autograd.grad(model(x)[:, target].sum(), x)[0]


def gradient_x_input(model: Model, x: Tensor, *, target: int = 0, correct: bool = True) -> Tensor:
    """Return gradient x input (Shrikumar et al. 2016), by default with the corrected gradient.

    On a model that is linear in `x` the uncorrected form sums to the output minus the bias.

    Parameters
    ----------
    model, x, target
        As in `gradient`.
    correct : bool
        Remove the channel mean of the gradient first.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    return _along_line(model, x, target=target, baseline=0.0, points=(1.0,), correct=correct)


def integrated_gradients(
    model: Model, x: Tensor, *, target: int = 0, steps: int, baseline: float = 0.25, correct: bool = True
) -> Tensor:
    """Return integrated gradients (Sundararajan, Taly & Yan 2017) by the midpoint rule.

    Parameters
    ----------
    model, x, target
        As in `gradient`.
    steps : int
        Number of gradients along the straight line from the baseline to `x`.
    baseline : float
        Value of every channel at the start; 0.25 is the uniform distribution over bases.
    correct : bool
        Remove the channel mean of the gradient. Where `x` sums to 1 over channels, as one-hot bases do, and the
        baseline is 0.25, this changes how a base's share is spread over channels, not its sum.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    points = tuple((step + 0.5) / steps for step in range(steps))
    return _along_line(model, x, target=target, baseline=baseline, points=points, correct=correct)


def smoothgrad(
    model: Model, x: Tensor, *, target: int = 0, samples: int, sd: float, seed: int, correct: bool = True
) -> Tensor:
    """Return SmoothGrad x input: the gradient averaged over noisy copies of the input (Smilkov et al. 2017).

    Parameters
    ----------
    model, x, target
        As in `gradient`.
    samples : int
        Number of noisy copies.
    sd : float
        Standard deviation of the Gaussian noise, in units of `x`.
    seed : int
        Of the noise. Every example of a batch gets the same noise, so that examples stay independent.
    correct : bool
        Remove the channel mean of the gradient first.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(x)
    for _ in range(samples):
        noise = torch.randn(x.shape[1:], generator=generator, dtype=x.dtype)
        total += gradient(model, x.detach() + sd * noise.to(x.device), target=target)
    mean = total / samples
    return (corrected(mean) if correct else mean) * x.detach()


def completeness_gap(attribution: Tensor, difference: Tensor) -> Tensor:
    """Return by which share of the difference in output an attribution misses it.

    `|sum - difference|` of every example, over the mean of `|difference|`: an example whose output happens to be that
    of its baseline does not make the share infinite.

    Parameters
    ----------
    attribution : Tensor (batch, channel, *space)
        Of a method that is complete: its sum should be the difference.
    difference : Tensor (batch,)
        Output for the input minus output for the baseline (the mean over baselines when there are several).

    Returns
    -------
    Tensor (batch,)
        0 when complete; not finite when no example differs from its baseline.
    """
    return (attribution.flatten(1).sum(1) - difference).abs() / difference.abs().mean()


def corrected(gradient: Tensor) -> Tensor:
    """Remove the mean over channels (dimension 1) from a gradient."""
    return gradient - gradient.mean(dim=1, keepdim=True)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Run a module in evaluation mode and give it back with every part in the mode it was in; a function is left."""
    modules = [m for m in model.modules() if m.training] if isinstance(model, nn.Module) else []
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module in modules:
            module.training = True


def mean_gradient(model: Model, x: Tensor, *, target: int, baseline: float, points: tuple[float, ...]) -> Tensor:
    """Return the mean gradient along the line from a baseline to `x`; times `x - baseline` it is an attribution.

    Parameters
    ----------
    model, x, target
        As in `gradient`.
    baseline : float
        Value of every channel at the start of the line.
    points : tuple of float
        Places on the line, 0 at the baseline and 1 at `x`: `(1.0,)` for gradient x input, the midpoints of equal parts
        for integrated gradients.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    away = x.detach() - baseline
    total = torch.zeros_like(away)
    for point in points:
        total += gradient(model, baseline + point * away, target=target)
    return total / len(points)


def _along_line(
    model: Model, x: Tensor, *, target: int, baseline: float, points: tuple[float, ...], correct: bool
) -> Tensor:
    mean = mean_gradient(model, x, target=target, baseline=baseline, points=points)
    return (corrected(mean) if correct else mean) * (x.detach() - baseline)
