"""Is a model that is right for the wrong reason flagged, and one that is not left alone? Five seeds of each."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.genome.simulate_labels import LabelRecipe, simulate_labels, write_labels

pytestmark = pytest.mark.slow

WINDOWS = {
    "targets": ["label"],
    "transform": "none",
    "active_above": 0.5,
    "anchor": "five_prime",
    "upstream_bp": 0,
    "downstream_bp": 200,
    "split": {"by": "column", "column": "split", "block_bp": 5000},
}
# Task and training were chosen by validation windows of simulations of seeds 100 to 102, which are not used here.
TRAIN = {
    "architecture": {"name": "global_pool", "filters": 24, "kernels": [11, 7], "pool": "max", "dropout": 0.0},
    "loss": "bce",
    "epochs": 15,
    "batch_size": 64,
    "learning_rate": 0.005,
    "max_shift_bp": 0,
}
SEEDS = range(10, 15)
CONFOUNDING = {"confounded": 0.95, "clean": 0.5}


def command(stage, settings, *arguments):
    assert cli.main([stage, "--settings", json.dumps(settings), *map(str, arguments)]) == 0


def checked(folder: Path, confounding: float, seed: int) -> dict[str, float]:
    """Simulate, train and check; return what the tables of both held-out sets say."""
    files = write_labels(folder, simulate_labels(np.random.default_rng(seed), LabelRecipe(confounding=confounding)))
    genome = ["--genome", folder / "genome"]
    command("prepare-genome", {}, "--fasta", files["fasta"], "--out", folder / "genome")
    for name in ("regions", "deconfounded"):
        command("prepare-windows", WINDOWS, *genome, "--regions", files[name], "--out", folder / name)
    place = ["--windows", folder / "regions", "--seed", seed, "--out", folder / "model"]
    command("train", TRAIN, *genome, *place)
    beds = ["--nuisance", f"nuisance={files['nuisance']}", f"motif={files['truth']}"]
    for name in ("regions", "deconfounded"):
        model = ["--models", folder / "model" / "model.pt", "--windows", folder / name]
        command("shortcuts", {}, *genome, *model, *beds, "--out", folder / "trust" / name)
    return measures(folder / "trust")


def measures(trust: Path) -> dict[str, float]:
    table = pd.read_csv(trust / "regions" / "shortcuts.tsv", sep="\t")
    found = {f"{row.nuisance}_{row.measure}": row.value for row in table.itertuples()}
    for name in ("regions", "deconfounded"):
        groups = pd.read_csv(trust / name / "shortcuts_groups.tsv", sep="\t")
        groups = groups[groups["nuisance"] == "nuisance"]
        found[f"{name}_accuracy"] = np.average(groups["accuracy"], weights=groups["n"])
        found[f"{name}_worst"] = groups["accuracy"].min()
    wanted = ["mass", "enrichment", "insertion", "permuted", "dinucleotide", "flagged"]
    kept = [f"{name}_{measure}" for name in ("nuisance", "motif") for measure in wanted]
    kept += [f"{name}_{measure}" for name in ("regions", "deconfounded") for measure in ("accuracy", "worst")]
    return {name: found[name] for name in kept}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rows = []
    for kind, confounding in CONFOUNDING.items():
        for seed in SEEDS:
            folder = tmp_path_factory.mktemp(f"{kind}{seed}")
            rows.append({"trained_on": kind, "seed": seed} | checked(folder, confounding, seed))
    Path("results").mkdir(exist_ok=True)
    table = pd.DataFrame(rows)
    table.to_csv("results/science_shortcuts.tsv", sep="\t", index=False, float_format="%.4g")
    return table.set_index("trained_on")


def test_all_confounded_models_and_no_clean_one_are_flagged(table):
    assert table.loc["confounded", "nuisance_flagged"].tolist() == [1.0] * len(SEEDS), table.to_string()
    assert table.loc["clean", "nuisance_flagged"].tolist() == [0.0] * len(SEEDS), table.to_string()


def test_accuracy_alone_would_not_have_told(table):
    confounded, clean = table.loc["confounded"], table.loc["clean"]
    assert (confounded["regions_accuracy"] >= 0.93).all(), table.to_string()
    assert (confounded["regions_accuracy"].to_numpy() > clean["regions_accuracy"].to_numpy()).all(), table.to_string()


def test_confounded_models_fail_where_the_nuisance_tells_nothing(table):
    confounded, clean = table.loc["confounded"], table.loc["clean"]
    assert (confounded["deconfounded_accuracy"].to_numpy() < clean["deconfounded_accuracy"].to_numpy() - 0.1).all()
    assert (confounded["deconfounded_worst"] < 0.5).all(), table.to_string()


def test_the_rule_fires_on_the_motif_that_clean_models_do_use(table):
    assert table.loc["clean", "motif_flagged"].tolist() == [1.0] * len(SEEDS), table.to_string()
