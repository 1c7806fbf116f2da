"""The stage on a network whose answer is known: how many bases of the best place match a planted motif."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.genome.dataset import open_dataset
from tracklight.genome.probes import choose_probes
from tracklight.genome.simulate import MOTIFS
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint
from tracklight.stages.checks import read_checks

MOTIF = np.array(["ACGT".index(base) for base in MOTIFS[0].consensus])
OPTIONS = {"filters": 1, "kernels": [len(MOTIF)], "pool": "max", "dropout": 0.0}
SETTINGS = {"windows": 24, "draws": 2, "subsets": 12, "perturbations": 3, "bootstrap": 200, "subset_sizes": [1, 8, 500]}
FILES = ("deletion.tsv", "deletion_areas.tsv", "faithfulness.tsv", "deletion_checks.tsv")
PLACE = ["mask", "direction", "filler", "order"]


def save_matcher(path: Path, *, strength: float, loss: str) -> Path:
    """Save a network that returns `strength` times the matches at the best place, minus nine of them."""
    spec = ModelSpec("global_pool", 4, 150, ("expression",), OPTIONS)
    model = build(spec, seed=0)
    weights = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    weights["body.0.weight"] = torch.nn.functional.one_hot(torch.from_numpy(MOTIF), 4).T[None].float()
    weights["output.weight"] += strength
    weights["output.bias"] -= 9 * strength
    weights["scale"] += 1
    save_checkpoint(path, Checkpoint(spec, weights, "dna", {"loss": loss}, {"seed": 0}))
    return path


def matches(codes: np.ndarray) -> np.ndarray:
    """Matches at the best place of each window, counted without the network."""
    places = np.lib.stride_tricks.sliding_window_view(codes, len(MOTIF), axis=1)
    return (places == MOTIF).sum(-1).max(1)


@pytest.fixture(scope="module")
def run(simulated_run):
    """`run(model, out, **settings)`: run the stage on the simulated windows, two networks."""

    def run_stage(model: Path, out: Path, **settings: object) -> int:
        folders = ["--genome", str(simulated_run / "genome"), "--windows", str(simulated_run / "windows")]
        models = ["--models", str(model), str(model)]
        return cli.main(
            ["deletion", *folders, *models, "--out", str(out), "--settings", json.dumps(SETTINGS | settings)]
        )

    return run_stage


@pytest.fixture(scope="module")
def out(run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("deletion")
    assert run(save_matcher(folder / "model.pt", strength=1.0, loss="mse"), folder) == 0
    return folder


@pytest.fixture(scope="module")
def probes(simulated_run):
    data = open_dataset(simulated_run / "genome", simulated_run / "windows")
    return choose_probes(data, target="expression", active=True, most=SETTINGS["windows"], seed=0)


def read(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / name, sep="\t")


def test_untouched_windows_have_the_output_of_the_network_in_every_deletion_curve(out, probes):
    curves = read(out, "deletion.tsv").query("direction == 'deletion' and bases == 0")
    assert set(curves["filler"]) == {"shuffle", "dinucleotide", "background", "neutral", "zero"}
    assert curves["value"].to_numpy() == pytest.approx(matches(probes.codes).mean() - 9, abs=1e-5)


def test_with_nothing_but_the_neutral_filler_a_quarter_of_the_motif_is_left(out):
    everything = read(out, "deletion.tsv").query("filler == 'neutral' and fraction == 1")
    assert everything["value"].to_numpy() == pytest.approx(len(MOTIF) / 4 - 9, abs=1e-5)


def test_the_own_order_falls_most_and_the_least_salient_bases_change_nothing(out):
    curves = read(out, "deletion.tsv").query("mask == 'scattered' and direction == 'deletion' and filler == 'shuffle'")
    at = curves[curves["bases"] == 6].set_index("order")["value"]
    start = curves["value"][curves["bases"] == 0].iloc[0]
    assert at["own"] == at.min()
    assert start - at["own"] > 1
    assert at["least"] == pytest.approx(start, abs=0.1)


def test_gaps_are_differences_to_random_order_and_counted_in_the_direction_of_the_change(out):
    curves = read(out, "deletion.tsv")
    keys = ["mask", "direction", "filler", "bases"]
    random = curves[curves["order"] == "random"].set_index(keys)["value"]
    expected = random.loc[pd.MultiIndex.from_frame(curves[keys])].to_numpy() - curves["value"]
    expected = np.where(curves["direction"] == "deletion", expected, -expected)
    assert curves["gap"].to_numpy() == pytest.approx(expected, abs=2e-5)
    inside = (curves["gap_low"] <= curves["gap"] + 1e-6) & (curves["gap"] <= curves["gap_high"] + 1e-6)
    assert inside.all()


def test_areas_are_those_of_the_curves(out):
    curves, areas = read(out, "deletion.tsv"), read(out, "deletion_areas.tsv").set_index(PLACE)
    for place, rows in curves.groupby(PLACE):
        assert areas.loc[place, "area"] == pytest.approx(np.trapezoid(rows["value"], rows["fraction"]), abs=1e-4)
    assert (areas.xs("own", level="order")["gap_low"] > 0).all()


def test_windowed_masks_replace_whole_stretches_and_normalised_curves_run_from_one_to_nought(out):
    curves = read(out, "deletion.tsv")
    windowed = set(curves.loc[curves["mask"] == "windowed", "bases"]) - {150}
    assert windowed == {0, 12, 24, 48, 96}
    deletion = curves[curves["direction"] == "deletion"]
    assert deletion.loc[deletion["bases"] == 0, "normalised"].to_numpy() == pytest.approx(1)
    assert deletion.loc[deletion["bases"] == 150, "normalised"].to_numpy() == pytest.approx(0)


def test_sets_longer_than_the_window_are_left_out_and_the_map_of_the_network_explains_more_than_its_controls(out):
    table = read(out, "faithfulness.tsv").set_index(["metric", "size", "map"])["value"]
    assert set(table.index.get_level_values("size")) == {1, 3, 8}
    for rival in ("untrained", "permuted"):
        assert table["sensitivity-n", 8, "own"] > table["sensitivity-n", 8, rival] + 0.3
        assert table["unexplained", 8, "own"] < table["unexplained", 8, rival] - 0.2
        assert table["infidelity", 8, "own"] < table["infidelity", 8, rival]
    assert table["max-sensitivity", 3, "own"] > 0


def test_the_verdict_holds_and_every_other_check_is_a_number_alone(out):
    checks = read_checks(out / "deletion_checks.tsv")
    assert checks["verdict"].tolist() == ["pass"] + ["info"] * (len(checks) - 1)
    assert checks["check"].is_unique
    assert checks["check"].str.startswith("deletion: ").all()
    curves = read(out, "deletion.tsv").query("mask == 'scattered' and direction == 'deletion' and filler == 'shuffle'")
    at = curves[curves["bases"] == 6].set_index("order")
    row = checks.iloc[0]
    assert row["value"] == pytest.approx(at.loc["own", "gap"], abs=1e-5)
    assert row["control"] == pytest.approx(at.loc["untrained", "gap"], abs=1e-5)


def test_a_network_that_uses_nothing_fails(run, tmp_path):
    assert run(save_matcher(tmp_path / "model.pt", strength=0.0, loss="mse"), tmp_path, fillers=["zero"]) == 0
    first = read_checks(tmp_path / "deletion_checks.tsv").iloc[0]
    assert (first["value"], first["verdict"]) == (0, "fail")
    assert read(tmp_path, "deletion.tsv")["normalised"].isna().all()


def test_the_same_seed_gives_the_same_bytes(run, out, tmp_path):
    assert run(out / "model.pt", tmp_path) == 0
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_a_logit_is_told_as_a_probability_too(run, out, probes, tmp_path):
    model = save_matcher(tmp_path / "model.pt", strength=0.5, loss="bce")
    assert run(model, tmp_path, fillers=["shuffle"]) == 0
    curves = read(tmp_path, "deletion.tsv").query("direction == 'deletion' and bases == 0")
    expected = (1 / (1 + np.exp(-0.5 * (matches(probes.codes) - 9)))).mean()
    assert curves["probability"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert read(out, "deletion.tsv")["probability"].isna().all()
    names = read_checks(tmp_path / "deletion_checks.tsv")["check"]
    assert names.str.contains("mean probability at 4 % replaced").sum() == 1


def test_random_sets_of_whole_windows_only_are_refused_and_nothing_is_written(run, out, tmp_path, capsys):
    assert run(out / "model.pt", tmp_path / "out", subset_sizes=[150, 500]) == 2
    said = (
        "deletion.subset_sizes: random sets hold the whole window; got 150, 500; allowed: at least one below 150 (bp)"
    )
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_stretches_that_no_share_fills_are_refused(run, out, tmp_path, capsys):
    assert run(out / "model.pt", tmp_path / "no", width_bp=149, fractions=[0.02, 0.04]) == 2
    assert "deletion.fractions: no share of replaced bases makes a whole stretch; got 0.02" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
