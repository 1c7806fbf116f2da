"""From epochs to reports on a table of eight epochs, every number worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import periodogram

from tracklight.eeg.dataset import Epochs
from tracklight.eeg.report_level import (
    Maps,
    by_time_to_awakening,
    counts,
    explained,
    log_power,
    log_power_in_time,
    mean_of_reports,
    read_maps,
    report_table,
    whole_reports,
)
from tracklight.errors import InputError

RATE, LENGTH = 50, 100
INDEX = pd.DataFrame(
    {
        "contig": ["n1"] * 4 + ["n2"] * 4,
        "group": ["s1"] * 4 + ["s2"] * 4,
        "split": "B",
        "report": ["r1", "r1", "r2", "r2", "r1", "r1", "r2", "r2"],
        "epoch": [1, 0, 1, 0, 1, 0, 1, 0],
        "stage": ["REM", "REM", "N2", "REM", "N2", "N2", "N2", "N2"],
        "label": pd.array([1, 1, 0, 0, 1, 1, 0, 0], dtype="Int64"),
        "order": pd.array([1, 1, 2, 2, 1, 1, 2, 2], dtype="Int64"),
        "depth": [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4],
    }
)
MARGIN = np.array([[1.0, 3, 5, 7, 0, 0, 4, 4], [3.0, 5, 7, 9, 2, 2, 6, 6]])
SCALE = {"s1": np.std([2, 4, 6, 8]), "s2": np.std([1, 1, 5, 5])}


class Recorded(Epochs):
    """Eight epochs of two channels that need no tape."""

    def signals(self, rows):
        return self.tape[rows]


def epochs(index=INDEX, **facts):
    signals = np.random.default_rng(0).normal(size=(len(index), 2, LENGTH)).astype(np.float32)
    known = {"length": LENGTH, "rate_hz": RATE, "channels": ["C3", "P4"], "covariates": ["depth"]}
    return Recorded(signals, index, known | facts, {"epochs": Path("epochs.tsv.gz")})


def maps(**changes):
    rng = np.random.default_rng(1)
    values = {
        "rows": np.arange(8), "seeds": np.array([0, 4]), "margin": MARGIN,
        "frequency": rng.normal(size=(2, 8, 2, 26)).astype(np.float32), "hz": np.arange(26.0),
        "time": rng.normal(size=(8, 2, 3, 2)).astype(np.float32), "bands": np.array(["slow", "fast", "rest"]),
        "band_hz": np.array([[1, 8], [8, 20], [0, 25]]), "time_s": np.array([0.5, 1.5]),
    }  # fmt: skip
    return Maps(**values | changes)


def test_a_report_has_the_stage_of_its_last_epoch_and_epochs_of_others_are_not_used():
    table = explained(epochs(), maps(), half="A")
    assert table["used"].tolist() == [True, True, False, True, True, True, True, True]
    assert table["unit"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    reports = report_table(table, ["depth"])
    assert reports["stage"].tolist() == ["REM", "REM", "N2", "N2"]
    assert reports["epochs"].tolist() == [2, 1, 2, 2]
    assert reports[["subject", "recording", "report", "label"]].to_numpy().tolist() == [
        ["s1", "n1", "r1", 1], ["s1", "n1", "r2", 0], ["s2", "n2", "r1", 1], ["s2", "n2", "r2", 0],
    ]  # fmt: skip
    assert set(reports["half"]) == {"A"}


def test_margins_are_over_the_subjects_spread_and_labels_play_no_part():
    table = explained(epochs(), maps(), half="A")
    s1, s2 = SCALE.values()
    reports = report_table(table, ["depth"])
    assert reports["margin"].to_numpy() == pytest.approx([3 / s1, 8 / s1, 1 / s2, 5 / s2])
    assert reports["margin.seed4"].to_numpy() == pytest.approx([4 / s1, 9 / s1, 2 / s2, 6 / s2])
    flipped = explained(epochs(INDEX.assign(label=1 - INDEX["label"])), maps(), half="A")
    pd.testing.assert_frame_equal(flipped.drop(columns="label"), table.drop(columns="label"))


def test_counts_of_halves_and_stages_are_those_of_a_table_counted_by_hand():
    columns = ["contig", "group", "split", "report", "stage", "label"]
    rows = [
        ("n1", "s1", "A", "r1", "REM", 1), ("n1", "s1", "A", "r1", "N2", 1), ("n2", "s1", "A", "r1", "REM", 0),
        ("n3", "s2", "A_validation", "r1", "REM", 0), *2 * [("n4", "s3", "B", "r1", "N2", 1)],
    ]  # fmt: skip
    found = counts(pd.DataFrame(rows, columns=columns))
    assert found.to_numpy().tolist() == [
        ["A", "all", 2, 3, 1, 4],
        ["A", "N2", 1, 1, 1, 1],
        ["A", "REM", 2, 3, 1, 3],
        ["B", "all", 1, 1, 1, 2],
        ["B", "N2", 1, 1, 1, 2],
    ]
    assert found.columns.tolist() == ["half_of_subjects", "stage", "subjects", "reports", "with_label", "epochs"]


def test_means_of_reports_are_those_of_their_used_epochs():
    table = explained(epochs(), maps(), half="A")
    values = np.arange(16.0).reshape(8, 2)
    assert mean_of_reports(table, values).tolist() == [[1, 2], [6, 7], [9, 10], [13, 14]]


def test_only_reports_with_all_epochs_of_one_stage_are_laid_out_in_time():
    table = explained(epochs(), maps(), half="A")
    whole = whole_reports(table, count=2)
    assert whole.tolist() == [True, False, True, True]
    laid = by_time_to_awakening(table, np.arange(32.0).reshape(8, 1, 2, 2), whole=whole)
    assert laid.shape == (3, 1, 2, 4)
    assert laid[0].tolist() == [[[0, 1, 4, 5], [2, 3, 6, 7]]]  # epoch 1 comes before epoch 0


def test_rows_of_the_maps_may_stand_in_any_order():
    shuffled = np.array([3, 0, 6, 1, 7, 2, 5, 4])
    given = maps(rows=shuffled, margin=MARGIN[:, shuffled])
    table = explained(epochs(), given, half="A")
    assert table["row"].tolist() == shuffled.tolist()
    values = np.arange(8.0)[shuffled][:, None, None, None]
    whole = whole_reports(table, count=2)
    laid = by_time_to_awakening(table, values, whole=whole)[:, 0, 0]
    assert sorted(laid.tolist()) == [[0, 1], [4, 5], [6, 7]]


def test_power_by_frequency_is_that_of_a_periodogram():
    given = epochs()
    _, density = periodogram(given.tape.astype(float), RATE, detrend=False)
    spacing = RATE / LENGTH
    expected = np.stack([density[..., [k for k in range(51) if hz - 0.5 <= k * spacing < hz + 0.5]].sum(-1) * spacing
                         for hz in range(26)], axis=-1)  # fmt: skip
    assert log_power(given, maps()) == pytest.approx(np.log(expected), abs=1e-6)


def test_power_in_time_is_that_of_a_hann_window_in_named_bands():
    given = epochs()
    part = given.tape[..., 50:].astype(float)
    _, density = periodogram(part - part.mean(-1, keepdims=True), RATE, window="hann", detrend=False)
    window = np.hanning(51)[:-1]
    power = density * (window**2).sum() / LENGTH * 2  # of the windowed signal: no correction for the window
    found = log_power_in_time(given, maps())
    assert found.shape == (8, 2, 2, 2)
    assert found[..., 0, 1] == pytest.approx(np.log(power[..., 1:8].sum(-1)), abs=1e-6)
    assert found[..., 1, 1] == pytest.approx(np.log(power[..., 8:20].sum(-1)), abs=1e-6)


@pytest.mark.parametrize("taken", ["margin", "margin.seed4", "epochs", "subject", "recording", "row"])
def test_a_covariate_called_like_a_column_is_refused(taken):
    named = epochs(INDEX.rename(columns={"depth": taken}), covariates=[taken])
    with pytest.raises(InputError, match=rf"epochs.tsv.gz: a covariate is called like another column; got {taken};"):
        explained(named, maps(), half="A")


def test_maps_of_the_wrong_half_are_refused():
    with pytest.raises(InputError, match=r"half B: maps are of other epochs; got 8 rows.*order A B"):
        explained(epochs(), maps(), half="B")


def test_networks_that_always_answer_the_same_are_refused():
    constant = MARGIN.copy()
    constant[:, 4:] = 2
    with pytest.raises(InputError, match=r"half A: networks answer the same in all epochs; got s2"):
        explained(epochs(), maps(margin=constant), half="A")


def save(folder, given):
    np.savez(folder / "maps.npz", **vars(given))
    return folder


def test_maps_are_read_as_written(tmp_path):
    read = read_maps(save(tmp_path, maps()))
    for name, values in vars(maps()).items():
        assert np.all(getattr(read, name) == values)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"margin": MARGIN * np.nan}, "margin has values that are not finite"),
        ({"margin": MARGIN[:, :-1]}, r"margin has another shape; got 2, 7; allowed: 2, 8"),
        ({"hz": np.arange(25.0)}, r"frequency has another shape; got 2, 8, 2, 26; allowed: 2, 8, 2, 25"),
    ],
)
def test_maps_with_holes_are_refused(tmp_path, changes, fault):
    with pytest.raises(InputError, match=fault):
        read_maps(save(tmp_path, maps(**changes)))


@pytest.mark.parametrize(("content", "fault"), [(b"", "is empty"), (b"text", "not maps"), (None, "not maps")])
def test_damaged_maps_are_refused(tmp_path, content, fault):
    whole = save(tmp_path, maps()) / "maps.npz"
    whole.write_bytes(whole.read_bytes()[:900] if content is None else content)
    with pytest.raises(InputError, match=rf"maps.npz: .*{fault}"):
        read_maps(tmp_path)
