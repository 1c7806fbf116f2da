"""The stage from epochs in volts to whitened ones; numpy's own transforms and deviations are the witnesses."""

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.eeg.whitening import GAINS_FILE, filtered, open_gains, whitening_gains
from tracklight.errors import InputError
from tracklight.settings.eeg_learning import Whiten

RATE, LENGTH, CHANNELS = 50.0, 100, ("Fz", "P4")
FILES = ["codes.npy", "contigs.json", "epochs.json", "epochs.tsv.gz", "gains.npz"]
# recording, subject, split; the second night of "one" stands apart from its first
NIGHTS = [("one-1", "one", "A"), ("two-1", "two", "A_validation"), ("one-2", "one", "A"), ("six-1", "six", "B"),
          ("ten-1", "ten", "B_validation"), ("empty", "two", "A_validation")]  # fmt: skip
STARTS = [30, 150, 400, 500, 730]  # with gaps, and not at multiples of an epoch
WHITEN = Whiten()


def write_epochs(folder, *, seed=0, spoil=None, facts=()):
    """A folder as prepare-eeg writes it: 1/f noise in volts, five epochs of each recording but the last."""
    generator = np.random.default_rng(seed)
    spectrum = np.fft.rfft(generator.standard_normal((len(NIGHTS), 2, 900)))
    spectrum[..., 1:] /= np.arange(1, spectrum.shape[-1])
    volts = np.fft.irfft(spectrum, n=900) * np.array([1e-4, 3e-4])[:, None] + 1e-5
    index = pd.DataFrame(
        [(name, start, 0, subject, split, f"r{n}", 0, "N2", n % 2, n, 0.5 * n)
         for name, subject, split in NIGHTS[:-1] for n, start in enumerate(STARTS)],
        columns=["contig", "start", "reverse", "group", "split", "report", "epoch", "stage", "label", "order", "depth"],
    )  # fmt: skip
    index.loc[3, "depth"] = np.nan
    volts[..., : STARTS[0]] = np.nan  # outside of epochs signals may be anything
    if spoil is not None:
        spoil(volts)
    save_tape(
        folder, np.concatenate(list(volts.astype(np.float32)), axis=1), dict.fromkeys([n[0] for n in NIGHTS], 900)
    )
    index.to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    known = {"rate_hz": RATE, "channels": CHANNELS, "unit": "V", "length": LENGTH, "targets": ["label"]}
    (folder / "epochs.json").write_text(
        json.dumps({**known, "covariates": ["depth"], "labels": {"0": 0}, **dict(facts)})
    )
    return folder


