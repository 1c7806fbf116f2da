import json
import shutil
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest

from tracklight.cli import main
from tracklight.eeg.awakenings import trim_night
from tracklight.eeg.hypnogram import read_hypnogram
from tracklight.eeg.simulate import simulate_recordings
from tracklight.eeg.study import LIMIT_UV
from tracklight.settings.simulate_eeg import SimulateEeg

NIGHTS = Path(__file__).parents[2] / "resources" / "sleepedf"
SMALL = {"subjects": 3, "reports": 6, "seed": 4}


def simulate(out, hypnograms=NIGHTS, **settings):
    given = json.dumps({**SMALL, **settings})
    return main(["simulate-eeg", "--hypnograms", str(hypnograms), "--out", str(out), "--settings", given])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "content"
    assert simulate(out) == 0
    return out


@pytest.fixture(scope="module")
def witness():
    """The same recordings, from memory."""
    nights = [trim_night(path.name, read_hypnogram(path)) for path in sorted(NIGHTS.glob("*.edf"))]
    return list(simulate_recordings(np.random.default_rng(4), nights, settings=SimulateEeg(**SMALL)))


def rows(study):
    return pd.read_csv(study / "recordings.tsv", sep="\t").to_dict("records")


def test_the_table_of_recordings_names_every_file(study):
    table = rows(study)
    assert [row["subject"] for row in table] == ["sub-01", "sub-02", "sub-03"]
    assert list(table[0]) == ["subject", "session", "path", "hypnogram", "reports"]
    named = {row[kind] for row in table for kind in ("path", "hypnogram", "reports")}
    assert named == {path.relative_to(study).as_posix() for path in study.glob("sub-*/*")}


def test_mne_reads_the_signals_back_within_half_a_step(study, witness):
    for row, one in zip(rows(study), witness, strict=True):
        raw = mne.io.read_raw_edf(study / row["path"], verbose="error")
        assert raw.ch_names == ["Fp1", "Fz", "C3", "P4", "O2", "EOG"]
        assert raw.info["sfreq"] == 100
        np.testing.assert_allclose(raw.get_data() * 1e6, one.signals, rtol=0, atol=LIMIT_UV / 65535 * 1.001)
        assert list(raw.annotations.description) == [f"Awakening r{number:02d}" for number in range(1, 7)]
        np.testing.assert_allclose(raw.annotations.onset, one.reports.time_s - 0.01)
        raw.close()


def test_hypnogram_and_reports_fit_the_recording(study, witness):
    names = {"N2": "Sleep stage 2", "N3": "Sleep stage 3", "REM": "Sleep stage R"}
    for row, one in zip(rows(study), witness, strict=True):
        hypnogram = mne.read_annotations(study / row["hypnogram"])
        assert set(hypnogram.description) <= set(names.values())
        assert hypnogram.duration.sum() == 6 * 40
        reports = pd.read_csv(study / row["reports"], sep="\t")
        assert list(reports) == ["report", "time_s", "label", "order", "night_time_s", "depth_proxy"]
        assert reports.time_s.iloc[-1] == 240
        for report, truth in zip(reports.itertuples(), one.truth.itertuples(), strict=True):
            before = np.flatnonzero(hypnogram.onset < report.time_s)[-1]
            assert hypnogram.description[before] == names[truth.stage]
            assert report.label == truth.label


def test_the_truth_names_seed_settings_night_and_where_the_content_is(study, witness):
    truth = json.loads((study / "truth.json").read_text())
    assert SimulateEeg(**truth["settings"]) == SimulateEeg(**SMALL)
    assert truth["content"]["channel"] == "P4"
    assert truth["content"]["bins_hz"] == [31, 32, 33]
    assert truth["content"]["near_bins_hz"] == [28, 29, 30, 31, 32, 33, 34, 35, 36]
    assert truth["content"]["epoch_time_s"] == 5
    assert truth["content"]["bursts"] == sum(int(one.bursts.sum()) for one in witness)
    assert {subject["night"] for subject in truth["subjects"]} <= {path.name for path in NIGHTS.glob("*.edf")}
    reports = pd.read_csv(study / "truth_reports.tsv", sep="\t")
    assert reports.bursts.tolist() == [int(count) for one in witness for count in one.bursts.sum(axis=1)]
    maps = np.load(study / "truth_maps.npz", allow_pickle=False)
    assert maps["log_power"].shape == (len(maps["stages"]), 6, 51)
    assert maps["channels"][maps["burst_bins"].any(axis=1)].tolist() == ["P4"]
    assert maps["burst_samples"].nonzero()[0].tolist() == list(range(450, 550))


def test_the_same_seed_gives_the_same_bytes(study, tmp_path):
    assert simulate(tmp_path / "again") == 0
    first = {path.relative_to(study): path.read_bytes() for path in study.rglob("*") if path.is_file()}
    again = tmp_path / "again"
    assert first == {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}


def test_the_arm_without_content_has_other_samples_in_bursts_and_nowhere_else(study, tmp_path, witness):
    assert simulate(tmp_path / "null", content={"amplitude_sd": 0}) == 0
    for row, one in zip(rows(study), witness, strict=True):
        files = [mne.io.read_raw_edf(arm / row["path"], verbose="error") for arm in (study, tmp_path / "null")]
        content, null = (raw.get_data().reshape(6, 6, 4, 1000) for raw in files)
        changed = content != null
        np.testing.assert_array_equal(changed[3].any(axis=-1), one.bursts)
        assert not changed[[0, 1, 2, 4, 5]].any()
        assert not changed[..., :450].any()
        assert not changed[..., 550:].any()
        for kind in ("hypnogram", "reports"):
            assert (study / row[kind]).read_bytes() == (tmp_path / "null" / row[kind]).read_bytes()
        for raw in files:
            raw.close()


def test_names_of_the_aasm_can_be_asked_for(tmp_path):
    assert simulate(tmp_path / "s", subjects=2, stage_names="aasm") == 0
    stages = {
        text for path in tmp_path.glob("s/*/*hypnogram.edf") for text in mne.read_annotations(path).description
    }  # fmt: skip
    assert {"Sleep stage N2", "Sleep stage R"} <= stages <= {"Sleep stage N2", "Sleep stage N3", "Sleep stage R"}


@pytest.mark.parametrize(
    ("hypnograms", "settings", "fault"),
    [
        ("empty", {}, "empty: no hypnograms in the folder; allowed: *.edf; check --hypnograms"),
        ("cut", {}, "SC4001EC-Hypnogram.edf: cannot read the annotations"),
        ("one", {"reports": 200}, "SC4001EC-Hypnogram.edf: night with too few stretches of 40 s in REM; got"),
        ("one", {"rate_hz": 64}, "simulate_eeg: setting is not allowed"),
    ],
)
def test_input_that_cannot_be_used_is_one_line_and_leaves_no_study(tmp_path, capsys, hypnograms, settings, fault):
    for name in ("empty", "cut", "one"):
        (tmp_path / name).mkdir()
    night = NIGHTS / "SC4001EC-Hypnogram.edf"
    shutil.copy(night, tmp_path / "one")
    (tmp_path / "cut" / night.name).write_bytes(night.read_bytes()[:700])
    assert simulate(tmp_path / "out", tmp_path / hypnograms, **settings) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert fault in said[0]
    assert not (tmp_path / "out" / "recordings.tsv").exists()
