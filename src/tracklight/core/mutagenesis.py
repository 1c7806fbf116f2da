"""In-silico mutagenesis: what the output would be with every other channel at every place, one change at a time.

It asks the model instead of linearising it, and so is the truth about what single changes do to this model; it costs
one evaluation per place and channel.
"""

import torch
from torch import Tensor

from tracklight.core.attribution import Model, corrected, evaluating

MUTANTS_PER_BATCH = 1024


def in_silico_mutagenesis(model: Model, x: Tensor, *, target: int = 0) -> Tensor:
    """Return how far the output lies above its mean over all channels at a place, for the channel that is there.

    On a model that is linear in `x` this is gradient x input with the corrected gradient. Places without signal, N for
    DNA, get 0.

    Parameters
    ----------
    model : Module or callable
        Maps `(batch, channel, *space)` to `(batch, target)`.
    x : Tensor (batch, channel, *space)
        One-hot over channels, or all zeros; not modified.
    target : int
        Which output.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    return mutagenesis_table(model, x, target=target) * x.detach()


def mutagenesis_table(model: Model, x: Tensor, *, target: int = 0) -> Tensor:
    """Return the effect of every channel at every place: the output with it there, minus the mean over channels.

    Parameters
    ----------
    model, x, target
        As in `in_silico_mutagenesis`.

    Returns
    -------
    Tensor (batch, channel, *space)
        Sums to 0 over channels. The effect of changing channel `a` at a place to `b` is the entry of `b` minus that
        of `a`.

    References
    ----------
    Zhou and Troyanskaya (2015), Nature Methods 12:931.
    """
    flat = x.detach().flatten(2)
    example, channel, place = _changes(flat).nonzero(as_tuple=True)
    with evaluating(model), torch.no_grad():
        table = model(x.detach())[:, target, None, None].expand(flat.shape).clone()
        for part in torch.arange(len(example), device=x.device).split(MUTANTS_PER_BATCH):
            row = torch.arange(len(part), device=x.device)
            mutants = flat[example[part]]
            mutants[row, :, place[part]] = 0
            mutants[row, channel[part], place[part]] = 1
            found = model(mutants.unflatten(-1, x.shape[2:]))[:, target]
            table[example[part], channel[part], place[part]] = found
    return corrected(table).reshape(x.shape)


def _changes(flat: Tensor) -> Tensor:
    """Tell which channels are not what stands there already: bool `(batch, channel, place)`."""
    return (flat != 1) | (flat.abs().sum(1, keepdim=True) != 1)
