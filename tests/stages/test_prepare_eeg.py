"""The stage from files to tape and index, on recordings of five minutes; MNE and brute force are the witnesses."""

import json
import warnings
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from edfio import Bdf, BdfSignal, Edf, EdfAnnotation, EdfSignal

from tracklight import cli
from tracklight.core.tape import Tape
from tracklight.eeg.dataset import open_epochs
from tracklight.eeg.decode import volts
from tracklight.errors import InputError
from tracklight.learning.examples import Windows, make_examples

RATE, SECONDS = 100, 300
CHANNELS = ("EEG C3", "EEG P4")
STAGES = ["Sleep stage 2"] * 5 + ["Sleep stage R"] * 5  # 30 s each
SUBJECTS = ("01", "02", "03", "04")
SETTINGS = {
    "channels": {"C3": "EEG C3", "P4": ["P4", "EEG P4"]},
    "before_s": 20,
    "split": {"validation_subjects": 1},
}
REPORTS = "report\ttime_s\tlabel\torder\tnight_time_s\n" + "".join(
    f"r{n}\t{50 * n}\t{n % 2}\t{n}\t{1000 + n}\n" for n in range(1, 7)
)


def noise(seed, samples=RATE * SECONDS):
    return np.random.default_rng(seed).normal(0, 20, (len(CHANNELS), samples))


def write_edf(path, data, *, labels=CHANNELS, rate=RATE, unit="uV"):
    signals = [
        EdfSignal(row, rate, label=label, physical_dimension=unit, physical_range=(-3000, 3000))
        for row, label in zip(data, labels, strict=True)
    ]
    Edf(signals).write(path)


def write_hypnogram(path, stages=STAGES, seconds=30):
    Edf([], annotations=[EdfAnnotation(seconds * n, seconds, text) for n, text in enumerate(stages)]).write(path)


def study(folder: Path, subjects=SUBJECTS) -> Path:
    """Write the recordings of a study and their table."""
    rows = []
    for number, subject in enumerate(subjects):
        write_edf(folder / f"{subject}.edf", noise(number))
        write_hypnogram(folder / f"{subject}-hyp.edf")
        (folder / f"{subject}.tsv").write_text(REPORTS)
        rows.append(f"{subject}\t1\t{subject}.edf\t{subject}-hyp.edf\t{subject}.tsv\n")
    table = folder / "recordings.tsv"
    table.write_text("subject\tsession\tpath\thypnogram\treports\n" + "".join(rows))
    return table


def prepare(table, out, **changes):
    arguments = ["--recordings", str(table), "--out", str(out), "--settings", json.dumps({**SETTINGS, **changes})]
    return cli.main(["prepare-eeg", *arguments])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    assert prepare(study(folder), folder / "out") == 0
    return folder


