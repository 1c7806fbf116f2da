"""The stage from networks to maps, examples and EDF+ tracks, on a small study of noise."""

import json
import warnings

import mne
import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.eeg.decode import EEG
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint
from tracklight.stages.checks import read_checks

RATE, LENGTH, CHANNELS = 100, 200, ["Fz", "C3", "P4"]
NIGHTS = [("six-1", "six", "B"), ("one-1", "one", "A"), ("ten-1", "ten", "B_validation"),
          ("two-1", "two", "A_validation"), ("six-2", "six", "B")]  # fmt: skip
STARTS = [50, 300, 500, 900]
OPTIONS = {
    "eeg_conv": {"filters": 4, "temporal_kernel": 25, "pool": 5, "mixing_kernel": 9, "dropout": 0.25},
    "square_pool": {"filters": 4, "temporal_kernel": 25},
}
SETTINGS = {"time_bin_s": 0.5, "batch_size": 5}


def write_epochs(folder, **facts):
    """A folder as prepare-eeg writes it, average-referenced noise in volts; the nights of "six" are not neighbours."""
    volts = 2e-5 * np.random.default_rng(0).standard_normal((len(NIGHTS), len(CHANNELS), 1200)).cumsum(-1)
    volts -= volts.mean(1, keepdims=True)
    index = pd.DataFrame(
        [(name, start, 0, subject, split, f"r{n // 2}", 1 - n % 2, ("N2", "REM")[n // 2], n // 2, n)
         for name, subject, split in NIGHTS for n, start in enumerate(STARTS)],
        columns=["contig", "start", "reverse", "group", "split", "report", "epoch", "stage", "label", "order"],
    )  # fmt: skip
    save_tape(folder, np.concatenate(volts.astype(np.float32), axis=1), dict.fromkeys([n[0] for n in NIGHTS], 1200))
    index.to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    known = {"rate_hz": RATE, "channels": CHANNELS, "unit": "V", "length": LENGTH, "targets": ["label"]}
    (folder / "epochs.json").write_text(json.dumps({**known, "covariates": [], **facts}))


def save_network(path, *, seed, arch="eeg_conv", half="A", channels=3, targets=("label",), **facts):
    spec = ModelSpec(arch, channels, 160, targets, OPTIONS[arch])
    known = {"seed": seed, "half": half, "train_subjects": ["one"], "validation_subjects": ["two"], **facts}
    known = {name: value for name, value in known.items() if value is not None}
    save_checkpoint(path, Checkpoint(spec, build(spec, seed=seed).state_dict(), EEG.name, {}, known))
    return path


def attribute(folder, *models, out="out", half="A", settings=SETTINGS, **folders):
    given = {"epochs": folder / "epochs", "whitened": folder / "whitened", **folders}
    arguments = ["--models", *models, "--half", half, "--out", folder / out, "--settings", json.dumps(settings)]
    arguments += [text for name, path in given.items() for text in (f"--{name}", path)]
    return cli.main(["attribute-eeg", *map(str, arguments)])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_epochs(folder / "epochs")
    assert cli.main(["whiten-eeg", "--epochs", str(folder / "epochs"), "--out", str(folder / "whitened")]) == 0
    models = [save_network(folder / f"seed{seed}.pt", seed=seed) for seed in (2, 0)]
    assert attribute(folder, *models) == 0
    return folder


@pytest.fixture(scope="module")
def maps(study):
    with np.load(study / "out" / "maps.npz") as stored:
        return dict(stored)


def test_every_epoch_of_the_other_half_is_explained_once(maps):
    assert maps["rows"].tolist() == [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19]  # of six, ten and six again
    assert maps["seeds"].tolist() == [0, 2]


def test_maps_have_the_shapes_and_types_that_others_read(maps):
    found = {name: (values.dtype.kind + str(values.dtype.itemsize), values.shape) for name, values in maps.items()}
    assert found == {
        "rows": ("i8", (12,)), "seeds": ("i8", (2,)), "margin": ("f8", (2, 12)), "total": ("f8", (2, 12)),
        "frequency": ("f4", (2, 12, 3, 51)), "hz": ("f8", (51,)), "time": ("f4", (12, 3, 7, 4)),
        "bands": ("U20", (7,)), "band_hz": ("f8", (7, 2)), "time_s": ("f8", (4,)),
        "epochs_sha256": ("U256", ()),
    }  # fmt: skip
    assert maps["hz"].tolist() == list(range(51))
    assert maps["time_s"].tolist() == [0.25, 0.75, 1.25, 1.75]


def test_margins_are_what_the_networks_say_about_whitened_epochs(study, maps):
    white = torch.from_numpy(open_epochs(study / "whitened").signals(maps["rows"]))
    for seed, margin in zip(maps["seeds"], maps["margin"], strict=True):
        model = build(ModelSpec("eeg_conv", 3, 160, ("label",), OPTIONS["eeg_conv"]), seed=int(seed)).for_inference()
        np.testing.assert_allclose(margin, model(white)[:, 0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            maps["total"][maps["seeds"] == seed][0], margin - model(0 * white[:1]).item(), rtol=1e-4, atol=1e-6
        )


def test_both_forms_sum_to_the_total(maps):
    scale = np.abs(maps["total"]).mean()
    np.testing.assert_allclose(maps["frequency"].sum((2, 3), dtype=float), maps["total"], rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(maps["time"].sum((1, 2, 3), dtype=float), maps["total"].mean(0), atol=1e-5 * scale)


def test_completeness_is_written_per_network_and_as_a_check(study):
    table = pd.read_csv(study / "out" / "completeness.tsv", sep="\t")
    assert list(table.columns) == ["seed", "method", "gradient_x_input", "integrated_gradients", "complete", "rank"]
    assert table[["seed", "method", "complete", "rank"]].to_numpy().tolist() == [
        [0, "gradient_x_input", 1, 2],  # three channels against their average span two dimensions
        [2, "gradient_x_input", 1, 2],
    ]
    assert table["gradient_x_input"].max() < 1e-5
    assert table["integrated_gradients"].isna().all()
    check = read_checks(study / "out" / "attribute_checks.tsv")
    assert check["check"].tolist() == [
        "attribute-eeg: largest completeness error, networks of half A (SD of the margin)"
    ]
    assert check["value"][0] == pytest.approx(table["gradient_x_input"].max(), rel=1e-4)
    assert check["verdict"].tolist() == ["pass"]


def test_tracks_lie_beside_their_recordings(study, maps):
    files = sorted(path.name for path in (study / "out" / "tracks").iterdir())
    assert files == ["six-1.edf", "six-2.edf", "ten-1.edf"]
    for number, name in enumerate(["six-1", "ten-1", "six-2"]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = mne.io.read_raw_edf(study / "out" / "tracks" / f"{name}.edf", verbose="error")
        assert raw.ch_names == CHANNELS
        assert (raw.info["sfreq"], raw.n_times) == (100, 1200)
        assert raw.annotations.onset.tolist() == [0.5, 3, 5, 9]
        own = slice(4 * number, 4 * number + 4)
        texts = [f"margin {value:+.2f}" for value in maps["margin"].mean(0)[own]]
        assert [text.split(", ")[2] for text in raw.annotations.description] == texts
        data = raw.get_data()
        sums = [data[:, start : start + LENGTH].sum() / RATE for start in STARTS]
        step = np.abs(data).max() / 32767
        np.testing.assert_allclose(sums, maps["total"].mean(0)[own], rtol=0, atol=step / RATE * np.sqrt(600) * 3)
        assert (data[:, :50] == 0).all()
        assert (data[:, 700:900] == 0).all()


def test_examples_are_epochs_of_high_and_low_margins_with_their_attribution(study, maps):
    with np.load(study / "out" / "examples.npz") as stored:
        examples = dict(stored)
    margin = dict(zip(maps["rows"], maps["margin"].mean(0), strict=True))
    total = dict(zip(maps["rows"], maps["total"].mean(0), strict=True))
    rows = examples["rows"]
    assert len(set(rows)) == 4
    assert rows[0] == max(margin, key=margin.get)
    assert rows[3] == min(set(margin) - set(rows[:3]), key=margin.get)
    stages = open_epochs(study / "epochs").index["stage"][rows].tolist()
    assert set(stages[:2]) == {"N2", "REM"}
    assert examples["margin"].tolist() == [margin[row] for row in rows]
    np.testing.assert_array_equal(examples["signal"], open_epochs(study / "epochs").signals(rows))
    np.testing.assert_allclose(
        examples["attribution"].sum((1, 2), dtype=float), [total[row] for row in rows], rtol=1e-3, atol=1e-4
    )
    assert examples["attribution"].dtype == np.float32


def test_the_same_input_gives_the_same_bytes_in_any_order_of_networks(study):
    models = [study / f"seed{seed}.pt" for seed in (0, 2)]
    assert attribute(study, *models, out="again") == 0
    names = sorted(path.relative_to(study / "out") for path in (study / "out").rglob("*.*"))
    assert len(names) == 7
    for name in names:
        assert (study / "again" / name).read_bytes() == (study / "out" / name).read_bytes(), name


def test_a_square_pool_network_is_explained_by_integrated_gradients(study):
    model = save_network(study / "square.pt", seed=5, arch="square_pool")
    assert attribute(study, model, out="square") == 0
    table = pd.read_csv(study / "square" / "completeness.tsv", sep="\t")
    assert table["method"].tolist() == ["integrated_gradients"]
    assert table["gradient_x_input"][0] > 0.01 > table["integrated_gradients"][0]


def test_a_network_that_no_method_explains_is_marked_and_its_maps_are_written(study, caplog):
    model = save_network(study / "square.pt", seed=5, arch="square_pool")
    settings = {**SETTINGS, "integrated_steps": 1, "completeness_sd": 1e-12, "examples": 0}
    assert attribute(study, model, out="incomplete", settings=settings) == 0
    table = pd.read_csv(study / "incomplete" / "completeness.tsv", sep="\t")
    assert table["complete"].tolist() == [0]
    assert read_checks(study / "incomplete" / "attribute_checks.tsv")["verdict"].tolist() == ["fail"]
    assert np.load(study / "incomplete" / "maps.npz")["frequency"].shape == (1, 12, 3, 51)
    assert np.load(study / "incomplete" / "examples.npz")["rows"].tolist() == []
    assert "the evidence of these networks cannot be divided" in caplog.text


def refused(capsys, status):
    text = capsys.readouterr().err.strip().splitlines()[-1]
    assert status == 2
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("network", "fault"),
    [
        ({"half": "B"}, "network of another half; got B; allowed: A"),
        ({"half": None}, "network does not say what it learned from; got no half; train it again"),
        ({"train_subjects": ["one", "six"]}, "network knows subjects it is to explain; got six"),
        ({"validation_subjects": ["ten"]}, "network knows subjects it is to explain; got ten"),
        ({"channels": 2}, "network does not read these epochs; got 2 channels, targets label; allowed: 3 channels"),
        ({"targets": ("a", "b")}, "network does not read these epochs; got 3 channels, targets a, b"),
        ({"seed": 0}, "two networks of one seed; got 0; give every network once"),
    ],
)
def test_networks_that_must_not_be_asked_are_refused(study, capsys, network, fault):
    model = save_network(study / "bad.pt", **{"seed": 3, **network})
    assert fault in refused(capsys, attribute(study, study / "seed0.pt", model, out="refused"))
    assert not (study / "refused").exists()


def test_whitened_epochs_of_other_data_are_refused(study, tmp_path, capsys):
    write_epochs(tmp_path / "epochs")
    codes = np.load(tmp_path / "epochs" / "codes.npy")
    np.save(tmp_path / "epochs" / "codes.npy", codes[::-1])
    fault = "whitened epochs are not those in volts"
    assert fault in refused(capsys, attribute(study, study / "seed0.pt", epochs=tmp_path / "epochs", out="refused"))


def test_folders_in_each_others_place_are_refused(study, capsys):
    status = attribute(study, study / "seed0.pt", epochs=study / "whitened", whitened=study / "epochs", out="refused")
    assert "not the filters of whitened epochs" in refused(capsys, status)


def test_a_channel_that_edf_cannot_name_is_refused_before_the_work(study, tmp_path, capsys):
    write_epochs(tmp_path / "epochs", channels=["Fz", "C3", "P4 against the mean of all"])
    whitened = ["--epochs", str(tmp_path / "epochs"), "--out", str(tmp_path / "whitened")]
    assert cli.main(["whiten-eeg", *whitened]) == 0
    folders = {"epochs": tmp_path / "epochs", "whitened": tmp_path / "whitened"}
    status = attribute(study, study / "seed0.pt", out="refused", **folders)
    assert "channel cannot be named so in EDF+" in refused(capsys, status)
