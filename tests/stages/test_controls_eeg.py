"""The controls on a small study of noise with a 20-Hz wave on P4 by label, and networks whose weights are known."""

import json
from math import comb
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.eeg.decode import EEG
from tracklight.learning.modality import load_network
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint
from tracklight.settings.controls_eeg import ControlsEeg
from tracklight.settings.eeg_learning import TrainEeg
from tracklight.settings.strata import StrataEeg
from tracklight.stages import controls_eeg
from tracklight.stages.checks import read_checks
from tracklight.stages.units import Units

RATE, LENGTH, REPORTS, CHANNELS, HZ = 100, 100, 16, ["C3", "P4"], range(0, 51, 2)
SPLITS = ["A", "A", "A", "A_validation", "B", "B", "B", "B_validation"]
TRAIN = {"architecture": {"filters": 4, "temporal_kernel": 25, "pool": 5, "mixing_kernel": 3}, "steps": 4}
SETTINGS = {"explained_epochs": 24, "random_networks": 4, "exchanges": 10, "exchange_permutations": 199}
STRATA = {"permutations": 199, "bootstrap": 100}
AUC = "controls: AUC, "


def report_rows():
    """One row per report; the label is commoner in REM."""
    generator, rows = np.random.default_rng(5), []
    for who, split in enumerate(SPLITS):
        for n in range(REPORTS):
            label = int(generator.random() < (0.75 if n % 2 else 0.25))
            rows.append((f"s{who}-1", f"s{who}", split, f"r{n:02d}", ("N2", "REM")[n % 2], label, n))
    return pd.DataFrame(rows, columns=["contig", "group", "split", "report", "stage", "label", "order"])


def write_epochs(folder):
    """White noise, one epoch a report, and a wave of random phase on P4 where the label is 1."""
    generator, index = np.random.default_rng(0), report_rows().assign(epoch=0, reverse=0)
    index["start"] = LENGTH * index.groupby("contig").cumcount()
    waves = np.sin(2 * np.pi * (20 * np.arange(LENGTH) / RATE + generator.random((len(index), 1))))
    signals = generator.standard_normal((len(index), 2, LENGTH))
    signals[:, 1] += 1.5 * index["label"].to_numpy()[:, None] * waves
    tape = np.concatenate(1e-5 * signals.astype(np.float32), axis=1)
    save_tape(folder, tape, dict.fromkeys(index["contig"].unique(), REPORTS * LENGTH))
    index.to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    facts = {"rate_hz": RATE, "channels": CHANNELS, "unit": "V", "length": LENGTH, "targets": ["label"]}
    (folder / "epochs.json").write_text(json.dumps({**facts, "covariates": []}))


def write_units(folder, *, order=True):
    """A table whose margin tells the labels apart, and whose attribution follows REM sleep alone in every other bin."""
    generator, table = np.random.default_rng(1), report_rows()
    table["half"] = np.where(table["split"].str.startswith("B"), "A", "B")
    table["margin"] = 3.0 * table["label"] + generator.standard_normal(len(table))
    names = [f"{channel}:{hz}" for channel in CHANNELS for hz in HZ]
    rem = (table["stage"] == "REM").to_numpy(float)[:, None]
    maps = generator.standard_normal((len(table), len(names))) + 2 * rem * (np.arange(len(names)) % 2)
    table = pd.concat([table, pd.DataFrame(maps, columns=names)], axis=1).drop(columns=["split"])
    table = table.rename(columns={"group": "subject", "contig": "recording"})
    folder.mkdir(parents=True)
    table.to_csv(folder / "attribution.tsv.gz", sep="\t", index=False)
    axes = pd.DataFrame([(name, *name.split(":")) for name in names], columns=["feature", "channel", "hz"])
    axes.to_csv(folder / "axes.tsv", sep="\t", index=False)


def save_network(path, *, seed, half):
    """A network whose log-odds are the strength of 20 Hz on P4; seeds differ a little in all weights."""
    settings = TrainEeg(**TRAIN)
    spec = ModelSpec("eeg_conv", 2, settings.crop(LENGTH), ("label",), settings.architecture.options())
    model = build(spec, seed=seed)
    weights = {name: 0.02 * value for name, value in model.state_dict().items()}
    phase = torch.arange(4)[:, None, None] * torch.pi / 2
    weights["body.0.weight"][:, 1] += 1
    weights["body.1.weight"] += torch.cos(2 * torch.pi * 20 * torch.arange(25) / RATE + phase)
    weights["body.4.weight"] += 1
    weights["output.weight"] += 1
    weights |= {"scale": torch.ones(1), "shift": torch.zeros(1)}
    known = {"seed": seed, "half": half, "train_subjects": [], "validation_subjects": []}
    save_checkpoint(path, Checkpoint(spec, weights, EEG.name, settings.model_dump(mode="json"), known))
    return path


