"""BIDS folders: names, channels, events."""

import pytest

from tracklight.eeg.bids import find_recordings, read_stages
from tracklight.eeg.hypnogram import Scored, stage_named
from tracklight.errors import InputError
from tracklight.settings.prepare_eeg import ReportColumns


def put(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_recordings_are_found_with_and_without_sessions(tmp_path):
    put(tmp_path / "sub-02/eeg/sub-02_task-sleep_eeg.bdf")
    put(tmp_path / "sub-01/ses-b/eeg/sub-01_ses-b_task-sleep_eeg.edf")
    put(tmp_path / "sub-01/ses-a/eeg/sub-01_ses-a_task-sleep_eeg.edf")
    put(tmp_path / "sub-01/ses-a/eeg/sub-01_ses-a_task-sleep_events.tsv")
    put(tmp_path / "derivatives/sub-03/eeg/sub-03_task-sleep_eeg.edf")
    put(tmp_path / "sub-01/ses-a/eeg/sub-01_ses-a_task-sleep_meg.edf")
    found = find_recordings(tmp_path)
    assert [one.name for one in found] == ["sub-01_ses-a", "sub-01_ses-b", "sub-02"]
    events = tmp_path / "sub-01/ses-a/eeg/sub-01_ses-a_task-sleep_events.tsv"
    assert (found[0].hypnogram, found[0].reports) == (events, events)
    assert (found[1].hypnogram, found[2].reports) == (None, None)


def test_channels_tell_units_and_which_are_bad(tmp_path):
    for subject in ("1", "2"):
        put(tmp_path / f"sub-{subject}/eeg/sub-{subject}_eeg.edf")
    table = "name\ttype\tunits\tstatus\nC3\tEEG\t\u00b5V\tgood\nC4\tEEG\tn/a\tbad\nM1\tMISC\tmV\tn/a\n"
    put(tmp_path / "sub-1/eeg/sub-1_channels.tsv", table)
    put(tmp_path / "sub-2/eeg/sub-2_channels.tsv", "name\ttype\nC3\tEEG\n")
    first, second = find_recordings(tmp_path)
    assert (first.bad, first.units) == (frozenset({"C4"}), {"C3": "\u00b5V", "M1": "mV"})
    assert (second.bad, second.units) == (frozenset(), {})


def test_stages_are_the_events_that_have_one_and_are_no_report(tmp_path):
    text = "onset\tduration\tstage\treport\n30\t30\tSleep stage R\tn/a\n0\t30\tN2\tn/a\n60\t0\tREM\tr1\n70\t5\t?\t\n"
    put(tmp_path / "e.tsv", text)
    expected = [Scored(0, 30, "N2"), Scored(30, 30, "REM"), Scored(70, 5, None)]
    assert read_stages(tmp_path / "e.tsv", columns=ReportColumns()) == expected
    assert read_stages(tmp_path / "e.tsv", columns=ReportColumns(stage="score")) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("onset\tduration\tstage\n0\t30\tN5\n", "e.tsv line 2: unknown sleep stage; got 'N5'"),
        ("onset\tduration\tstage\n0\tlong\tN2\n", "e.tsv line 2: duration is not a number; got 'long'"),
        ("onset\tduration\tstage\n0\t31\tN2\n30\t30\tN2\n", "sleep stages overlap; got 0 to 31 s and 30 s"),
        ("onset\tstage\n0\tN2\n", "BIDS events has no such column; got 'duration'"),
    ],
)
def test_faults_of_events_are_named(tmp_path, text, fault):
    put(tmp_path / "e.tsv", text)
    with pytest.raises(InputError, match=fault):
        read_stages(tmp_path / "e.tsv", columns=ReportColumns())


def test_words_of_both_manuals_mean_the_same_stages():
    words = ["W", "Sleep stage 1", "n2", "Sleep stage 3", "4", "N3", "R", "rem", "Movement time", "?"]
    expected = ["W", "N1", "N2", "N3", "N3", "N3", "REM", "REM", None, None]
    assert [stage_named(word, where="x") for word in words] == expected


def test_a_folder_that_is_none_of_bids_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no recordings in the folder; allowed: sub-\*"):
        find_recordings(tmp_path)
    put(tmp_path / "sub-01/eeg/sub-01_run-1_eeg.edf")
    put(tmp_path / "sub-01/eeg/sub-01_run-2_eeg.edf")
    with pytest.raises(InputError, match="recording twice; got sub-01"):
        find_recordings(tmp_path)
