"""Nuisances: parts of windows that must not decide a prediction, and what happens when they are put elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from tracklight.core.tape import Tape
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset
from tracklight.genome.elements import by_strand
from tracklight.genome.fasta import N_CODE
from tracklight.genome.probes import Probes
from tracklight.genome.shuffle import shuffle_dinucleotides
from tracklight.genome.slices import window_positions
from tracklight.genome.windows import LOGARITHMS
from tracklight.learning.losses import LOSSES
from tracklight.stats import INTERVAL, bootstrap_weights

GROUP_COLUMNS = ("nuisance", "label", "with_nuisance", "n", "accuracy", "low", "high")


@dataclass(frozen=True)
class Nuisance:
    """A nuisance in the held-out windows, and between which of them it is moved.

    Attributes
    ----------
    name : str
        As the user calls it.
    inside : ndarray of bool (window, position)
        Its bases, 5' to 3'.
    everywhere : bool
        Whether every window holds it, at the same place.
    holders : ndarray of int64 (holder,)
        Windows that hold it beside other bases; those it fills tell nothing about it.
    donors, recipients : ndarray of int64 (window,)
        Windows it is taken from and those it is put into: from windows with it to windows without it. One that is
        everywhere goes from active windows to inactive ones, for between windows drawn alike a swap does nothing on
        average.
    """

    name: str
    inside: NDArray[np.bool_]
    everywhere: bool
    holders: NDArray[np.int64]
    donors: NDArray[np.int64]
    recipients: NDArray[np.int64]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether each window holds any of it, `(window,)`."""
        return np.asarray(self.inside.any(axis=1))


def annotated(name: str, intervals: pd.DataFrame, *, data: Dataset, probes: Probes) -> Nuisance:
    """Find a nuisance given as intervals in windows.

    Parameters
    ----------
    name : str
        Of the nuisance.
    intervals : DataFrame
        `chrom start end strand` (0-based half-open); the strand is not looked at: a repeat is one on both.
    data : Dataset
        Genome and windows.
    probes : Probes
        Held-out windows.
    """
    rows = data.index.iloc[probes.rows]
    reverse = rows["reverse"].to_numpy(bool)
    start = _on_tape(data.tape, rows)
    positions = window_positions(start, reverse, length=data.length)
    inside = by_strand(intervals, data.tape, stranded=False).contain(positions, reverse)
    holders = np.flatnonzero(inside.any(axis=1) & ~inside.all(axis=1))
    free = np.flatnonzero(~inside.any(axis=1))
    return Nuisance(name, inside, everywhere=False, holders=holders, donors=holders, recipients=free)


def in_every_window(name: str, span: list[int], active: NDArray[np.bool_], *, length: int) -> Nuisance:
    """Make a nuisance of a part of every window.

    Parameters
    ----------
    name : str
        Of the nuisance.
    span : list of int
        First base and base after the last, from the 5' end (0-based).
    active : ndarray of bool (window,)
        Whether each window measured active.
    length : int
        Window length (bp).

    Raises
    ------
    InputError
        When the span is empty, outside the window, or the whole of it.
    """
    first, last = span
    if not first < last <= length or last - first == length:
        raise complaint(
            "not a part of the window",
            where=f"shortcuts.window_regions.{name}",
            got=span,
            allowed=f"first < last, from 0 to {length}, and not all of it",
        )
    place = np.arange(length)
    inside = np.broadcast_to((place >= first) & (place < last), (len(active), length))
    donors, recipients = np.flatnonzero(active), np.flatnonzero(~active)
    return Nuisance(name, inside, everywhere=True, holders=np.arange(len(active)), donors=donors, recipients=recipients)


def threshold(facts: Mapping[str, Any], *, loss: str) -> float:
    """Return the prediction above which a window counts as predicted active.

    Parameters
    ----------
    facts : mapping
        Of the windows: `transform`, `floor`, `active_above`.
    loss : str
        The networks were trained with; of labels and probabilities they predict log-odds.
    """
    if not LOSSES[loss].standardised:
        return 0.0
    raw = float(facts["active_above"])
    if facts["transform"] == "none":
        return raw
    return float(LOGARITHMS[facts["transform"]](max(raw, float(facts["floor"]))))


