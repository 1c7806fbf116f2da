import datetime
from pathlib import Path

import mne
import numpy as np
import pytest
from edfio import Bdf, BdfSignal, Edf, EdfAnnotation, EdfSignal, Recording

from tracklight.eeg.hypnogram import STAGES, Scored, joined, read_hypnogram, stage_at, write_hypnogram
from tracklight.errors import InputError

NIGHTS = sorted((Path(__file__).parents[2] / "resources" / "sleepedf").glob("*.edf"))
AASM = {"W": "W", "1": "N1", "2": "N2", "3": "N3", "4": "N3", "R": "REM", "?": None, "Movement time": None}


def annotated(path, *annotations, signal=False):
    """Write an EDF+ file with these annotations."""
    signals = [EdfSignal(np.linspace(-1, 1, 90 * 10), 10, label="C3")] if signal else []
    Edf(signals, annotations=[EdfAnnotation(*one) for one in annotations]).write(path)
    return path


def test_twenty_nights_are_there():
    assert len(NIGHTS) == 20


@pytest.mark.parametrize("night", NIGHTS, ids=lambda path: path.stem)
def test_a_real_night_reads_as_mne_reads_it(night):
    witness = mne.read_annotations(night)
    read = read_hypnogram(night)
    np.testing.assert_array_equal([one.onset_s for one in read], witness.onset)
    np.testing.assert_array_equal([one.duration_s for one in read], witness.duration)
    assert [one.stage for one in read] == [AASM[text.removeprefix("Sleep stage ")] for text in witness.description]


def test_names_of_both_manuals_and_bare_words_give_the_same_stages(tmp_path):
    texts = ["Sleep stage W", "Sleep stage N1", "sleep stage 2", "Sleep stage 4", "Sleep stage R", "Sleep stage ?",
             "Movement time", "W", "N1", "N2", "N3", "REM"]  # fmt: skip
    path = annotated(tmp_path / "h.edf", *[(30 * place, 30, text) for place, text in enumerate(texts)])
    assert [one.stage for one in read_hypnogram(path)] == [*STAGES, None, None, *STAGES]


def test_events_among_the_stages_are_left_aside_and_signals_may_be_in_the_file(tmp_path):
    events = [(5, 3, "Arousal"), (40, None, "Lights on")]
    path = annotated(tmp_path / "h.edf", (0, 30, "Sleep stage 2"), *events, (30, 60, "Sleep stage R"), signal=True)
    assert read_hypnogram(path) == [Scored(0, 30, "N2"), Scored(30, 60, "REM")]


def test_stages_in_a_bdf_file_are_read(tmp_path):
    signal = BdfSignal(np.linspace(-1, 1, 60 * 10), 10, label="C3")
    Bdf([signal], annotations=[EdfAnnotation(0, 60, "Sleep stage N3")]).write(tmp_path / "h.bdf")
    assert read_hypnogram(tmp_path / "h.bdf") == [Scored(0, 60, "N3")]


@pytest.mark.parametrize(
    ("annotations", "fault"),
    [
        ([(0, 30, "Sleep stage 5")], "h.edf: unknown sleep stage; got 'Sleep stage 5'; allowed: Sleep stage W, 1, 2"),
        *(
            ([(0, 30, "N2"), (30, 30, text)], f"unknown sleep stage; got '{text}'; allowed: Sleep stage W, 1, 2")
            for text in ("Sleep stageW", "Sleep stage X", "S2", "N4", "NREM", "NREM 2", "stage 5", "SWS", "rem-1")
        ),
        ([(0, 30, "Arousal")], "h.edf: hypnogram holds no sleep stage; allowed: Sleep stage W"),
        ([(0, 30, "N2"), (60, None, "REM")], "sleep stage without a duration; got REM at 60 s"),
        ([(0, 30, "N2"), (20, 30, "REM")], "sleep stages overlap; got N2 to 30 s; allowed: to 20 s"),
    ],
)
def test_a_hypnogram_that_cannot_be_meant_is_refused(tmp_path, annotations, fault):
    path = annotated(tmp_path / "h.edf", *annotations)
    with pytest.raises(InputError, match=fault) as caught:
        read_hypnogram(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["Stimulus", "Awakening", "Lights off", "Movement", "N100", "Spindle", "Removed cap"])
def test_words_that_only_begin_like_a_stage_are_left_aside(tmp_path, text):
    path = annotated(tmp_path / "h.edf", (0, 30, "N2"), (10, 5, text), (30, 30, "REM"))
    assert read_hypnogram(path) == [Scored(0, 30, "N2"), Scored(30, 30, "REM")]


