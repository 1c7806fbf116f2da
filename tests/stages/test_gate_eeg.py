"""The gate on a small study whose content (20 Hz on P4) and confound (slow waves on EOG in REM sleep) are planted."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.stages.checks import read_checks
from tracklight.stages.gate_eeg import BLIND, GATE, failed_placebos

RATE, LENGTH, REPORTS, EPOCHS = 100, 100, 16, 2
SPLITS = ["A", "A", "A", "A_validation", "B", "B", "B", "B_validation"]
STRATA = {"permutations": 199, "bootstrap": 100}


def report_rows():
    """One row per report of all subjects."""
    generator = np.random.default_rng(5)
    rows = []
    for who, split in enumerate(SPLITS):
        for n in range(REPORTS):
            rem = n % 2
            label = int(generator.random() < (0.7 if rem else 0.3))
            rows.append((f"s{who}-1", f"s{who}", split, f"r{n:02d}", ("N2", "REM")[rem], label, n))
    return pd.DataFrame(rows, columns=["contig", "group", "split", "report", "stage", "label", "order"])


def write_epochs(folder, *, content=1.0, leak=0.0, channels=("C3", "P4", "EOG"), covariates=None, **facts):
    """Write epochs of white noise with a wave on P4 by label, and slow waves on EOG by stage (and label: a leak)."""
    generator, reports = np.random.default_rng(0), report_rows().assign(**(covariates or {}))
    reports = reports.loc[np.repeat(reports.index, EPOCHS)].reset_index(drop=True)
    reports["epoch"] = np.tile(np.arange(EPOCHS)[::-1], len(reports) // EPOCHS)
    reports["start"] = LENGTH * reports.groupby("contig").cumcount()
    time, signals = np.arange(LENGTH) / RATE, generator.standard_normal((len(reports), 3, LENGTH))
    label, rem = reports["label"].to_numpy(float), (reports["stage"] == "REM").to_numpy(float)
    phases = generator.uniform(0, 2 * np.pi, (2, len(reports), 1))
    signals[:, 1] += content * label[:, None] * np.sin(2 * np.pi * 20 * time + phases[0])
    signals[:, 2] += (rem + leak * label)[:, None] * np.sin(2 * np.pi * 2 * time + phases[1])
    save_tape(
        folder,
        np.concatenate(1e-5 * signals[:, : len(channels)].astype(np.float32), axis=1),
        dict.fromkeys(reports["contig"].unique(), REPORTS * EPOCHS * LENGTH),
    )
    reports.assign(reverse=0).to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    known = {"rate_hz": RATE, "channels": list(channels), "unit": "V", "length": LENGTH, "targets": ["label"]}
    known |= {"covariates": list(covariates or {}), "not_brain": [name for name in channels if name == "EOG"]}
    (folder / "epochs.json").write_text(json.dumps({**known, **facts}))
    return folder


def write_units(folder, *, strength=(1.5, 1.5)):
    """Write a table of units whose margin follows the label within strata, by so much in each direction."""
    generator, table = np.random.default_rng(1), report_rows()
    table["half"] = np.where(table["split"].str.startswith("B"), "A", "B")  # B is explained by the networks of A
    rem, follows = table["stage"] == "REM", table["half"].map(dict(zip("AB", strength, strict=True)))
    for seed in (0, 1):
        table[f"margin.seed{seed}"] = rem + follows * table["label"] + generator.standard_normal(len(table))
    table["margin"] = (table["margin.seed0"] + table["margin.seed1"]) / 2
    table = table.rename(columns={"group": "subject", "contig": "recording"}).assign(**{"P4:20": 0.5})
    folder.mkdir(parents=True)
    columns = ["half", "subject", "recording", "stage", "report", "label", "order"]
    columns += ["margin", "margin.seed0", "margin.seed1", "P4:20"]
    table.iloc[::-1][columns].to_csv(folder / "attribution.tsv.gz", sep="\t", index=False)
    return folder


def stamp(units, epochs):
    """Say that the units are of these epochs, as units-eeg does."""
    (units / "units.json").write_text(json.dumps({"epochs_sha256": open_epochs(epochs).sha256()}))


def gate(folder, *more, epochs="epochs", units="units", out="gate", settings=None, strata=STRATA, stamped=True):
    if stamped:
        stamp(folder / units, folder / epochs)
    arguments = ["--epochs", folder / epochs, "--units", folder / units, "--out", folder / out, *more]
    arguments += ["--settings", json.dumps(settings or {}), "--strata-settings", json.dumps(strata)]
    return cli.main(["gate-eeg", *map(str, arguments)])


def rows(folder, out="gate"):
    return pd.read_csv(folder / out / "gate.tsv", sep="\t").set_index(["decoder", "direction"])


def verdicts(folder, out="gate"):
    return read_checks(folder / out / "gate_checks.tsv").set_index("check")["verdict"].to_dict()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_epochs(folder / "epochs", covariates={"length_s": 3.0, "words": "some"})
    write_units(folder / "units")
    assert gate(folder) == 0
    return folder


@pytest.fixture(scope="module")
def found(study):
    return rows(study)


def units(folder):
    return pd.read_csv(folder / "units" / "attribution.tsv.gz", sep="\t")


@pytest.mark.parametrize("direction", ["A", "B", "both"])
def test_the_auc_is_the_share_of_pairs_within_subject_and_stage_that_are_in_order(study, found, direction):
    table = units(study)
    table = table if direction == "both" else table[table["half"] == direction]
    for decoder, column in (("network", "margin"), ("network.seed1", "margin.seed1")):
        won, pairs = 0.0, 0
        for _, own in table.groupby(["subject", "stage"]):
            ones, zeros = own[column][own["label"] == 1], own[column][own["label"] == 0]
            won += mannwhitneyu(ones, zeros).statistic if len(ones) and len(zeros) else 0.0
            pairs += len(ones) * len(zeros)
        row = found.loc[decoder, direction]
        assert row["auc"] == pytest.approx(won / pairs, rel=1e-5)
        assert row["low"] < row["auc"] < row["high"]
        assert row["unstratified"] == pytest.approx(roc_auc_score(table["label"], table[column]), rel=1e-5)
        assert (row["reports"], row["subjects"]) == (len(table), table["subject"].nunique())


def test_p_of_both_directions_is_the_larger_for_decoders(found):
    for decoder in ("network", "band power", "eyes and muscle"):
        assert found.loc[(decoder, "both"), "p"] == max(found.loc[(decoder, half), "p"] for half in "AB")


def test_p_is_that_of_shuffling_labels_within_strata_by_hand(study, found):
    table, generator = units(study), np.random.default_rng(3)
    own = table[table["half"] == "A"]
    weak = own["margin"].to_numpy() * 0 + generator.standard_normal(len(own)) + 0.15 * own["label"].to_numpy()
    folder = study / "weak"
    folder.mkdir()
    changed = table.copy()
    changed.loc[own.index, "margin"] = weak
    changed.to_csv(folder / "attribution.tsv.gz", sep="\t", index=False)
    assert gate(study, units="weak", out="gate_weak", strata={**STRATA, "permutations": 1000}) == 0

    strata = [np.flatnonzero(member) for member in pd.get_dummies(own["subject"] + own["stage"]).to_numpy(bool).T]

    def won(label):
        return sum((weak[rows][label[rows], None] > weak[rows][~label[rows]]).sum() for rows in strata)

    label, reached = own["label"].to_numpy() == 1, 0
    for _ in range(1000):
        other = label.copy()
        for each in strata:
            other[each] = generator.permutation(label[each])
        reached += won(other) >= won(label)
    p = rows(study, "gate_weak").loc[("network", "A"), "p"]
    assert 0.02 < p < 0.98
    assert p == pytest.approx((reached + 1) / 1001, abs=0.05)


def test_simple_decoders_find_what_was_planted_for_them(found):
    auc = found["auc"].xs("both", level="direction")
    assert auc["band power"] > 0.85
    assert auc["without eyes and muscle"] > 0.85
    assert 0.3 < auc["eyes and muscle"] < 0.65
    assert (found.loc["eyes and muscle", "unstratified"][["A", "B"]] > 0.6).all()  # stages alone
    assert found.loc[("eyes and muscle", "both"), "p"] > 0.05


def test_the_stage_decoder_knows_nothing_within_strata(found):
    for direction in ("A", "B", "both"):
        row = found.loc["stage", direction]
        assert (row["auc"], row["p"]) == (0.5, 1)
    assert found.loc[("stage", "A"), "unstratified"] > 0.6


def test_the_gate_is_passed_when_both_directions_decode(study):
    check = read_checks(study / "gate" / "gate_checks.tsv").iloc[0]
    assert (check["check"], check["verdict"]) == (GATE, "pass")
    assert check["value"] == rows(study).loc[("network", "both"), "auc"]
    assert verdicts(study)["gate: share of reports in strata with both labels"] == "pass"


def test_one_direction_is_not_enough(study, caplog):
    write_units(study / "half", strength=(3.0, 0.0))
    with caplog.at_level("INFO", logger="tracklight"):
        assert gate(study, units="half", out="gate_half") == 0
    table = rows(study, "gate_half")
    assert table.loc[("network", "A"), "p"] <= 0.05 < table.loc[("network", "B"), "p"]
    assert verdicts(study, "gate_half")[GATE] == "fail"
    assert BLIND in caplog.text


def test_too_little_overlap_fails(study):
    assert (
        gate(study, out="gate_overlap", strata={**STRATA, "smallest_overlap": 1.0, "strata": ["stage", "order"]}) == 2
    )
    assert gate(study, out="gate_overlap", strata={**STRATA, "smallest_overlap": 1.0}) == 0
    check = read_checks(study / "gate_overlap" / "gate_checks.tsv").set_index("check").iloc[1]
    shares = units(study).groupby(["subject", "stage"])["label"].agg(["nunique", "size"])
    overlap = shares["size"][shares["nunique"] == 2].sum() / shares["size"].sum()
    assert check["value"] == pytest.approx(overlap)
    assert check["verdict"] == ("pass" if overlap == 1 else "fail")


def test_a_clean_study_passes_its_placebos(study, found):
    assert verdicts(study)["gate: placebo: REM"] == "pass"
    assert verdicts(study)["gate: placebo: REM from eyes and muscle"] == "pass"
    assert set(found.loc["placebo: REM", "test"]) == {"either side"}
    assert found.loc[("placebo: REM", "both"), "p"] == pytest.approx(
        min(1, 2 * found.loc["placebo: REM", "p"][["A", "B"]].min())
    )


def test_the_placebo_fires_when_the_label_follows_how_much_like_rem_an_epoch_is(study):
    write_epochs(study / "leak", content=0.0, leak=3.0)
    assert gate(study, epochs="leak", out="gate_leak") == 0
    found = verdicts(study, "gate_leak")
    assert found["gate: placebo: REM"] == "warn"  # it could be content
    assert found["gate: placebo: REM from eyes and muscle"] == "fail"
    assert rows(study, "gate_leak").loc[("placebo: REM from eyes and muscle", "both"), "auc"] > 0.7


def test_a_covariate_that_goes_with_the_label_within_strata_is_a_warning(study):
    label = report_rows()["label"].to_numpy(float)
    noise = np.random.default_rng(4).standard_normal(len(label))
    length = 5 - 2 * label + noise  # shorter reports with the label: lower counts too
    length[3] = np.nan
    write_epochs(study / "long", covariates={"length_s": length})
    assert gate(study, epochs="long", out="gate_long") == 0
    assert verdicts(study, "gate_long")["gate: covariate: length_s"] == "warn"
    row = rows(study, "gate_long").loc["covariate: length_s", "both"]
    assert row["auc"] < 0.3
    assert (row["reports"], row["p"]) == (len(label) - 1, pytest.approx(2 / 200))


def test_covariates_that_are_text_or_stand_still_are_no_alarm(study, found):
    assert "covariate: words" not in found.index.get_level_values(0)
    assert verdicts(study)["gate: covariate: length_s"] == "pass"
    assert found.loc[("covariate: length_s", "both"), "p"] == 1


def test_without_channels_of_eyes_and_muscle_their_rows_are_absent(study):
    write_epochs(study / "brain", channels=("C3", "P4"))
    assert gate(study, epochs="brain", out="gate_brain") == 0
    assert not [name for name in rows(study, "gate_brain").index.get_level_values(0) if "eyes" in name]


@pytest.mark.parametrize("names", [None, ["EMG"]])
def test_epochs_that_do_not_say_which_channels_are_of_the_brain_are_refused(study, capsys, names):
    write_epochs(study / "unsaid", not_brain=names)
    assert gate(study, epochs="unsaid", out="never") == 2
    assert "epochs do not say which channels are not of the brain" in capsys.readouterr().err


def test_a_stage_that_nobody_has_leaves_out_the_placebo(study, caplog):
    assert gate(study, out="gate_n3", settings={"placebo_stage": "N3"}) == 0
    assert "no placebo: not all splits have epochs of stage N3 and of others" in caplog.text
    assert not [name for name in verdicts(study, "gate_n3") if "placebo" in name]


def test_further_networks_stand_beside_the_first(study):
    stamp(write_units(study / "second", strength=(5.0, 5.0)), study / "epochs")
    assert gate(study, "--others", f"square_pool={study / 'second'}", out="gate_others") == 0
    table = rows(study, "gate_others")
    assert table.loc[("square_pool", "both"), "auc"] > table.loc[("network", "both"), "auc"]


def test_the_same_input_gives_the_same_bytes(study):
    assert gate(study, out="again") == 0
    for name in ("gate.tsv", "gate_checks.tsv"):
        assert (study / "again" / name).read_bytes() == (study / "gate" / name).read_bytes()


@pytest.mark.parametrize("given", ["network=x", "network.seed0=x", "=x", "name=", "name"])
def test_a_further_network_needs_a_name_of_its_own(study, capsys, given):
    assert gate(study, "--others", given) == 2
    assert "NAME=FOLDER" in capsys.readouterr().err


def test_wrong_inputs_are_one_line(study, tmp_path, capsys):
    write_epochs(tmp_path / "white", unit="SD")
    assert gate(study, epochs=tmp_path / "white") == 2
    assert "not epochs of prepare-eeg" in capsys.readouterr().err

    assert gate(study, units=tmp_path) == 2
    assert "table of units not found" in capsys.readouterr().err

    table = units(study)
    for name, changed, message in (
        ("one", table[table["half"] == "A"], "units are not of two halves; got A; allowed: A, B"),
        ("other", table.assign(report="x"), r"epochs and units are not of the same study; got no epochs of report"),
        ("cut", None, "not units of reports"),
        ("bare", table.drop(columns="recording"), "not units of reports"),
    ):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "attribution.tsv.gz"
        if changed is None:
            path.write_bytes((study / "units" / "attribution.tsv.gz").read_bytes()[:2000])
        else:
            changed.to_csv(path, sep="\t", index=False)
        assert gate(study, units=tmp_path / name, out="wrong") == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_units_of_another_study_are_refused(study, tmp_path, capsys):
    whole = units(study)
    other = np.where(whole["half"] == "A", "B", "A")
    # The same subjects divided otherwise: what is set against the networks would know whom it is asked about.
    for name, changed, message in (
        ("split", whole.assign(half=other), "got another half; run units-eeg on these epochs"),
        ("subject", whole.assign(subject="x" + whole["half"]), "another subject"),
        ("stage", whole.assign(stage=whole["stage"].replace({"N2": "N3"})), "another stage"),
        ("label", whole.assign(label=1 - whole["label"]), "another label"),
    ):
        (tmp_path / name).mkdir()
        changed.to_csv(tmp_path / name / "attribution.tsv.gz", sep="\t", index=False)
        assert gate(study, units=tmp_path / name, out="wrong") == 2
        error = capsys.readouterr().err
        assert "epochs and units are not of the same study" in error
        assert message in error


def test_units_of_other_signals_are_refused(study, tmp_path, capsys):
    write_epochs(tmp_path / "epochs", content=0.5, covariates={"length_s": 3.0, "words": "some"})
    write_units(tmp_path / "units")
    assert gate(tmp_path, stamped=False) == 2
    assert "units.json: summary of units-eeg not found" in capsys.readouterr().err
    stamp(tmp_path / "units", study / "epochs")
    assert gate(tmp_path, stamped=False) == 2
    assert "got other signals; run units-eeg on these epochs" in capsys.readouterr().err
    (tmp_path / "units" / "units.json").write_text("{")
    assert gate(tmp_path, stamped=False) == 2
    assert "not the summary of units-eeg" in capsys.readouterr().err


def test_only_placebos_of_eyes_and_muscle_that_fail_make_strata_too_coarse():
    rows = [("gate: placebo: REM", "warn"), ("gate: placebo: REM from eyes and muscle", "fail"), (GATE, "fail"),
            ("gate: placebo: N2 from eyes and muscle", "pass"), ("gate: covariate: depth", "warn")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["check", "verdict"])
    assert failed_placebos(table) == ["placebo: REM from eyes and muscle"]
