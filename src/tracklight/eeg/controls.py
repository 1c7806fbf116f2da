"""Controls of decoders and maps: networks that forget, labels without meaning, signals without their course in time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.attribution import gradient
from tracklight.core.margin import Margin
from tracklight.core.masking import phase_randomised
from tracklight.core.randomise import cascade, layers
from tracklight.core.spectral import by_frequency, in_bands
from tracklight.eeg.baselines import KEY, reports_of
from tracklight.eeg.dataset import Epochs
from tracklight.stats.exchange import Permuted
from tracklight.stats.strata import stratify

Rows = NDArray[np.int64]
Networks = Sequence[nn.Module]
BATCH = 256  # epochs computed at once
Signal = Callable[[Tensor, torch.Generator], Tensor]
ALTERED: dict[str, Signal] = {
    "EEG with random phases": phase_randomised,
    "EEG reversed in time": lambda x, _: x.flip(-1),
}


def spread(rows: Rows, count: int) -> Rows:
    """Return about `count` of some rows, evenly spread over them: the same for the same rows, whatever the labels."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(np.int64))]


def frequency_maps(model: nn.Module, x: Tensor, *, inside: Tensor) -> Tensor:
    """Return gradient x input of the log-odds of label 1 by frequency.

    Parameters
    ----------
    model : Module
        Maps `(batch, channel, position)` to logits.
    x : Tensor (epoch, channel, position)
        Whitened epochs; by frequency their attribution is that of the volts.
    inside : Tensor of bool (frequency, bin)
        As `core.spectral.members` returns it.

    Returns
    -------
    Tensor (epoch, channel, bin)
        On the CPU.
    """
    odds = Margin(model, label=1)
    parts = [in_bands(by_frequency(gradient(odds, part), part), inside) for part in x.split(BATCH)]
    return torch.cat(parts).cpu()


def forgetting(model: nn.Module, fresh: nn.Module, x: Tensor, *, inside: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the maps of a network that forgets from the head down.

    Parameters
    ----------
    model, fresh : Module
        Trained; of the same structure with random weights.
    x, inside
        As in `frequency_maps`.

    Yields
    ------
    str, Tensor (epoch, channel, bin)
        The layer that was randomised last, and the maps.
    """
    for name, changed in cascade(model, fresh, layers(model, x[:1])):
        yield name, frequency_maps(changed, x, inside=inside)


@torch.no_grad()
def mean_margins(
    models: Networks, epochs: Epochs, rows: Rows, *, signal: Signal | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """Return the log-odds of label 1 for some epochs, mean over networks, reading a few at a time.

    Parameters
    ----------
    models : sequence of Module
        On one device, in evaluation mode.
    epochs : Epochs
        Whitened.
    rows : ndarray of int64 (epoch,)
        Row numbers.
    signal : callable, optional
        What is done to epochs `(batch, channel, position)` first.
    seed : int
        Of what is random in that.

    Returns
    -------
    ndarray of float64 (epoch,)
    """
    device, generator = next(models[0].parameters()).device, torch.Generator().manual_seed(seed)
    odds, margins = [Margin(model, label=1) for model in models], []
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        x = torch.from_numpy(epochs.signals(part))
        x = (x if signal is None else signal(x, generator)).to(device)
        margins.append(torch.stack([each(x)[:, 0] for each in odds]).double().mean(0).cpu().numpy())
    return np.concatenate(margins)


def with_permuted_labels(epochs: Epochs, *, seed: int) -> Epochs:
    """Return epochs whose reports have the label of another report of the same subject and stage.

    Parameters
    ----------
    epochs : Epochs
        Left as they are.
    seed : int
        Of the permutation.

    Returns
    -------
    Epochs
        All epochs of a report keep one label; a subject keeps its number of labels in every stage.
    """
    reports = reports_of(epochs.index, np.arange(len(epochs.index)))
    design = stratify(reports["group"], reports["stage"], label=reports["label"] == 1)
    labels = pd.Series(Permuted(design, 1, seed).labels(0, 1)[0].astype(int), index=reports.index, dtype="Int64")
    whose = pd.MultiIndex.from_frame(epochs.index[["contig", "report"]], names=KEY)
    return replace(epochs, index=epochs.index.assign(label=labels.reindex(whose).to_numpy()))


def exchanged_within(stage: NDArray[Any], label: NDArray[np.bool_], *, seed: Sequence[int]) -> NDArray[np.bool_]:
    """Return the labels of other reports of the same stage, whoever's they are: the share of each stage is kept."""
    generator, changed = np.random.default_rng(seed), label.copy()
    for name in np.unique(stage):
        rows = np.flatnonzero(stage == name)
        changed[rows] = generator.permutation(label[rows])
    return changed
