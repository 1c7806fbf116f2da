"""The table of attribution methods: the one place where a method is added."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tracklight.core.attribution import gradient, gradient_x_input, integrated_gradients, smoothgrad
from tracklight.core.deep_lift import deep_lift_shap
from tracklight.core.mutagenesis import in_silico_mutagenesis
from tracklight.errors import one_of


def summed(attribution: Tensor) -> Tensor:
    """Sum over channels: `(batch, channel, *space)` to `(batch, *space)`."""
    return attribution.sum(1)


def length(attribution: Tensor) -> Tensor:
    """Return the Euclidean norm over channels: `(batch, channel, *space)` to `(batch, *space)`, never negative."""
    return attribution.norm(dim=1)


@dataclass(frozen=True)
class Method:
    """A way to explain an output.

    Attributes
    ----------
    explain : callable
        `f(model, x, *, target, ...options) -> like x`, for `x` of `(batch, channel, *space)`.
    whole_segments : bool
        Whether a scan may explain all windows of a segment at once, as the sum of their outputs: the method is
        additive (explaining f + g gives the sum of explaining f and g) and does not need an evaluation per place.
    reduce : callable
        From attribution to one value per place, `(batch, channel, *space)` to `(batch, *space)`.
    """

    explain: Callable[..., Tensor]
    whole_segments: bool
    reduce: Callable[[Tensor], Tensor] = summed

    def position_map(self, model: Any, x: Tensor, **options: Any) -> Tensor:
        """Return one value per place, `(batch, *space)`; options as of `explain`."""
        return self.reduce(self.explain(model, x, **options))


METHODS: dict[str, Method] = {
    "gradient": Method(gradient, whole_segments=True, reduce=length),
    "gradient_x_input": Method(gradient_x_input, whole_segments=True),
    "smoothgrad": Method(smoothgrad, whole_segments=True),
    "integrated_gradients": Method(integrated_gradients, whole_segments=True),
    "deep_lift_shap": Method(deep_lift_shap, whole_segments=False),
    "in_silico_mutagenesis": Method(in_silico_mutagenesis, whole_segments=False),
}


def method(name: str) -> Method:
    """Return the method called `name`; an unknown one is an `InputError` that lists the known."""
    one_of(name, METHODS, what="attribution method")
    return METHODS[name]
