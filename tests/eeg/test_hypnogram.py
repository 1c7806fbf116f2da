import datetime
from pathlib import Path

import mne
import numpy as np
import pytest
from edfio import Bdf, BdfSignal, Edf, EdfAnnotation, EdfSignal

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
        ([(0, 30, "Sleep stageW")], "unknown sleep stage; got 'Sleep stageW'"),
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
