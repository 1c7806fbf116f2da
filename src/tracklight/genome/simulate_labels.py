"""Simulated windows with a label, a motif that is its cause, and another that only goes along with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.files import whole_file, write_text
from tracklight.genome.fasta import reverse_complement_codes
from tracklight.genome.simulate import background, fasta_lines, mutated_instance

DECONFOUNDED = "deconfounded"  # contig whose windows hold the nuisance whatever their label
TRUTH_COLUMNS = ["chrom", "start", "end", "name", "score", "strand"]


@dataclass(frozen=True)
class LabelRecipe:
    """What labelled windows are made of.

    Attributes
    ----------
    windows : mapping of str to int
        Windows of each split; a split is a contig of its own. As many as for `test` are added for `DECONFOUNDED`.
    region_bp : int
        Length of a window (bp).
    gap_bp : int
        Background between windows (bp).
    true_consensus, nuisance_consensus : str
        The motif behind the label, and the one that goes along with it.
    true_share : float
        Share of positive windows with the true motif; negative ones hold it with 1 minus that.
    confounding : float
        The same of the nuisance: 0.5 tells nothing about the label.
    mutation_rate : float
        Probability that a base of a planted instance is replaced.
    """

    windows: Mapping[str, int] = field(default_factory=lambda: {"train": 2000, "validation": 500, "test": 2000})
    region_bp: int = 200
    gap_bp: int = 20
    true_consensus: str = "CACAGATAAGGC"
    nuisance_consensus: str = "GTGGGGCGGGGCCGGATG"
    true_share: float = 0.9
    confounding: float = 0.95
    mutation_rate: float = 0.12


@dataclass(frozen=True)
class LabelSimulation:
    """Labelled windows on a genome and their truth.

    Attributes
    ----------
    contigs : dict of str to ndarray of uint8 (position,)
        Codes, one contig per split and `DECONFOUNDED`.
    regions : DataFrame
        `chrom start end name strand label nuisance split`, 0-based half-open; `label` and `nuisance` are 0 or 1.
        Windows on `DECONFOUNDED` are of the split `test`.
    truth, nuisance : DataFrame
        `chrom start end name score strand`: every planted instance of the true motif, and of the nuisance.
    """

    contigs: dict[str, NDArray[np.uint8]]
    regions: pd.DataFrame
    truth: pd.DataFrame
    nuisance: pd.DataFrame


def simulate_labels(rng: np.random.Generator, recipe: LabelRecipe | None = None) -> LabelSimulation:
    """Simulate labelled windows.

    Labels are balanced and each window lies on a random strand of an order-1 Markov background. The two motifs stand
    in different halves of the window, in random order, at a random place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same windows.
    recipe : LabelRecipe, optional
        What to plant.

    Returns
    -------
    LabelSimulation
        Codes, region table and truth.
    """
    recipe = recipe or LabelRecipe()
    contigs, regions = {}, list[dict[str, Any]]()
    planted: dict[str, list[dict[str, Any]]] = {"true": [], "nuisance": []}
    step = recipe.region_bp + recipe.gap_bp
    for contig, count in {**recipe.windows, DECONFOUNDED: recipe.windows["test"]}.items():
        codes = contigs[contig] = background(rng, count * step)
        split, confounding = ("test", 0.5) if contig == DECONFOUNDED else (contig, recipe.confounding)
        labels = rng.permutation(np.arange(count) % 2)
        for number, label in enumerate(labels.tolist()):
            start, strand = number * step, "+-"[rng.integers(2)]
            site = {"chrom": contig, "start": start, "end": start + recipe.region_bp, "strand": strand}
            holds = _drawn(rng, label, {"true": recipe.true_share, "nuisance": confounding})
            _plant(rng, codes, site, recipe=recipe, holds=holds, planted=planted)
            row = {"name": f"{contig}:{start}", "label": label, "nuisance": int(holds["nuisance"]), "split": split}
            regions.append(site | row)
    truth, nuisance = (pd.DataFrame(rows, columns=TRUTH_COLUMNS) for rows in planted.values())
    return LabelSimulation(contigs, pd.DataFrame(regions), truth, nuisance)


def write_labels(folder: str | Path, simulation: LabelSimulation) -> dict[str, Path]:
    """Write a simulation to files.

    Parameters
    ----------
    folder : str or Path
        Where.
    simulation : LabelSimulation
        What.

    Returns
    -------
    dict of str to Path
        `fasta`; the region tables `regions` and `deconfounded`, which differ in their test windows only; the BED
        files `truth` and `nuisance`.
    """
    folder = Path(folder)
    names = {"fasta": "genome.fa", "regions": "regions.tsv", "deconfounded": "deconfounded.tsv"}
    paths = {key: folder / name for key, name in names.items()}
    paths |= {"truth": folder / "truth.bed", "nuisance": folder / "nuisance.bed"}
    write_text(paths["fasta"], "".join(fasta_lines(simulation.contigs)))
    apart = simulation.regions["chrom"] == DECONFOUNDED
    for name, shown in (("regions", ~apart), ("deconfounded", apart | (simulation.regions["split"] != "test"))):
        with whole_file(paths[name]) as temporary:
            simulation.regions[shown].to_csv(temporary, sep="\t", index=False)
    for name, bed in (("truth", simulation.truth), ("nuisance", simulation.nuisance)):
        with whole_file(paths[name]) as temporary:
            bed.to_csv(temporary, sep="\t", index=False, header=False)
    return paths


def _drawn(rng: np.random.Generator, label: int, shares: Mapping[str, float]) -> dict[str, bool]:
    return {name: bool(rng.random() < (share if label else 1 - share)) for name, share in shares.items()}


def _plant(
    rng: np.random.Generator,
    codes: NDArray[np.uint8],
    site: Mapping[str, Any],
    *,
    recipe: LabelRecipe,
    holds: Mapping[str, bool],
    planted: Mapping[str, list[dict[str, Any]]],
) -> None:
    """Write the motifs that a window holds into `codes`, one half of the window each, and note them in `planted`."""
    half = recipe.region_bp // 2
    consensus = {"true": recipe.true_consensus, "nuisance": recipe.nuisance_consensus}
    for slot, name in enumerate(rng.permutation(["true", "nuisance"]).tolist()):
        if holds[name]:
            instance = mutated_instance(rng, consensus[name], recipe.mutation_rate)
            start = int(site["start"]) + slot * half + int(rng.integers(half - len(instance) + 1))
            end = start + len(instance)
            codes[start:end] = instance if site["strand"] == "+" else reverse_complement_codes(instance)
            row = {"chrom": site["chrom"], "start": start, "end": end, "name": name, "score": 1.0}
            planted[name].append(row | {"strand": site["strand"]})
