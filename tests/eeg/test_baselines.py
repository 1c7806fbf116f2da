import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tracklight.core.spectral import bins
from tracklight.core.tape import Tape
from tracklight.eeg import baselines
from tracklight.eeg.dataset import Epochs
from tracklight.learning.band_power import log_band_power
from tracklight.settings.gate_eeg import PowerRidge

# recording, report, epoch (0 is the last), stage, value
ROWS = [("a-1", "r1", 1, "N2", 1.0), ("a-1", "r1", 0, "N2", 3.0),  # 2
        ("a-1", "r2", 1, "N2", 9.0), ("a-1", "r2", 0, "REM", 4.0),  # 4: the earlier one is of another stage
        ("a-2", "r1", 0, "N2", 7.0), ("a-2", "r1", 1, "N2", 5.0)]  # 6: another night, in another order  # fmt: skip
INDEX = pd.DataFrame(ROWS, columns=["contig", "report", "epoch", "stage", "value"])


def test_the_mean_of_a_report_is_over_the_epochs_of_its_last_stage():
    means = baselines.report_means(INDEX, np.arange(6), values=INDEX["value"].to_numpy())
    assert means.to_dict() == {("a-1", "r1"): 2.0, ("a-1", "r2"): 4.0, ("a-2", "r1"): 6.0}


def test_only_the_rows_asked_for_are_averaged():
    means = baselines.report_means(INDEX, np.array([3, 4, 5]), values=np.array([10.0, 20.0, 40.0]))
    assert means.to_dict() == {("a-1", "r2"): 10.0, ("a-2", "r1"): 30.0}


def test_a_report_has_the_stage_of_its_last_epoch():
    reports = baselines.reports_of(INDEX, np.arange(6))
    assert reports["stage"].to_dict() == {("a-1", "r1"): "N2", ("a-1", "r2"): "REM", ("a-2", "r1"): "N2"}


def reports(stages, labels, **columns):
    return pd.DataFrame({"stage": stages, "label": pd.array(labels, dtype="Int64"), **columns})


def test_the_decoder_by_stage_answers_with_the_share_of_its_training_reports():
    train = reports(["N2", "N2", "N2", "N2", "REM", "REM"], [1, 0, 0, 0, 1, 1])
    answers = baselines.by_stage(train, reports(["REM", "N2", "N3"], [0, 0, 0]))
    assert answers.tolist() == [1.0, 0.25, 0.5]  # N3 was never seen: the share of all


@pytest.mark.parametrize("penalty", [0.5, 4.0])
def test_stage_and_time_are_the_logistic_regression_of_scikit_learn(penalty):
    generator = np.random.default_rng(0)
    train = reports(
        ["N2", "N3", "REM"] * 20,
        generator.integers(0, 2, 60),
        order=np.arange(60),
        night_s=generator.normal(size=60) * 100,
    )
    test = train.iloc[::-1].reset_index(drop=True).assign(order=3.0)
    columns = ["order", "night_s"]
    witness = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["stage"]), (StandardScaler(), columns)),
        LogisticRegression(C=1 / penalty, max_iter=1000),
    ).fit(train, train["label"].astype(int))
    found = baselines.by_stage_and_covariates(train, test, columns=columns, penalty=penalty)
    np.testing.assert_allclose(found, witness.decision_function(test), atol=1e-9)


def test_a_missing_value_counts_as_the_mean_and_a_constant_column_as_nothing():
    train = reports(["N2"] * 4, [0, 1, 1, 0], order=[1.0, 2.0, 5.0, 4.0], same=[7.0] * 4)
    test = reports(["N2"] * 2, [0, 0], order=[np.nan, 3.0], same=[7.0] * 2)
    found = baselines.by_stage_and_covariates(train, test, columns=["order", "same"], penalty=1.0)
    assert found[0] == found[1]


def test_text_and_empty_columns_are_no_covariates():
    table = pd.DataFrame({"order": [1, 2], "words": ["a", "b"], "empty": [np.nan, np.nan], "length": [1.0, np.nan]})
    assert baselines.numeric_columns(table, ["order", "words", "empty", "length"]) == ["order", "length"]


SPLITS = ("A", "A_validation", "B", "B_validation")


@pytest.fixture
def epochs():
    """Four subjects of eight reports, one second of noise each."""
    data = np.random.default_rng(1).standard_normal((2, 3200)).astype(np.float32)
    index = pd.DataFrame(
        [(f"s{who}", 100 * n, f"s{who}", split, f"r{n}", 0, "N2", (n + who) % 2)
         for who, split in enumerate(SPLITS) for n in range(8)],
        columns=["contig", "start", "group", "split", "report", "epoch", "stage", "label"],
    )  # fmt: skip
    index["label"] = index["label"].astype("Int64")
    tape = Tape(data, tuple(f"s{who}" for who in range(4)), np.arange(5) * 800)
    return Epochs(tape, index, {"length": 100, "rate_hz": 100.0, "channels": ["C3", "P4"]}, {})


def test_power_read_by_subject_is_that_of_all_epochs_at_once(epochs):
    expected = log_band_power(epochs.signals(np.arange(32)), rate=100, bands=bins(50, width=2), batch_size=32)
    np.testing.assert_array_equal(baselines.subject_log_power(epochs, bin_hz=2.0), expected)


def test_the_ridge_of_each_half_answers_for_the_other(epochs):
    features, labels = baselines.subject_log_power(epochs, bin_hz=10.0), epochs.values("label")
    found = baselines.by_ridge(epochs, features, labels, how=PowerRidge(bin_hz=10, penalties=[3.0]))
    flat = features.reshape(32, -1)
    for first, other in ((0, slice(16, 32)), (16, slice(0, 16))):
        train = slice(first, first + 8)  # without the validation subject
        scaler = StandardScaler().fit(flat[train])
        witness = Ridge(alpha=3.0).fit(scaler.transform(flat[train]), labels[train])
        key = pd.MultiIndex.from_frame(epochs.index[["contig", "report"]].iloc[other])
        np.testing.assert_allclose(found.reindex(key), witness.predict(scaler.transform(flat[other])), atol=1e-9)


def test_training_reports_include_the_validation_subject_and_nobody_of_the_other_half(epochs):
    own, other = baselines.two_halves(epochs, "A")
    assert (set(own["group"]), set(other["group"])) == ({"s0", "s1"}, {"s2", "s3"})
