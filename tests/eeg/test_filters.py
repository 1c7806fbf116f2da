"""Filters on sines, whose answer is known, and beside MNE."""

import mne
import numpy as np
import pytest
from scipy import signal

from tracklight.eeg.filters import condition, filtered, resampled, resampled_length
from tracklight.errors import InputError
from tracklight.settings.prepare_eeg import PrepareEeg


def sine(hertz, rate, seconds=60, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_a_band_is_that_of_mne():
    noise = np.random.default_rng(0).normal(0, 1, 6000)
    iir = {"order": 4, "ftype": "butter", "output": "sos"}
    expected = mne.filter.filter_data(noise, 100.0, 1.0, 30.0, method="iir", iir_params=iir, verbose="error")
    settings = PrepareEeg(low_hz=1, high_hz=30)
    got = filtered(noise, rate_hz=100, settings=settings, where="x")
    # the two extend the signal at its ends in different ways
    np.testing.assert_allclose(got[1000:-1000], expected[1000:-1000], atol=1e-9)


@pytest.mark.parametrize(("low", "high"), [(1.0, None), (None, 20.0), (1.0, 20.0)])
def test_a_sine_keeps_its_phase_and_loses_what_the_squared_response_says(low, high):
    settings = PrepareEeg(low_hz=low, high_hz=high)
    edges, kind = {
        (True, True): ((low, high), "bandpass"), (True, False): (low, "highpass"), (False, True): (high, "lowpass"),
    }[low is not None, high is not None]  # fmt: skip
    numerator, denominator = signal.butter(4, edges, kind, fs=100)
    for hertz in (5.0, 18.0):
        _, response = signal.freqz(numerator, denominator, [hertz], fs=100)
        got = filtered(sine(hertz, 100), rate_hz=100, settings=settings, where="x")
        np.testing.assert_allclose(got[1000:-1000], np.abs(response) ** 2 * sine(hertz, 100)[1000:-1000], atol=1e-3)


def test_a_notch_takes_out_the_mains_and_its_multiples_only():
    settings = PrepareEeg(notch_hz=[50, 100])
    mixed = sine(50, 400) + sine(100, 400) + sine(40, 400)
    got = filtered(mixed, rate_hz=400, settings=settings, where="x")
    np.testing.assert_allclose(got[2000:-2000], sine(40, 400)[2000:-2000], atol=2e-3)


def test_resampling_keeps_slow_sines_and_takes_out_what_would_fold_back():
    slow = resampled(sine(3, 256), 256, 100, where="x")
    np.testing.assert_allclose(slow[200:-200], sine(3, 100)[200:-200], atol=2e-3)
    fast = resampled(sine(90, 256), 256, 100, where="x")  # 10 Hz, were it only sampled more rarely
    assert np.abs(fast[200:-200]).max() < 2e-3


def test_an_offset_makes_no_wave_at_the_ends():
    np.testing.assert_allclose(resampled(np.full(1000, 5.0), 256, 100, where="x"), 5.0, atol=1e-2)


@pytest.mark.parametrize(("old", "new"), [(256, 100), (100, 256), (512, 128), (100, 100), (1, 100), (200, 99.5)])
def test_the_length_is_known_beforehand(old, new):
    for samples in (999, 1000, 1001):
        assert resampled_length(samples, old, new, where="x") == len(resampled(np.ones(samples), old, new, where="x"))


def test_a_slow_channel_is_resampled_before_it_is_filtered():
    settings = PrepareEeg(high_hz=30, rate_hz=100)  # 30 Hz would be beyond what 4 Hz can hold
    got = condition(sine(0.25, 4, 200), rate_hz=4, settings=settings, where="x")
    np.testing.assert_allclose(got[1000:-1000], sine(0.25, 100, 200)[1000:-1000], atol=5e-3)


@pytest.mark.parametrize(
    ("changes", "samples", "fault"),
    [
        (
            {"high_hz": 50},
            1000,
            "x: filter beyond what the sampling rate can hold; got lowpass 50 Hz; allowed: 0 to 50",
        ),
        ({"notch_hz": [50]}, 1000, "got bandstop 49, 51 Hz"),
        ({"low_hz": 1}, 10, "x: recording too short to be filtered; got 10 samples"),
    ],
)
def test_filters_that_do_not_fit_are_refused(changes, samples, fault):
    with pytest.raises(InputError, match=fault):
        filtered(np.ones(samples), rate_hz=100, settings=PrepareEeg(**changes), where="x")
