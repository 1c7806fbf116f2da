import numpy as np
import pytest
import torch
from torch import nn

from tracklight.core.attribution import corrected, gradient
from tracklight.core.projection import Projected, average_reference
from tracklight.core.spectral import by_frequency
from tracklight.eeg.whitening import Whitened, filtered, whiten, whitening_gains
from tracklight.errors import InputError

RATE, NAMES = 100.0, ("Fz", "P4")
HOW = {"rate": RATE, "smooth_hz": 1.0, "floor": 1e-4}


def coloured(count=30, length=500, *, seed=0, exponent=1.0):
    """Epochs in volts, amplitude falling with frequency, an offset of 1 mV, the second channel three times larger."""
    generator = np.random.default_rng(seed)
    spectrum = np.fft.rfft(generator.standard_normal((count, 2, length)))
    spectrum[..., 1:] /= np.arange(1, spectrum.shape[-1]) ** exponent
    return 1e-5 * np.array([1.0, 3.0])[:, None] * np.fft.irfft(spectrum, n=length) + 1e-3


def gains_of(epochs, **changes):
    return whitening_gains(epochs, names=NAMES, where="subject a", **HOW | changes)


def gains_by_hand(epochs, smooth_bins):
    """The definition, frequency by frequency, with numpy's own standard deviation."""
    amplitude = np.abs(np.fft.rfft(epochs)).mean(0)
    reach, last = smooth_bins // 2, amplitude.shape[1] - 1
    gains = np.zeros_like(amplitude)
    for number in range(1, last + 1):
        gains[:, number] = 1 / amplitude[:, max(number - reach, 1) : min(number + reach, last) + 1].mean(1)
    white = np.fft.irfft(np.fft.rfft(epochs) * gains, n=epochs.shape[-1])
    return gains / white.std((0, 2))[:, None]


@pytest.mark.parametrize("length", [500, 501])
def test_gains_are_one_over_the_smoothed_mean_amplitude_at_unit_deviation(length):
    epochs = coloured(length=length)
    np.testing.assert_allclose(gains_of(epochs), gains_by_hand(epochs, smooth_bins=5), rtol=1e-9)


@pytest.mark.parametrize("length", [500, 501])
def test_whitened_epochs_have_mean_zero_and_unit_deviation(length):
    white, _ = whiten(coloured(length=length), ["a"] * 30, names=NAMES, **HOW)
    assert white.dtype == np.float32
    np.testing.assert_allclose(white.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(white.std((0, 2)), 1, rtol=1e-5)


def test_every_frequency_has_the_same_mean_amplitude_afterwards():
    epochs = coloured(count=200)
    white, _ = whiten(epochs, ["a"] * 200, names=NAMES, **HOW)
    before, after = (np.abs(np.fft.rfft(x)).mean(0)[:, 5:-1] for x in (epochs, white))
    assert before.max() / before.min() > 40
    assert after.max() / after.min() < 1.3


def test_each_subject_is_whitened_by_its_own_epochs_alone():
    first, second = coloured(seed=1), 5 * coloured(seed=2, exponent=2.0)
    mixed = np.stack([first, second], axis=1).reshape(60, 2, 500)
    white, gains = whiten(mixed, ["a", "b"] * 30, names=NAMES, **HOW)
    assert list(gains) == ["a", "b"]
    for number, (subject, own) in enumerate({"a": first, "b": second}.items()):
        np.testing.assert_array_equal(gains[subject], gains_of(own))
        np.testing.assert_array_equal(white[number::2], filtered(own, gains_of(own)))


def test_the_order_of_epochs_does_not_matter():
    epochs = coloured()
    np.testing.assert_allclose(gains_of(epochs[::-1]), gains_of(epochs), rtol=1e-12)


def test_what_a_filter_removed_is_not_blown_up():
    spectrum = np.fft.rfft(coloured(exponent=0.0))
    spectrum[..., 150:] *= 1e-9  # above 30 Hz
    epochs = np.fft.irfft(spectrum, n=500)
    high = slice(160, None)
    powers = [np.abs(np.fft.rfft(filtered(epochs, gains_of(epochs, floor=f)))[..., high]).mean() for f in (0.0, 1e-4)]
    assert powers[0] > 1
    assert powers[1] < 1e-3


def test_the_filter_is_its_own_transpose():
    gains = gains_of(coloured())
    a, b = (1e3 * coloured(seed=seed) for seed in (3, 4))
    left, right = (filtered(a, gains) * b).sum(), (a * filtered(b, gains)).sum()
    assert left == pytest.approx(right, rel=1e-5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    conv = nn.Conv1d(2, 4, 7, bias=False)
    return nn.Sequential(conv, nn.Softplus(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 1)).double()


def test_a_gradient_in_whitened_epochs_becomes_one_in_volts_by_the_same_filter(model):
    epochs = coloured(count=3)
    gains, volts = gains_of(epochs), torch.from_numpy(epochs)
    white = torch.from_numpy(np.fft.irfft(np.fft.rfft(epochs) * gains, n=500))
    seen = Whitened(model, gains)
    torch.testing.assert_close(seen(volts), model(white))
    expected = gradient(seen, volts)
    np.testing.assert_allclose(filtered(gradient(model, white).numpy(), gains), expected, rtol=1e-3, atol=1)
    in_volts, in_white = by_frequency(expected, volts), by_frequency(gradient(model, white), white)
    torch.testing.assert_close(in_volts, in_white, rtol=0, atol=1e-9)


def test_the_average_reference_is_kept_in_volts_and_every_frequency_keeps_its_sum(model):
    epochs = coloured(count=3) - coloured(count=3).mean(1, keepdims=True)
    gains, volts = gains_of(epochs), torch.from_numpy(epochs)
    plain = Whitened(model, gains)
    kept = gradient(Projected(plain, average_reference(2)), volts)
    torch.testing.assert_close(kept, corrected(gradient(plain, volts)))
    sums = (by_frequency(g, volts).sum(1) for g in (kept, gradient(plain, volts)))
    torch.testing.assert_close(*sums, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (0.0, "subject b: channel P4 is flat; leave out"),
        (5e-5, "subject b: channel P4 is flat; leave out"),
        (np.nan, "subject b: channel P4 holds values that are not finite"),
        (np.inf, "subject b: channel P4 holds values that are not finite"),
    ],
)
def test_a_channel_without_a_signal_is_refused(fault, message):
    epochs = coloured()
    epochs[15:, 1] = fault
    with pytest.raises(InputError, match=message):
        whiten(epochs, ["a"] * 15 + ["b"] * 15, names=NAMES, **HOW)
