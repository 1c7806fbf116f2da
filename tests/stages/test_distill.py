"""A student of an ensemble, through the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy, nll_loss

from tracklight import cli
from tracklight.genome.dataset import open_dataset
from tracklight.genome.ensemble import open_ensemble
from tracklight.learning.examples import predict
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_checkpoint, save_checkpoint

# A mean over positions of what short motifs give: easy to learn from few windows.
OPTIONS = {"filters": 12, "kernels": [3], "pool": "mean", "dropout": 0.0}
CLASSES = ("poor", "middle", "rich")
STUDENT = {
    "architecture": OPTIONS | {"name": "global_pool", "filters": 8},
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 0.01,
    "track_windows": 20,
    "timed_bp": 2000,
}

TEACHER = {key: STUDENT[key] for key in ("architecture", "epochs", "batch_size", "learning_rate")}


def network(path: Path, seed: int, targets: tuple[str, ...], loss: str = "mse") -> Path:
    """Write a network with random weights that answers in some unit: 10 + 5 times what it computes."""
    spec = ModelSpec("global_pool", 4, 150, targets, OPTIONS)
    weights = build(spec, seed=seed).state_dict()
    if loss == "mse":
        weights |= {"scale": torch.full((len(targets),), 5.0), "shift": torch.full((len(targets),), 10.0)}
    save_checkpoint(path, Checkpoint(spec, weights, "dna", {"loss": loss}, {"seed": seed}))
    return path


def distil(run: Path, models: list[Path], out: Path, windows: str = "windows", **settings) -> int:
    folders = ["--genome", run / "genome", "--windows", run / windows, "--models", *models, "--seed", 3, "--out", out]
    told = ["--settings", json.dumps(STUDENT | settings), "--provenance", out / "provenance.json"]
    return cli.main(["distill", *map(str, [*folders, *told])])


@pytest.fixture(scope="module")
def teachers(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("teachers")
    return [network(folder / f"{seed}.pt", seed, ("expression",)) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def student(simulated_run, teachers, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("student")
    assert distil(simulated_run, teachers, out) == 0
    return out


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "distill.tsv", sep="\t").set_index("measure")


def outputs(run: Path, paths: list[Path]) -> np.ndarray:
    data = open_dataset(run / "genome", run / "windows")
    examples, rows = data.examples(torch.device("cpu")), data.rows("test")
    return np.stack([predict(m, examples, rows)[:, 0].numpy() for m in open_ensemble(paths, data=data).models])


def test_the_student_is_a_network_as_any_other_and_leaves_no_state(student):
    names = ["distill.tsv", "distill_cost.tsv", "metrics.tsv", "model.pt", "provenance.json", "spread.pt"]
    assert sorted(path.name for path in student.iterdir()) == [*names, "training.png"]
    assert load_checkpoint(student / "model.pt").spec.targets == ("expression",)
    assert load_checkpoint(student / "spread.pt").spec.targets == ("expression.spread",)


def test_the_students_answers_follow_the_mean_and_the_spread_of_the_networks(student, simulated_run, teachers):
    said, own = outputs(simulated_run, teachers), outputs(simulated_run, [student / "model.pt"])[0]
    measured = table(student)["student"]
    r = np.corrcoef(own, said.mean(0))[0, 1]
    assert r == pytest.approx(measured["agreement of predictions"], abs=1e-5)
    assert r > 0.8
    assert own.mean() == pytest.approx(said.mean(), abs=float(said.mean(0).std()) / 2)  # in the unit of the networks
    assert measured["agreement of spreads"] > 0.2


def test_single_networks_are_compared_with_the_mean_of_the_others(student, simulated_run, teachers):
    a, b, c = outputs(simulated_run, teachers)
    witness = [np.corrcoef(one, two + three)[0, 1] for one, two, three in ((a, b, c), (b, a, c), (c, a, b))]
    found = table(student).loc["agreement of predictions"]
    assert found["single"] == pytest.approx(np.mean(witness), abs=1e-5)
    assert found["ensemble"] == 1.0


def test_spread_and_mean_share_all_but_the_output(student):
    mean, spread = (load_checkpoint(student / name).weights for name in ("model.pt", "spread.pt"))
    different = {name for name in mean if not torch.equal(mean[name], spread[name])}
    assert different == {"output.weight", "output.bias", "scale", "shift"}


def test_the_cost_of_the_ensemble_is_that_of_all_its_networks(student):
    cost = pd.read_csv(student / "distill_cost.tsv", sep="\t").set_index("predictor")
    weights = sum(value.numel() for name, value in build_of(OPTIONS).items() if name not in ("scale", "shift"))
    assert cost.loc["ensemble", "weights"] == 3 * weights
    assert cost.loc["ensemble", "speedup"] == 1.0
    assert cost.loc["student", "speedup"] > 1.0


def build_of(options: dict) -> dict:
    return build(ModelSpec("global_pool", 4, 150, ("expression",), options), seed=0).state_dict()


def test_the_same_seed_gives_the_same_student(student, simulated_run, teachers, tmp_path):
    assert distil(simulated_run, teachers, tmp_path / "again") == 0
    for name in ("model.pt", "spread.pt"):
        first, second = (load_checkpoint(folder / name).weights for folder in (student, tmp_path / "again"))
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert (student / "distill.tsv").read_bytes() == (tmp_path / "again" / "distill.tsv").read_bytes()


def test_one_network_has_no_spread_to_learn(simulated_run, teachers, tmp_path):
    assert distil(simulated_run, teachers[:1], tmp_path, epochs=1) == 0
    assert not (tmp_path / "spread.pt").exists()
    assert np.isnan(table(tmp_path).loc["agreement of predictions", "single"])


def test_a_loss_for_other_answers_is_refused(simulated_run, tmp_path, capsys):
    model = network(tmp_path / "labels.pt", 1, ("expression",), loss="bce")
    assert distil(simulated_run, [model], tmp_path / "out") == 2
    assert "distill.loss: the student's loss is for another kind of answer; got mse;" in capsys.readouterr().err
    assert not (tmp_path / "out" / "model.pt").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"answers": "hardened"}, "answers: hardened with loss: soft_ce only"),
        ({"answers": "hardened", "loss": "soft_ce", "temperature": 2}, "answers: hardened with temperature: 1 only"),
        ({"temperature": 2}, "a temperature other than 1 with loss: soft_bce or soft_ce only"),
    ],
)
def test_settings_that_mean_nothing_together_are_refused(settings, message, simulated_run, teachers, tmp_path, capsys):
    assert distil(simulated_run, teachers, tmp_path / "out", **settings) == 2
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def classes(simulated_run, tmp_path_factory) -> Path:
    """A run folder whose windows are of three classes, by their share of GC."""
    run = tmp_path_factory.mktemp("classes")
    (run / "genome").symlink_to(simulated_run / "genome")
    shutil.copytree(simulated_run / "windows", run / "windows")
    index = pd.read_csv(run / "windows" / "windows.tsv.gz", sep="\t").drop(columns=["expression", "expression.active"])
    codes = open_dataset(simulated_run / "genome", simulated_run / "windows").codes()
    kind = pd.qcut(((codes == 1) | (codes == 2)).mean(axis=1), 3, labels=False)
    for number, name in enumerate(CLASSES):
        index[name] = index[f"{name}.active"] = (kind == number).astype(float)
    index.to_csv(run / "windows" / "windows.tsv.gz", sep="\t", index=False)
    facts = json.loads((run / "windows" / "windows.json").read_text()) | {"targets": list(CLASSES), "transform": "none"}
    (run / "windows" / "windows.json").write_text(json.dumps(facts))
    return run


def test_a_student_of_classes_is_compared_by_accuracy_likelihood_and_calibration(classes, tmp_path):
    data = open_dataset(classes / "genome", classes / "windows")
    models = []
    for seed in (1, 2):
        folders = ["--genome", classes / "genome", "--windows", classes / "windows", "--out", tmp_path / str(seed)]
        told = ["--seed", seed, "--settings", json.dumps(TEACHER | {"loss": "ce"})]
        assert cli.main(["train", *map(str, [*folders, *told])]) == 0
        models.append(tmp_path / str(seed) / "model.pt")
    assert distil(classes, models, tmp_path / "out", loss="soft_ce", temperature=2) == 0
    found = table(tmp_path / "out").query("target.isna()")
    examples, test = data.examples(torch.device("cpu")), data.rows("test")
    each = [predict(m, examples, test).double() for m in open_ensemble(models, data=data).models]
    labels = examples.targets[test].argmax(1)
    joint = torch.stack([one.softmax(1) for one in each]).mean(0)
    right = (joint.argmax(1) == labels).double().mean().item()
    assert found.loc["accuracy", "ensemble"] == pytest.approx(right, rel=1e-5)
    assert found.loc["nll", "ensemble"] == pytest.approx(nll_loss(joint.log(), labels).item(), rel=1e-5)
    assert found.loc["nll", "single"] == pytest.approx(np.mean([cross_entropy(e, labels) for e in each]), rel=1e-5)
    assert found.loc["accuracy", "student"] > 0.5
    assert not (tmp_path / "out" / "spread.pt").exists()