def read_mne(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne.io.read_raw_edf(path, preload=True, verbose="error")


def test_the_tape_holds_what_mne_reads_in_volts(prepared):
    epochs = open_epochs(prepared / "out")
    assert epochs.tape.names == tuple(f"sub-{subject}_ses-1" for subject in SUBJECTS)
    assert epochs.tape.data.dtype == np.float32
    for subject in SUBJECTS:
        raw = read_mne(prepared / f"{subject}.edf").get_data()
        np.testing.assert_allclose(epochs.tape.contig(f"sub-{subject}_ses-1"), raw, rtol=1e-6, atol=1e-12)


def test_the_index_holds_the_epochs_that_end_at_awakenings(prepared):
    index = pd.read_csv(prepared / "out" / "epochs.tsv.gz", sep="\t")
    assert list(index.columns) == [
        "contig", "start", "reverse", "group", "split", "report", "epoch", "stage", "label", "order", "night_time_s",
    ]  # fmt: skip
    first = index[index.contig == "sub-01_ses-1"]
    # 20 s before 50, 100, ... 300 s in epochs of 10 s; stages change at 150 s
    assert first.start.tolist() == [100 * (50 * n - back) for n in range(1, 7) for back in (20, 10)]
    assert first.epoch.tolist() == [1, 0] * 6
    assert first.stage.tolist() == ["N2"] * 6 + ["REM"] * 6
    assert first.label.tolist() == [1, 1, 0, 0] * 3
    assert first.night_time_s.tolist() == [1000 + n for n in range(1, 7) for _ in range(2)]
    assert set(index.reverse) == {0}
    assert (index.group == index.contig.str.removesuffix("_ses-1")).all()


def test_every_subject_is_in_one_split_and_every_split_has_one(prepared):
    index = open_epochs(prepared / "out").index
    splits = index.groupby("group").split.unique()
    assert sorted(name for names in splits for name in names) == ["A", "A_validation", "B", "B_validation"]


def test_facts_say_what_was_done(prepared):
    facts = json.loads((prepared / "out" / "epochs.json").read_text())
    assert facts["rate_hz"] == 100
    assert facts["channels"] == ["C3", "P4"]
    assert (facts["length"], facts["unit"], facts["targets"]) == (1000, "V", ["label"])
    assert facts["covariates"] == ["night_time_s"]
    assert (facts["epoch_s"], facts["before_s"], facts["reference"]) == (10, 20, "none")
    assert facts["not_brain"] == []
    assert facts["starts"] == dict.fromkeys((f"sub-{name}_ses-1" for name in SUBJECTS), "1985-01-01T00:00:00")


def test_examples_are_the_epochs_of_the_tape(prepared):
    epochs = open_epochs(prepared / "out")
    examples = epochs.examples(torch.device("cpu"), length=1000)
    row = int(np.flatnonzero((epochs.index.contig == "sub-03_ses-1") & (epochs.index.start == 9000))[0])
    raw = read_mne(prepared / "03.edf").get_data()[:, 9000:10000]
    x = examples.x(torch.tensor([row]))
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x[0].numpy(), raw, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(epochs.signals(np.array([row])), x.numpy())
    assert examples.targets[:4, 0].tolist() == [1, 1, 0, 0]


def test_random_crops_stay_inside_their_epoch(prepared):
    epochs = open_epochs(prepared / "out")
    examples = epochs.examples(torch.device("cpu"), length=800)
    row = int(np.flatnonzero((epochs.index.contig == "sub-03_ses-1") & (epochs.index.start == 9000))[0])
    contig = epochs.tape.contig("sub-03_ses-1")
    for shift, first in [(None, 9100), (-100, 9000), (37, 9137), (100, 9200), (-500, 9000), (500, 9200)]:
        moved = None if shift is None else torch.tensor([shift])
        np.testing.assert_array_equal(examples.x(torch.tensor([row]), shift=moved)[0], contig[:, first : first + 800])
    with pytest.raises(InputError, match="crop longer than an epoch; got 1001; allowed: 1 to 1000 samples"):
        epochs.examples(torch.device("cpu"), length=1001)


def test_epochs_of_a_long_tape_are_gathered_without_a_copy_of_all_its_windows():
    data = np.tile(np.arange(3_000_000, dtype=np.float32), (2, 1))  # all windows of 10 s would need 24 GB
    tape = Tape(data, ("night",), np.array([0, data.shape[1]]))
    first = np.array([5, 2_999_000])
    windows = Windows(np.array(["night"] * 2, object), first, np.zeros(2, bool), np.zeros((2, 1), np.float32))
    examples = make_examples(tape, windows, length=1000, decode=volts, device=torch.device("cpu"))
    expected = first[:, None, None] + np.arange(1000) + np.zeros((2, 1))
    np.testing.assert_array_equal(examples.x(torch.tensor([0, 1])), expected)


def test_an_epoch_read_backwards_is_refused(prepared):
    examples = open_epochs(prepared / "out").examples(torch.device("cpu"), length=1000)
    with pytest.raises(InputError, match="EEG is not read backwards"):
        examples.x(torch.tensor([0]), flip=torch.tensor([True]))


def test_a_network_of_one_half_is_explained_on_the_other(prepared):
    epochs = open_epochs(prepared / "out")
    rows = epochs.rows("A")
    subjects = {name: set(epochs.index.group.iloc[part.numpy()]) for name, part in rows.items()}
    assert sum(len(part) for part in rows.values()) == len(epochs.index)
    assert len(set.union(*subjects.values())) == sum(map(len, subjects.values())) == 4
    assert subjects["test"] == subjects["test"] - {s for name in ("train", "validation") for s in subjects[name]}
    other = epochs.rows("B")
    assert set(other["test"].tolist()) == set(rows["train"].tolist()) | set(rows["validation"].tolist())


def test_the_same_input_gives_the_same_bytes(prepared):
    files = ["codes.npy", "contigs.json", "epochs.tsv.gz", "epochs.json", "dropped.tsv"]
    first = [(prepared / "out" / name).read_bytes() for name in files]
    assert prepare(prepared / "recordings.tsv", prepared / "again") == 0
    assert [(prepared / "again" / name).read_bytes() for name in files] == first
    assert sorted(path.name for path in (prepared / "again").iterdir()) == sorted(files)


def spoilt(folder):
    """A study whose first recording has every fault that drops an epoch."""
    table = study(folder)
    data = noise(0)
    data[0, 3000:4000] = 0
    data[1, 4500] = 1500
    data[1, 9000:9005] = 3000  # the end of the recorder's range
    write_edf(folder / "01.edf", data)
    stages = [*STAGES[:4], "Sleep stage ?", *STAGES[5:8], "Sleep stage W", STAGES[9]]
    write_hypnogram(folder / "01-hyp.edf", stages)
    extra = "r7\t5\tn/a\t7\t0\nr8\t15\t1\t8\t0\nr9\t205\t1\t9\t0\n"
    (folder / "01.tsv").write_text(REPORTS + extra)
    return table


@pytest.mark.parametrize(("limit", "reason"), [(1000, "peak_to_peak"), (None, "clipped")])
def test_every_dropped_epoch_is_listed_with_its_reason(tmp_path, limit, reason):
    assert prepare(spoilt(tmp_path), tmp_path / "out", peak_to_peak_above_uv=limit) == 0
    dropped = pd.read_csv(tmp_path / "out" / "dropped.tsv", sep="\t", keep_default_na=False)
    high = [(4000, "r1", 0, "N2", "peak_to_peak")] if limit else []
    assert list(dropped.columns) == ["contig", "start", "report", "epoch", "stage", "reason", "detail"]
    assert set(dropped.contig) == {"sub-01_ses-1"}
    named = ["start", "report", "epoch", "stage", "reason"]
    assert list(dropped[named].itertuples(index=False, name=None)) == [
        (-1500, "r7", 1, "", "no_label"),
        (-500, "r7", 0, "N2", "no_label"),
        (-500, "r8", 1, "N2", "before_recording"),
        (3000, "r1", 1, "N2", "flat"),
        *high,
        (9000, "r2", 0, "N2", reason),
        (13000, "r3", 1, "", "unscored"),
        (14000, "r3", 0, "", "unscored"),
        (18500, "r9", 1, "REM", "before_earlier_awakening"),
        (19500, "r9", 0, "REM", "before_earlier_awakening"),
        (24000, "r5", 0, "W", "stage_not_kept"),
    ]
    assert dropped.detail[3] == "C3 0 uV"
    if limit:
        window = read_mne(tmp_path / "01.edf").get_data()[1, 4000:5000] * 1e6
        assert dropped.detail[4] == f"P4 {window.max() - window.min():.4g} uV"
    # kept and dropped together are what was asked for: two epochs before each of nine awakenings, six elsewhere
    assert len(dropped) + len(open_epochs(tmp_path / "out").index) == 2 * (9 + 3 * 6)


def test_filter_reference_and_rate_are_those_of_mne(tmp_path):
    table = study(tmp_path)
    changes = {"low_hz": 0.5, "high_hz": 20, "rate_hz": 50, "reference": "average"}
    assert prepare(table, tmp_path / "out", **changes) == 0
    raw = read_mne(tmp_path / "02.edf")
    iir = {"order": 4, "ftype": "butter", "output": "sos"}
    raw.filter(0.5, 20, method="iir", iir_params=iir, verbose="error")
    raw.resample(50, method="polyphase", verbose="error")
    expected = raw.get_data() - raw.get_data().mean(axis=0)
    got = open_epochs(tmp_path / "out").tape.contig("sub-02_ses-1")
    assert got.shape == expected.shape == (2, 15_000)
    middle = slice(500, -500)  # the two extend the signal at its ends in different ways
    np.testing.assert_allclose(got[:, middle], expected[:, middle], atol=0.003 * expected.std())


def test_a_channel_can_be_the_reference(tmp_path):
    table = study(tmp_path)
    assert prepare(table, tmp_path / "out", channels={"C3": "EEG C3"}, reference="EEG P4") == 0
    raw = read_mne(tmp_path / "04.edf").get_data()
    got = open_epochs(tmp_path / "out").tape.contig("sub-04_ses-1")
    np.testing.assert_allclose(got, raw[:1] - raw[1:], atol=1e-11)


def test_whole_sleep_is_cut_into_epochs_with_their_stages(tmp_path):
    table = study(tmp_path)
    stages = ["Sleep stage W", *STAGES[1:4], "Movement time", *STAGES[5:9], "Sleep stage W"]
    for subject in SUBJECTS:
        write_hypnogram(tmp_path / f"{subject}-hyp.edf", stages)
    assert prepare(table, tmp_path / "out", epochs="sleep", epoch_s=30) == 0
    epochs = open_epochs(tmp_path / "out")
    first = epochs.index[epochs.index.contig == "sub-01_ses-1"]
    assert first.start.tolist() == [3000 * n for n in (1, 2, 3, 5, 6, 7, 8)]
    assert first.epoch.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert first.stage.tolist() == ["N2"] * 3 + ["REM"] * 4
    assert epochs.targets == ("N1", "N2", "N3", "REM")
    assert (
        epochs.examples(torch.device("cpu"), length=3000).targets[:7].tolist()
        == [[0, 1, 0, 0]] * 3 + [[0, 0, 0, 1]] * 4
    )
    dropped = pd.read_csv(tmp_path / "out" / "dropped.tsv", sep="\t")
    assert dropped.reason.value_counts().to_dict() == {"unscored": 4}


def test_a_hypnogram_may_go_on_unscored_after_the_recording(tmp_path):
    table = study(tmp_path)
    write_hypnogram(tmp_path / "01-hyp.edf", [*STAGES, *["Sleep stage ?"] * 20])
    assert prepare(table, tmp_path / "out") == 0


def test_without_a_hypnogram_the_table_of_reports_tells_the_stage(tmp_path):
    table = study(tmp_path)
    table.write_text(table.read_text().replace("01-hyp.edf", ""))
    lines = REPORTS.splitlines()
    stages = ["stage", "N2", "Sleep stage 2", "2", "R", "REM", "?"]
    (tmp_path / "01.tsv").write_text("".join(f"{line}\t{word}\n" for line, word in zip(lines, stages, strict=True)))
    assert prepare(table, tmp_path / "out") == 0
    index = open_epochs(tmp_path / "out").index
    assert index[index.contig == "sub-01_ses-1"].stage.tolist() == ["N2"] * 6 + ["REM"] * 4


def bids(folder, subjects=SUBJECTS):
    """The same study as a BIDS folder: stages and reports are events, units and a bad channel stand beside the EDF."""
    for number, subject in enumerate(subjects):
        eeg = folder / f"sub-{subject}" / "ses-1" / "eeg"
        eeg.mkdir(parents=True)
        stem = f"sub-{subject}_ses-1_task-sleep"
        write_edf(eeg / f"{stem}_eeg.edf", noise(number), unit="")
        stages = "".join(f"{30 * n}\t30\t{text}\tn/a\tn/a\n" for n, text in enumerate(STAGES))
        reports = "".join(f"{50 * n}\t0\tn/a\tr{n}\t{n % 2}\n" for n in range(1, 7))
        (eeg / f"{stem}_events.tsv").write_text("onset\tduration\tstage\treport\tlabel\n" + stages + reports)
        status = "bad" if subject == "03" else "good"
        channels = "name\ttype\tunits\tstatus\n" + f"EEG C3\tEEG\tuV\tgood\nEEG P4\tEEG\tuV\t{status}\n"
        (eeg / f"{stem}_channels.tsv").write_text(channels)
    return folder


def test_a_bids_folder_gives_what_the_table_gives(prepared, tmp_path):
    folder = bids(tmp_path / "bids")
    channels = folder / "sub-03/ses-1/eeg/sub-03_ses-1_task-sleep_channels.tsv"
    channels.write_text(channels.read_text().replace("bad", "good"))
    assert prepare(folder, tmp_path / "out") == 0
    table, found = open_epochs(prepared / "out"), open_epochs(tmp_path / "out")
    np.testing.assert_array_equal(found.tape.data, table.tape.data)
    pd.testing.assert_frame_equal(found.index, table.index.drop(columns="night_time_s"))


def test_epochs_of_a_recording_with_a_bad_channel_are_dropped(tmp_path):
    folder = bids(tmp_path / "bids", (*SUBJECTS, "05"))
    assert prepare(folder, tmp_path / "out") == 0
    dropped = pd.read_csv(tmp_path / "out" / "dropped.tsv", sep="\t")
    assert dropped.groupby(["contig", "reason", "detail"]).size().to_dict() == {
        ("sub-03_ses-1", "bad_channel", "P4"): 12
    }
    channels = {"C3": "EEG C3"}  # the bad one is not among them
    assert prepare(folder, tmp_path / "out", channels=channels) == 0
    assert "sub-03" in set(open_epochs(tmp_path / "out").index.group)
    other = {"C": ["EEG P4", "EEG C3"]}  # the first one that is not bad
    assert prepare(folder, tmp_path / "out", channels=other) == 0
    epochs = open_epochs(tmp_path / "out")
    raw = [noise(number)[row] * 1e-6 for number, row in enumerate([1, 1, 0, 1, 1])]
    for name, row in zip(epochs.tape.names, raw, strict=True):
        np.testing.assert_allclose(epochs.tape.contig(name)[0], row, atol=0.05e-6)


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def cut(folder):
    path = folder / "02.edf"
    path.write_bytes(path.read_bytes()[:-1000])


def edf(name, data, **changes):
    return lambda folder: write_edf(folder / name, data, **changes)


def hypnogram(stages):
    return lambda folder: write_hypnogram(folder / "02-hyp.edf", stages)


def same_reports(text):
    return lambda folder: [(folder / f"{subject}.tsv").write_text(text) for subject in SUBJECTS]


def not_a_number(folder):
    path = folder / "02.edf"
    content = bytearray(path.read_bytes())
    # the physical minimum of the first of two signals: after labels, transducers and units of both
    at = 256 + 2 * (16 + 80 + 8)
    content[at : at + 8] = b"nan     "
    path.write_bytes(bytes(content))


FLAT = noise(1) * [[1], [0]]
BAD = [
    (
        hypnogram([*STAGES, "Sleep stage 2", "Sleep stage 2"]),
        {},
        "02-hyp.edf: hypnogram is longer than the recording; got 360 s",
    ),
    (hypnogram(STAGES[:8]), {}, "02-hyp.edf: hypnogram is shorter than the recording; got 240 s; allowed: 300 s"),
    (hypnogram([*STAGES[:9], "Sleep stage 7"]), {}, "unknown sleep stage; got 'Sleep stage 7'"),
    (
        edf("02.edf", noise(1), labels=("EEG C3", "Cz")),
        {},
        "02.edf: channel P4 is missing; got P4, EEG P4; allowed: EEG C3, Cz",
    ),
    (
        edf("02.edf", noise(1, samples=60_000), rate=200),
        {},
        "differing sampling rates; got sub-01_ses-1 EEG C3 100 Hz, sub-02_ses-1 EEG C3 200 Hz; set",
    ),
    (edf("02.edf", FLAT), {}, "02.edf channel EEG P4: flat channel"),
    (not_a_number, {}, "02.edf channel EEG C3: NaN in a channel"),
    (cut, {}, "02.edf: truncated recording"),
    (write("02.edf", "not a recording"), {}, "02.edf: not an EDF or BDF file"),
    (edf("02.edf", noise(1), unit="%"), {}, "unit of a channel is not a voltage; got '%'"),
    (
        edf("02.edf", noise(1), labels=("EEG C3", "EEG C3")),
        {"channels": {"C3": "EEG C3"}},
        "two channels of the same label; got EEG C3",
    ),
    (
        write("02.tsv", REPORTS + "r9\t301\t1\t9\t0\n"),
        {},
        "02.tsv: report outside the recording; got report r9 at 301 s; allowed: 0 to 300 s",
    ),
    (write("02.tsv", REPORTS + "r6\t20\t1\t9\t0\n"), {}, "02.tsv: report twice; got report r6"),
    (write("02.tsv", REPORTS + "r9\t300\t1\t9\t0\n"), {}, "02.tsv: report twice; got time_s 300"),
    (write("02.tsv", REPORTS + "\t20\t1\t9\t0\n"), {}, "02.tsv: report without a name"),
    (
        write("02.tsv", REPORTS + "r9\t20\tyes\t9\t0\n"),
        {},
        "02.tsv line 8: unknown label (label); got 'yes'; allowed: 0, 1",
    ),
    (write("02.tsv", REPORTS + "r9\tlate\t1\t9\t0\n"), {}, "02.tsv line 8: time (time_s) is not a number; got 'late'"),
    (
        write("02.tsv", REPORTS + "r9\t20\t1\t9.5\t0\n"),
        {},
        "02.tsv line 8: order (order) is not a whole number; got '9.5'",
    ),
    (
        write("02.tsv", REPORTS + "r9\t20\t1\t1e30\t0\n"),
        {},
        "02.tsv line 8: order (order) is not a whole number; got '1e30'; allowed: -9007199254740992 to",
    ),
    (
        write("02.tsv", REPORTS + "r9\t20\n"),
        {},
        "02.tsv line 8: wrong number of tab-separated columns; got 2; allowed: 5",
    ),
    (write("02.tsv", "report\ttime_s\tlabel\torder\n"), {}, "02.tsv: table of reports has no reports"),
    (
        write("02.tsv", "report\ttime_s\tlabel\torder\nr1\t50\t1\t1\n"),
        {},
        "tables of reports with different columns; got night_time_s",
    ),
    (
        write("02.tsv", REPORTS.replace("night_time_s", "start")),
        {},
        "02.tsv: not usable as the name of a covariate; got 'start'",
    ),
    (same_reports(REPORTS), {"covariates": ["recall"]}, "01.tsv: table of reports has no such column; got 'recall'"),
    (
        same_reports(REPORTS.replace("\t0\t", "\t1\t")),
        {},
        "no subject has both labels in one stage; got 24 reports of 1",
    ),
    (same_reports(REPORTS), {"stages": ["N1"]}, "all epochs were dropped; got 48 stage_not_kept"),
    (
        same_reports(REPORTS),
        {"rate_hz": 50, "high_hz": 60},
        "filter beyond what the sampling rate can hold; got lowpass 60 Hz; allowed: 0 to 50 Hz",
    ),
    (same_reports(REPORTS), {"rate_hz": 33.3333}, "sampling rate cannot be reached; got 100 to 33.3333 Hz"),
    (same_reports(REPORTS), {"reference": "EEG C3"}, "the reference is one of the channels; got EEG C3"),
    (
        same_reports(REPORTS),
        {"split": {"validation_subjects": 2}},
        "too few subjects with epochs for two halves; got 4; allowed: 6 or more",
    ),
    (same_reports(REPORTS), {"before_s": 5}, "setting is not allowed"),
    (
        write("recordings.tsv", "subject\tpath\thypnogramm\n"),
        {},
        "unknown column; got 'hypnogramm'; allowed: subject, session",
    ),
    (write("recordings.tsv", "subject\thypnogram\n"), {}, "table of recordings has no such column; got 'path'"),
    (
        write("recordings.tsv", "subject\tsession\tpath\n1\t1\t01.edf\n1\t2\t02.edf\n"),
        {},
        "too few subjects; got sub-1; allowed: 2 or more",
    ),
    (
        write("recordings.tsv", "subject\tsession\tpath\n1\t1\t01.edf\n1\t1\t02.edf\n"),
        {},
        "recording twice; got sub-1_ses-1",
    ),
    (write("recordings.tsv", "subject\tpath\n1\t01.edf\n2\t01.edf\n"), {}, "file of two recordings; got"),
    (write("recordings.tsv", "subject\tpath\n1\t01.edf\n2\t09.edf\n"), {}, "09.edf: recording not found"),
    (write("recordings.tsv", "subject\tpath\n1\t01.edf\n2\t02.edf\n"), {}, "sub-1: recording without reports"),
    (write("recordings.tsv", "subject\tpath\n1/2\t01.edf\n"), {}, "line 2: name not usable; got '1/2'"),
]


@pytest.mark.parametrize(("spoil", "changes", "fault"), BAD, ids=[fault[:60] for _, _, fault in BAD])
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_is_left_behind(tmp_path, capsys, spoil, changes, fault):
    table = study(tmp_path)
    spoil(tmp_path)
    assert prepare(table, tmp_path / "out", **changes) == 2
    said = capsys.readouterr().err
    assert fault in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_subject_in_two_splits_of_the_table_is_refused(tmp_path, capsys):
    table = study(tmp_path)
    head, *rows = table.read_text().splitlines()
    again = [rows[0].replace("01\t1\t01.edf", "01\t2\tagain.edf")]
    write_edf(tmp_path / "again.edf", noise(9))
    words = ["A", "A_validation", "B", "B_validation", "B"]
    lines = [f"{row}\t{word}\n" for row, word in zip(rows + again, words, strict=True)]
    table.write_text(f"{head}\thalf\n" + "".join(lines))
    split = {"by": "column", "column": "half"}
    assert prepare(table, tmp_path / "out", split=split) == 2
    assert "a subject in two splits; got sub-01 in B and A" in capsys.readouterr().err
    table.write_text(f"{head}\thalf\n" + "".join(lines[:4]))
    assert prepare(table, tmp_path / "out", split=split) == 0
    index = open_epochs(tmp_path / "out").index
    assert index.drop_duplicates("group").split.tolist() == words[:4]


def test_another_folder_is_not_opened_as_recordings(prepared, tmp_path):
    with pytest.raises(InputError, match="not prepared recordings; run prepare-eeg"):
        open_epochs(tmp_path)
    out = prepared / "again-broken"
    assert prepare(prepared / "recordings.tsv", out) == 0
    (out / "epochs.json").write_text("{")
    with pytest.raises(InputError, match="not prepared recordings; got Expecting"):
        open_epochs(out)


def test_a_covariate_that_holds_text_is_named(tmp_path, caplog):
    table = study(tmp_path)
    path = tmp_path / "02.tsv"
    path.write_text(path.read_text().replace("\t1001\n", "\tearly\n"))
    with caplog.at_level("INFO", logger="tracklight"):
        assert prepare(table, tmp_path / "out") == 0
    assert "night_time_s holds text ('early'): kept as text, and not checked as a covariate" in caplog.text


def test_bdf_is_read_as_mne_reads_it(tmp_path):
    table = study(tmp_path)
    signals = [
        BdfSignal(row, RATE, label=label, physical_dimension="uV", physical_range=(-3000, 3000))
        for row, label in zip(noise(0), CHANNELS, strict=True)
    ]
    Bdf(signals).write(tmp_path / "01.bdf")
    table.write_text(table.read_text().replace("01.edf", "01.bdf"))
    assert prepare(table, tmp_path / "out") == 0
    raw = mne.io.read_raw_bdf(tmp_path / "01.bdf", preload=True, verbose="error").get_data()
    np.testing.assert_allclose(open_epochs(tmp_path / "out").tape.contig("sub-01_ses-1"), raw, rtol=1e-6, atol=1e-12)
