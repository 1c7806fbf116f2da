import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from tracklight import cli
from tracklight.core.attribution import gradient, gradient_x_input, integrated_gradients
from tracklight.core.methods import METHODS
from tracklight.core.mutagenesis import in_silico_mutagenesis
from tracklight.core.tape import open_tape
from tracklight.genome.dataset import open_dataset
from tracklight.genome.ensemble import Ensemble, open_ensemble
from tracklight.genome.probes import choose_probes
from tracklight.genome.shards import load_tracks
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint

OPTIONS = {"filters": 6, "kernels": [7, 5], "pools": [3, 2], "hidden": 6, "dropout": 0.1, "batch_norm": False}
SPEC = ModelSpec("valid_conv", 4, 150, ("expression",), OPTIONS)
SETTINGS = {"windows": 10, "untrained_seeds": 2, "bootstrap": 100}
ATTRIBUTE = {"steps": 4, "noise_samples": 3, "references": 2}


def checkpoint(folder: Path, seed: int, *, linear: bool = False) -> Path:
    """Write a network with random weights; a linear one has biases that keep every unit open, and no choice to pool."""
    spec = SPEC if not linear else ModelSpec("valid_conv", 4, 150, ("expression",), OPTIONS | {"pools": [1, 1]})
    weights = build(spec, seed=seed).state_dict()
    if linear:
        weights |= {name: torch.full_like(value, 5.0) for name, value in weights.items() if name.endswith("bias")}
    path = folder / f"model{seed}{linear}.pt"
    save_checkpoint(path, Checkpoint(spec, weights, "dna", {}, {"seed": seed}))
    return path


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [checkpoint(folder, seed) for seed in (5, 6)]