def whiten(epochs, out, *more):
    return cli.main(["whiten-eeg", "--epochs", str(epochs), "--out", str(out), *map(str, more)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("whiten")
    assert whiten(write_epochs(out / "epochs"), out / "whitened", "--provenance", out / "record.json") == 0
    return out


@pytest.fixture(scope="module")
def both(folder):
    return open_epochs(folder / "epochs"), open_epochs(folder / "whitened")


def gains_by_hand(volts):
    """One over the mean amplitude around each frequency, scaled to unit deviation."""
    amplitude = np.abs(np.fft.rfft(volts.astype(float))).mean(0)
    gains = np.zeros_like(amplitude)
    for number in range(1, amplitude.shape[1]):
        near = amplitude[:, max(number - 1, 1) : number + 2]  # 1 Hz is two bins of 0.5 Hz: one to either side
        gains[:, number] = 1 / near.mean(1)
    return gains / np.fft.irfft(np.fft.rfft(volts) * gains, n=LENGTH).std((0, 2))[:, None]


def test_every_epoch_is_that_of_its_row_under_its_subjects_filter(both):
    before, after = both
    rows = np.arange(len(before.index))
    volts, white = before.signals(rows), after.signals(rows)
    for subject in ("one", "two", "six", "ten"):
        own = (before.index["group"] == subject).to_numpy()
        expected = np.fft.irfft(np.fft.rfft(volts[own]) * gains_by_hand(volts[own]), n=LENGTH)
        np.testing.assert_allclose(white[own], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(white[own].std((0, 2)), 1, rtol=1e-5)


def test_the_filters_are_kept_per_subject(folder, both):
    gains = open_gains(folder / "whitened")
    assert list(gains) == ["one", "two", "six", "ten"]
    own = np.flatnonzero(both[0].index["group"] == "six")
    how = {"names": CHANNELS, "rate": RATE, "where": "six", **WHITEN.model_dump()}
    np.testing.assert_array_equal(gains["six"], whitening_gains(both[0].signals(own), **how))
    np.testing.assert_array_equal(filtered(both[0].signals(own), gains["six"]), both[1].signals(own))


def test_rows_stay_and_epochs_lie_end_to_end_in_their_recordings(both):
    before, after = (epochs.index for epochs in both)
    pd.testing.assert_frame_equal(before.drop(columns="start"), after.drop(columns="start"))
    assert after["start"].tolist() == [0, 100, 200, 300, 400] * 5
    assert both[1].tape.lengths == dict.fromkeys(["one-1", "two-1", "one-2", "six-1", "ten-1"], 500)


def test_facts_tell_the_unit_and_keep_the_rest(folder):
    before, after = (json.loads((folder / name / "epochs.json").read_text()) for name in ("epochs", "whitened"))
    assert after == before | {"unit": "SD", "whitened": {"smooth_hz": 1.0, "floor": 1e-4}}
    assert sorted(path.name for path in (folder / "whitened").iterdir()) == FILES
    record = json.loads((folder / "record.json").read_text())
    assert (record["stage"], record["subjects"], record["epochs"]) == ("whiten-eeg", 4, 25)
    assert len(record["inputs"]["epochs"]["sha256"]) == 64


def test_the_same_input_gives_the_same_bytes(folder):
    assert whiten(folder / "epochs", folder / "again") == 0
    for name in FILES:
        assert (folder / "again" / name).read_bytes() == (folder / "whitened" / name).read_bytes()


def test_epochs_in_any_order_keep_their_signals(folder, both, tmp_path):
    write_epochs(tmp_path / "epochs")
    order = np.random.default_rng(0).permutation(len(both[0].index))
    table = pd.read_csv(tmp_path / "epochs/epochs.tsv.gz", sep="\t").iloc[order]
    table.to_csv(tmp_path / "epochs/epochs.tsv.gz", sep="\t", index=False)
    assert whiten(tmp_path / "epochs", tmp_path / "out") == 0
    mixed = open_epochs(tmp_path / "out").signals(np.arange(len(order)))
    np.testing.assert_allclose(mixed, both[1].signals(order), rtol=1e-5, atol=1e-6)


def test_labels_and_other_subjects_have_no_say(folder, both, tmp_path):
    def louder(volts):
        volts[3] *= 7  # the only night of subject "six"

    write_epochs(tmp_path / "epochs", spoil=louder)
    table = pd.read_csv(tmp_path / "epochs/epochs.tsv.gz", sep="\t")
    table.assign(label=1 - table["label"]).to_csv(tmp_path / "epochs/epochs.tsv.gz", sep="\t", index=False)
    assert whiten(tmp_path / "epochs", tmp_path / "out") == 0
    others, (old, new) = (
        ("one", "two", "ten"),
        (open_gains(place / name) for place, name in [(folder, "whitened"), (tmp_path, "out")]),
    )
    for subject in others:
        np.testing.assert_array_equal(old[subject], new[subject])
    np.testing.assert_allclose(new["six"], old["six"] / 7, rtol=1e-6)


def test_one_subject_at_a_time_is_in_memory(folder, tmp_path):
    """Ten subjects more take what their index takes, a fraction of their signals."""
    peaks, sizes = [], []
    for subjects in (2, 12):
        generator, count, length = np.random.default_rng(0), 20, 1000
        names = [f"s{number:02}" for number in range(subjects)]
        place = tmp_path / str(subjects)
        write_epochs(place, facts={"length": length})
        data = generator.standard_normal((2, subjects * count * length)).astype(np.float32)
        save_tape(place, data, dict.fromkeys(names, count * length))
        rows = [(name, start * length, 0, name, "A", "r", 0, "N2", 0, 0, 0) for name in names for start in range(count)]
        columns = list(pd.read_csv(place / "epochs.tsv.gz", sep="\t", nrows=0).columns)
        pd.DataFrame(rows, columns=columns).to_csv(place / "epochs.tsv.gz", sep="\t", index=False)
        sizes.append(data.nbytes)
        del data
        tracemalloc.start()
        assert whiten(place, place / "out") == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 5


def fails(capsys, *words):
    """Run a command that must end with 2, and return its one line."""
    assert cli.main([str(word) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tracklight ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.0, "subject six: channel P4 is flat; leave out the channel or its bad epochs"),
        (np.nan, "signals hold values that are not finite (NaN); got six-1 channel P4, epoch from sample 30"),
    ],
)
def test_a_channel_of_a_subject_without_a_signal_is_one_line_and_leaves_no_tape(capsys, tmp_path, value, message):
    def spoil(volts):
        volts[3, 1] = value

    line = fails(
        capsys, "whiten-eeg", "--epochs", write_epochs(tmp_path / "in", spoil=spoil), "--out", tmp_path / "out"
    )
    assert message in line
    assert list((tmp_path / "out").iterdir()) == []


def test_whitened_epochs_are_not_whitened_again(capsys, folder, tmp_path):
    line = fails(capsys, "whiten-eeg", "--epochs", folder / "whitened", "--out", tmp_path)
    assert "not epochs of prepare-eeg; got unit SD; allowed: V; give a folder written by prepare-eeg" in line


def test_the_epochs_in_volts_are_never_replaced(capsys, folder):
    line = fails(capsys, "whiten-eeg", "--epochs", folder / "epochs", "--out", folder / "epochs")
    assert "whitened epochs would replace those in volts" in line


def test_a_subject_in_two_splits_never_gets_through(capsys, tmp_path):
    write_epochs(tmp_path)
    table = pd.read_csv(tmp_path / "epochs.tsv.gz", sep="\t")
    table.loc[0, "split"] = "B"
    table.to_csv(tmp_path / "epochs.tsv.gz", sep="\t", index=False)
    line = fails(capsys, "whiten-eeg", "--epochs", tmp_path, "--out", tmp_path / "out")
    assert "a subject in two splits" in line


@pytest.mark.parametrize("fault", ["missing", "half", "float32", "other"])
def test_filters_that_are_missing_or_damaged_are_one_line(folder, tmp_path, fault):
    whole = (folder / "whitened" / GAINS_FILE).read_bytes()
    if fault == "half":
        (tmp_path / GAINS_FILE).write_bytes(whole[: len(whole) // 2])
    if fault == "float32":
        np.savez(tmp_path / GAINS_FILE, subjects=np.array(["a"]), gains=np.zeros((1, 2, 3), np.float32))
    if fault == "other":
        np.savez(tmp_path / GAINS_FILE, rows=np.zeros(3))
    with pytest.raises(InputError, match=r"gains.npz: not the filters of whitened epochs; .*run whiten-eeg"):
        open_gains(tmp_path)
