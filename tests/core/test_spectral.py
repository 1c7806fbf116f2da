import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tracklight.core.attribution import gradient, integrated_gradients, mean_gradient
from tracklight.core.spectral import (
    bins,
    by_frequency,
    by_time_and_frequency,
    density,
    frequencies,
    in_bands,
    members,
    topography,
)
from tracklight.errors import InputError


def pair(length, *, seed=0, shape=(2, 3)):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, *shape, length, generator=generator, dtype=torch.float64)


def network():
    torch.manual_seed(0)
    conv = nn.Conv1d(3, 4, 5)
    return nn.Sequential(conv, nn.Tanh(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 1)).double()


@settings(deadline=None)
@given(length=st.integers(1, 70), seed=st.integers(0, 1000))
def test_by_frequency_sums_to_the_total_over_time_at_any_length(length, seed):
    g, x = pair(length, seed=seed)
    torch.testing.assert_close(by_frequency(g, x).sum(-1), (g * x).sum(-1), rtol=0, atol=1e-9)


@settings(deadline=None)
@given(length=st.integers(1, 70), half=st.integers(1, 20), seed=st.integers(0, 1000))
def test_by_time_and_frequency_sums_to_the_total_over_time_at_any_length(length, half, seed):
    g, x = pair(length, seed=seed)
    split = by_time_and_frequency(g, x, frame=2 * half)
    torch.testing.assert_close(split.sum((-1, -2)), (g * x).sum(-1), rtol=0, atol=1e-9)


def test_what_is_lost_in_single_precision_is_rounding():
    g, x = pair(1000).float()
    total = (g * x).sum(-1)
    assert (by_frequency(g, x).sum(-1) - total).abs().max() < 1e-6 * (g * x).abs().sum(-1).max()


@pytest.mark.parametrize("length", [40, 41])
def test_a_coefficient_is_the_slope_against_the_logarithm_of_the_amplitude(length):
    """The witness differentiates the output by log amplitudes, phases kept, without our formula."""
    model, (_, x) = network(), pair(length)
    spectrum = torch.fft.rfft(x)
    log_amplitude = spectrum.abs().log().requires_grad_()
    rebuilt = torch.fft.irfft(torch.polar(log_amplitude.exp(), spectrum.angle()), n=length)
    slope = torch.autograd.grad(model(rebuilt).sum(), log_amplitude)[0]
    torch.testing.assert_close(by_frequency(gradient(model, x), x), slope, rtol=0, atol=1e-12)


def test_a_coefficient_is_what_only_that_frequency_of_the_input_brings_to_the_total():
    g, x = pair(31)
    spectrum = torch.fft.rfft(x)
    for number in range(16):
        alone = torch.zeros_like(spectrum)
        alone[..., number] = spectrum[..., number]
        expected = (g * torch.fft.irfft(alone, n=31)).sum(-1)
        torch.testing.assert_close(by_frequency(g, x)[..., number], expected)


def test_integrated_gradients_split_by_frequency_through_their_mean_gradient():
    model, (_, x) = network(), pair(40)
    mean = mean_gradient(model, x, target=0, baseline=0.0, points=tuple((step + 0.5) / 8 for step in range(8)))
    total = integrated_gradients(model, x, steps=8, baseline=0.0, correct=False).sum((1, 2))
    torch.testing.assert_close(by_frequency(mean, x).sum((1, 2)), total, rtol=0, atol=1e-9)


def test_frames_are_those_of_the_short_time_transform_of_scipy():
    g, x = pair(50, shape=(1, 2))
    frame, half = 8, 4
    window = np.sqrt(scipy.signal.windows.hann(frame, sym=False))
    transform = scipy.signal.ShortTimeFFT(window, half, fs=1.0)
    count = by_time_and_frequency(g, x, frame=frame).shape[-1]
    both = (transform.stft(values.numpy(), p0=0, p1=count) for values in (g, x))
    product = next(both).conj() * next(both)
    weights = np.array([1, 2, 2, 2, 1])[:, None] / frame
    np.testing.assert_allclose(by_time_and_frequency(g, x, frame=frame), product.real * weights, atol=1e-12)


def test_a_burst_is_found_at_its_time_and_its_frequency():
    rate, frame = 100, 50
    time = torch.arange(400, dtype=torch.float64) / rate
    burst = torch.cos(2 * torch.pi * 20 * time) * ((time >= 2) & (time < 2.5))
    split = by_time_and_frequency(burst[None, None], burst[None, None], frame=frame)[0, 0]
    frequency, number = divmod(int(split.argmax()), split.shape[1])
    assert frequencies(frame, rate=rate)[frequency] == 20
    assert number * frame / 2 / rate == pytest.approx(2.25)


@pytest.mark.parametrize("frame", [7, 0])
def test_a_frame_without_a_middle_is_refused(frame):
    with pytest.raises(InputError, match=f"frame has no middle; got {frame} positions"):
        by_time_and_frequency(*pair(20), frame=frame)


@pytest.mark.parametrize("length", [1, 2, 9, 10, 1000])
def test_frequencies_are_those_of_numpy(length):
    found = frequencies(length, rate=100.0)
    np.testing.assert_allclose(found, np.fft.rfftfreq(length, 1 / 100), atol=1e-12)


def test_a_band_holds_its_lowest_frequency_and_not_its_end():
    inside = members(frequencies(10, rate=10.0), [(0, 2), (2, 5), (1, 4)])
    assert inside.int().tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 1], [0, 1, 1], [0, 1, 0], [0, 0, 0]]


def test_bins_of_one_hertz_up_to_the_highest_frequency_keep_the_whole_sum():
    g, x = pair(1000)
    bands = bins(50.0, width=1.0)
    inside = members(frequencies(1000, rate=100.0), bands)
    assert len(bands) == 51
    assert inside.sum(0).tolist() == [5, *[10] * 49, 6]  # 0 to .4 Hz, 0.5 to 1.4, ..., 49.5 to 50 Hz
    torch.testing.assert_close(in_bands(by_frequency(g, x), inside).sum(-1), (g * x).sum(-1), rtol=0, atol=1e-9)


def test_sums_over_bands_become_densities_per_hertz():
    spectrum = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
    bands = [(0, 1), (1, 4)]
    sums = in_bands(spectrum, members(frequencies(6, rate=6.0), bands))
    assert sums.tolist() == [[[1.0, 14.0]]]
    assert density(sums, bands).tolist() == [[[1.0, pytest.approx(14 / 3)]]]
    frames = torch.stack([sums, 2 * sums], dim=-1)
    assert density(frames, bands)[..., 1].tolist() == [[[2.0, pytest.approx(28 / 3)]]]


def test_a_band_between_two_frequencies_is_refused():
    with pytest.raises(InputError, match=r"no frequency in a band; got 1\.2 to 1\.8 Hz; .*0 to 5 Hz in steps of 1 Hz"):
        members(frequencies(10, rate=10.0), [(0, 2), (1.2, 1.8)])


def test_a_topography_is_the_same_whatever_the_split():
    g, x = pair(40)
    expected = torch.einsum("bct,bct->bc", g, x)
    torch.testing.assert_close(topography(g * x), expected)
    torch.testing.assert_close(topography(by_frequency(g, x)), expected)
    torch.testing.assert_close(topography(by_time_and_frequency(g, x, frame=10)), expected)
