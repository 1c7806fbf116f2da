"""Replacement of bases in held-out windows: in which orders, by what, and how the output answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core import faithfulness, masking
from tracklight.core.deletion import rank_positions, rank_stretches, replacement_curve
from tracklight.core.scan import WINDOWS_PER_BATCH
from tracklight.progress import track

# own: most positive first; absolute, least: largest and smallest absolute value first; untrained: as own
ORDERS = ("own", "absolute", "random", "least", "untrained")
MASKS = ("scattered", "windowed")
SETS_AT_ONCE = 64  # windows whose random sets are held together; a matter of memory
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """What is put to the test.

    Attributes
    ----------
    x : Tensor (window, 4, position)
        Held-out windows.
    model : Module
        The network, or an ensemble as one.
    controls : sequence of Module
        Untrained networks of the same shape, one per draw.
    target : int
        The output that is explained.
    explain : callable
        `explain(model, x)` gives maps `(window, position)`: one value per base, positive where it raises the output.
    """

    x: Tensor
    model: nn.Module
    controls: Sequence[nn.Module]
    target: int
    explain: Callable[[nn.Module, Tensor], Tensor]

    def score(self, x: Tensor) -> Tensor:
        """Return the explained output `(batch,)`."""
        output: Tensor = self.model(x)
        return output[:, self.target]


class Trial(NamedTuple):
    """How bases are replaced: mask (scattered, windowed), direction (deletion, insertion) and name of the filler."""

    mask: str
    direction: str
    filler: str


@dataclass(frozen=True)
class Curves:
    """The answer to one trial.

    Attributes
    ----------
    trial : Trial
        What was done.
    bases : list of int
        Replaced (deletion) or kept (insertion) bases at each point, from none to the whole window.
    values : Tensor (draw, window, order, point)
        Explained output; orders as in `ORDERS`.
    """

    trial: Trial
    bases: list[int]
    values: Tensor

    @property
    def fractions(self) -> Tensor:
        """Share of the window at each point, float64."""
        return torch.tensor(self.bases, dtype=torch.float64) / self.bases[-1]

    def per_window(self) -> Floats:
        """Return means over draws `(window, order, point)`."""
        return self.values.double().mean(0).cpu().numpy()

    def gaps(self, rival: str) -> Floats:
        """Return how much more than the rival's each order moves the output in its direction, shape of `per_window`."""
        values = self.per_window()
        ahead = values[:, [ORDERS.index(rival)]] - values
        return ahead if self.trial.direction == "deletion" else -ahead


def follow_trials(
    subject: Subject,
    bases: Mapping[str, list[int]],
    fillers: Mapping[str, masking.Filler],
    *,
    width: int,
    generator: torch.Generator,
) -> list[Curves]:
    """Replace bases in every order and follow the output; within a draw all orders and trials share what was drawn.

    Scattered deletion is done with every filler, windowed masks and insertion with the first.

    Parameters
    ----------
    subject : Subject
        Windows and networks; there are as many draws as untrained networks.
    bases : mapping of str to list of int
        For each mask the numbers of replaced bases, from 0 to the whole window.
    fillers : mapping of str to callable
        What replaced bases become.
    width : int
        Length of the stretches of windowed masks (bp).
    generator : torch.Generator
        Of fillers and orders.
    """
    own = subject.explain(subject.model, subject.x)
    values: dict[Trial, list[Tensor]] = {trial: [] for trial in _trials(list(fillers))}
    for network in track(subject.controls, what="deletion", total=len(subject.controls), unit="draw"):
        untrained = subject.explain(network, subject.x)
        maps = (own, own.abs(), torch.zeros_like(own), -own.abs(), untrained)  # a constant map gives a random order
        ranks = {
            "scattered": [rank_positions(scores, generator) for scores in maps],
            "windowed": [rank_stretches(scores, generator, width=width) for scores in maps],
        }
        drawn = {name: filler(subject.x, generator) for name, filler in fillers.items()}
        for (mask, direction, filler), found in values.items():
            change = (subject.x, drawn[filler]) if direction == "deletion" else (drawn[filler], subject.x)
            found.append(_follow(subject, change, ranks=ranks[mask], bases=bases[mask]))
    return [Curves(trial, bases[trial.mask], torch.stack(found)) for trial, found in values.items()]


