from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from scipy.signal import welch
from scipy.stats import binomtest

from tracklight.eeg.awakenings import (
    Night,
    choose_awakenings,
    deal_nights,
    depth_course,
    label_probability,
    trim_night,
)
from tracklight.eeg.background import CHANNELS, GROUND, background, distances, mixing, muscle, nearest
from tracklight.eeg.edf import write_recording
from tracklight.eeg.hypnogram import Scored, read_hypnogram, stage_at
from tracklight.eeg.oscillations import RHYTHMS, add_eye_movements, add_rhythms
from tracklight.eeg.simulate import log_power, simulate_recordings
from tracklight.eeg.truth import overlap, truth_facts, truth_maps, truth_table
from tracklight.errors import InputError
from tracklight.settings import validate
from tracklight.settings.simulate_eeg import Channel, Confound, SimulateEeg

FILES = sorted((Path(__file__).parents[2] / "resources" / "sleepedf").glob("*.edf"))
NIGHT = Night("short", [Scored(0, 600, "N2"), Scored(600, 300, "REM"), Scored(900, 90, "N3")], 990)
SMALL = {"subjects": 3, "reports": 8}
P4 = CHANNELS.index("P4")
RATE_HZ = 100


@pytest.fixture(scope="module")
def nights():
    return [trim_night(path.name, read_hypnogram(path)) for path in FILES]


def simulated(nights, seed=0, **settings):
    settings = SimulateEeg(**{**SMALL, **settings})
    return list(simulate_recordings(np.random.default_rng(seed), nights, settings=settings)), settings


def power(signal, frequency_hz, **options):
    frequency, density = welch(signal, RATE_HZ, **options)
    return density[..., np.argmin(np.abs(frequency - frequency_hz))]


@pytest.mark.parametrize("stage", list(GROUND))
def test_the_background_of_a_stage_has_its_slope_and_its_amplitude(stage):
    ground = GROUND[stage]
    exponents, sd_uv = np.full(40, ground.exponent), np.full(40, ground.sd_uv)
    noise = background(np.random.default_rng(1), exponents, sd_uv=sd_uv, samples=4000, rate_hz=RATE_HZ)
    frequency, density = welch(noise, RATE_HZ, nperseg=400)
    band = (frequency >= 1) & (frequency <= 30)
    slope = np.polyfit(np.log(frequency[band]), np.log(density.mean(axis=(0, 1))[band]), 1)[0]
    assert slope == pytest.approx(-ground.exponent, abs=0.1)
    assert noise.std() == pytest.approx(ground.sd_uv, rel=0.05)


def test_channels_correlate_as_their_mixture_says():
    ones = np.ones(400)
    noise = background(np.random.default_rng(2), 0 * ones, sd_uv=ones, samples=200, rate_hz=RATE_HZ)
    measured = np.corrcoef(noise.transpose(1, 0, 2).reshape(len(CHANNELS), -1))
    np.testing.assert_allclose(measured, mixing() @ mixing().T, atol=0.02)
    pairs = np.triu_indices(len(CHANNELS), 1)
    assert np.corrcoef(distances()[pairs], measured[pairs])[0, 1] < -0.7


def test_muscle_activity_has_its_amplitude_and_nothing_below_15_hz():
    noise = muscle(np.random.default_rng(3), np.full(30, 2.0), samples=1000, rate_hz=RATE_HZ)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    assert noise.std() == pytest.approx(2.0, rel=0.03)
    assert spectrum[..., :150].sum() < 1e-20 * spectrum.sum()


def test_the_nearest_channel_of_p4_is_o2_and_settings_offer_every_channel():
    assert nearest("P4") == "O2"
    assert Channel.__args__ == CHANNELS


