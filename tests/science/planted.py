"""Windows with planted motifs, in memory, and networks trained on them with the levers that settings ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tracklight.core.saliency_losses import saliency
from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.genome.simulate import background, mutated_instance
from tracklight.learning.examples import Examples, Windows, make_examples
from tracklight.learning.fit import Progress, fit
from tracklight.learning.levers import Alter, Term, Variation, standard_output
from tracklight.models.network import Network
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Train
from tracklight.stages.levers import levers_of

LENGTH = 200
A, B = "CACAGATAAGGC", "TTGCATGACTCA"
CPU = torch.device("cpu")


class Planted(NamedTuple):
    """Windows `codes` (window, position) and where each motif lies in them, `truth` (motif, window, position)."""

    codes: np.ndarray
    truth: np.ndarray


def plant(rng: np.random.Generator, holds: np.ndarray, motifs: Sequence[tuple[str, float]]) -> Planted:
    """Plant motifs (consensus, probability that a base is replaced) where `holds` (window, motif) says.

    Each stands in a part of the window of its own, in random order, at a random place.
    """
    codes = background(rng, len(holds) * LENGTH).reshape(len(holds), LENGTH).copy()
    truth = np.zeros((len(motifs), *codes.shape), bool)
    part = LENGTH // len(motifs)
    for window, present in enumerate(holds):
        for slot, which in enumerate(rng.permutation(len(motifs))):
            if present[which]:
                instance = mutated_instance(rng, *motifs[which])
                start = slot * part + int(rng.integers(part - len(instance) + 1))
                place = slice(start, start + len(instance))
                codes[window, place], truth[which, window, place] = instance, True
    return Planted(codes, truth)


def examples_of(codes: np.ndarray, labels: np.ndarray) -> Examples:
    """Return windows, one after the other on a tape, with their labels."""
    tape = Tape(codes.ravel(), ("windows",), np.array([0, codes.size]))
    contig, start = np.full(len(codes), "windows", object), np.arange(len(codes)) * LENGTH
    windows = Windows(contig, start, np.zeros(len(codes), bool), labels.astype(np.float32)[:, None])
    return make_examples(tape, windows, length=LENGTH, decode=one_hot, device=CPU)


def bases(codes: np.ndarray) -> Tensor:
    return one_hot(torch.from_numpy(codes))


def trained(
    examples: Examples,
    settings: Train,
    *,
    seed: int,
    folder: Path,
    held_out: int,
    alter: Alter | None = None,
    terms: tuple[Term, ...] = (),
) -> tuple[Network, Progress]:
    """Train a network; the last `held_out` windows are for validation. Every arm ends in its last state.

    `alter` and `terms` are controls that no setting asks for.
    """
    count = len(examples)
    rows = {"train": torch.arange(count - held_out), "validation": torch.arange(count - held_out, count)}
    how = settings.architecture
    options = how.model_dump(include=FIELDS[how.name])
    spec = ModelSpec(how.name, 4, LENGTH, ("label",), options)
    levers = levers_of(settings, spec, vary=Variation(), stranded=True, seed=seed, device=CPU)
    levers = replace(levers, keep="last", alter=alter or levers.alter, terms=(*levers.terms, *terms))
    model = build(spec, seed=seed)
    progress = fit(model, examples, rows, settings, seed=seed, levers=levers, resume=folder / "resume.pt")
    (folder / "resume.pt").unlink()
    return model.eval(), progress


FIELDS: Mapping[str, set[str]] = {
    "global_pool": {"filters", "kernels", "pool", "dropout"},
    "valid_conv": {"filters", "kernels", "pools", "hidden", "dropout", "batch_norm"},
}


def accuracy(model: Network, x: Tensor, labels: np.ndarray) -> float:
    with torch.no_grad():
        said = torch.cat([model(part)[:, 0] > 0 for part in x.split(500)])
    return float((said.numpy() == labels.astype(bool)).mean())


def maps(model: Network, x: Tensor) -> Tensor:
    """Return signed maps (window, position)."""
    parts = [saliency(standard_output(model), part, target=0, create_graph=False).detach() for part in x.split(500)]
    return torch.cat(parts)
