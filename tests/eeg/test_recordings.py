"""The table of recordings, and the signals of their files."""

import datetime
import warnings
from pathlib import Path

import mne
import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal
from edfio import Recording as EdfRecording

from tracklight.eeg.hypnogram import read_hypnogram
from tracklight.eeg.laying import lay, lay_out, matching
from tracklight.eeg.preparing import scored_stages
from tracklight.eeg.recordings import Recording, entity, read_recordings
from tracklight.eeg.signals import choose_channels, open_signals
from tracklight.errors import InputError
from tracklight.settings.prepare_eeg import PrepareEeg

NIGHT = Path(__file__).parents[2] / "resources" / "sleepedf" / "SC4001EC-Hypnogram.edf"


def edf(path, *rows, labels=None, rates=None, unit="uV", bounds=(-100, 100)):
    """Write an EDF file with one channel per row."""
    labels, rates = labels or [f"c{n}" for n in range(len(rows))], rates or [10] * len(rows)
    signals = [
        EdfSignal(np.asarray(row, float), rate, label=label, physical_dimension=unit, physical_range=bounds)
        for row, label, rate in zip(rows, labels, rates, strict=True)
    ]
    Edf(signals, data_record_duration=1).write(path)
    return path


def ramp(samples=100):
    return np.linspace(-90, 90, samples)


def test_names_get_their_prefix_once():
    assert entity("sub", "01", where="x") == entity("sub", "sub-01", where="x") == "sub-01"
    assert entity("ses", "n/a", where="x") == entity("ses", "", where="x") == ""


def test_a_recording_without_a_session_is_named_by_its_subject(tmp_path):
    for name in ("a.edf", "b.edf"):
        (tmp_path / name).write_text("x")
    (tmp_path / "t.tsv").write_text("path\tsubject\n\na.edf\tS1\nb.edf\tsub-S2\n")
    recordings = read_recordings(tmp_path / "t.tsv", split_column=None)
    assert [one.name for one in recordings] == ["sub-S1", "sub-S2"]
    assert recordings[0].files == {"sub-S1 signals": tmp_path / "a.edf"}
    assert recordings[0].hypnogram is None


@pytest.mark.parametrize(("unit", "factor"), [("V", 1), ("mV", 1e-3), ("uV", 1e-6), ("\u00b5V", 1e-6), ("nV", 1e-9)])
def test_every_unit_ends_in_volts(tmp_path, unit, factor):
    path = edf(tmp_path / "a.edf", ramp(), unit="uV")
    content = path.read_bytes()
    at = 256 + 16 + 80  # the unit of the only channel
    path.write_bytes(content[:at] + unit.encode("latin-1").ljust(8) + content[at + 8 :])
    got = open_signals(path).volts("c0", units={})
    np.testing.assert_allclose(got, ramp() * factor, atol=factor * 100 / 2**16 * 1.01)


def test_a_unit_that_is_told_beside_the_file_counts_where_it_tells_none(tmp_path):
    signals = open_signals(edf(tmp_path / "a.edf", ramp(), unit=""))
    np.testing.assert_allclose(signals.volts("c0", units={"c0": "mV"}), ramp() * 1e-3, atol=2e-6)
    with pytest.raises(InputError, match="channel c0: unit of a channel is not a voltage; got ''; allowed: V, mV, uV"):
        signals.volts("c0", units={})
    other = open_signals(edf(tmp_path / "b.edf", ramp(), unit="uV"))
    with pytest.raises(InputError, match="unit of a channel told twice; got uV and mV"):
        other.volts("c0", units={"c0": "mV"})
    np.testing.assert_allclose(other.volts("c0", units={"c0": "\u00b5V"}), other.volts("c0", units={}))


def test_samples_are_those_of_mne_whatever_the_range(tmp_path):
    row = np.random.default_rng(0).normal(0, 30, 500)
    path = edf(tmp_path / "a.edf", row, bounds=(-150, 250))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = mne.io.read_raw_edf(path, preload=True, verbose="error").get_data()[0]
    np.testing.assert_allclose(open_signals(path).volts("c0", units={}), expected, rtol=1e-9, atol=1e-15)


def test_clipped_stretches_are_the_runs_that_brute_force_finds(tmp_path):
    generator = np.random.default_rng(0)
    row = np.repeat(generator.choice([-100.0, 3.0, 5.0, 100.0], 40), generator.integers(1, 5, 40))[:80]
    got = open_signals(edf(tmp_path / "a.edf", row)).clipped("c0", samples=3)
    expected = []
    for end in (-100, 100):
        first = None
        for place, value in enumerate([*row, None]):
            if value == end and first is None:
                first = place
            elif value != end and first is not None:
                expected += [[first / 10, place / 10]] if place - first >= 3 else []
                first = None
    assert len(expected) > 2
    np.testing.assert_allclose(got, expected)