@pytest.mark.parametrize(
    ("stage", "frequency_hz", "foci"),
    [("W", 10, ["O2"]), ("N2", 13, ["Fz", "C3"]), ("N3", 1, ["Fz"]), ("REM", 4, ["Fz", "C3"])],
)
def test_oscillations_of_a_stage_have_their_frequency_and_focus(stage, frequency_hz, foci):
    signals = np.zeros((50, len(CHANNELS), 4000))
    add_rhythms(np.random.default_rng(4), signals, [stage] * 50, gains=np.ones(50), alpha_hz=10.0, rate_hz=RATE_HZ)
    assert np.abs(signals).max() > max(rhythm.peak_uv for rhythm in RHYTHMS[stage]) / 2
    per_channel = power(signals, frequency_hz, nperseg=400).mean(axis=0)
    strongest = np.isclose(per_channel, per_channel.max(), rtol=0.05)
    assert [CHANNELS[place] for place in np.flatnonzero(strongest)] == foci
    assert power(signals, 40, nperseg=400).mean(axis=0).max() < 1e-4 * per_channel.max()


def test_alpha_follows_the_subject():
    signals = np.zeros((50, len(CHANNELS), 4000))
    add_rhythms(np.random.default_rng(4), signals, ["W"] * 50, gains=np.ones(50), alpha_hz=8.5, rate_hz=RATE_HZ)
    frequency, density = welch(signals, RATE_HZ, nperseg=400)
    assert frequency[density.mean(axis=(0, 1)).argmax()] == pytest.approx(8.5, abs=0.5)


def test_eye_movements_are_in_rem_whole_on_eog_and_leak_most_to_fp1():
    signals = np.zeros((2, len(CHANNELS), 6000))
    add_eye_movements(np.random.default_rng(5), signals, ["REM", "N2"], leak=0.3, rate_hz=RATE_HZ)
    peaks = dict(zip(CHANNELS, np.abs(signals[0]).max(axis=1), strict=True))
    assert peaks["EOG"] >= 40
    assert peaks["Fp1"] == pytest.approx(0.3 * peaks["EOG"])
    assert peaks["Fp1"] > peaks["Fz"] > peaks["P4"]
    assert (signals[1] == 0).all()


def test_an_awakening_follows_a_stretch_of_its_stage_that_it_shares_with_no_other():
    counts = [(["REM"], 4), (["N2", "N3"], 8)]
    chosen = choose_awakenings(np.random.default_rng(6), NIGHT, counts=counts, stretch_s=40)
    assert [one.stage == "REM" for one in chosen].count(True) == 4
    assert all(stage_at(NIGHT.hypnogram, start_s=one.time_s - 40, end_s=one.time_s) == one.stage for one in chosen)
    assert all(one.time_s % 30 == 0 for one in chosen)
    assert np.diff([one.time_s for one in chosen]).min() >= 40


def test_a_night_with_too_few_stretches_is_refused():
    fault = r"^short: night with too few stretches of 40 s in REM; got [4-7]; allowed: 9 or more; ask for fewer"
    with pytest.raises(InputError, match=fault):
        choose_awakenings(np.random.default_rng(0), NIGHT, counts=[(["REM"], 9)], stretch_s=40)


def test_a_night_begins_and_ends_with_sleep():
    hypnogram = [Scored(0, 90, "W"), Scored(90, 60, "N1"), Scored(150, 30, "W"), Scored(180, 30, "N2"),
                 Scored(210, 600, "W"), Scored(810, 60, None)]  # fmt: skip
    assert trim_night("n", hypnogram) == Night(
        "n", [Scored(0, 60, "N1"), Scored(60, 30, "W"), Scored(90, 30, "N2")], 120
    )
    with pytest.raises(InputError, match="n: hypnogram without sleep"):
        trim_night("n", hypnogram[:1])


def test_every_night_is_dealt_once_before_any_twice():
    nights = [Night(name, [], 0) for name in "abc"]
    names = [night.name for night in deal_nights(np.random.default_rng(0), nights, subjects=7)]
    assert sorted(names[:3]) == sorted(names[3:6]) == ["a", "b", "c"]
    assert len(names) == 7


def test_depth_is_an_autoregressive_course_of_unit_variance():
    course = depth_course(np.random.default_rng(7), 200_000, memory=0.8)
    assert course.std() == pytest.approx(1, abs=0.02)
    for lag in (1, 3):
        assert np.corrcoef(course[lag:], course[:-lag])[0, 1] == pytest.approx(0.8**lag, abs=0.02)


