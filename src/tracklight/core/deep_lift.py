"""DeepLIFT/SHAP: the difference in output to reference inputs, shared out over the input by the rescale rules.

The rules are tangermeme's. They know the layers of torch; a layer of our own says by `library_layers` which of them do
the same. A layer without a rule is treated as linear, which shows in `completeness_gap`.
"""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Size, Tensor, nn

PAIRS_PER_BATCH = 256  # pairs of an input and a reference


@runtime_checkable
class Rewritable(Protocol):
    """A layer that layers of torch can replace."""

    def library_layers(self) -> nn.Module:
        """Return layers of torch that compute the same."""
        ...


def deep_lift_shap(model: nn.Module, x: Tensor, *, target: int = 0, references: Callable[[Tensor], Tensor]) -> Tensor:
    """Return DeepLIFT multipliers times the difference to the reference, averaged over references.

    It sums to the output minus the mean output of the references. It is not additive in the model's output.

    Parameters
    ----------
    model : Module
        Maps `(batch, channel, *space)` to `(batch, target)`; a copy is explained, the model itself is not touched.
    x : Tensor (batch, channel, *space)
        Input; not modified.
    target : int
        Which output.
    references : callable
        Turns `x` into inputs without what makes it special, `(batch, reference, channel, *space)`, for DNA shuffles.

    Returns
    -------
    Tensor (batch, channel, *space)

    References
    ----------
    Shrikumar, Greenside and Kundaje (2017), ICML; Lundberg and Lee (2017), NeurIPS, for several references;
    Schreiber (2025), tangermeme, for the implementation.
    """
    # Importing it takes seconds, which only those who ask for this method should wait.
    from tangermeme.deep_lift_shap import deep_lift_shap as explain

    space = x.shape[2:]
    given = references(x.detach())
    with warnings.catch_warnings():
        # The multipliers need no one-hot input: a place without signal, N for DNA, is no fault here.
        warnings.filterwarnings("ignore", message="(X|references) must be one-hot encoded")
        multipliers = explain(
            _Unflattened(in_library_layers(model), space),
            x.detach().flatten(2),
            target=target,
            references=given.flatten(3),
            raw_outputs=True,
            batch_size=PAIRS_PER_BATCH,
            warning_threshold=math.inf,  # an absolute number; the relative one stays on
            only_warn=True,
            dtype=x.dtype,
            device=x.device,
        )
    difference = x.detach()[:, None] - given
    return (difference * multipliers.to(x.device).unflatten(-1, space)).mean(1)


def in_library_layers(model: nn.Module) -> nn.Module:
    """Return a copy of a model with every `Rewritable` layer replaced by layers of torch."""
    twin = nn.Sequential(copy.deepcopy(model))
    for module in list(twin.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, Rewritable):
                setattr(module, name, layer.library_layers())
    return twin


class _Unflattened(nn.Module):
    """A model that takes all dimensions of space as one, as tangermeme wants them."""

    def __init__(self, model: nn.Module, space: Size):
        super().__init__()
        self.model, self.space = model, space

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x.unflatten(-1, self.space))
