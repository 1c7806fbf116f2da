"""Do the maps name the bases the networks use? Simulated windows with one motif behind the label, several seeds.

The networks are what the project trains; the numbers come from its stages. Nothing was chosen on the test windows.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.attribution import gradient_x_input
from tracklight.core.deletion import rank_positions
from tracklight.core.tape import Tape
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.decode import one_hot
from tracklight.genome.fillers import fit_background
from tracklight.genome.simulate_labels import LabelRecipe, simulate_labels, write_labels
from tracklight.learning.examples import Windows, make_examples, predict
from tracklight.learning.fit import fit
from tracklight.learning.levers import Levers
from tracklight.models.spec import build, load_model
from tracklight.settings import Train
from tracklight.stages.train import model_spec

pytestmark = pytest.mark.slow

SEEDS = (1, 2, 3, 4, 5)
# The label is the motif, and the other motif says nothing about it.
RECIPE = {"true_share": 1.0, "confounding": 0.5, "mutation_rate": 0.03}
WINDOWS = {
    "targets": ["label"],
    "transform": "none",
    "active_above": 0.5,
    "anchor": "five_prime",
    "upstream_bp": 0,
    "downstream_bp": 200,
    "split": {"by": "column", "column": "split", "block_bp": 11_000},
}
TRAIN = {
    "architecture": {"name": "global_pool", "filters": 24, "kernels": [11, 7], "pool": "max", "dropout": 0.0},
    "loss": "bce",
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 0.005,
    "max_shift_bp": 0,
}
DELETION = {"windows": 250, "fractions": [0.02, 0.04, 0.08, 0.16, 0.32], "verdict_fraction": 0.02}
DELETION |= {"fillers": ["shuffle", "neutral", "zero"], "subset_sizes": [1, 16], "perturbations": 2}
REMOVED = (0.1, 0.3, 0.5, 0.7, 0.9)


def command(stage, settings, *arguments):
    assert cli.main([stage, "--settings", json.dumps(settings), *map(str, arguments)]) == 0


def prepared(folder: Path, seed: int) -> list[str]:
    """Simulate labelled windows and prepare them; return the arguments that name them."""
    files = write_labels(folder, simulate_labels(np.random.default_rng(seed), LabelRecipe(**RECIPE)))
    command("prepare-genome", {}, "--fasta", files["fasta"], "--out", folder / "genome")
    regions = ["--genome", folder / "genome", "--regions", files["regions"], "--out", folder / "windows"]
    command("prepare-windows", WINDOWS, *regions)
    return ["--genome", str(folder / "genome"), "--windows", str(folder / "windows")]


def deleted(folder: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train one network on a new simulation; return the curves and the checks."""
    place = prepared(folder, seed)
    command("train", TRAIN, *place, "--seed", seed, "--out", folder / "model")
    model = ["--models", folder / "model" / "model.pt"]
    command("deletion", DELETION, *place, *model, "--out", folder / "trust")
    curves, checks = (
        pd.read_csv(folder / "trust" / f"{name}.tsv", sep="\t") for name in ("deletion", "deletion_checks")
    )
    return curves.assign(seed=seed), checks.assign(seed=seed)


def test_four_salient_bases_of_two_hundred_carry_the_prediction_and_no_other_four_do(tmp_path):
    found = []
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        found.append(deleted(tmp_path / str(seed), seed))
    curves, checks = (pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True))
    Path("results").mkdir(exist_ok=True)
    curves.to_csv("results/science_deletion.tsv", sep="\t", index=False)
    shown = curves.query("mask == 'scattered' and direction == 'deletion' and filler == 'shuffle' and bases in (0, 4)")
    table = shown.pivot_table(index="seed", columns=["bases", "order"], values="probability")
    report = table.to_string()
    assert (table[0, "own"] > 0.95).all(), report
    assert (table[4, "own"] <= 0.3).all(), report
    for order in ("random", "untrained"):
        assert (table[4, order] >= 0.8).all(), report
    assert (table[4, "least"] >= 0.95).all(), report
    assert (checks.loc[checks["verdict"] != "info", "verdict"] == "pass").all(), checks.to_string()


def retrained_accuracy(codes: np.ndarray, data: Dataset, seed: int, resume: Path) -> float:
    """Train a new network on windows `(window, position)` as they are now; return its accuracy on the test windows."""
    settings, count = Train.model_validate(TRAIN), len(codes)
    tape = Tape(codes.reshape(-1), ("windows",), np.array([0, codes.size]))
    starts, names = np.arange(count) * data.length, np.array(["windows"] * count, object)
    targets = data.values("label")[:, None].astype(np.float32)
    windows = Windows(names, starts, np.zeros(count, bool), targets)
    examples = make_examples(tape, windows, length=data.length, decode=one_hot, device=torch.device("cpu"))
    model = build(model_spec(settings, length=data.length, targets=("label",)), seed=seed)
    rows = {split: data.rows(split) for split in ("train", "validation", "test")}
    fit(model, examples, rows, settings, seed=seed, levers=Levers(), resume=resume)
    said = predict(model, examples, rows["test"])[:, 0] > 0
    return float((said == (examples.targets[rows["test"], 0] == 1)).float().mean())


def roar(folder: Path, seed: int) -> list[dict[str, object]]:
    """Remove and retrain (Hooker et al. 2019): bases are replaced by background, which does not show where."""
    place = prepared(folder, seed)
    command("train", TRAIN, *place, "--seed", seed, "--out", folder / "model")
    data, model = open_dataset(folder / "genome", folder / "windows"), load_model(folder / "model" / "model.pt")[0]
    codes, generator = data.codes(), torch.Generator().manual_seed(seed)
    parts = one_hot(torch.from_numpy(codes)).split(500)
    scores = torch.cat([gradient_x_input(model, x).sum(1).abs() for x in parts])
    filler = fit_background(data.tape).sample(codes.shape, np.random.default_rng(seed))
    rows: list[dict[str, object]] = [{"order": "none", "removed": 0.0}]
    rows[0]["accuracy"] = retrained_accuracy(codes, data, seed + 100, folder / "resume.pt")
    for order, scored in (("own", scores), ("random", torch.zeros_like(scores))):
        ranks = rank_positions(scored, generator).numpy()
        for share in REMOVED:
            left = np.where(ranks < round(share * data.length), filler, codes)
            accuracy = retrained_accuracy(left, data, seed + 100, folder / "resume.pt")
            rows.append({"order": order, "removed": share, "accuracy": accuracy})
    return [{"seed": seed} | row for row in rows]


def test_networks_trained_without_the_salient_bases_learn_less_than_without_random_ones(tmp_path):
    rows = []
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        rows += roar(tmp_path / str(seed), seed)
    table = pd.DataFrame(rows)
    Path("results").mkdir(exist_ok=True)
    table.to_csv("results/science_roar.tsv", sep="\t", index=False)
    wide = table.pivot_table(index=["removed", "order"], columns="seed", values="accuracy")
    report = wide.to_string()
    assert (wide.loc[(0.0, "none")] > 0.9).all(), report
    assert (wide.loc[(0.1, "own")] < wide.loc[(0.1, "random")] - 0.05).all(), report