def test_the_probability_of_the_label_is_the_logistic_of_stage_depth_and_time():
    probability = label_probability(
        0.1,
        rem=np.array([True, False]),
        depth=np.array([0.5, -1.0]),
        night=np.array([0.25, 1.0]),
        confound=Confound(rem=2.0, depth=1.0, time=0.4),
    )
    np.testing.assert_allclose(np.log(probability / (1 - probability)), [0.1 + 1 + 0.5 - 0.1, 0.1 - 1 - 1 + 0.2])


@pytest.mark.parametrize("k", [0.0, 2.0, 4.0])
def test_labels_follow_the_confound(nights, k):
    settings = {"subjects": 60, "reports": 20, "epochs": 1, "epoch_s": 2, "content": {"latency_s": 1.0}}
    study, _ = simulated(nights, **settings, confound={"rem": k, "subject_sd": 0.0})
    reports = truth_table(study)
    for rem, expected in ((True, 1 / (1 + np.exp(-k / 2))), (False, 1 / (1 + np.exp(k / 2)))):
        labels = reports.label[(reports.stage == "REM") == rem]
        assert len(labels) == 60 * (9 if rem else 11)
        assert binomtest(int(labels.sum()), len(labels), expected).pvalue > 1e-3


def test_depth_and_time_move_the_label(nights):
    settings = {"subjects": 40, "epochs": 1, "epoch_s": 4, "content": {"latency_s": 2.0, "amplitude_sd": 0}}
    study, _ = simulated(nights, **settings, confound={"rem": 0, "depth": 3.0}, depth={"on_signal": 0.3})
    reports = truth_table(study)
    assert reports[reports.label == 1].depth.mean() > reports[reports.label == 0].depth.mean() + 1
    proxy = np.concatenate([one.reports.depth_proxy for one in study])
    assert np.corrcoef(proxy, reports.depth)[0, 1] == pytest.approx(0.9, abs=0.05)
    later, _ = simulated(nights, **settings, confound={"rem": 0, "time": 8.0})
    told = pd.concat([one.reports for one in later])
    assert told[told.label == 1].night_time_s.mean() > told[told.label == 0].night_time_s.mean() + 3000


@pytest.mark.parametrize("on_signal", [0.0, 0.3])
def test_depth_moves_the_exponent_of_the_background_as_far_as_it_is_told(nights, on_signal):
    settings = {"subjects": 40, "epochs": 1, "epoch_s": 4, "content": {"latency_s": 2.0, "amplitude_sd": 0}}
    study, _ = simulated(nights, **settings, muscle=0, depth={"on_signal": on_signal})
    reports = truth_table(study)
    n2 = (reports.stage == "N2").to_numpy()
    tilt = np.concatenate([one.log_power[:, P4, 25] - one.log_power[:, P4, 5] for one in study])
    assert np.polyfit(reports.depth[n2], tilt[n2], 1)[0] == pytest.approx(on_signal * np.log10(25 / 5), abs=0.05)


def test_arms_differ_by_the_burst_and_by_nothing_else(nights):
    content, settings = simulated(nights, content={"amplitude_sd": 0.5})
    null, _ = simulated(nights, content={"amplitude_sd": 0})
    window = truth_maps(content, settings)["burst_samples"]
    for one, other in zip(content, null, strict=True):
        difference = (one.signals - other.signals).reshape(len(CHANNELS), *one.bursts.shape, -1)
        changed = np.abs(difference) > 0
        assert not np.delete(changed, P4, axis=0).any()
        assert not changed[..., ~window].any()
        np.testing.assert_array_equal(changed[P4].any(axis=-1), one.bursts)
        assert not other.bursts.any()
        pd.testing.assert_frame_equal(one.reports, other.reports)
        np.testing.assert_array_equal(one.log_power, other.log_power)