def saliency_shares(
    saliency: NDArray[np.floating],
    inside: NDArray[np.bool_],
    groups: NDArray[np.str_],
    *,
    samples: int,
    generator: np.random.Generator,
) -> dict[str, tuple[float, float, float]]:
    """Measure how much of the saliency lies on a nuisance.

    Parameters
    ----------
    saliency : ndarray (window, position)
        Absolute attribution per base.
    inside : ndarray of bool (window, position)
        Bases of the nuisance.
    groups : ndarray of str (window,)
        Genome block of each window.
    samples : int
        Bootstrap samples over blocks.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    dict of str to (value, low, high)
        `coverage`: mean share of a window's bases in it; `mass`: mean share of a window's saliency in it; `enrichment`:
        the second over the first. 95 % intervals; windows without any saliency do not
        count, and where all are such everything is NaN.
    """
    total = saliency.sum(axis=1)
    shone = total > 0
    if not shone.any():
        return dict.fromkeys(("coverage", "mass", "enrichment"), (np.nan, np.nan, np.nan))
    cover = inside[shone].mean(axis=1)
    mass = (saliency * inside)[shone].sum(axis=1) / total[shone]
    weights = np.vstack([np.ones(len(mass)), bootstrap_weights(groups[shone], samples=samples, generator=generator)])
    n = weights.sum(axis=1)
    drawn = {
        "coverage": weights @ cover / n,
        "mass": weights @ mass / n,
        "enrichment": weights @ mass / (weights @ cover),
    }
    ends = {name: np.quantile(one[1:], INTERVAL) for name, one in drawn.items()}
    return {name: (float(one[0]), float(ends[name][0]), float(ends[name][1])) for name, one in drawn.items()}


def moved(
    nuisance: Nuisance, codes: NDArray[np.uint8], *, most: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.uint8]]]:
    """Put a nuisance into windows, where it lies in the windows it comes from.

    Parameters
    ----------
    nuisance : Nuisance
        With at least one donor and one recipient.
    codes : ndarray of uint8 (window, position)
        Bases of all held-out windows.
    most : int
        Recipients and donors at most.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    recipients : ndarray of int64 (pair,)
        Windows it is put into; every donor serves about equally often.
    variants : dict of str to ndarray of uint8 (pair, position)
        Their bases with the nuisance (`insertion`), with its bases in random order (`permuted`), and with a random
        order that keeps dinucleotides and the ends of every stretch (`dinucleotide`).
    """
    recipients = np.sort(generator.permutation(nuisance.recipients)[:most])
    donors = np.resize(generator.permutation(nuisance.donors)[:most], len(recipients))
    inside, before = nuisance.inside[donors], codes[recipients]
    content = np.where(inside, codes[donors], N_CODE).astype(np.uint8)
    contents = {
        "insertion": content,
        "permuted": _permuted(content, inside, generator),
        "dinucleotide": shuffle_dinucleotides(content, generator),
    }
    return recipients, {name: np.where(inside, bases, before) for name, bases in contents.items()}


def group_accuracy(
    name: str, correct: NDArray[np.bool_], *, active: NDArray[np.bool_], holds: NDArray[np.bool_], smallest: int
) -> pd.DataFrame:
    """Return the accuracy in each of the four groups of windows by label and nuisance.

    Parameters
    ----------
    name : str
        Of the nuisance.
    correct, active, holds : ndarray of bool (window,)
        Whether the window is predicted as it measured, measured active, and holds the nuisance.
    smallest : int
        Groups of fewer windows get no accuracy.

    Returns
    -------
    DataFrame
        `GROUP_COLUMNS`; `low` and `high` are Wilson's 95 % interval.
    """
    rows = []
    for label in (0, 1):
        for with_it in (0, 1):
            right = correct[(active == bool(label)) & (holds == bool(with_it))]
            scores = (np.nan, np.nan, np.nan)
            if len(right) >= smallest:
                interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
                scores = (float(right.mean()), float(interval.low), float(interval.high))
            rows.append((name, label, with_it, len(right), *scores))
    return pd.DataFrame(rows, columns=list(GROUP_COLUMNS))


def _on_tape(tape: Tape, rows: pd.DataFrame) -> NDArray[np.int64]:
    return tape.on_tape(rows["contig"].tolist(), rows["start"].to_numpy(np.int64))


def _permuted(
    content: NDArray[np.uint8], inside: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Put the bases inside each row in random order."""
    permuted = content.copy()
    for row, mask in zip(permuted, inside, strict=True):
        row[mask] = generator.permutation(row[mask])
    return permuted
