"""Attribution methods with the options that the settings give them, and references for DNA."""

import inspect
import zlib
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.methods import method
from tracklight.genome.decode import one_hot
from tracklight.genome.fasta import N_CODE
from tracklight.genome.shuffle import shuffle_dinucleotides
from tracklight.settings import Attribute

UNIFORM = 0.25  # of each base: the baseline of integrated gradients
Explainer = partial[Tensor]


def explainer(name: str, settings: Attribute, *, target: int, **options: Any) -> Explainer:
    """Return `f(model, x) -> like x`: a row of `METHODS` with all its options.

    Parameters
    ----------
    name : str
        Row of `METHODS`.
    settings : Attribute
        Where the options come from; those that the method does not take are left out.
    target : int
        Which output.
    **options
        Options that go before those of the settings.
    """
    function = method(name).explain
    known = {
        "correct": settings.correct_gradient,
        "steps": settings.steps,
        "baseline": UNIFORM,
        "samples": settings.noise_samples,
        "sd": settings.noise_sd,
        "seed": settings.seed,
        "references": partial(shuffled_references, count=settings.references, seed=settings.seed),
    }
    accepted = inspect.signature(function).parameters
    return partial(function, target=target, **{key: known[key] for key in known if key in accepted} | options)


def baseline_prediction(model: nn.Module, x: Tensor, explain: Explainer) -> Tensor | None:
    """Return what the model says of the baseline from which a method explains the difference.

    Parameters
    ----------
    model : Module
        Maps `(batch, 4, position)` to `(batch, target)`.
    x : Tensor (batch, 4, position)
        Windows.
    explain : partial
        From `explainer`.

    Returns
    -------
    Tensor (batch,) or None
        The mean over references where there are several; None for a method without a baseline.
    """
    options = explain.keywords
    with torch.no_grad():
        if "references" in options:
            references = options["references"](x)
            found = model(references.flatten(0, 1))[:, options["target"]]
            return found.unflatten(0, references.shape[:2]).mean(1)
        if "baseline" in options:
            return model(torch.full_like(x, options["baseline"]))[:, options["target"]]
    return None


def shuffled_references(x: Tensor, *, count: int, seed: int) -> Tensor:
    """Return dinucleotide shuffles of windows.

    The shuffles of a window depend on its bases and the seed alone, not on the windows beside it: pieces of a genome
    that are explained apart fit together.

    Parameters
    ----------
    x : Tensor of float32 (batch, 4, position)
        Windows; all zeros at N.
    count : int
        Shuffles per window.
    seed : int
        Of the shuffles.

    Returns
    -------
    Tensor of float32 (batch, count, 4, position)
    """
    codes = torch.where(x.sum(1) > 0, x.argmax(1), N_CODE).to(torch.uint8).cpu().numpy()
    shuffles = np.stack([_shuffles(window, count, seed) for window in codes])  # (batch, count, position)
    return one_hot(torch.from_numpy(shuffles).flatten(0, 1).to(x.device)).unflatten(0, shuffles.shape[:2]).to(x.dtype)


def _shuffles(codes: NDArray[np.uint8], count: int, seed: int) -> NDArray[np.uint8]:
    generator = np.random.default_rng([seed, zlib.crc32(codes.tobytes())])
    return shuffle_dinucleotides(np.repeat(codes[None], count, axis=0), generator)