def test_bursts_are_where_the_label_is_1_at_their_rate_size_frequency_and_time(nights):
    study, settings = simulated(nights, subjects=6, reports=20, content={"amplitude_sd": 0.5})
    null, _ = simulated(nights, subjects=6, reports=20, content={"amplitude_sd": 0})
    reports, bursts = truth_table(study), np.concatenate([one.bursts for one in study])
    ones = (reports.label == 1).to_numpy()
    assert not bursts[~ones].any()
    assert binomtest(int(bursts.sum()), bursts[ones].size, 0.7).pvalue > 1e-3
    clean = np.concatenate([one.signals[P4].reshape(20, -1) for one in null])
    np.testing.assert_allclose(reports.amplitude_uv, 0.5 * clean.std(axis=1))
    added = np.concatenate([one.signals[P4].reshape(20, 4, -1) for one in study]) - clean.reshape(120, 4, 1000)
    peak = np.abs(added).max(axis=-1) / reports.amplitude_uv.to_numpy()[:, None]
    assert (peak[bursts] > 0.9).all()
    assert (peak[bursts] <= 1).all()
    energy = (added[bursts] ** 2).mean(axis=0)
    assert (energy * np.arange(1000)).sum() / energy.sum() / RATE_HZ == pytest.approx(5.0, abs=0.02)
    spectrum = (np.abs(np.fft.rfft(added[bursts])) ** 2).mean(axis=0)
    assert np.fft.rfftfreq(1000, 0.01)[spectrum.argmax()] == pytest.approx(32, abs=0.11)
    bins = truth_maps(study, settings)["burst_bins"]
    assert np.argwhere(bins).tolist() == [[P4, 31], [P4, 32], [P4, 33]]
    assert spectrum[305:336].sum() > 0.95 * spectrum.sum()


def test_a_suppressor_is_shared_by_neighbours_and_does_not_know_the_label(nights):
    with_it, settings = simulated(nights, subjects=6, reports=20, suppressor_sd=0.2, content={"amplitude_sd": 0})
    without, _ = simulated(nights, subjects=6, reports=20, content={"amplitude_sd": 0})
    added = np.stack([one.signals - other.signals for one, other in zip(with_it, without, strict=True)])
    assert [CHANNELS[place] for place in np.flatnonzero(np.abs(added).max(axis=(0, 2)))] == ["P4", "O2"]
    np.testing.assert_allclose(added[:, P4], added[:, CHANNELS.index("O2")], atol=1e-9)
    noise = added[:, P4].reshape(120, -1)
    spread = np.stack([one.signals[P4] for one in without]).reshape(120, -1).std(axis=1)
    relative = noise.std(axis=1) / spread
    assert relative.mean() == pytest.approx(0.2, rel=0.03)
    ones = truth_table(with_it).label.to_numpy() == 1
    assert relative[ones].mean() == pytest.approx(relative[~ones].mean(), rel=0.05)
    assert truth_facts(with_it, settings)["suppressor"]["channels"] == ["P4", "O2"]
    spectrum = (np.abs(np.fft.rfft(noise)) ** 2).mean(axis=0)
    inside = np.abs(np.fft.rfftfreq(4000, 0.01) - 32) <= 2
    assert spectrum[~inside].sum() < 1e-9 * spectrum.sum()


def test_power_in_bins_is_that_of_a_sine_and_of_white_noise():
    time = np.arange(4000) / RATE_HZ
    sine = np.tile(3 * np.cos(2 * np.pi * 20 * time), (1, 1, 1))
    density = 10 ** log_power(sine, epochs=4, rate_hz=RATE_HZ)[0, 0]
    assert density[20] == pytest.approx(3**2 / 2)  # the variance of the sine, all of it within one bin of 1 Hz
    assert np.delete(density, 20).max() < 1e-12
    white = np.random.default_rng(8).standard_normal((20, 6, 4000))
    measured = 10 ** log_power(white, epochs=4, rate_hz=RATE_HZ).mean()
    assert measured == pytest.approx(2 / RATE_HZ, rel=0.1)  # less by the mean of a log: 10 values a bin


def test_reports_of_a_subject_have_the_share_of_rem_and_the_times_of_the_shortened_recording(nights):
    study, _ = simulated(nights, subjects=4, reports=20)
    for one in study:
        assert (one.truth.stage == "REM").sum() == 9
        assert set(one.truth.stage) <= {"N2", "N3", "REM"}
        assert one.signals.shape == (len(CHANNELS), 20 * 40 * RATE_HZ)
        assert one.reports.time_s.tolist() == list(range(40, 801, 40))
        assert one.reports.order.tolist() == list(range(1, 21))
        assert one.reports.night_time_s.is_monotonic_increasing
        assert [span.stage for span in one.hypnogram] == one.truth.stage.tolist()
        assert (np.isfinite(one.signals)).all()


