"""Where epochs are cut, their stages and their faults; brute force over samples is the witness."""

import numpy as np
import pandas as pd
import pytest

from tracklight.eeg.epochs import drop_by_signal, epochs_before_reports, epochs_of_sleep, stages_of
from tracklight.eeg.hypnogram import STAGES, Scored
from tracklight.settings.prepare_eeg import PrepareEeg


def reports(*times, label=1.0):
    table = pd.DataFrame({"report": [f"r{n}" for n in range(len(times))], "time_s": [float(time) for time in times]})
    return table.assign(label=label, order=range(1, len(times) + 1))


def test_epochs_end_at_the_awakening_and_follow_each_other():
    settings = PrepareEeg(before_s=35, epoch_s=10)
    table = epochs_before_reports(reports(60), rate_hz=10, length=1000, settings=settings)
    assert table[["start", "epoch", "reason"]].to_numpy().tolist() == [[300, 2, ""], [400, 1, ""], [500, 0, ""]]


@pytest.mark.parametrize("rate", [1, 7.5, 100, 256])
def test_epochs_are_the_stretches_that_brute_force_finds(rate):
    generator = np.random.default_rng(0)
    times = np.sort(generator.uniform(0, 400, 15))
    settings = PrepareEeg(before_s=60, epoch_s=20)
    length, samples = round(400 * rate), round(20 * rate)
    table = epochs_before_reports(reports(*times), rate_hz=rate, length=length, settings=settings)
    awake = [min(round(time * rate), length) for time in times]
    expected = []
    for number, end in enumerate(awake):
        for epoch in (2, 1, 0):
            first = end - samples * (epoch + 1)
            covered = set(range(first, first + samples))
            earlier = any(first < other <= first + samples - 1 for other in awake[:number])
            reason = "before_earlier_awakening" if earlier or (number and first < awake[number - 1]) else ""
            expected.append((f"r{number}", epoch, first, "before_recording" if min(covered) < 0 else reason))
    assert list(table[["report", "epoch", "start", "reason"]].itertuples(index=False, name=None)) == expected
    assert {"", "before_recording", "before_earlier_awakening"} <= set(table.reason)


def test_an_awakening_at_the_very_end_has_its_epochs_inside():
    settings = PrepareEeg(before_s=10, epoch_s=10)
    table = epochs_before_reports(reports(100.04), rate_hz=100, length=10_000, settings=settings)
    assert table.start.tolist() == [9000]


def test_reports_without_a_label_give_no_epoch_but_still_wake():
    settings = PrepareEeg(before_s=10, epoch_s=10)
    both = reports(50, 55, label=[np.nan, 1.0])
    table = epochs_before_reports(both, rate_hz=1, length=100, settings=settings)
    assert table.reason.tolist() == ["no_label", "before_earlier_awakening"]


def test_whole_sleep_reaches_from_the_first_to_the_last_epoch_of_sleep():
    scored = [
        Scored(0, 30, "W"),
        Scored(30, 60, "N1"),
        Scored(90, 30, None),
        Scored(120, 40, "REM"),
        Scored(160, 9, "W"),
    ]
    settings = PrepareEeg(epochs="sleep", epoch_s=20)
    table = epochs_of_sleep(scored, rate_hz=2, length=1000, settings=settings)
    assert table.start.tolist() == [60, 100, 140, 180, 220, 260]
    short = epochs_of_sleep(scored, rate_hz=2, length=250, settings=settings)
    assert short.start.tolist() == [60, 100, 140, 180]
    assert len(epochs_of_sleep(scored[:1], rate_hz=2, length=1000, settings=settings)) == 0


def test_the_stage_of_an_epoch_is_that_of_most_of_its_seconds():
    generator = np.random.default_rng(1)
    onsets = np.arange(0, 600, 5)
    words = generator.choice(np.array([*STAGES, None], object), len(onsets))
    scored = [Scored(float(onset), 5.0, word) for onset, word in zip(onsets, words, strict=True) if onset % 35]
    per_second = np.full(600, "", object)
    for row in scored:
        per_second[int(row.onset_s) : int(row.onset_s) + 5] = row.stage or ""
    starts = np.arange(0, 580, 3)
    found = stages_of(starts.astype(float), 20.0, scored)
    clear = 0
    for start, stage in zip(starts, found, strict=True):
        names, counts = np.unique(per_second[start : start + 20].astype(str), return_counts=True)
        best = names[counts == counts.max()]
        if len(best) == 1:
            clear += 1
            assert stage == best[0]
        else:
            assert stage in best or stage != ""
    assert clear > 100


def test_of_stages_that_hold_the_same_time_the_one_at_the_end_counts():
    scored = [Scored(0, 5, "REM"), Scored(5, 5, "N2"), Scored(10, 5, "REM")]
    assert stages_of(np.array([0.0, 5.0]), 10.0, scored).tolist() == ["N2", "REM"]


def test_time_without_a_score_is_unscored():
    assert stages_of(np.array([0.0, 4.0, 90.0]), 10.0, [Scored(10, 20, "N3")]).tolist() == ["", "", ""]
    assert stages_of(np.array([6.0]), 10.0, [Scored(10, 20, "N3")]).tolist() == ["N3"]


def faults(data, clipped, **changes):
    settings = PrepareEeg(epoch_s=10, **changes)
    epochs = pd.DataFrame({"start": np.arange(0, data.shape[1], 10), "reason": ""})
    settings_of = {"channels": ("C3", "P4"), "rate_hz": 1.0, "clipped": clipped, "settings": settings}
    table = drop_by_signal(epochs, data.astype(np.float32), **settings_of)
    return list(zip(table.reason, table.detail, strict=True))


def test_bad_epochs_are_named_with_their_channel():
    data = np.tile([0.0, 20e-6], (2, 30))
    data[1, 10:20] = 3e-6
    data[0, 25] = np.nan
    data[0, 35] = 200e-6
    data[1, 47] = 500e-6
    none = {"C3": np.empty((0, 2)), "P4": np.array([[49.9, 50.1]])}
    assert faults(data, none, peak_to_peak_above_uv=300) == [
        ("", ""), ("flat", "P4 0 uV"), ("nan", "C3"), ("", ""), ("peak_to_peak", "P4 500 uV"), ("clipped", "P4"),
    ]  # fmt: skip
    assert [reason for reason, _ in faults(data, none, peak_to_peak_above_uv=None)][4] == "clipped"


def test_limits_are_met_at_the_limit():
    data = np.tile([0.0, 2.0**-14], (2, 5))  # a power of two, so that no rounding decides: 61.03515625 uV
    empty = dict.fromkeys(("C3", "P4"), np.empty((0, 2)))
    at = 2.0**-14 * 1e6
    assert faults(data, empty, peak_to_peak_above_uv=at, flat_below_uv=at) == [("", "")]
    assert faults(data, empty, peak_to_peak_above_uv=at - 0.1)[0][0] == "peak_to_peak"
    assert faults(data, empty, flat_below_uv=at + 0.1)[0][0] == "flat"
