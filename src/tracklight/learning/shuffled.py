"""A network that learns labels by heart which mean nothing: the control of a map for what the labels taught it.

A network that is regularised and stopped early learns from such labels to answer the same to everything, and its map
is empty. So that there is a map to compare with, this one is trained without dropout, weight decay, augmentation and
early stopping, and is kept as it fits its labels best (Zhang et al. 2017, ICLR; Adebayo et al. 2018, NeurIPS).
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tracklight.learning.examples import Examples
from tracklight.learning.fit import fit
from tracklight.learning.levers import Levers
from tracklight.models.network import Network
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Loop


def shuffle_targets(targets: Tensor, rows: Tensor, *, generator: torch.Generator) -> Tensor:
    """Give every example of `rows` the targets of another one of them.

    Parameters
    ----------
    targets : Tensor (example, target)
        Left as they are.
    rows : Tensor of int64 (row,)
        Examples among which targets are exchanged, all targets of an example together.
    generator : torch.Generator
        Source of randomness, on the CPU.

    Returns
    -------
    Tensor (example, target)
    """
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    changed = targets.clone()
    changed[rows] = targets[rows[order]]
    return changed


def learn_by_heart(
    spec: ModelSpec, examples: Examples, rows: Tensor, *, settings: Loop, seed: int, resume: Path
) -> Network:
    """Train a network on some examples alone, without anything that keeps it from learning them by heart.

    Parameters
    ----------
    spec : ModelSpec
        What to build; its dropout is left out.
    examples : Examples
        Windows with their targets.
    rows : Tensor of int64 (row,)
        The examples to learn.
    settings : Loop
        Loss, batch size, learning rate and epochs are taken from here.
    seed : int
        Of the weights and of the order of the examples.
    resume : Path
        State after the last finished epoch.

    Returns
    -------
    Network
        Ready for inference.
    """
    model = build(_without_dropout(spec), seed=seed).to(rows.device)
    bare = settings.model_copy(update={"weight_decay": 0.0, "patience_epochs": settings.epochs})
    fit(model, examples, {"train": rows, "validation": rows}, bare, seed=seed, levers=Levers(), resume=resume)
    return model.for_inference()


def _without_dropout(spec: ModelSpec) -> ModelSpec:
    return replace(spec, options=spec.options | {name: 0.0 for name in spec.options if name == "dropout"})
