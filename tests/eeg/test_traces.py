"""Attribution as EDF+; edfio and MNE read it back."""

import datetime
import warnings
from dataclasses import replace

import edfio
import mne
import numpy as np
import pandas as pd
import pytest

from tracklight.core.tape import Tape
from tracklight.eeg.dataset import Epochs
from tracklight.eeg.signals import open_signals
from tracklight.eeg.traces import check_traces, laid_out, write_trace
from tracklight.errors import InputError

CHANNELS = ["Fz", "P4"]


def epochs_of(seconds=60.0, *, rate=100.0, length=1000, report="r 1"):
    """Three epochs of recording "night", which stands second on the tape; the last two follow each other."""
    samples = round(seconds * rate)
    index = pd.DataFrame(
        {"contig": ["other", "night", "night", "night"], "start": [0, 150, 3000, 3000 + length],
         "report": ["r0", report, "r2", "r2"], "epoch": [0, 0, 1, 0], "stage": ["N2", "REM", "N3", "N3"]}
    )  # fmt: skip
    tape = Tape(np.zeros((2, 2000 + samples), np.float32), ("other", "night"), np.array([0, 2000, 2000 + samples]))
    return Epochs(tape, index, {"rate_hz": rate, "length": length, "channels": CHANNELS}, {"epochs": "epochs.tsv.gz"})


def at(epochs, start):
    """Return epochs whose recordings say when they began."""
    return replace(epochs, facts=epochs.facts | {"starts": {"other": None, "night": start}})


def attribution(*, length=1000, size=0.01):
    return np.random.default_rng(0).normal(0, size, (3, 2, length)).astype(np.float32)


def written(path, epochs, values):
    write_trace(path, epochs, np.array([1, 2, 3]), attribution=values, margin=np.array([1.234, -0.5, 0.0]))
    return path


def read_mne(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne.io.read_raw_edf(path, preload=True, verbose="error")


@pytest.mark.parametrize("size", [1e-6, 0.01, 2.0])
def test_edfio_and_mne_read_the_attribution_per_second_at_its_place_within_one_step(tmp_path, size):
    epochs, values = epochs_of(), attribution(size=size)
    path = written(tmp_path / "night.edf", epochs, values)
    wanted = np.zeros((2, 6000))
    for start, each in zip([150, 3000, 4000], values, strict=True):
        wanted[:, start : start + 1000] = 100 * each
    file, raw = edfio.read_edf(path), read_mne(path)
    step = file.signals[0].physical_max / 32767
    assert step < max(2 * np.abs(wanted).max(), 1 / 16) / 32767
    assert raw.ch_names == [signal.label for signal in file.signals] == CHANNELS
    assert raw.info["sfreq"] == file.signals[0].sampling_frequency == 100
    for data in (raw.get_data(), np.stack([signal.data for signal in file.signals])):
        assert data.shape == wanted.shape
        np.testing.assert_allclose(data, wanted, rtol=0, atol=0.501 * step)
        assert (data[:, :150] == 0).all()
        assert (data[:, 1150:3000] == 0).all()
    assert file.signals[0].physical_dimension == "1/s"


def test_annotations_say_where_and_what_was_explained(tmp_path):
    path = written(tmp_path / "night.edf", epochs_of(report="é1"), attribution())
    texts = [
        "Explained report é1 epoch 0, REM, margin +1.23",
        "Explained report r2 epoch 1, N3, margin -0.50",
        "Explained report r2 epoch 0, N3, margin +0.00",
    ]
    found = edfio.read_edf(path).annotations
    assert [(mark.onset, mark.duration, mark.text) for mark in found] == list(
        zip([1.5, 30.0, 40.0], [10.0] * 3, texts, strict=True)
    )
    marks = read_mne(path).annotations
    assert marks.onset.tolist() == [1.5, 30.0, 40.0]
    assert marks.duration.tolist() == [10.0] * 3
    assert marks.description.tolist() == texts


@pytest.mark.parametrize(
    ("rate", "seconds", "samples"),
    [(128.5, 60.0, 7710), (100.0, 59.99, 6000), (256.0, 40.0, 10240), (1000 / 3, 30.0, 10000)],
    ids=["a record of two seconds", "an end within a record", "binary", "a record of three seconds"],
)
def test_rates_and_lengths_are_kept_up_to_the_end_of_the_last_record(tmp_path, rate, seconds, samples):
    raw = read_mne(written(tmp_path / "night.edf", epochs_of(seconds, rate=rate), attribution()))
    assert raw.info["sfreq"] == pytest.approx(rate, rel=1e-12)
    assert raw.n_times == samples
    # MNE rounds to microseconds
    np.testing.assert_allclose(raw.annotations.onset * rate, [150, 3000, 4000], rtol=0, atol=1e-3)


def test_the_same_attribution_gives_the_same_bytes(tmp_path):
    one, two = (written(tmp_path / name, epochs_of(), attribution()).read_bytes() for name in ("a.edf", "b.edf"))
    assert one == two


def test_attribution_that_is_all_zero_is_written_as_zero(tmp_path):
    raw = read_mne(written(tmp_path / "night.edf", epochs_of(), np.zeros((3, 2, 1000), np.float32)))
    assert (raw.get_data() == 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_none_are_not_written(tmp_path, value):
    values = attribution()
    values[1, 0, 5] = value
    with pytest.raises(InputError, match=r"night\.edf: cannot write samples that are not finite"):
        written(tmp_path / "night.edf", epochs_of(), values)
    assert list(tmp_path.iterdir()) == []


def test_epochs_lie_where_they_start_and_zeros_elsewhere():
    line = laid_out(np.array([[[1, 2]], [[3, 4]]]), np.array([3, 0]), length=6)
    assert line.tolist() == [[3, 4, 0, 1, 2, 0]]


@pytest.mark.parametrize("name", ["Elektrode Fpz-Cz1", "Fz é", "", " Fz", "F\tz"])
def test_channels_that_edf_cannot_name_are_refused(name):
    check_traces(["EEG Fpz-Cz", "P4"], rate_hz=100.0)
    with pytest.raises(InputError, match=r"channel cannot be named so in EDF\+; got .*; allowed: 16 ASCII characters"):
        check_traces(["P4", name], rate_hz=100.0)


def test_rates_that_edf_cannot_keep_are_refused():
    with pytest.raises(InputError, match=r"sampling rate cannot be kept in EDF\+; got 99\.937 Hz"):
        check_traces(["P4"], rate_hz=99.937)


@pytest.mark.parametrize("start", ["2021-05-03T22:47:10", "1985-01-01T22:47:10", "2021-12-31T23:59:59.250000"])
def test_a_trace_begins_when_its_recording_does(tmp_path, start):
    path = written(tmp_path / "night.edf", at(epochs_of(), start), attribution())
    own = datetime.datetime.fromisoformat(start)
    assert open_signals(path).start == own
    assert read_mne(path).info["meas_date"].replace(tzinfo=None, microsecond=own.microsecond) == own
    raw = path.read_bytes()
    assert (b"Startdate X" in raw) == (own.year == 1985)


def test_a_trace_of_a_recording_without_a_date_says_the_date_that_says_nothing(tmp_path):
    for epochs in (epochs_of(), at(epochs_of(), None)):
        assert open_signals(written(tmp_path / "night.edf", epochs, attribution())).start.isoformat() == (
            "2000-01-01T00:00:00"
        )


def test_a_start_that_is_no_time_is_refused(tmp_path):
    with pytest.raises(InputError, match="not the start of a recording; got 'tonight'; run prepare-eeg again"):
        written(tmp_path / "night.edf", at(epochs_of(), "tonight"), attribution())