def compare_with_effects(
    subject: Subject,
    maps: Mapping[str, Sequence[Tensor]],
    *,
    size: int,
    count: int,
    generator: torch.Generator,
) -> dict[str, dict[str, Floats]]:
    """Compare maps with the effect of replacing random sets of bases by the uniform distribution over bases.

    Parameters
    ----------
    subject : Subject
        Windows and network.
    maps : mapping of str to sequence of Tensor (window, position)
        Maps by name; the numbers of several under one name are averaged.
    size, count : int
        Bases in a set, and sets per window.
    generator : torch.Generator
        Of the sets; all maps meet the same.

    Returns
    -------
    dict of str to dict of str to ndarray (window,)
        By metric (`infidelity`, `unexplained`, `sensitivity-n`) and name of the map.
    """
    metrics = {
        "infidelity": faithfulness.infidelity,
        "unexplained": faithfulness.unexplained,
        "sensitivity-n": faithfulness.sensitivity_n,
    }
    found: dict[str, dict[str, list[Tensor]]] = {metric: {name: [] for name in maps} for metric in metrics}
    for rows in torch.arange(len(subject.x)).split(SETS_AT_ONCE):
        x = subject.x[rows]
        subsets = faithfulness.random_subsets(x[:, 0], generator, size=size, count=count)
        reference = masking.neutral(x, generator)
        effects = faithfulness.subset_effects(
            subject.score, x, reference, subsets=subsets, batch_size=WINDOWS_PER_BATCH
        )
        for name, several in maps.items():
            sums = [faithfulness.subset_sums(scores[rows], subsets=subsets) for scores in several]
            for metric, function in metrics.items():
                found[metric][name].append(torch.stack([function(said, effects) for said in sums]).mean(0))
    return {metric: {name: _array(torch.cat(v)) for name, v in named.items()} for metric, named in found.items()}


def map_sensitivity(subject: Subject, *, mutations: int, copies: int, generator: torch.Generator) -> dict[str, Floats]:
    """Return the max-sensitivity of the maps to point mutations, `own` and mean over `untrained`, `(window,)` each."""
    mutate = partial(faithfulness.point_mutations, generator=generator, count=mutations)

    def of(network: nn.Module) -> Tensor:
        explain = partial(subject.explain, network)
        return faithfulness.max_sensitivity(explain, subject.x, perturb=mutate, copies=copies)

    return {"own": _array(of(subject.model)), "untrained": _array(torch.stack(list(map(of, subject.controls))).mean(0))}


def _trials(fillers: list[str]) -> list[Trial]:
    rest = [("windowed", "deletion"), ("scattered", "insertion"), ("windowed", "insertion")]
    scattered = [Trial("scattered", "deletion", filler) for filler in fillers]
    return [*scattered, *(Trial(mask, direction, fillers[0]) for mask, direction in rest)]


def _follow(subject: Subject, change: tuple[Tensor, Tensor], *, ranks: list[Tensor], bases: list[int]) -> Tensor:
    """Return the output `(window, order, point)`; where nothing or everything is replaced all orders agree."""
    curve = partial(replacement_curve, subject.score, *change, batch_size=WINDOWS_PER_BATCH)
    ends = curve(ranks=ranks[0], counts=[bases[0], bases[-1]])[:, None].expand(-1, len(ranks), -1)
    middle = torch.stack([curve(ranks=order, counts=bases[1:-1]) for order in ranks], dim=1)
    return torch.cat([ends[..., :1], middle, ends[..., 1:]], dim=-1)


def _array(values: Tensor) -> Floats:
    return values.double().cpu().numpy()