def test_what_stands_in_a_gap_of_the_scoring_is_named(tmp_path, caplog):
    told = annotated(tmp_path / "h.edf", (0, 30, "N2"), (30, 30, "slow waves"), (45, 3, "Arousal"), (60, 30, "REM"))
    plain = annotated(tmp_path / "p.edf", (0, 30, "N2"), (45, None, "Lights on"), (50, 1, "N2"), (60, 30, "REM"))
    with caplog.at_level("WARNING", logger="tracklight"):
        assert read_hypnogram(told) == [Scored(0, 30, "N2"), Scored(60, 30, "REM")]
        read_hypnogram(plain)
    assert [record.getMessage() for record in caplog.records] == [
        f"{told}: no stage from 30 to 60 s, but 'slow waves': left aside"
    ]


def began(path, when, *, dated=True):
    """Write a hypnogram of N2 and REM, 30 s each, whose file begins at a time."""
    who = Recording(startdate=when.date() if dated else None)
    stages = [EdfAnnotation(0, 30, "N2"), EdfAnnotation(30, 30, "REM")]
    Edf([], annotations=stages, recording=who, starttime=when.time()).write(path)
    return path


NIGHT = datetime.datetime(2021, 5, 3, 22, 47, 10)


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("later", [0, 3600, -45, 2 * 3600])
def test_stages_are_moved_by_what_the_clocks_say(tmp_path, caplog, later, dated):
    # Two hours later is another day.
    path = began(tmp_path / "h.edf", NIGHT + datetime.timedelta(seconds=later), dated=dated)
    with caplog.at_level("INFO", logger="tracklight"):
        assert read_hypnogram(path, recording=NIGHT) == [Scored(later, 30, "N2"), Scored(30 + later, 30, "REM")]
    assert (f"begins {later} s later than the recording" in caplog.text) == (later != 0)
    assert [one.onset_s for one in read_hypnogram(path)] == [0, 30]


def test_a_fraction_of_a_second_counts(tmp_path):
    path = began(tmp_path / "h.edf", NIGHT + datetime.timedelta(seconds=1.25))
    assert [one.onset_s for one in read_hypnogram(path, recording=NIGHT)] == [1.25, 31.25]


@pytest.mark.parametrize("recording", [NIGHT, None, datetime.datetime(1985, 1, 1)])
def test_a_file_that_withholds_its_time_begins_with_the_recording(tmp_path, caplog, recording):
    path = began(tmp_path / "h.edf", datetime.datetime(1985, 1, 1), dated=False)
    with caplog.at_level("INFO", logger="tracklight"):
        assert [one.onset_s for one in read_hypnogram(path, recording=recording)] == [0, 30]
    assert ("both are taken to begin together" in caplog.text) == (recording == NIGHT)


@pytest.mark.parametrize("kept", [0, 100, 300, 600, 700])
def test_a_truncated_hypnogram_is_refused_in_one_line(tmp_path, kept):
    (tmp_path / "h.edf").write_bytes(NIGHTS[0].read_bytes()[:kept])
    with pytest.raises(InputError, match=r"h\.edf: (cannot read the annotations|hypnogram)") as caught:
        read_hypnogram(tmp_path / "h.edf")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.edf: hypnogram not found"):
        read_hypnogram(tmp_path / "gone.edf")


@pytest.mark.parametrize(("words", "third"), [("rk", "Sleep stage 3"), ("aasm", "Sleep stage N3")])
def test_a_written_hypnogram_reads_back_here_and_in_mne(tmp_path, words, third):
    night = [Scored(40 * place, 40, stage) for place, stage in enumerate([*STAGES, None])]
    write_hypnogram(tmp_path / "h.edf", night, words=words)
    assert read_hypnogram(tmp_path / "h.edf") == night
    witness = mne.read_annotations(tmp_path / "h.edf")
    assert witness.description[3] == third
    assert witness.onset.tolist() == [0, 40, 80, 120, 160, 200]


def test_a_written_hypnogram_has_a_fixed_date_and_the_same_bytes_again(tmp_path):
    for name in "ab":
        write_hypnogram(tmp_path / name, [Scored(0, 30, "N2")], words="rk")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert datetime.date(2000, 1, 1).strftime("%d.%m.%y").encode() in (tmp_path / "a").read_bytes()[:256]


def test_touching_neighbours_of_one_stage_are_joined_and_gaps_are_kept():
    parts = [Scored(0, 30, "N2"), Scored(30, 30, "N2"), Scored(60, 30, "REM"), Scored(120, 30, "REM")]
    assert joined(parts) == [Scored(0, 60, "N2"), Scored(60, 30, "REM"), Scored(120, 30, "REM")]


@pytest.mark.parametrize(
    ("start_s", "end_s", "stage"),
    [(0, 30, "N2"), (20, 60, "N2"), (20, 61, None), (60, 90, None), (90, 130, None), (140, 150, None)],
)
def test_a_stretch_has_a_stage_where_one_holds_throughout(start_s, end_s, stage):
    night = [Scored(0, 30, "N2"), Scored(30, 30, "N2"), Scored(60, 30, None), Scored(90, 30, "REM")]
    assert stage_at(night, start_s=start_s, end_s=end_s) == stage