def test_stages_differ_in_power_as_their_backgrounds_do(nights):
    study, settings = simulated(nights, subjects=10, reports=20)
    maps = truth_maps(study, settings)
    stages = maps["stages"].tolist()
    assert stages == ["N2", "N3", "REM"]
    slow = maps["log_power"][:, P4, 1]
    assert slow[stages.index("N3")] > slow[stages.index("N2")] > slow[stages.index("REM")]
    assert maps["stage_effect"][P4, 1] < 0
    assert maps["stage_effect"][CHANNELS.index("EOG"), 1] > 0  # eye movements
    reports, every = truth_table(study), np.concatenate([one.log_power for one in study])
    rem = (reports.stage == "REM").to_numpy()
    np.testing.assert_allclose(maps["stage_effect"], every[rem].mean(axis=0) - every[~rem].mean(axis=0))


def test_overlap_is_the_share_of_reports_in_strata_with_both_labels():
    reports = pd.DataFrame({"subject": ["a"] * 5 + ["b"] * 3, "stage": ["N2"] * 3 + ["REM"] * 2 + ["N2"] * 3,
                            "label": [0, 1, 1, 1, 1, 0, 0, 0]})  # fmt: skip
    assert overlap(reports) == 3 / 8


def test_the_same_seed_gives_the_same_recordings_and_another_others(nights):
    (one, *_), _ = simulated(nights)
    (again, *_), _ = simulated(nights)
    (other, *_), _ = simulated(nights, seed=1)
    np.testing.assert_array_equal(one.signals, again.signals)
    assert np.abs(one.signals - other.signals).max() > 1


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            {"content": {"latency_s": 9.8}},
            "simulate_eeg: setting is not allowed; .* that keep the burst inside its epoch",
        ),
        ({"content": {"latency_s": 0.4}}, "keep the burst inside its epoch"),
        ({"content": {"frequency_hz": 49}}, "content.frequency_hz below half of rate_hz"),
        ({"content": {"channel": "Pz"}}, r"simulate_eeg\.content\.channel: setting is not allowed; got 'Pz'"),
        ({"subjects": 1}, r"simulate_eeg\.subjects: setting is not allowed; got 1"),
        ({"rem_share": 1.2}, r"simulate_eeg\.rem_share: setting is not allowed; got 1.2"),
        ({"other_stages": ["REM"]}, r"simulate_eeg\.other_stages\.0: setting is not allowed; got 'REM'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, fault):
    with pytest.raises(InputError, match=fault):
        validate(SimulateEeg, settings, where="simulate_eeg")


def test_mne_reads_written_signals_within_half_a_step_of_16_bits(tmp_path):
    signals = np.random.default_rng(9).normal(0, 30, (2, 1000))
    write_recording(
        tmp_path / "s.edf", dict(zip(["C3", "P4"], signals, strict=True)),
        rate_hz=100, unit="uV", limit=200, annotations=[],
    )  # fmt: skip
    raw = mne.io.read_raw_edf(tmp_path / "s.edf", verbose="error")
    assert raw.ch_names == ["C3", "P4"]
    assert raw.info["sfreq"] == 100
    np.testing.assert_allclose(raw.get_data() * 1e6, signals, rtol=0, atol=200 / 65535 * 1.001)
    raw.close()


def test_samples_beyond_the_range_are_clipped_and_such_that_are_none_are_refused(tmp_path):
    options = {"rate_hz": 100, "unit": "uV", "limit": 200, "annotations": []}
    samples = np.zeros(1000)
    samples[5] = 900
    write_recording(tmp_path / "s.edf", {"C3": samples}, **options)
    raw = mne.io.read_raw_edf(tmp_path / "s.edf", verbose="error")
    assert raw.get_data()[0, 5] * 1e6 == pytest.approx(200)
    raw.close()
    samples[5] = np.nan
    with pytest.raises(InputError, match=r"s\.edf: cannot write samples that are not finite"):
        write_recording(tmp_path / "s.edf", {"C3": samples}, **options)
