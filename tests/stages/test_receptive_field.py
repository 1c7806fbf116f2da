"""`receptive-field` on networks whose field is known by heart, and the halo that training leaves."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.genome.dataset import open_dataset
from tracklight.genome.decode import one_hot
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_model, save_checkpoint
from tracklight.stages.checks import read_checks

LENGTH = 150
OPTIONS = {"filters": 1, "kernels": [3], "pools": [1], "hidden": 1, "dropout": 0.0, "batch_norm": False}
KERNEL = torch.tensor([1.0, 2.0, 1.0])  # of every letter A; the other letters weigh nothing
SHAPE = {"filters": 6, "kernels": [7, 5], "pools": [2, 2], "hidden": 8, "dropout": 0.0, "batch_norm": True}


def straight_network(path: Path, head: torch.Tensor) -> Path:
    """A checkpoint that is linear on real sequence: one kernel on A, never rectified, and a weight per position."""
    spec = ModelSpec("valid_conv", 4, LENGTH, ("expression",), OPTIONS)
    network = build(spec, seed=0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.body[0].weight[0, 0] = KERNEL
        network.body[0].bias += 1
        network.dense[0].weight[0, 0] = head
        network.dense[0].bias += 1
        network.output.weight += 1
    save_checkpoint(path, Checkpoint(spec, network.state_dict(), "dna", {}, {"seed": 0}))
    return path


def head(first: int, last: int) -> torch.Tensor:
    weights = torch.zeros(LENGTH - 2)
    weights[first:last] = 1
    return weights


def measure(simulated_run: Path, out: Path, model: Path, **settings) -> Path:
    folders = ["--genome", str(simulated_run / "genome"), "--windows", str(simulated_run / "windows")]
    words = [*folders, "--models", str(model), "--out", str(out), "--provenance", str(out / "provenance.json")]
    assert cli.main(["receptive-field", *words, "--settings", json.dumps({"windows": 16} | settings)]) == 0
    return out


@pytest.fixture(scope="module")
def narrow(simulated_run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("narrow")
    return measure(simulated_run, folder / "out", straight_network(folder / "model.pt", head(60, 80)))


def table(out: Path, name: str = "receptive_field") -> pd.DataFrame:
    return pd.read_csv(out / f"{name}.tsv", sep="\t")


def test_the_profile_of_a_straight_network_is_its_squared_slope(narrow):
    slope = np.convolve(head(60, 80).numpy(), KERNEL.numpy())  # 150 positions
    expected = slope**2 / (slope**2).sum()
    found = table(narrow, "receptive_field_profile").query("unit == 'prediction'")
    np.testing.assert_allclose(found["trained"], expected, rtol=1e-4, atol=1e-8)
    assert found["position"].tolist() == list(range(LENGTH))
    inside = found.loc[found["inside"] == 1, "position"]
    assert expected[inside].sum() >= 0.95
    assert (inside.min() >= 60) & (inside.max() <= 81)
    assert not np.allclose(found["untrained"], found["trained"], atol=0.01)  # the control is another network


def test_every_network_and_unit_has_a_row_with_its_numbers(narrow):
    rows = table(narrow).set_index(["network", "unit"])
    assert list(rows.index) == [(n, u) for n in ("seed0", "untrained0") for u in ("prediction", "convolution 1")]
    slope = np.convolve(head(60, 80).numpy(), KERNEL.numpy()) ** 2
    shares, at = slope / slope.sum(), np.arange(LENGTH)
    sigma = np.sqrt(shares @ (at - shares @ at) ** 2)
    prediction, unit = rows.loc[("seed0", "prediction")], rows.loc[("seed0", "convolution 1")]
    assert prediction["sigma_bp"] == pytest.approx(sigma, rel=1e-4)
    assert prediction["theoretical_bp"] == LENGTH
    assert prediction["ratio"] == pytest.approx(sigma / LENGTH, rel=1e-4)
    assert unit["sigma_bp"] == pytest.approx(np.sqrt(2 / 6), rel=1e-4)  # squares 1, 4, 1: two of six are one apart
    assert (unit["theoretical_bp"], unit["mass_bp"]) == (3, 3)
    assert prediction["luo_size_bp"] == 22  # the slope is 1, 3, 4, ..., 4, 3, 1 over 20 + 3 - 1 bases
    assert unit["luo_size_bp"] == 3


def test_a_window_that_is_mostly_not_used_is_a_warning_in_words(simulated_run, tmp_path, caplog):
    model = straight_network(tmp_path / "model.pt", head(60, 80))
    with caplog.at_level(logging.WARNING, logger="tracklight"):
        out = measure(simulated_run, tmp_path / "out", model)
    width = table(out)["mass_bp"][0]
    assert f"the prediction looks at {width} of 150 bp: most of the window is not used" in caplog.text
    check = read_checks(out / "receptive_field_checks.tsv").iloc[0]
    assert check["verdict"] == "warn"
    assert check["value"] == pytest.approx(width / LENGTH, rel=1e-4)
    assert np.isnan(check["low"])  # one network has no spread


def test_a_field_that_fills_the_window_is_a_warning_in_words(simulated_run, tmp_path, caplog):
    model = straight_network(tmp_path / "model.pt", head(0, LENGTH - 2))
    with caplog.at_level(logging.WARNING, logger="tracklight"):
        out = measure(simulated_run, tmp_path / "out", model)
    assert table(out)["mass_bp"][0] == 140  # squares 1, 9, 16, ..., 16, 9, 1: 140 times 16 are 95 % of 2,356
    assert "of 150 bp: the window may cut the field off; try longer windows" in caplog.text
    assert read_checks(out / "receptive_field_checks.tsv")["verdict"].tolist()[:3] == ["pass", "warn", "info"]


def test_a_field_that_fits_its_window_passes_in_silence(simulated_run, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="tracklight"):
        out = measure(simulated_run, tmp_path / "out", straight_network(tmp_path / "model.pt", head(20, 130)))
    assert read_checks(out / "receptive_field_checks.tsv")["verdict"].tolist()[:3] == ["pass", "pass", "info"]
    assert caplog.text == ""


def test_checks_are_unique_and_carry_the_untrained_control(narrow):
    found = read_checks(narrow / "receptive_field_checks.tsv")
    assert found["check"].is_unique
    assert found["check"].str.startswith("receptive-field: ").all()
    rows = table(narrow).set_index(["network", "unit"])
    control = found.set_index("check")["control"]
    name = "receptive-field: sigma over theoretical field, prediction (control: untrained networks)"
    assert control[name] == pytest.approx(rows.loc[("untrained0", "prediction"), "ratio"], rel=1e-4)


def test_the_interval_over_networks_is_that_of_student(simulated_run, tmp_path):
    models = [straight_network(tmp_path / f"{n}.pt", head(60, last)) for n, last in enumerate((80, 90, 100))]
    folders = ["--genome", str(simulated_run / "genome"), "--windows", str(simulated_run / "windows")]
    words = [*folders, "--models", *map(str, models), "--out", str(tmp_path / "out"), "--settings", '{"windows": 8}']
    assert cli.main(["receptive-field", *words]) == 0
    widths = table(tmp_path / "out").query("unit == 'prediction' and trained == 1")["mass_bp"]
    check = read_checks(tmp_path / "out" / "receptive_field_checks.tsv").iloc[2]
    half = 4.302653 * widths.std() / np.sqrt(3)  # 97.5 % quantile of Student's t with 2 degrees of freedom
    assert check[["value", "low", "high"]].tolist() == pytest.approx(
        [widths.mean(), widths.mean() - half, widths.mean() + half], rel=1e-4
    )


def test_the_same_seed_writes_the_same_bytes(simulated_run, tmp_path):
    model = straight_network(tmp_path / "model.pt", head(60, 80))
    first, second = (measure(simulated_run, tmp_path / name, model) for name in ("a", "b"))
    for name in ("receptive_field", "receptive_field_profile", "receptive_field_checks"):
        assert (first / f"{name}.tsv").read_bytes() == (second / f"{name}.tsv").read_bytes()


def test_training_keeps_half_the_measured_field_as_halo(simulated_run, tmp_path):
    folders = ["--genome", str(simulated_run / "genome"), "--windows", str(simulated_run / "windows")]
    words = [*folders, "--seed", "0", "--out", str(tmp_path), "--provenance", str(tmp_path / "train.json")]
    settings = json.dumps({"architecture": SHAPE, "epochs": 1, "batch_size": 32, "learning_rate": 0.01})
    assert cli.main(["train", *words, "--settings", settings]) == 0
    network, _, checkpoint = load_model(tmp_path / "model.pt")
    field = checkpoint.provenance["field_bp"]
    assert checkpoint.provenance["halo_bp"] == (field + 1) // 2
    assert json.loads((tmp_path / "train.json").read_text())["field_bp"] == field
    data = open_dataset(simulated_run / "genome", simulated_run / "windows")
    codes = data.codes(data.rows("validation").numpy())
    x = one_hot(torch.from_numpy(codes[(codes < 4).all(1)]))
    expected = _width_by_jacobian(network.body[:3], x)
    assert abs(field - expected) <= 1  # the mix of channels is drawn, so the energy is an estimate
    assert 7 + 1 <= field <= 7 + 1 + 4 * 2  # theoretical field of the second convolution


def _width_by_jacobian(layers, x):
    """Shortest stretch with 95 % of the exact energy of the centre unit: all channels, no mix."""
    total = torch.zeros(LENGTH)
    for one in x:
        centre = layers(one[None]).shape[-1] // 2
        slopes = torch.autograd.functional.jacobian(lambda z, at=centre: layers(z)[0, :, at], one[None])[:, 0]
        total += (slopes - slopes.mean(1, keepdim=True)).pow(2).sum((0, 1))
    shares = (total / total.sum()).numpy()
    held = [w for w in range(1, LENGTH) for s in range(LENGTH - w + 1) if shares[s : s + w].sum() >= 0.95]
    return held[0]
