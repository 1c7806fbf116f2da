"""Which method's values sum to what the model said: gradient x input where it does, integrated gradients, or none.

Gradient x input sums to the output minus the output of 0 for networks that grow in proportion with their input (ReLU
networks without biases). Elsewhere it may miss it by any amount, and where outputs are logarithms of pooled power it
sums to the same number for every input. Integrated gradients (Sundararajan, Taly & Yan 2017) from 0 are complete but
for the error of the sum that stands for the integral, which is large where the model has a pole at 0.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tracklight.core.attribution import Model, evaluating, mean_gradient
from tracklight.errors import complaint

GRADIENT_X_INPUT, INTEGRATED_GRADIENTS = "gradient_x_input", "integrated_gradients"


@dataclass(frozen=True)
class Choice:
    """A method, and how far every method that was tried is from complete.

    Attributes
    ----------
    method : str
        `gradient_x_input` or `integrated_gradients`.
    points : tuple of float
        Where between 0 (no signal) and 1 (the input) the gradient is taken; what `mean_gradient` wants.
    errors : dict of str to float
        Per method tried, `mean |sum - (output - output of 0)|` in standard deviations of the output.
    tolerance : float
        Up to which an error passes.
    """

    method: str
    points: tuple[float, ...]
    errors: dict[str, float]
    tolerance: float

    @property
    def complete(self) -> bool:
        """Whether the method's values sum to the output."""
        return self.errors[self.method] < self.tolerance

    def check(self) -> None:
        """Raise `InputError` unless the method is complete: the output cannot be split into its values."""
        if not self.complete:
            errors = ", ".join(f"{name} {error:.3g}" for name, error in self.errors.items())
            raise complaint(
                "no attribution sums to the model's output, so its evidence cannot be divided", got=f"errors {errors}",
                allowed=f"below {self.tolerance:g} standard deviations of the output",
                do="use a model without logarithms of power (log1p, root mean square or square pooling)",
            )  # fmt: skip


def choose_method(model: Model, x: Tensor, *, target: int, steps: int, tolerance: float, batch_size: int) -> Choice:
    """Return gradient x input where it is complete, else integrated gradients, which may be incomplete as well.

    Parameters
    ----------
    model, target
        As in `core.attribution.gradient`.
    x : Tensor (batch, channel, *space)
        Examples on which completeness is measured; 0 stands for no signal.
    steps : int
        Of integrated gradients, at the middles of as many equal parts of the path.
    tolerance : float
        Up to which the error passes, in standard deviations of the output over `x`.
    batch_size : int
        Examples explained at once.

    Raises
    ------
    InputError
        When the output does not vary over `x`.
    """
    margins, at_zero = _outputs(model, x, target=target, batch_size=batch_size)
    errors: dict[str, float] = {}
    middles = tuple((step + 0.5) / steps for step in range(steps))
    for method, points in ((GRADIENT_X_INPUT, (1.0,)), (INTEGRATED_GRADIENTS, middles)):
        along = partial(mean_gradient, target=target, baseline=0.0, points=points)
        totals = [(along(model, part) * part).flatten(1).sum(1) for part in x.split(batch_size)]
        errors[method] = completeness_error(torch.cat(totals), margins, at_zero)
        if errors[method] < tolerance:
            break
    return Choice(method, points, errors, tolerance)


def completeness_error(totals: Tensor, outputs: Tensor, at_baseline: Tensor) -> float:
    """Return by how much attributions miss the outputs, in standard deviations of the outputs.

    Parameters
    ----------
    totals, outputs : Tensor (example,)
        Sum of each attribution; output for each example.
    at_baseline : Tensor ()
        Output for the input the attribution starts from.

    Raises
    ------
    InputError
        When the output does not vary.
    """
    spread = outputs.std(correction=0)
    if not spread > 0:
        raise complaint("the model's output does not vary over the examples", got=outputs[0].item(), do="train it")
    return float((totals - (outputs - at_baseline)).abs().mean() / spread)


@torch.no_grad()
def _outputs(model: Model, x: Tensor, *, target: int, batch_size: int) -> tuple[Tensor, Tensor]:
    with evaluating(model):
        outputs = torch.cat([model(part)[:, target] for part in x.split(batch_size)])
        return outputs, model(torch.zeros_like(x[:1]))[0, target]
