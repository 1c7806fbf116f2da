"""What of a gradient the data cannot contain, and a model that does not see it.

Channels that satisfy a linear relation, as average-referenced ones do (they sum to 0), never move off it; the
component of a gradient off it is arbitrary. It is the twin of the correction for one-hot input
(`core.attribution.corrected`, which for the average reference is this very projection), and there is one mechanism for
any relation and any method: explain `Projected(model, projection)` in place of the model. For data that satisfy the
relation it has the same outputs, and its gradient is the projected one, since a projection is symmetric.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tracklight.errors import complaint


class Projected(nn.Module):
    """A model that reads only what lies in a subspace of its channels.

    Parameters
    ----------
    model : Module or callable
        Maps `(batch, channel, *space)` to `(batch, target)`.
    projection : Tensor (channel, channel)
        Symmetric and idempotent, as `average_reference` and `row_space` return it.
    """

    projection: Tensor

    def __init__(self, model: Callable[[Tensor], Tensor], projection: Tensor):
        super().__init__()
        self.model = model
        self.register_buffer("projection", projection)

    def forward(self, x: Tensor) -> Tensor:
        """Turn inputs `(batch, channel, *space)` into `(batch, target)`."""
        return self.model(projected(x, self.projection))


def projected(values: Tensor, projection: Tensor) -> Tensor:
    """Project `(batch, channel, *space)` at every place; `projection` is `(channel, channel)`."""
    return torch.einsum("cd,bd...->bc...", projection.to(values.dtype), values)


def average_reference(channels: int) -> Tensor:
    """Return the projection `(channel, channel)`, float64, that removes the mean over channels."""
    return torch.eye(channels, dtype=torch.float64) - 1 / channels


def second_moment(x: Tensor) -> Tensor:
    """Return the mean of `x x'` over examples and places, `(channel, channel)`, float64.

    About 0, not about the mean: a direction in which the data stand still but not at 0 belongs to their space.
    """
    places = x.double().transpose(0, 1).flatten(1)  # (channel, place)
    return places @ places.T / places.shape[1]


def numerical_rank(moment: Tensor, *, tolerance: float) -> int:
    """Return the number of eigenvalues of `moment` (channel, channel) above `tolerance` times the largest.

    Rounding gives directions without signal a variance of its own, the square of a step over 12: with steps of
    0.1 microvolts that is 2e-6 of the largest eigenvalue for independent channels of 20 microvolts, 3e-5 for 5.
    """
    values = torch.linalg.eigvalsh(moment)
    return int((values > tolerance * values[-1]).sum())


def row_space(moment: Tensor, *, rank: int) -> Tensor:
    """Return the projection onto the space in which data lie.

    Parameters
    ----------
    moment : Tensor (channel, channel)
        Of the data, as `second_moment` returns it.
    rank : int
        Dimension of the space; `numerical_rank` finds it.

    Returns
    -------
    Tensor of float64 (channel, channel)
        Onto the eigenvectors of the `rank` largest eigenvalues.

    Raises
    ------
    InputError
        When `rank` is not between 1 and the number of channels.
    """
    if not 1 <= rank <= len(moment):
        raise complaint("rank of the data is impossible", got=rank, allowed=f"1 to {len(moment)}, the channels")
    vectors = torch.linalg.eigh(moment.double()).eigenvectors[:, -rank:]
    return vectors @ vectors.T
