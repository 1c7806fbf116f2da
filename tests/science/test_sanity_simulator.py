"""Do the sanity checks tell networks that learned from those that did not? Simulated genomes, three seeds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.genome.simulate import Recipe, simulate_genome, write_simulation
from tracklight.stages.checks import read_checks

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
SANITY = {"shuffled_epochs": 30}  # as many steps as the true labels had; everything else as shipped
ALL_LAYERS = "sanity: map agreement with all layers randomised (control: two seeds)"
SHUFFLED = "sanity: map agreement with a network trained on shuffled labels (control: two seeds)"


def command(stage, settings, *arguments):
    assert cli.main([stage, "--settings", json.dumps(settings), *map(str, arguments)]) == 0


def checked(folder: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train three networks on a new simulated genome; return both tables of the stage."""
    files = write_simulation(folder, simulate_genome(np.random.default_rng(seed), RECIPE))
    command("prepare-genome", {}, "--fasta", files["fasta"], "--out", folder / "genome")
    place = ["--genome", folder / "genome", "--windows", folder / "windows"]
    regions = ["--genome", folder / "genome", "--regions", files["regions"], "--out", folder / "windows"]
    command("prepare-windows", WINDOWS, *regions)
    for network in range(3):
        command("train", TRAIN, *place, "--seed", network, "--out", folder / f"model{network}")
    models = ["--models", *(folder / f"model{network}" / "model.pt" for network in range(3))]
    command("sanity", SANITY, *place, *models, "--out", folder / "sanity")
    found = read_checks(folder / "sanity" / "sanity_checks.tsv").set_index("check")
    return found, pd.read_csv(folder / "sanity" / "sanity.tsv", sep="\t")


def row(seed: int, found: pd.DataFrame, table: pd.DataFrame) -> dict[str, float | str]:
    value = table.set_index(["check", "variant", "what"])["value"].to_dict()
    last = table.loc[table["check"] == "cascade", "variant"].iloc[-1]
    numbers = {"seed": seed}
    for what, short in (("agreement", "rank"), ("signed agreement", "signed")):
        numbers |= {
            f"{short}_seeds": value["seeds", "3 pairs", what],
            f"{short}_head": value["cascade", "output", what],
            f"{short}_all_layers": value["cascade", last, what],
            f"{short}_shuffled": value["shuffled labels", "all layers", what],
            f"{short}_another_window": value["another window", "trained", what],
        }
    numbers |= {"r_trained": value["trained", "test windows", "prediction r"]}
    numbers |= {f"r_shuffled_{s}": value["shuffled labels", f"{s} windows", "prediction r"] for s in ("train", "test")}
    return numbers | {"verdict": found.loc[ALL_LAYERS, "verdict"], "verdict_shuffled": found.loc[SHUFFLED, "verdict"]}


def test_maps_of_trained_networks_pass_and_those_from_shuffled_labels_agree_no_more_than_random_ones(tmp_path):
    rows = []
    for seed in (21, 22, 23):
        (tmp_path / str(seed)).mkdir()
        rows.append(row(seed, *checked(tmp_path / str(seed), seed)))
    table = pd.DataFrame(rows)
    report = table.T.to_string()
    Path("results").mkdir(exist_ok=True)
    table.to_csv("results/science_sanity.tsv", sep="\t", index=False, float_format="%.4g")
    assert (table["r_trained"] > 0.6).all(), report  # there is something learned to lose
    assert (table["r_shuffled_train"] > 0.3).all(), report  # and something else learned by heart
    assert (table["verdict"] == "pass").all(), report
    assert (table["verdict_shuffled"] == "pass").all(), report
    assert (table["signed_shuffled"].abs() < 0.1).all(), report
    assert (table["signed_seeds"] > table["signed_shuffled"] + 0.2).all(), report
