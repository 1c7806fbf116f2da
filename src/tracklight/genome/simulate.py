"""A small genome with planted motifs whose truth is known: for tests and for checks of error rates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.files import whole_file, write_text
from tracklight.genome.fasta import BASES, N_CODE, decode_codes, reverse_complement_codes

LINE_WIDTH = 60


@dataclass(frozen=True)
class Motif:
    """A motif and what one instance adds to the log2 expression of the element that holds it."""

    name: str
    consensus: str
    effect: float


# Long enough (12 bp) that a chance match on either strand of 100 kb is rare; none is its own reverse complement.
MOTIFS = (
    Motif("alpha", "TGACGTAATCGG", 3.0),
    Motif("beta", "CCATTAGGAAAC", 2.0),
    Motif("gamma", "GGTTCACAATGC", 1.5),
)


@dataclass(frozen=True)
class Recipe:
    """What the simulated genome is made of.

    Attributes
    ----------
    contigs : mapping of str to int
        Length of each contig (bp).
    motifs : tuple of Motif
        Planted motifs.
    region_bp : int
        Length of an element (bp).
    spacing_bp : int
        Distance between the starts of neighbouring elements (bp).
    element_share : float
        Share of sites with motifs; the others are background.
    motif_probability : float
        Probability that an element holds a given motif; one without any gets one at random.
    mutation_rate : float
        Probability that a base of a planted instance is replaced.
    measured_share : float
        Share of sites in the region table; the others are for the scan of the genome to find.
    noise_sd : float
        Standard deviation of the measurement (log2).
    n_run_bp : int
        N at the start of every contig (bp).
    """

    contigs: Mapping[str, int] = field(default_factory=lambda: {"sim1": 80_000, "sim2": 30_000, "sim3": 30_000})
    motifs: tuple[Motif, ...] = MOTIFS
    region_bp: int = 150
    spacing_bp: int = 200
    element_share: float = 0.4
    motif_probability: float = 0.5
    mutation_rate: float = 0.03
    measured_share: float = 0.9
    noise_sd: float = 0.5
    n_run_bp: int = 100


@dataclass(frozen=True)
class Simulation:
    """A simulated genome, its measured regions and its truth.

    Attributes
    ----------
    contigs : dict of str to ndarray of uint8 (position,)
        Codes: A0 C1 G2 T3 N4.
    regions : DataFrame
        `chrom start end name expression strand`, 0-based half-open; `expression` is raw, its log2 is the sum of the
        effects of the motifs on that strand plus noise. Every measured site is listed on both strands.
    truth : DataFrame
        `chrom start end name score strand`: every planted motif instance, `score` its effect.
    """

    contigs: dict[str, NDArray[np.uint8]]
    regions: pd.DataFrame
    truth: pd.DataFrame


def simulate_genome(rng: np.random.Generator, recipe: Recipe | None = None) -> Simulation:
    """Simulate a genome.

    Background is an order-1 Markov chain, AT-rich and poor in CG. Elements sit at regular sites on a random strand.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same genome.
    recipe : Recipe, optional
        What to plant.

    Returns
    -------
    Simulation
        Codes, region table and truth.
    """
    recipe = recipe or Recipe()
    contigs, regions, truth = {}, list[dict[str, Any]](), list[dict[str, Any]]()
    for name, length in recipe.contigs.items():
        codes = contigs[name] = background(rng, length)
        codes[: recipe.n_run_bp] = N_CODE
        for start in range(recipe.n_run_bp, length - recipe.region_bp + 1, recipe.spacing_bp):
            site = {"chrom": name, "start": start, "end": start + recipe.region_bp}
            strand = "+-"[rng.integers(2)]
            planted = list(_plant(rng, codes, site, strand, recipe))
            truth += planted
            if rng.random() < recipe.measured_share:
                regions += _measure(rng, site, strand, sum(row["score"] for row in planted), recipe.noise_sd)
    planted_columns = ["chrom", "start", "end", "name", "score", "strand"]
    return Simulation(contigs, pd.DataFrame(regions), pd.DataFrame(truth, columns=planted_columns))


def write_simulation(folder: str | Path, simulation: Simulation) -> dict[str, Path]:
    """Write `genome.fa`, `regions.tsv` and `truth.bed` to `folder`; return their paths as fasta, regions, truth."""
    folder = Path(folder)
    paths = {"fasta": folder / "genome.fa", "regions": folder / "regions.tsv", "truth": folder / "truth.bed"}
    write_text(paths["fasta"], "".join(fasta_lines(simulation.contigs)))
    with whole_file(paths["regions"]) as temporary:
        simulation.regions.to_csv(temporary, sep="\t", index=False)
    with whole_file(paths["truth"]) as temporary:
        simulation.truth.to_csv(temporary, sep="\t", index=False, header=False)
    return paths


def background(rng: np.random.Generator, length: int) -> NDArray[np.uint8]:
    """Return codes `(position,)` of an order-1 Markov chain, AT-rich and poor in CG."""
    follows = np.array(  # row: the base before, column: A C G T
        [[0.31, 0.18, 0.21, 0.30], [0.36, 0.24, 0.05, 0.35], [0.29, 0.21, 0.20, 0.30], [0.22, 0.20, 0.23, 0.35]]
    )
    # One draw a position decides the next base for each of the four bases that could stand before it.
    draws = rng.random(length)
    choices = (draws[:, None, None] > follows.cumsum(axis=1)[None, :, :3]).sum(axis=2).tolist()
    codes, base = bytearray(length), 0
    for position, choice in enumerate(choices):
        codes[position] = base = choice[base]
    return np.frombuffer(codes, np.uint8)


def _plant(
    rng: np.random.Generator, codes: NDArray[np.uint8], site: Mapping[str, Any], strand: str, recipe: Recipe
) -> Iterator[dict[str, Any]]:
    """Write motif instances into `codes`, each in its own part of the site, and yield their rows of the truth."""
    if rng.random() >= recipe.element_share:
        return
    chosen = np.flatnonzero(rng.random(len(recipe.motifs)) < recipe.motif_probability)
    if not len(chosen):
        chosen = rng.integers(len(recipe.motifs), size=1)
    part = recipe.region_bp // len(recipe.motifs)
    for slot, number in enumerate(rng.permutation(chosen)):
        motif = recipe.motifs[number]
        instance = mutated_instance(rng, motif.consensus, recipe.mutation_rate)
        start = int(site["start"]) + slot * part + int(rng.integers(part - len(instance) + 1))
        end = start + len(instance)
        codes[start:end] = instance if strand == "+" else reverse_complement_codes(instance)
        yield {
            "chrom": site["chrom"],
            "start": start,
            "end": end,
            "name": motif.name,
            "score": motif.effect,
            "strand": strand,
        }


def mutated_instance(rng: np.random.Generator, consensus: str, mutation_rate: float) -> NDArray[np.uint8]:
    """Return codes `(position,)` of a consensus, each base replaced by another with probability `mutation_rate`."""
    codes = np.array([BASES.index(letter) for letter in consensus], np.uint8)
    mutated = rng.random(len(codes)) < mutation_rate
    return np.where(mutated, (codes + rng.integers(1, 4, len(codes))) % 4, codes).astype(np.uint8)


def _measure(
    rng: np.random.Generator, site: Mapping[str, Any], strand: str, effect: float, noise_sd: float
) -> list[dict[str, Any]]:
    """Measure a site on both strands; motifs act only on their own."""
    rows = []
    for measured in "+-":
        log2 = (effect if measured == strand else 0.0) + rng.normal(0.0, noise_sd)
        name = f"{site['chrom']}:{site['start']}{measured}"
        rows.append({**site, "name": name, "expression": round(2.0**log2, 6), "strand": measured})
    return rows


def fasta_lines(contigs: Mapping[str, NDArray[np.uint8]]) -> Iterator[str]:
    """Yield the lines of a FASTA file of contigs, codes `(position,)` by name."""
    for name, codes in contigs.items():
        letters = decode_codes(codes)
        yield f">{name} simulated\n"
        for start in range(0, len(letters), LINE_WIDTH):
            yield letters[start : start + LINE_WIDTH] + "\n"
