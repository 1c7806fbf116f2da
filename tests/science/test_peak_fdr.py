"""Is the false discovery rate of peaks what it says? Simulated genomes with planted motifs, three seeds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.genome.simulate import Recipe, simulate_genome, write_simulation

pytestmark = pytest.mark.slow

RECIPE = Recipe(contigs={"sim1": 240_000, "sim2": 40_000, "sim3": 40_000})
WINDOWS = {
    "targets": ["expression"],
    "active_above": 2.0,
    "anchor": "five_prime",
    "upstream_bp": 0,
    "downstream_bp": 150,
    "split": {"validation_chromosomes": ["sim2"], "test_chromosomes": ["sim3"], "block_bp": 5000},
}
TRAIN = {
    "architecture": {
        "filters": 16,
        "kernels": [11, 5],
        "pools": [2, 2],
        "hidden": 16,
        "dropout": 0.1,
        "batch_norm": False,
    },
    "epochs": 30,
    "batch_size": 32,
    "learning_rate": 0.01,
}
PEAKS = {"calibration_folds": 2}  # sample, pieces and strata as shipped
SLACK_BP = 4  # a peak this near to a planted motif is true
NOMINAL = 0.1


def command(stage, settings, *arguments):
    assert cli.main([stage, "--settings", json.dumps(settings), *map(str, arguments)]) == 0


def called_peaks(folder: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Run the chain on a new simulated genome; return all peaks, the planted motifs and the summary of the nulls."""
    simulation = simulate_genome(np.random.default_rng(seed), RECIPE)
    files = write_simulation(folder, simulation)
    command("prepare-genome", {}, "--fasta", files["fasta"], "--out", folder / "genome")
    place = ["--genome", folder / "genome", "--windows", folder / "windows"]
    regions = ["--genome", folder / "genome", "--regions", files["regions"], "--out", folder / "windows"]
    command("prepare-windows", WINDOWS, *regions)
    for network in range(3):
        command("train", TRAIN, *place, "--seed", network, "--out", folder / f"model{network}")
    models = ["--models", *(folder / f"model{network}" / "model.pt" for network in range(3))]
    shard = folder / "shard.npz"
    attribute = {"shards": 1}
    method = ["--method", "integrated_gradients", "--shard", 0, "--out", shard]
    command("attribute", attribute, *place, *models, *method)
    ask = ["--integrated-gradients", shard, "--attribute-settings", json.dumps(attribute), "--out", folder]
    command("peaks", PEAKS, *place, *models, *ask)
    tables = (pd.read_csv(folder / name, sep="\t") for name in ("peaks.tsv", "null.tsv"))
    peaks, nulls = tables
    return peaks, simulation.truth, nulls


def is_true(peaks: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    return np.array(
        [
            bool(
                (
                    (truth["chrom"] == peak.chrom)
                    & (truth["strand"] == peak.strand)
                    & (truth["start"] - SLACK_BP <= peak.summit)
                    & (peak.summit < truth["end"] + SLACK_BP)
                ).any()
            )
            for peak in peaks.itertuples()
        ],
        bool,
    )


def recall(found: pd.DataFrame, truth: pd.DataFrame) -> float:
    """Share of planted motifs with a called peak inside or beside them."""
    hit = [
        bool(
            (
                (found["chrom"] == motif.chrom)
                & (found["strand"] == motif.strand)
                & found["summit"].between(motif.start - SLACK_BP, motif.end + SLACK_BP - 1)
            ).any()
        )
        for motif in truth.itertuples()
    ]
    return float(np.mean(hit))


def test_realised_false_discoveries_stay_at_the_nominal_rate_on_three_simulated_genomes(tmp_path):
    rows = []
    for seed in (11, 12, 13):
        (tmp_path / str(seed)).mkdir()
        peaks, truth, nulls = called_peaks(tmp_path / str(seed), seed)
        found = peaks[peaks["q_shuffle"] <= NOMINAL]
        true = is_true(found, truth)
        check = nulls.set_index("null").loc["shuffle", "self_check"]
        rows.append(
            {
                "seed": seed,
                "calls": len(found),
                "false": int((~true).sum()),
                "recall": recall(found, truth),
                "check": check,
            }
        )
    table = pd.DataFrame(rows)
    table["realised"] = table["false"] / table["calls"]
    report = table.to_string()
    calls, false = table["calls"].sum(), table["false"].sum()
    error = np.sqrt(NOMINAL * (1 - NOMINAL) / calls)
    assert calls >= 100, report
    assert false / calls <= NOMINAL + 2 * error, report
    assert (table["recall"] >= 0.25).all(), report
    assert table["check"].between(0.03, 0.07).all(), report
    Path("results").mkdir(exist_ok=True)
    table.to_csv("results/science_peak_fdr.tsv", sep="\t", index=False)