def controls(folder, *models, out="out", units="units", settings=SETTINGS):
    given = {"epochs": "epochs", "whitened": "whitened", "units": units, "out": out}
    known = open_epochs(folder / "epochs").sha256()
    (folder / units / "units.json").write_text(json.dumps({"epochs_sha256": known}))
    arguments = [text for name, path in given.items() for text in (f"--{name}", folder / path)]
    arguments += ["--models", *(models or [folder / f"{half}{seed}.pt" for half in "AB" for seed in (0, 3)])]
    arguments += ["--settings", json.dumps(settings), "--strata-settings", json.dumps(STRATA)]
    return cli.main(["controls-eeg", *map(str, arguments)])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_epochs(folder / "epochs")
    assert cli.main(["whiten-eeg", "--epochs", str(folder / "epochs"), "--out", str(folder / "whitened")]) == 0
    write_units(folder / "units")
    for half in "AB":
        for seed in (0, 3):
            save_network(folder / f"{half}{seed}.pt", seed=seed, half=half)
    assert controls(folder) == 0
    return folder


@pytest.fixture(scope="module")
def found(study):
    return pd.read_csv(study / "out" / "controls.tsv", sep="\t", keep_default_na=False, na_values={"p": [""]})


@pytest.fixture(scope="module")
def verdicts(study):
    return read_checks(study / "out" / "controls_checks.tsv").set_index("check")


def value(found, control, direction="both", note=None, column="value"):
    rows = found[(found["control"] == control) & (found["direction"] == direction)]
    return float((rows if note is None else rows[rows["note"] == note])[column].iloc[0])


def test_maps_fade_as_a_network_forgets_its_layers(found, verdicts):
    own = found[(found["control"] == "random weights") & (found["direction"] == "both")]
    layers = ["output", "body.4", "body.1", "body.0"]
    assert own["note"].tolist() == [f"{layer} and all above" for layer in layers]
    assert own["value"].iloc[-1] < own["value"].iloc[0]
    check = verdicts.loc["controls: map agreement with random weights (control: two trained networks)"]
    assert check["value"] == pytest.approx(own["value"].iloc[-1])
    assert check["control"] == value(found, "two trained networks") > 0.9
    assert check["verdict"] == ("pass" if check["value"] < 0.2 else "fail")


def test_both_directions_together_are_between_the_two(found):
    for control, rows in found[found["note"].isin(["", "body.0 and all above"])].groupby("control"):
        each = rows.set_index("direction")["value"]
        assert min(each["A"], each["B"]) <= each["both"] <= max(each["A"], each["B"]), control


def test_the_mark_of_the_randomised_map_is_a_setting(study):
    few = {**SETTINGS, "permuted_networks": 0, "exchanges": 1}
    for mark, verdict in ((1.0, "pass"), (0.0, "fail")):
        assert controls(study, out=f"mark{mark}", settings={**few, "agreement_below": mark}) == 0
        assert read_checks(study / f"mark{mark}" / "controls_checks.tsv")["verdict"].iloc[0] == verdict


def test_a_network_that_reads_power_alone_decodes_random_phases_and_reversed_time(found, verdicts):
    for name in ("EEG with random phases", "EEG reversed in time"):
        assert value(found, name) > 0.85
        assert verdicts.loc[f"{AUC}{name} (control: the networks)", "verdict"] == "info"


def test_a_network_trained_on_labels_without_meaning_is_judged_by_the_gate(found, verdicts):
    name = "labels permuted within strata, trained again, network 1"
    rows = found[found["control"] == name].set_index("direction")
    assert rows.loc["both", "p"] == max(rows.loc["A", "p"], rows.loc["B", "p"])
    verdict = verdicts.loc[f"{AUC}{name} (control: the networks)", "verdict"]
    assert verdict == ("fail" if rows.loc["both", "p"] <= 0.05 else "pass")