def test_the_first_channel_that_is_there_and_not_bad_is_chosen(tmp_path):
    signals = open_signals(edf(tmp_path / "a.edf", ramp(), ramp(), labels=["Fz", "Cz"]))
    wish = {"mid": ["Pz", "Fz", "Cz"]}
    assert choose_channels(signals, wish, bad=frozenset()) == {"mid": "Fz"}
    assert choose_channels(signals, wish, bad=frozenset({"Fz"})) == {"mid": "Cz"}
    assert choose_channels(signals, wish, bad=frozenset({"Fz", "Cz"})) == {"mid": "Fz"}
    with pytest.raises(InputError, match="channel front is missing; got AF3; allowed: Fz, Cz"):
        choose_channels(signals, {"front": "AF3"}, bad=frozenset())


@pytest.mark.parametrize("reserved", ["EDF+D", "BDF+D"])
def test_a_recording_with_gaps_is_refused(tmp_path, reserved):
    path = edf(tmp_path / "a.edf", ramp())
    content = path.read_bytes()
    path.write_bytes(content[:192] + reserved.encode().ljust(44) + content[236:])
    with pytest.raises(InputError, match=f"recording with gaps; got {reserved[:3]}"):
        open_signals(path)


def test_every_cut_of_a_file_is_a_fault_of_the_input(tmp_path):
    content = edf(tmp_path / "a.edf", ramp(), ramp()).read_bytes()
    for size in (1, 100, 256, 300, 700, len(content) - 1, len(content) - 20):
        (tmp_path / "cut.edf").write_bytes(content[:size])
        with pytest.raises(InputError, match=r"cut.edf: (truncated recording|not an EDF or BDF file)"):
            open_signals(tmp_path / "cut.edf")


def recordings(folder, *paths, **changes):
    return [Recording(f"sub-{n}", "", folder / path, None, None, **changes) for n, path in enumerate(paths)]


def test_channels_of_different_rates_are_brought_to_one(tmp_path):
    slow = np.sin(2 * np.pi * 0.2 * np.arange(300) / 5)
    fast = np.sin(2 * np.pi * 0.2 * np.arange(1200) / 20)
    edf(tmp_path / "a.edf", fast, slow, rates=[20, 5], bounds=(-2, 2))
    found = recordings(tmp_path, "a.edf")
    with pytest.raises(
        InputError, match="differing sampling rates; got sub-0 c0 20 Hz, sub-0 c1 5 Hz; set prepare_eeg"
    ):
        lay_out(found, PrepareEeg())
    settings = PrepareEeg(rate_hz=10)
    layout = lay_out(found, settings)
    assert (layout.rate_hz, layout.lengths, layout.seconds) == (10, {"sub-0": 600}, {"sub-0": 60.0})
    data, _ = lay(found[0], layout, settings=settings)
    expected = np.sin(2 * np.pi * 0.2 * np.arange(600) / 10) * 1e-6
    np.testing.assert_allclose(data[:, 50:-50], np.stack([expected, expected])[:, 50:-50], atol=0.01e-6)


def test_without_a_choice_every_channel_in_volts_is_kept_but_the_reference(tmp_path):
    edf(tmp_path / "a.edf", ramp(), ramp() + 1, labels=["Fz", "M1"])
    edf(tmp_path / "b.edf", ramp(), ramp(), ramp(), labels=["M1", "Fz", "Oz"])
    found = recordings(tmp_path, "a.edf", "b.edf")
    assert lay_out(found, PrepareEeg()).channels == ("Fz", "M1")
    settings = PrepareEeg(reference="M1")
    layout = lay_out(found, settings)
    assert layout.channels == ("Fz",)
    data, _ = lay(found[0], layout, settings=settings)
    np.testing.assert_allclose(data, -1e-6, atol=0.01e-6)


def test_channels_match_patterns_whatever_their_capitals():
    channels = ["Fp1", "EOG", "HEOG-l", "emg chin", "E1"]
    assert matching(channels, ["*EOG*", "EMG*"]).tolist() == [False, True, True, True, False]
    assert matching(channels, ["E?"]).tolist() == [False, False, False, False, True]


@pytest.mark.parametrize("reference", ["average", "M1"])
def test_the_reference_is_of_the_brain_alone_and_eyes_and_muscles_stay_as_they_are(tmp_path, reference):
    rows = np.random.default_rng(0).uniform(-90, 90, (5, 100))
    edf(tmp_path / "a.edf", *rows, labels=["Fz", "EOG L", "P4", "M1", "emg chin"])
    found = recordings(tmp_path, "a.edf")
    settings = PrepareEeg(reference=reference, channels={name: name for name in ("Fz", "EOG L", "P4", "emg chin")})
    data, _ = lay(found[0], lay_out(found, settings), settings=settings)
    fz, eog, p4, m1, emg = rows * 1e-6
    middle = (fz + p4) / 2 if reference == "average" else m1
    np.testing.assert_allclose(data, [fz - middle, eog, p4 - middle, emg], atol=0.01e-6)


def test_which_channels_are_not_of_the_brain_is_a_setting(tmp_path):
    edf(tmp_path / "a.edf", ramp(), ramp() / 2, ramp() / 4, labels=["Fz", "E1", "EOG"])
    found = recordings(tmp_path, "a.edf")
    settings = PrepareEeg(reference="average", not_brain=["e?"])
    data, _ = lay(found[0], lay_out(found, settings), settings=settings)
    np.testing.assert_allclose(data * 1e6, [ramp() * 3 / 8, ramp() / 2, -ramp() * 3 / 8], atol=0.01)


