"""The stage on a study of eight subjects whose maps were made by hand."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.errors import InputError
from tracklight.learning.band_power import log_band_power
from tracklight.stages import units_eeg

RATE, LENGTH, REPORTS = 50, 100, 8
CHANNELS = ("EOG", "P4", "O2")
SUBJECTS = {f"s{n}": "ABAB_"[n % 2] + ("_validation" if n < 2 else "") for n in range(8)}
HZ = np.arange(26.0)


def write_study(folder, *, covariate="depth", stages=("N2", "REM")):
    """Write recordings of 8 reports x 2 epochs of 2 s, end to end; the first epoch of report 3 was dropped."""
    rng, rows, lengths = np.random.default_rng(0), [], {}
    for subject, split in SUBJECTS.items():
        lengths[f"{subject}_n1"] = REPORTS * 2 * LENGTH
        for report in range(REPORTS):
            for epoch in (1, 0):
                rows.append(
                    {
                        "contig": f"{subject}_n1", "start": (2 * report + 1 - epoch) * LENGTH, "reverse": 0,
                        "group": subject, "split": split, "report": f"r{report}", "epoch": epoch,
                        "stage": stages[report % 2], "label": report // 2 % 2, "order": report,
                        covariate: float(rng.normal()),
                    }
                )  # fmt: skip
    index = pd.DataFrame(rows)
    index = index[~((index["report"] == "r3") & (index["epoch"] == 1))]
    index.loc[(index["report"] == "r5") & (index["epoch"] == 1), "stage"] = "N1"  # the last epoch is REM
    data = rng.normal(0, 1e-5, (len(CHANNELS), sum(lengths.values()))).astype(np.float32)
    save_tape(folder, data, lengths)
    facts = {"rate_hz": RATE, "channels": CHANNELS, "unit": "V", "length": LENGTH, "targets": ["label"],
             "covariates": [covariate]}  # fmt: skip
    (folder / "epochs.json").write_text(json.dumps(facts))
    index.to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    return folder


def write_maps(folder, epochs, half, **changes):
    rng, rows = np.random.default_rng(ord(half)), open_epochs(epochs).rows(half)["test"].numpy()
    count = len(rows)
    frequency = rng.normal(size=(1, count, 3, 26)) + 0.1 * rng.normal(size=(2, count, 3, 26))
    values = {
        "rows": rows, "seeds": np.array([0, 1]), "margin": rng.normal(size=(2, count)),
        "frequency": frequency.astype(np.float32), "hz": HZ,
        "time": rng.normal(size=(count, 3, 3, 2)).astype(np.float32), "bands": np.array(["slow", "fast", "rest"]),
        "band_hz": np.array([[1.0, 8], [8, 20], [0, 25]]), "time_s": np.array([0.5, 1.5]),
        "epochs_sha256": np.array(open_epochs(epochs).sha256()),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "maps.npz", **values | changes)
    columns = "seed\tmethod\tgradient_x_input\tintegrated_gradients\tcomplete\trank\n"
    seeds = (values | changes)["seeds"]
    rows_of = "".join(f"{seed}\tgradient_x_input\t0.0001\t\t1\t3\n" for seed in seeds)
    (folder / "completeness.tsv").write_text(columns + rows_of)
    return folder


def units(folder, *, out="units", **settings):
    given = ["--epochs", folder / "epochs", "--attribution", folder / "A", folder / "B", "--out", folder / out]
    return cli.main(["units-eeg", *map(str, given), "--settings", json.dumps(settings)])


def fails(capsys, folder):
    assert units(folder, out="never") == 2
    assert not (folder / "never").exists()
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def study(tmp_path):
    write_study(tmp_path / "epochs")
    for half in "AB":
        write_maps(tmp_path / half, tmp_path / "epochs", half)
    return tmp_path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder / "epochs")
    for half in "AB":
        write_maps(folder / half, folder / "epochs", half)
    assert units(folder) == 0
    return folder


def read(folder, name):
    return pd.read_csv(folder / "units" / f"{name}.tsv.gz", sep="\t", dtype={"report": str})


def test_every_report_of_both_halves_is_a_row(done):
    table = read(done, "attribution")
    assert len(table) == 8 * REPORTS
    assert table.columns[:8].tolist() == ["half", "subject", "recording", "stage", "report", "label", "order", "depth"]
    assert table.columns[8:12].tolist() == ["epochs", "margin", "margin.seed0", "margin.seed1"]
    assert table.groupby("half")["subject"].unique().map(set).to_dict() == {
        "A": {"s1", "s3", "s5", "s7"}, "B": {"s0", "s2", "s4", "s6"},
    }  # fmt: skip
    assert set(table.loc[table["report"] == "r5", "stage"]) == {"REM"}
    assert set(table.loc[table["report"].isin(["r3", "r5"]), "epochs"]) == {1}


def test_attribution_is_the_mean_over_networks_and_epochs_over_the_subjects_spread(done):
    table, index = read(done, "attribution"), open_epochs(done / "epochs").index
    with np.load(done / "A" / "maps.npz") as maps:
        rows, ensemble, frequency = maps["rows"], maps["margin"].mean(0), maps["frequency"].astype(float).mean(0)
    one = index.iloc[rows].reset_index(drop=True)
    mine = (one["group"] == "s3").to_numpy()
    spread = ensemble[mine].std()
    for report, used in {"r1": 2, "r5": 1}.items():
        inside = np.flatnonzero(mine & (one["report"] == report).to_numpy())[-used:]
        row = table[(table["subject"] == "s3") & (table["report"] == report)].iloc[0]
        assert row["P4:17"] == pytest.approx(frequency[inside, 1, 17].mean() / spread, rel=1e-5)
        assert row["margin"] == pytest.approx(ensemble[inside].mean() / spread, rel=1e-5)
        assert row["margin"] == pytest.approx((row["margin.seed0"] + row["margin.seed1"]) / 2, rel=1e-5)


def test_power_is_the_mean_log_power_of_the_same_epochs(done):
    epochs, table = open_epochs(done / "epochs"), read(done, "power")
    rows = np.flatnonzero((epochs.index["group"] == "s4") & (epochs.index["report"] == "r6"))
    bands = [(hz - 0.5, hz + 0.5) for hz in HZ]
    power = log_band_power(epochs.signals(rows), rate=RATE, bands=bands, batch_size=8).mean(0)
    row = table[(table["subject"] == "s4") & (table["report"] == "r6")].iloc[0]
    assert row[[f"O2:{hz:g}" for hz in HZ]].to_numpy(float) == pytest.approx(power[2], rel=1e-5)


def test_features_are_ordered_by_channel_then_frequency_and_have_axes(done):
    axes = pd.read_csv(done / "units" / "axes.tsv", sep="\t")
    assert axes["feature"].tolist() == [f"{channel}:{hz:g}" for channel in CHANNELS for hz in HZ]
    assert axes["feature"].tolist() == read(done, "attribution").columns[12:].tolist()
    assert axes.iloc[30].tolist() == ["P4:4", "P4", 4]


def test_time_counts_to_the_awakening_and_takes_reports_with_all_epochs(done):
    axes = pd.read_csv(done / "units" / "axes_time.tsv", sep="\t")
    assert axes["feature"].tolist()[:5] == ["EOG:slow:-3.5", "EOG:slow:-2.5", "EOG:slow:-1.5", "EOG:slow:-0.5",
                                            "EOG:fast:-3.5"]  # fmt: skip
    table = read(done, "attribution_time")
    assert len(table) == len(read(done, "power_time")) == 8 * (REPORTS - 2)
    assert not set(table["report"]) & {"r3", "r5"}
    with np.load(done / "B" / "maps.npz") as maps:
        rows, time, margin = maps["rows"], maps["time"], maps["margin"].mean(0)
    one = open_epochs(done / "epochs").index.iloc[rows].reset_index(drop=True)
    spread = margin[one["group"] == "s0"].std()
    last = np.flatnonzero((one["group"] == "s0") & (one["report"] == "r2") & (one["epoch"] == 0))[0]
    row = table[(table["subject"] == "s0") & (table["report"] == "r2")].iloc[0]
    assert row["P4:fast:-0.5"] == pytest.approx(time[last, 1, 1, 1] / spread, rel=1e-5)


def test_neighbours_are_channels_side_by_side_and_bands_that_follow_each_other(done):
    table = pd.read_csv(done / "units" / "neighbours.tsv", sep="\t")
    assert table.to_numpy().tolist() == [["P4", "O2"], ["slow", "fast"]]


def test_the_summary_counts_and_measures_agreement(done):
    summary = json.loads((done / "units" / "units.json").read_text())
    assert summary["reports"] == 64
    assert summary["whole_reports"] == 48
    assert summary["epochs"] == 8 * 15
    assert summary["epochs_of_other_stages"] == 8
    assert summary["complete"] is True
    assert summary["methods"] == ["gradient_x_input"]
    assert summary["seeds"] == {"A": [0, 1], "B": [0, 1]}
    for found in summary["seed_agreement"].values():
        assert 0.97 < found["reports_signed"] < 1  # common part 1, own parts .1: 1 / 1.01
        assert 0.9 < found["contrast_signed"] < 1


def test_agreement_of_maps_is_the_mean_correlation_of_reports(done):
    agreement = json.loads((done / "units" / "units.json").read_text())["seed_agreement"]["A"]
    with np.load(done / "A" / "maps.npz") as maps:
        rows, frequency = maps["rows"], maps["frequency"].astype(float)
    one = open_epochs(done / "epochs").index.iloc[rows].reset_index(drop=True)
    used = one[~((one["report"] == "r5") & (one["epoch"] == 1))]
    per_report = [
        frequency[:, list(part)].mean(1).reshape(2, -1) for part in used.groupby(["group", "report"]).groups.values()
    ]
    assert agreement["reports_signed"] == pytest.approx(np.mean([np.corrcoef(*both)[0, 1] for both in per_report]))


def test_the_same_input_gives_the_same_bytes(done):
    assert units(done, out="again") == 0
    for path in (done / "units").iterdir():
        assert path.read_bytes() == (done / "again" / path.name).read_bytes()


def test_strata_reads_the_tables(done, tmp_path):
    for name, axes in {"attribution": "axes", "power_time": "axes_time"}.items():
        given = ["--table", done / "units" / f"{name}.tsv.gz", "--axes", done / "units" / f"{axes}.tsv",
                 "--neighbours", done / "units" / "neighbours.tsv", "--out", tmp_path / name]  # fmt: skip
        settings = {"fold": "half", "score": "margin", "permutations": 99, "bootstrap": 100}
        assert cli.main(["strata", *map(str, given), "--settings", json.dumps(settings)]) == 0
        effects = pd.read_csv(tmp_path / name / "strata.tsv", sep="\t")
        assert effects["feature"].tolist() == pd.read_csv(done / "units" / f"{axes}.tsv", sep="\t")["feature"].tolist()


def test_halves_in_the_wrong_order_are_refused(study, capsys):
    (study / "A").rename(study / "C")
    (study / "B").rename(study / "A")
    (study / "C").rename(study / "B")
    assert "half A: maps are of other epochs" in fails(capsys, study)


def test_maps_with_other_bins_in_one_half_are_refused(study, capsys):
    write_maps(study / "B", study / "epochs", "B", hz=HZ + 1)
    assert "B: maps of both halves differ in hz" in fails(capsys, study)


def test_a_half_without_maps_is_refused(study, capsys):
    (study / "B" / "maps.npz").unlink()
    assert "B/maps.npz: maps of attribute-eeg not found" in fails(capsys, study)


def test_epochs_of_whole_nights_are_refused(study, capsys):
    facts = json.loads((study / "epochs" / "epochs.json").read_text()) | {"targets": ["N2", "REM"]}
    (study / "epochs" / "epochs.json").write_text(json.dumps(facts))
    assert "epochs without reports" in fails(capsys, study)


def test_flat_signals_are_refused(study, capsys):
    data = np.load(study / "epochs" / "codes.npy")
    data[1] = 0
    np.save(study / "epochs" / "codes.npy", data)
    for half in "AB":
        write_maps(study / half, study / "epochs", half)
    assert "no power in a band" in fails(capsys, study)


def test_whitened_epochs_are_refused(study, capsys):
    facts = json.loads((study / "epochs" / "epochs.json").read_text()) | {"unit": "SD"}
    (study / "epochs" / "epochs.json").write_text(json.dumps(facts))
    assert "not epochs of prepare-eeg; got unit SD" in fails(capsys, study)


@pytest.mark.parametrize("what", ["split", "label", "signals", "no checksum"])
def test_maps_of_other_epochs_are_refused(study, capsys, what):
    path = study / "epochs" / "epochs.tsv.gz"
    index = pd.read_csv(path, sep="\t")
    if what == "split":  # both halves stay the same subjects, so that no row tells
        index["split"] = index["split"].replace({"A": "A_validation", "A_validation": "A"})
    if what == "label":
        index["label"] = 1 - index["label"]
    index.to_csv(path, sep="\t", index=False)
    if what == "signals":
        np.save(study / "epochs" / "codes.npy", 2 * np.load(study / "epochs" / "codes.npy"))
    if what == "no checksum":
        write_maps(study / "A", study / "epochs", "A", epochs_sha256=np.array(""))
    assert "A: maps are of other epochs; got" in fails(capsys, study)


@pytest.mark.parametrize("damage", ["binary", "garbage", "one row", "other seeds", "no method", "no error"])
def test_completeness_that_is_not_that_of_the_maps_is_refused(study, capsys, damage):
    path = study / "A" / "completeness.tsv"
    head, first, second = path.read_text().splitlines(keepends=True)
    path.write_bytes(
        {
            "binary": b"\xff\xfe" + bytes(100),
            "garbage": b"hello\tworld\n1\t2\n",
            "one row": (head + first).encode(),
            "other seeds": (head + first + second.replace("1", "7", 1)).encode(),
            "no method": (head + first + second.replace("gradient_x_input", "guess")).encode(),
            "no error": (head + first + second.replace("0.0001", "")).encode(),
        }[damage]
    )
    line = fails(capsys, study)
    assert "A/completeness.tsv: " in line
    assert "run attribute-eeg" in line


def test_cut_maps_are_refused(study, capsys):
    whole = (study / "A" / "maps.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], bytes(300)):
        (study / "A" / "maps.npz").write_bytes(damaged)
        assert "A/maps.npz: not maps of attribute-eeg" in fails(capsys, study)


def test_the_summary_holds_the_checksums_of_what_was_read_and_written(done):
    summary = json.loads((done / "units" / "units.json").read_text())
    for name, known in summary["tables_sha256"].items():
        assert hashlib.sha256((done / "units" / f"{name}.tsv.gz").read_bytes()).hexdigest() == known
    for half, known in summary["maps_sha256"].items():
        assert hashlib.sha256((done / half / "maps.npz").read_bytes()).hexdigest() == known
    assert summary["epochs_sha256"] == open_epochs(done / "epochs").sha256()
    assert set(summary["tables_sha256"]) == {"attribution", "power", "attribution_time", "power_time", "epochs"}


def test_a_folder_that_is_not_whole_has_no_summary(study, monkeypatch):
    assert units(study) == 0

    def full(*_, **__):
        raise InputError("disk is full")

    monkeypatch.setattr(units_eeg, "write_table", full)
    assert units(study) == 2
    assert not (study / "units" / "units.json").exists()


@pytest.mark.parametrize("name", ["P4:4", "P4:fast:-0.5", "margin.seed0"])
def test_covariates_called_like_columns_are_refused(tmp_path, capsys, name):
    write_study(tmp_path / "epochs", covariate=name)
    for half in "AB":
        write_maps(tmp_path / half, tmp_path / "epochs", half)
    assert f"got {name}" in fails(capsys, tmp_path)


def test_one_network_has_no_agreement(study):
    for half in "AB":
        with np.load(study / half / "maps.npz") as maps:
            single = {name: maps[name][:1] for name in ("seeds", "margin", "frequency")}
        write_maps(study / half, study / "epochs", half, **single)
    assert units(study) == 0
    summary = json.loads((study / "units" / "units.json").read_text())
    assert set(summary["seed_agreement"]["A"].values()) == {None}


def filtered(folder, **facts):
    """Say that the epochs were filtered, and make the maps anew."""
    path = folder / "epochs" / "epochs.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))
    for half in "AB":
        write_maps(folder / half, folder / "epochs", half)


def test_what_filters_stop_is_no_feature_and_its_share_is_told(study):
    filtered(study)
    assert units(study, out="whole") == 0
    filtered(study, low_hz=0.5, high_hz=21.0, notch_hz=[10.0], notch_width_hz=2.0)
    assert units(study) == 0
    kept = [hz for hz in range(1, 22) if hz != 10]
    axes = pd.read_csv(study / "units" / "axes.tsv", sep="\t")
    assert axes["hz"].tolist() == kept * 3
    whole = {name: pd.read_csv(study / "whole" / f"{name}.tsv.gz", sep="\t") for name in ("attribution", "power")}
    for name, table in whole.items():
        found = pd.read_csv(study / "units" / f"{name}.tsv.gz", sep="\t")
        assert [column for column in table if column not in found] == [
            f"{channel}:{hz}" for channel in CHANNELS for hz in (0, 10, 22, 23, 24, 25)
        ]
        pd.testing.assert_frame_equal(found, table[found.columns])
    sizes = [np.abs(np.load(study / half / "maps.npz")["frequency"].astype(float)).sum((0, 1, 2)) for half in "AB"]
    share = sum(size[[0, 10, 22, 23, 24, 25]].sum() for size in sizes) / sum(size.sum() for size in sizes)
    told = json.loads((study / "units" / "units.json").read_text())["filtered_out"]
    assert (told["hz"], told["bands"]) == ([0, 10, 22, 23, 24, 25], [])
    assert told["share_of_attribution"] == pytest.approx(share, rel=1e-9)


def test_a_band_of_which_nothing_passes_has_no_place_in_time(study):
    filtered(study, low_hz=8.0, high_hz=None)
    assert units(study) == 0
    axes = pd.read_csv(study / "units" / "axes_time.tsv", sep="\t")
    assert set(axes["band"]) == {"fast"}
    assert set(pd.read_csv(study / "units" / "axes.tsv", sep="\t")["hz"]) == set(range(8, 26))
    assert json.loads((study / "units" / "units.json").read_text())["filtered_out"]["bands"] == ["slow"]


def test_without_filters_nothing_is_left_out(done):
    told = json.loads((done / "units" / "units.json").read_text())["filtered_out"]
    assert told == {"hz": [], "bands": [], "share_of_attribution": 0.0}


def test_a_pass_band_too_narrow_for_two_bins_is_refused(study, capsys):
    filtered(study, low_hz=3.6, high_hz=4.4)
    assert "maps have fewer than two bins of frequency; got 4.0" in fails(capsys, study)
