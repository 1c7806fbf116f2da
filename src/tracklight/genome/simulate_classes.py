"""Simulated windows of several classes, each with its motif: families of motifs that are nearly the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.files import whole_file, write_text
from tracklight.genome.fasta import reverse_complement_codes
from tracklight.genome.simulate import background, fasta_lines, mutated_instance

# Pairs that differ in two of twelve bases: a mutated instance of one may look like the other, never like another pair.
FAMILIES = {
    "a1": "CACAGATAAGGC", "a2": "CACAGTTATGGC",
    "b1": "TGACGTAATCGG", "b2": "TGACCTATTCGG",
    "c1": "CCATTAGGAAAC", "c2": "CCAATAGGTAAC",
}  # fmt: skip


@dataclass(frozen=True)
class ClassRecipe:
    """What windows of classes are made of.

    Attributes
    ----------
    windows : mapping of str to int
        Windows of each split; a split is a contig of its own.
    region_bp : int
        Length of a window (bp).
    gap_bp : int
        Background between windows (bp).
    motifs : mapping of str to str
        Name of each class and its motif.
    mutation_rate : float
        Probability that a base of a planted instance is replaced.
    """

    windows: Mapping[str, int] = field(default_factory=lambda: {"train": 1200, "validation": 300, "test": 1000})
    region_bp: int = 120
    gap_bp: int = 20
    motifs: Mapping[str, str] = field(default_factory=lambda: dict(FAMILIES))
    mutation_rate: float = 0.16


@dataclass(frozen=True)
class ClassSimulation:
    """Windows of classes on a genome and their truth.

    Attributes
    ----------
    contigs : dict of str to ndarray of uint8 (position,)
        Codes, one contig per split.
    regions : DataFrame
        `chrom start end name strand split` and a column per class, 0-based half-open; 1 in the column of the class and
        0 in the others.
    truth : DataFrame
        `chrom start end name score strand`: the motif instance of every window.
    """

    contigs: dict[str, NDArray[np.uint8]]
    regions: pd.DataFrame
    truth: pd.DataFrame


def simulate_classes(rng: np.random.Generator, recipe: ClassRecipe | None = None) -> ClassSimulation:
    """Simulate windows of classes.

    Classes are balanced. Each window lies on a random strand of an order-1 Markov background and holds one instance of
    the motif of its class, at a random place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same windows.
    recipe : ClassRecipe, optional
        What to plant.

    Returns
    -------
    ClassSimulation
        Codes, region table and truth.
    """
    recipe = recipe or ClassRecipe()
    contigs, regions, truth = {}, [], []
    names, step = list(recipe.motifs), recipe.region_bp + recipe.gap_bp
    for contig, count in recipe.windows.items():
        codes = contigs[contig] = background(rng, count * step)
        for number, which in enumerate(rng.permutation(np.arange(count) % len(names)).tolist()):
            start, strand = number * step, "+-"[rng.integers(2)]
            instance = mutated_instance(rng, recipe.motifs[names[which]], recipe.mutation_rate)
            first = start + int(rng.integers(recipe.region_bp - len(instance) + 1))
            last = first + len(instance)
            codes[first:last] = instance if strand == "+" else reverse_complement_codes(instance)
            labels = {name: int(name == names[which]) for name in names}
            site = {"chrom": contig, "start": start, "end": start + recipe.region_bp, "name": f"{contig}:{start}"}
            regions.append(site | {"strand": strand, "split": contig} | labels)
            truth.append((contig, first, last, names[which], 1.0, strand))
    columns = ["chrom", "start", "end", "name", "score", "strand"]
    return ClassSimulation(contigs, pd.DataFrame(regions), pd.DataFrame(truth, columns=columns))


def write_classes(folder: str | Path, simulation: ClassSimulation) -> dict[str, Path]:
    """Write a simulation to files.

    Parameters
    ----------
    folder : str or Path
        Where.
    simulation : ClassSimulation
        What.

    Returns
    -------
    dict of str to Path
        `fasta`, the region table `regions`, and the BED file `truth`.
    """
    folder = Path(folder)
    paths = {"fasta": folder / "genome.fa", "regions": folder / "regions.tsv", "truth": folder / "truth.bed"}
    write_text(paths["fasta"], "".join(fasta_lines(simulation.contigs)))
    with whole_file(paths["regions"]) as temporary:
        simulation.regions.to_csv(temporary, sep="\t", index=False)
    with whole_file(paths["truth"]) as temporary:
        simulation.truth.to_csv(temporary, sep="\t", index=False, header=False)
    return paths
