"""Simulated windows that hold an element, motifs in a stretch of another composition, or none; its bases are known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.files import whole_file, write_text
from tracklight.genome.fasta import reverse_complement_codes
from tracklight.genome.simulate import fasta_lines, mutated_instance
from tracklight.genome.simulate_labels import TRUTH_COLUMNS

CG = np.array([False, True, True, False])


@dataclass(frozen=True)
class SpanRecipe:
    """What windows with elements are made of.

    Attributes
    ----------
    windows : mapping of str to int
        Windows of each split; a split is a contig of its own. Half of them hold an element.
    region_bp, gap_bp : int
        Length of a window, and background between windows (bp).
    shortest_bp, longest_bp : int
        Bounds of the length of an element (bp).
    background_gc, element_gc : float
        Share of G and C in either.
    consensus : tuple of str
        Motifs of the elements.
    fewest, most : int
        Motif instances of an element.
    decoy_share : float
        Share of all windows with one more instance outside the element: a motif alone makes none.
    mutation_rate : float
        Probability that a base of a planted instance is replaced.
    """

    windows: Mapping[str, int] = field(default_factory=lambda: {"train": 2000, "validation": 500, "test": 1000})
    region_bp: int = 400
    gap_bp: int = 20
    shortest_bp: int = 60
    longest_bp: int = 140
    background_gc: float = 0.42
    element_gc: float = 0.55
    consensus: tuple[str, ...] = ("TGACGTAATCGG", "CACAGATAAGGC", "GGTTCACAATGC")
    fewest: int = 3
    most: int = 5
    decoy_share: float = 0.7
    mutation_rate: float = 0.15


@dataclass(frozen=True)
class SpanSimulation:
    """Labelled windows on a genome and the bases of their elements.

    Attributes
    ----------
    contigs : dict of str to ndarray of uint8 (position,)
        Codes, one contig per split.
    regions : DataFrame
        `chrom start end name strand label split`, 0-based half-open; `label` is 1 with an element, else 0.
    truth : DataFrame
        `chrom start end name score strand`: every element.
    """

    contigs: dict[str, NDArray[np.uint8]]
    regions: pd.DataFrame
    truth: pd.DataFrame


def simulate_spans(rng: np.random.Generator, recipe: SpanRecipe | None = None) -> SpanSimulation:
    """Simulate windows with and without an element, each on a random strand.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same windows.
    recipe : SpanRecipe, optional
        What to plant.

    Returns
    -------
    SpanSimulation
        Codes, region table and truth.
    """
    recipe = recipe or SpanRecipe()
    contigs, regions, truth = {}, list[dict[str, Any]](), list[dict[str, Any]]()
    step = recipe.region_bp + recipe.gap_bp
    for contig, count in recipe.windows.items():
        codes = contigs[contig] = _composed(rng, count * step, recipe.background_gc)
        for number, label in enumerate(rng.permutation(np.arange(count) % 2).tolist()):
            start, strand = number * step, "+-"[rng.integers(2)]
            window, span = _window(rng, recipe, holds=bool(label))
            place = slice(start, start + recipe.region_bp)
            codes[place] = window if strand == "+" else reverse_complement_codes(window)
            name = f"{contig}:{start}"
            site = {"chrom": contig, "start": start, "end": place.stop, "name": name, "strand": strand}
            regions.append(site | {"label": label, "split": contig})
            if label:
                truth.append(site | _on_contig(span, site, strand) | {"score": 1.0})
    return SpanSimulation(contigs, pd.DataFrame(regions), pd.DataFrame(truth, columns=TRUTH_COLUMNS))


def write_spans(folder: str | Path, simulation: SpanSimulation) -> dict[str, Path]:
    """Write `genome.fa`, `regions.tsv` and `truth.bed` to `folder`; return their paths as fasta, regions, truth."""
    folder = Path(folder)
    paths = {"fasta": folder / "genome.fa", "regions": folder / "regions.tsv", "truth": folder / "truth.bed"}
    write_text(paths["fasta"], "".join(fasta_lines(simulation.contigs)))
    for name, table in (("regions", simulation.regions), ("truth", simulation.truth)):
        with whole_file(paths[name]) as temporary:
            table.to_csv(temporary, sep="\t", index=False, header=name == "regions")
    return paths


def _window(rng: np.random.Generator, recipe: SpanRecipe, *, holds: bool) -> tuple[NDArray[np.uint8], slice]:
    """Return the codes of a window, 5' to 3', and where its element is: an empty slice at its end without one."""
    codes = _composed(rng, recipe.region_bp, recipe.background_gc)
    span = slice(recipe.region_bp, recipe.region_bp)
    if holds:
        length = int(rng.integers(recipe.shortest_bp, recipe.longest_bp + 1))
        first = int(rng.integers(recipe.region_bp - length + 1))
        span = slice(first, first + length)
        codes[span] = _composed(rng, length, recipe.element_gc)
        _plant(rng, codes[span], recipe, count=int(rng.integers(recipe.fewest, recipe.most + 1)))
    if rng.random() < recipe.decoy_share:
        _plant(rng, _longer(codes[: span.start], codes[span.stop :]), recipe, count=1)
    return codes, span


def _plant(rng: np.random.Generator, codes: NDArray[np.uint8], recipe: SpanRecipe, *, count: int) -> None:
    """Write motif instances into `codes`, each at a random place of its own equal part."""
    part = len(codes) // count
    for slot in range(count):
        instance = mutated_instance(rng, str(rng.choice(recipe.consensus)), recipe.mutation_rate)
        first = slot * part + int(rng.integers(part - len(instance) + 1))
        codes[first : first + len(instance)] = instance


def _longer(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return one if len(one) >= len(other) else other


def _composed(rng: np.random.Generator, length: int, gc: float) -> NDArray[np.uint8]:
    chances = np.where(CG, gc / 2, (1 - gc) / 2)
    return rng.choice(4, size=length, p=chances).astype(np.uint8)


def _on_contig(span: slice, site: Mapping[str, Any], strand: str) -> dict[str, int]:
    if strand == "+":
        return {"start": site["start"] + span.start, "end": site["start"] + span.stop}
    return {"start": site["end"] - span.stop, "end": site["end"] - span.start}