@pytest.fixture(scope="module")
def linear_network(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [checkpoint(tmp_path_factory.mktemp("models"), 5, linear=True)]


def compare(run: Path, models: list[Path], out: Path, attribute: dict = ATTRIBUTE, **settings) -> Path:
    folders = ["--genome", run / "genome", "--windows", run / "windows", "--models", *models, "--out", out]
    told = ["--settings", json.dumps(SETTINGS | settings), "--attribute-settings", json.dumps(attribute)]
    assert cli.main(["methods", *map(str, folders), *told]) == 0
    return out


@pytest.fixture(scope="module")
def compared(simulated_run: Path, networks: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare(simulated_run, networks, tmp_path_factory.mktemp("methods"))


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, sep="\t")


@pytest.fixture(scope="module")
def maps(simulated_run: Path, networks: list[Path]) -> dict[str, np.ndarray]:
    """Maps of the windows, asked of the methods themselves."""
    data = open_dataset(simulated_run / "genome", simulated_run / "windows")
    model = open_ensemble(networks, data=data).mean
    x = choose_probes(data, target="expression", active=True, most=10, seed=0).x(torch.device("cpu"))
    found = {
        "gradient": gradient(model, x).norm(dim=1),
        "gradient_x_input_raw": gradient_x_input(model, x, correct=False).sum(1),
        "gradient_x_input_corrected": gradient_x_input(model, x, correct=True).sum(1),
        "integrated_gradients": integrated_gradients(model, x, steps=4).sum(1),
        "in_silico_mutagenesis": in_silico_mutagenesis(model, x).sum(1),
    }
    return {name: values.numpy() for name, values in found.items()}


def test_every_pair_of_methods_is_compared_once(compared):
    table = read(compared, "methods.tsv")
    names = {"gradient_x_input_raw", "gradient_x_input_corrected", *METHODS} - {"gradient_x_input"}
    assert {frozenset(pair) for pair in zip(table["method_a"], table["method_b"], strict=True)} == {
        frozenset((a, b)) for a in names for b in names if a != b
    }
    assert len(table) == len(names) * (len(names) - 1) / 2
    assert (table["windows"] == 10).all()
    assert ((table["pearson_low"] <= table["pearson"]) & (table["pearson"] <= table["pearson_high"])).all()


def test_correlations_are_means_over_windows_of_numpy_and_scipy(compared, maps):
    table = read(compared, "methods.tsv").set_index(["method_a", "method_b"])
    checked = 0
    for (a, b), row in table.iterrows():
        if a in maps and b in maps:
            pearson = [np.corrcoef(i, j)[0, 1] for i, j in zip(maps[a], maps[b], strict=True)]
            spearman = [spearmanr(abs(i), abs(j)).statistic for i, j in zip(maps[a], maps[b], strict=True)]
            assert row["pearson"] == pytest.approx(np.mean(pearson), abs=1e-4)
            assert row["spearman"] == pytest.approx(np.mean(spearman), abs=1e-3)
            checked += 1
    assert checked == 10


def test_evaluations_are_counted_exactly(compared):
    table = read(compared, "methods_cost.tsv").set_index("method")
    assert table["forward_per_window"].to_dict() == {
        "gradient": 1,
        "gradient_x_input_raw": 1,
        "gradient_x_input_corrected": 1,
        "smoothgrad": 3,
        "integrated_gradients": 4,
        "deep_lift_shap": 2 * 2,  # every shuffle and, beside it, the window
        "in_silico_mutagenesis": 1 + 3 * 150,
    }
    backward = table["backward_per_window"]
    assert backward.drop("in_silico_mutagenesis").equals(table["forward_per_window"].drop("in_silico_mutagenesis"))
    assert backward["in_silico_mutagenesis"] == 0
    assert table.loc["gradient", "relative_to_gradient"] == 1
    assert (table["seconds_per_window"] > 0).all()


def test_the_gap_is_told_of_methods_that_explain_a_difference_and_of_no_other(compared, simulated_run, networks, maps):
    gaps = read(compared, "methods_cost.tsv").set_index("method")["completeness_gap"].dropna()
    assert set(gaps.index) == {"integrated_gradients", "deep_lift_shap"}
    assert gaps["deep_lift_shap"] < 1e-4
    data = open_dataset(simulated_run / "genome", simulated_run / "windows")
    model = open_ensemble(networks, data=data).mean
    x = choose_probes(data, target="expression", active=True, most=10, seed=0).x(torch.device("cpu"))
    difference = (model(x) - model(torch.full_like(x, 0.25)))[:, 0].detach().numpy()
    missed = abs(maps["integrated_gradients"].sum(1) - difference)
    assert gaps["integrated_gradients"] == pytest.approx(missed.mean() / abs(difference).mean(), rel=1e-3)


def test_on_a_linear_network_saliency_is_mutagenesis_and_nothing_is_missing(simulated_run, linear_network, tmp_path):
    out = compare(simulated_run, linear_network, tmp_path / "out")
    table = read(out, "methods.tsv").set_index(["method_a", "method_b"])["pearson"]
    for pair in (("gradient_x_input_corrected", "in_silico_mutagenesis"), ("gradient_x_input_corrected", "smoothgrad")):
        assert table[pair] == pytest.approx(1, abs=1e-4)
    assert table[("gradient_x_input_raw", "in_silico_mutagenesis")] < 0.99
    checks = read(out, "methods_checks.tsv").set_index("check")
    saliency = checks.filter(like="methods: saliency", axis=0).iloc[0]
    assert saliency["value"] == pytest.approx(1, abs=1e-4)
    assert abs(saliency["control"]) < 0.5
    assert set(checks["verdict"]) == {"pass"}
    assert checks.filter(like="gap", axis=0)["value"].max() < 1e-4


def test_the_check_of_the_saliency_is_on_the_gradient_that_the_tracks_use(compared, simulated_run, networks, tmp_path):
    raw = compare(simulated_run, networks, tmp_path / "raw", ATTRIBUTE | {"correct_gradient": False})
    for folder, name in ((compared, "gradient_x_input_corrected"), (raw, "gradient_x_input_raw")):
        table = read(folder, "methods.tsv").set_index(["method_a", "method_b"])
        value = read(folder, "methods_checks.tsv").loc[0, "value"]
        assert value == table.loc[(name, "in_silico_mutagenesis"), "pearson"]


def test_agreement_below_the_limit_is_a_warning(simulated_run, networks, tmp_path):
    out = compare(simulated_run, networks, tmp_path / "out", agree_above=1.0, gap_below=0.0)
    assert read(out, "methods_checks.tsv")["verdict"].tolist() == ["warn"] * 4


def test_agreement_that_untrained_networks_reach_too_is_a_failure(simulated_run, networks, tmp_path, monkeypatch):
    data = open_dataset(simulated_run / "genome", simulated_run / "windows")
    trained = open_ensemble(networks, data=data)
    same = replace(trained, models=(trained.mean,), seeds=(0,))
    monkeypatch.setattr(Ensemble, "untrained", lambda _ensemble, _count: same)
    checks = read(compare(simulated_run, networks, tmp_path / "out"), "methods_checks.tsv")
    assert checks["verdict"].tolist()[:2] == ["fail", "fail"]
    assert checks["control"].tolist()[:2] == pytest.approx(checks["value"].tolist()[:2])


def test_the_same_seed_gives_the_same_bytes_but_for_the_time(compared, simulated_run, networks, tmp_path):
    again = compare(simulated_run, networks, tmp_path / "again")
    for name in ("methods.tsv", "methods_checks.tsv"):
        assert (again / name).read_bytes() == (compared / name).read_bytes()
    untimed = [read(folder, "methods_cost.tsv").drop(columns=["seconds_per_window", "relative_to_gradient"])
               for folder in (again, compared)]  # fmt: skip
    pd.testing.assert_frame_equal(*untimed)


def attribute(run: Path, models: list[Path], out: Path, name: str, **settings) -> np.ndarray:
    """Scan the genome by a method, every 50 bases, and return the track of the whole tape."""
    settings = ATTRIBUTE | {"stride_bp": 50, "shards": 1, "halo_bp": 0} | settings
    paths = []
    for shard in range(settings["shards"]):
        paths.append(out / f"{name}{shard}_of_{settings['shards']}.npz")
        folders = ["--genome", run / "genome", "--windows", run / "windows", "--models", *models]
        place = ["--method", name, "--shard", shard, "--out", paths[-1], "--settings", json.dumps(settings)]
        assert cli.main(["attribute", *map(str, [*folders, *place])]) == 0
    return load_tracks(paths, length=len(open_tape(run / "genome"))).mean


@pytest.fixture(scope="module")
def short_run(simulated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated run with a genome of 1,100 bases, N among them."""
    run = tmp_path_factory.mktemp("short")
    codes = np.random.default_rng(0).integers(0, 4, 1100).astype(np.uint8)
    codes[300:310] = 4
    (run / "genome").mkdir()
    np.save(run / "genome" / "codes.npy", codes)
    (run / "genome" / "contigs.json").write_text('{"sim1": 1100}')
    (run / "windows").mkdir()
    (run / "windows" / "windows.json").write_text((simulated_run / "windows" / "windows.json").read_text())
    table = pd.read_csv(simulated_run / "windows" / "windows.tsv.gz", sep="\t").iloc[:2]
    table.assign(contig="sim1", start=[0, 500]).to_csv(run / "windows" / "windows.tsv.gz", sep="\t", index=False)
    return run


@pytest.mark.parametrize("name", METHODS)
def test_every_method_scans_a_genome_and_its_shards_fit_together(short_run, networks, tmp_path, name):
    whole = attribute(short_run, networks, tmp_path, name)
    assert np.isfinite(whole[:, :300]).all()
    assert np.isnan(whole[:, 300:310]).all()
    assert np.nanstd(whole) > 0
    if name != "smoothgrad":  # its noise lies on the segment, and shards have other segments
        np.testing.assert_allclose(attribute(short_run, networks, tmp_path, name, shards=2), whole, atol=1e-6)


def test_a_scan_by_mutagenesis_of_a_linear_network_is_that_by_saliency(short_run, linear_network, tmp_path):
    """The one goes window by window, the other over whole segments."""
    mutated = attribute(short_run, linear_network, tmp_path, "in_silico_mutagenesis")
    np.testing.assert_allclose(mutated, attribute(short_run, linear_network, tmp_path, "gradient_x_input"), atol=2e-5)


def test_a_scan_by_plain_gradient_is_the_length_of_the_mean_gradient_over_windows(short_run, linear_network, tmp_path):
    track = attribute(short_run, linear_network, tmp_path, "gradient")
    data = open_dataset(short_run / "genome", short_run / "windows")
    slope = gradient(open_ensemble(linear_network, data=data).mean, torch.zeros(1, 4, 150))[0]
    mean = (slope[:, 120] + slope[:, 70] + slope[:, 20]) / 3  # the three windows that see base 120
    assert track[0, 120] == pytest.approx(mean.norm().item(), rel=1e-4)