def test_a_reference_needs_a_channel_of_the_brain(tmp_path):
    edf(tmp_path / "a.edf", ramp(), ramp(), labels=["EOG L", "EMG"])
    with pytest.raises(
        InputError, match=r"prepare_eeg\.reference: no channel of the brain to reference; got EOG L, EMG"
    ):
        lay_out(recordings(tmp_path, "a.edf"), PrepareEeg(reference="average"))


def test_a_recording_knows_when_it_began_or_that_nobody_knows(tmp_path):
    signal = EdfSignal(ramp(), 10, label="Fz", physical_dimension="uV", physical_range=(-100, 100))
    began = datetime.datetime(2021, 5, 3, 22, 47, 10)
    whose = {"recording": EdfRecording(startdate=began.date()), "starttime": began.time()}
    for name, more in {"dated": whose, "timed": {"starttime": began.time()}, "none": {}}.items():
        Edf([signal], **more).write(tmp_path / f"{name}.edf")
    spoiled = bytearray((tmp_path / "none.edf").read_bytes())
    spoiled[168:184] = b" " * 16  # date and time
    (tmp_path / "none.edf").write_bytes(spoiled)
    starts = {name: open_signals(tmp_path / f"{name}.edf").start for name in ("dated", "timed", "none")}
    assert starts == {"dated": began, "timed": began.replace(1985, 1, 1), "none": None}
    found = recordings(tmp_path, "dated.edf", "none.edf")
    assert [*lay_out(found, PrepareEeg()).starts.values()] == [began, None]


def test_a_bad_channel_may_be_flat_and_is_nan_on_the_tape(tmp_path):
    edf(tmp_path / "a.edf", ramp(), 0 * ramp(), labels=["Fz", "Cz"])
    found = recordings(tmp_path, "a.edf", bad=frozenset({"Cz"}))
    data, _ = lay(found[0], lay_out(found, PrepareEeg()), settings=PrepareEeg())
    assert np.isnan(data).all(axis=1).tolist() == [False, True]
    with pytest.raises(InputError, match="channel Cz: flat channel"):
        lay(recordings(tmp_path, "a.edf")[0], lay_out(found, PrepareEeg()), settings=PrepareEeg())


def test_stages_may_stand_in_the_file_of_the_signals(tmp_path):
    signal = EdfSignal(ramp(600), 10, label="Fz", physical_dimension="uV", physical_range=(-100, 100))
    Edf([signal], annotations=[EdfAnnotation(0, 60, "Sleep stage 2")]).write(tmp_path / "a.edf")
    path = tmp_path / "a.edf"
    found = [Recording("sub-1", "", path, path, None)]
    assert lay_out(found, PrepareEeg()).channels == ("Fz",)
    assert [tuple(row) for row in scored_stages(found[0], seconds=60, settings=PrepareEeg())] == [(0, 60, "N2")]


def test_a_real_night_fits_its_recording_and_no_shorter_or_longer_one():
    recording = Recording("sub-1", "", NIGHT, NIGHT, None)
    scored = read_hypnogram(NIGHT)
    end = max(one.onset_s + one.duration_s for one in scored if one.stage)
    settings = PrepareEeg(hypnogram_tolerance_s=30)
    for seconds in (end, end - 30):
        assert scored_stages(recording, seconds=seconds, settings=settings) == scored
    with pytest.raises(InputError, match=f"hypnogram is longer than the recording; got {end:g} s"):
        scored_stages(recording, seconds=end - 31, settings=settings)
    whole = max(one.onset_s + one.duration_s for one in scored)
    assert scored_stages(recording, seconds=whole + 30, settings=settings) == scored
    with pytest.raises(InputError, match="hypnogram is shorter than the recording"):
        scored_stages(recording, seconds=whole + 31, settings=settings)


def test_a_hypnogram_that_begins_apart_from_its_recording_is_moved_or_refused(tmp_path):
    began = datetime.datetime(2021, 5, 3, 22, 47, 10)
    path = tmp_path / "h.edf"
    Edf(
        [], annotations=[EdfAnnotation(0, 60, "N2"), EdfAnnotation(60, 60, "REM")],
        recording=EdfRecording(startdate=began.date()), starttime=began.time(),
    ).write(path)  # fmt: skip
    found = Recording("sub-1", "", path, path, None)

    def stages(later, seconds=120):
        start = began - datetime.timedelta(seconds=later)
        return [one.onset_s for one in scored_stages(found, seconds=seconds, settings=PrepareEeg(), start=start)]

    assert stages(0) == [0, 60]
    assert stages(20) == [20, 80]
    assert stages(-20) == [-20, 40]
    assert stages(3600, seconds=3720) == [3600, 3660]
    for later in (-120, 120, 86400):
        with pytest.raises(
            InputError, match=r"hypnogram and recording do not overlap; got stages from .*; allowed: 0 to"
        ):
            stages(later)
