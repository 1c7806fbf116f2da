"""Networks that forget what they learned, layer by layer, to see whether a map depends on the weights.

Randomising the head alone tells little where the layers below decide which positions can matter at all, so what
counts is the whole cascade beside the agreement of two trained networks (Adebayo et al. 2018, NeurIPS).
"""

import copy
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from tracklight.errors import complaint


def layers(model: nn.Module, x: Tensor) -> tuple[str, ...]:
    """Return the names of the modules that hold weights of their own, in order of execution, input first.

    Parameters
    ----------
    model : Module
        Any network; a copy of it is run.
    x : Tensor (batch, channel, *space)
        Input to run it on.

    Returns
    -------
    tuple of str
        As in `model.named_modules()`; a module that runs several times stands where it ran last, one that is never
        called (its weights may be read by another) stands at the end.
    """
    probe = copy.deepcopy(model).eval()
    holders = [
        name for name, module in probe.named_modules() if next(module.parameters(recurse=False), None) is not None
    ]
    ran: list[str] = []
    for name in holders:
        probe.get_submodule(name).register_forward_hook(partial(_note, ran, name))
    with torch.no_grad():
        probe(x)
    last = {name: step for step, name in enumerate(ran)}
    return tuple(sorted(holders, key=lambda name: last.get(name, len(ran))))


def cascade(model: nn.Module, fresh: nn.Module, names: Sequence[str]) -> Iterator[tuple[str, nn.Module]]:
    """Randomise a network from the head down, one more layer at a time.

    Parameters
    ----------
    model : Module
        Trained network; left as it is.
    fresh : Module
        Network of the same structure with random weights.
    names : sequence of str
        Layers in order of execution, as `layers` returns them.

    Yields
    ------
    str, Module
        The layer that was randomised last, and a network whose layers from there to the head are those of `fresh`.
    """
    for first in reversed(range(len(names))):
        yield names[first], transplanted(model, fresh, names[first:])


def transplanted(model: nn.Module, fresh: nn.Module, names: Sequence[str]) -> nn.Module:
    """Return a copy of `model` in which the named modules hold the weights and buffers of `fresh`.

    Raises
    ------
    InputError
        When the two networks differ in structure there.
    """
    changed = copy.deepcopy(model)
    for name in names:
        here, there = _own_state(changed, name), _own_state(fresh, name)
        if {key: value.shape for key, value in here.items()} != {key: value.shape for key, value in there.items()}:
            raise complaint(
                "the networks differ in structure",
                where=name or "the outermost module",
                got=_shapes(there),
                allowed=_shapes(here),
                do="build the random network from the same specification",
            )
        with torch.no_grad():
            for key, value in here.items():
                value.copy_(there[key])
    return changed


def _note(ran: list[str], name: str, *_: object) -> None:
    ran.append(name)


def _own_state(model: nn.Module, name: str) -> dict[str, Tensor]:
    """Return weights and buffers that a module holds itself; empty when there is no such module."""
    module = dict(model.named_modules()).get(name)
    if module is None:
        return {}
    return dict([*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)])


def _shapes(state: dict[str, Tensor]) -> str:
    return ", ".join(f"{key} {tuple(value.shape)}" for key, value in state.items()) or "nothing"