def test_a_network_that_decodes_in_spite_of_permuted_labels_is_a_failure(study, monkeypatch):
    known = load_network(study / "A0.pt", EEG)[0]
    monkeypatch.setattr("tracklight.stages.controls_eeg._trained", lambda *_, **__: known)
    models = [study / "A0.pt", study / "B0.pt"]
    assert controls(study, *models, out="strong", settings={**SETTINGS, "exchanges": 1, "random_networks": 1}) == 0
    checks = read_checks(study / "strong" / "controls_checks.tsv").set_index("check")
    row = checks.loc[f"{AUC}labels permuted within strata, trained again, network 1 (control: the networks)"]
    assert row["value"] > 0.8
    assert row["verdict"] == "fail"
    assert np.isnan(checks["control"].iloc[0])  # one network: no other to agree with


def test_labels_exchanged_within_stages_light_up_the_map_without_strata_alone(found, verdicts):
    name = "labels exchanged within stages, "
    assert value(found, f"{name}strata ignored") > 5  # of 26 bins that follow REM sleep
    check = verdicts.loc[
        "controls: share of draws with a feature found within strata, labels exchanged (control: strata ignored)"
    ]
    assert check["control"] == 1
    hits = round(10 * check["value"])
    chance = sum(comb(10, k) * 0.05**k * 0.95 ** (10 - k) for k in range(hits, 11))
    assert value(found, f"{name}within strata", column="p") == pytest.approx(chance, rel=1e-4)
    assert check["verdict"] == ("pass" if chance >= 0.01 else "warn" if chance >= 0.001 else "fail")


@pytest.mark.parametrize(("hits", "verdict"), [(0, "pass"), (4, "pass"), (5, "warn"), (6, "fail"), (20, "fail")])
def test_exchanged_labels_fail_only_where_chance_would_hardly_find_as_much(monkeypatch, hits, verdict):
    answers = iter([count for number in range(20) for count in (9, int(number < hits))])  # strata ignored, within
    monkeypatch.setattr(controls_eeg, "_found", lambda *_: next(answers))
    n = 40
    units = Units(
        subject=np.repeat(["a", "b"], n // 2), stage=np.tile(["N2", "REM"], n // 2), fold=np.full(n, "A"),
        label=np.arange(n) % 3 == 0, values=np.zeros((n, 1)), features=("x",), within=np.zeros(n, np.int64),
        score=None, order=None,
    )  # fmt: skip
    rows = []
    bench = SimpleNamespace(
        settings=ControlsEeg(exchanges=20), reports=SimpleNamespace(settings=StrataEeg()),
        note=lambda *row, **more: rows.append((row, more)),
    )  # fmt: skip
    (check,) = controls_eeg._exchanged_labels(bench, units)
    assert (check.value, check.control, check.verdict) == (hits / 20, 1.0, verdict)
    expected = sum(comb(20, k) * 0.05**k * 0.95 ** (20 - k) for k in range(hits, 21))
    assert rows[1][1]["p"] == pytest.approx(expected, rel=1e-9)


def test_half_of_the_night_is_the_median_of_each_subject(study, found):
    table = pd.read_csv(study / "units" / "attribution.tsv.gz", sep="\t")
    won = pairs = 0.0
    for _, own in table.assign(late=table["order"] >= 8).groupby(["subject", "stage"]):
        late, early = own["margin"][own["late"]].to_numpy(), own["margin"][~own["late"]].to_numpy()
        won += (late[:, None] > early).sum()
        pairs += len(late) * len(early)
    assert value(found, "late awakening as label") == pytest.approx(won / pairs, rel=1e-5)


def test_nothing_of_the_training_is_left(study):
    assert sorted(path.name for path in (study / "out").iterdir()) == ["controls.tsv", "controls_checks.tsv"]


def test_the_same_input_gives_the_same_bytes(study):
    assert controls(study, out="again") == 0
    for name in ("controls.tsv", "controls_checks.tsv"):
        assert (study / "again" / name).read_bytes() == (study / "out" / name).read_bytes()


def test_wrong_inputs_are_one_line(study, tmp_path, capsys):
    models = [study / f"{name}.pt" for name in ("A0", "A3", "B0", "B3")]
    assert controls(study, *models[:3]) == 2
    assert "--models: not as many networks of each half; got 3" in capsys.readouterr().err

    assert controls(study, *models[::-1]) == 2
    assert "half" in capsys.readouterr().err

    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "attribution.tsv.gz").write_bytes((study / "units" / "attribution.tsv.gz").read_bytes())
    (tmp_path / "units" / "axes.tsv").write_text("feature\tchannel\nC3:0\tC3\n")
    assert controls(study, units=tmp_path / "units") == 2
    error = capsys.readouterr().err
    assert "not the axes of a map" in error
    assert error.count("\n") == 1
