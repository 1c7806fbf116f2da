"""Attribution of epochs; closed forms of linear models and finite differences are the witnesses."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tracklight.core.attribution import gradient
from tracklight.core.projection import average_reference, row_space, second_moment
from tracklight.core.tape import Tape
from tracklight.eeg.dataset import Epochs
from tracklight.eeg.explaining import (
    Explainer,
    Plan,
    choose_examples,
    data_space,
    explain,
    explain_subjects,
    in_volts,
    make_forms,
)
from tracklight.errors import InputError
from tracklight.models.spec import ModelSpec, build
from tracklight.settings.eeg_learning import AttributeEeg

RATE, LENGTH, CHANNELS = 100.0, 400, 3
SETTINGS = AttributeEeg(time_bin_s=1.0)
FORMS = make_forms(LENGTH, rate_hz=RATE, settings=SETTINGS)
GAINS = 1e5 * np.random.default_rng(9).uniform(0.5, 2, (CHANNELS, LENGTH // 2 + 1)) * (np.arange(LENGTH // 2 + 1) > 0)
EVERYTHING = torch.eye(CHANNELS, dtype=torch.float64)
OPTIONS = {"filters": 8, "temporal_kernel": 25, "pool": 5, "mixing_kernel": 9, "dropout": 0.25}


class Linear(nn.Module):
    """Sum of weights (channel, position) x input, and a bias."""

    def __init__(self, weights, bias=0.7):
        super().__init__()
        self.weights, self.bias = weights, bias

    def forward(self, x):
        return (self.weights * x).sum((1, 2))[:, None] + self.bias


def network(seed=0):
    spec = ModelSpec("eeg_conv", CHANNELS, LENGTH, ("label",), OPTIONS)
    return build(spec, seed=seed).for_inference()


def volts(count=5, *, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return 2e-5 * torch.randn(count, CHANNELS, LENGTH, generator=generator, dtype=torch.float64).to(dtype)


def explained(models, x, *, projection=EVERYTHING, points=(1.0,), batch_size=2, forms=FORMS):
    networks = [Explainer(in_volts(model, GAINS, projection=projection), points) for model in models]
    return explain(networks, x, forms=forms, batch_size=batch_size)


def recordings(lengths, *, referenced=False):
    """Epochs of subjects a and b, whose recordings hold as many; of b first and last."""
    subjects = ["b"] * 2 + ["a"] * (lengths["a"]) + ["b"] * (lengths["b"] - 2)
    starts, data = [], []
    for count in lengths.values():
        values = np.random.default_rng(count).normal(0, count * 1e-5, (CHANNELS, LENGTH * count))
        data.append((values - values.mean(0) if referenced else values).astype(np.float32))
    seen = dict.fromkeys(lengths, 0)
    for subject in subjects:
        starts.append(LENGTH * seen[subject])
        seen[subject] += 1
    index = pd.DataFrame({"contig": subjects, "start": starts, "group": subjects})
    ends = LENGTH * np.cumsum([0, *lengths.values()])
    facts = {"length": LENGTH, "channels": ["Fz", "C3", "P4"], "rate_hz": RATE}
    return Epochs(Tape(np.concatenate(data, 1), tuple(lengths), ends), index, facts, {})


def test_a_linear_model_is_explained_by_its_weights_passed_through_the_filter():
    weights = torch.from_numpy(np.random.default_rng(1).normal(size=(CHANNELS, LENGTH)))
    x = volts()
    found = explained([Linear(weights)], x)
    in_volts_weights = np.fft.irfft(np.fft.rfft(weights.numpy()) * GAINS, n=LENGTH)  # the filter is its own transpose
    np.testing.assert_allclose(found.attribution, in_volts_weights * x.numpy(), rtol=1e-9, atol=1e-15)
    above_zero = found.margin[0] - 0.7
    np.testing.assert_allclose(found.total[0], above_zero, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hertz", [0.25, 7.0, 31.75, 50.0])
def test_the_attribution_of_a_sine_lies_in_its_bin(hertz):
    seconds = torch.arange(LENGTH, dtype=torch.float64) / RATE
    x = 2e-5 * torch.cos(2 * torch.pi * hertz * seconds).expand(1, CHANNELS, LENGTH)
    found = explained([network().double()], x).frequency[0, 0]
    outside = FORMS.hz != np.floor(hertz + 0.5)
    assert found[:, ~outside].abs().min() > 1e-6
    assert found[:, outside].abs().max() < 1e-9


def test_a_bin_is_the_slope_of_the_margin_against_its_log_amplitude():
    """The witness scales a bin of frequencies up and down, and asks the network alone."""
    model, x = network().double(), volts(1)
    found = explained([model], x).frequency[0, 0]

    def margin(channel, number, factor):
        spectrum = np.fft.rfft(x[0].numpy())
        hertz = np.arange(LENGTH // 2 + 1) * RATE / LENGTH
        inside = (hertz >= number - 0.5) & (hertz < number + 0.5)
        spectrum[channel, inside] *= factor
        return float(model(torch.from_numpy(np.fft.irfft(spectrum * GAINS, n=LENGTH))[None]))

    for channel, number in [(0, 1), (1, 10), (2, 32), (2, 50)]:
        slope = (margin(channel, number, 1 + 1e-6) - margin(channel, number, 1 - 1e-6)) / 2e-6
        assert found[channel, number].item() == pytest.approx(slope, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
@pytest.mark.parametrize("points", [(1.0,), (0.25, 0.75)])
def test_every_form_sums_to_the_total(dtype, tolerance, points):
    models = [network(0).to(dtype), network(1).to(dtype)]
    found = explained(models, volts(dtype=dtype), points=points)
    scale = found.total.abs().mean()
    assert {part.dtype for part in (found.frequency, found.time, found.attribution)} == {dtype}
    assert (found.frequency.double().sum((2, 3)) - found.total).abs().max() <= tolerance * scale
    assert (found.time.double().sum((1, 2, 3)) - found.total.mean(0)).abs().max() <= tolerance * scale
    assert (found.attribution.double().sum((1, 2)) - found.total.mean(0)).abs().max() <= tolerance * scale
    if points == (1.0,):  # a network without biases but the last grows in proportion with its input
        zero = torch.stack([model(torch.zeros(1, CHANNELS, LENGTH, dtype=dtype))[0, 0] for model in models])
        assert (found.total + zero[:, None].double() - found.margin).abs().max() <= 10 * tolerance * scale


def test_the_form_by_frequency_is_the_same_for_whitened_epochs():
    model, x = network().double(), volts()
    white = torch.from_numpy(np.fft.irfft(np.fft.rfft(x.numpy()) * GAINS, n=LENGTH))
    product = torch.fft.rfft(gradient(model, white)).conj() * torch.fft.rfft(white)
    witness = (2 * product.real / LENGTH)[..., 1:-1]
    by_bin = torch.stack([witness[..., 4 * n - 3 : 4 * n + 1].sum(-1) for n in range(2, 40)], -1)  # n - .5 to n + .5 Hz
    np.testing.assert_allclose(explained([model], x).frequency[0, ..., 2:40], by_bin, rtol=1e-9, atol=1e-12)


def test_what_average_referenced_channels_cannot_show_is_not_attributed():
    """Weights that read the mean over channels in volts change neither the margin nor the attribution."""
    base = torch.from_numpy(np.random.default_rng(2).normal(size=(CHANNELS, LENGTH)))
    through = torch.from_numpy(1 / np.where(GAINS > 0, GAINS, np.inf)[:, :40])
    common = np.zeros((CHANNELS, LENGTH // 2 + 1), complex)
    common[:, :40] = 1e8 * through  # undoes the gains, so that every channel has the same weights in volts
    shifted = base + torch.from_numpy(np.fft.irfft(common, n=LENGTH))
    x = volts()
    x -= x.mean(1, keepdim=True)
    projection = average_reference(CHANNELS)
    one, two = (explained([Linear(weights)], x, projection=projection) for weights in (base, shifted))
    np.testing.assert_allclose(two.margin, one.margin, atol=1e-8)
    np.testing.assert_allclose(two.attribution, one.attribution, rtol=1e-6, atol=1e-12)
    unprojected = explained([Linear(shifted)], x)
    assert (unprojected.attribution - one.attribution).abs().max() > 1e-3


def test_a_burst_lies_in_its_band_and_its_bin_of_time():
    seconds = np.arange(LENGTH) / RATE
    burst = np.where(np.abs(seconds - 2.5) < 0.5, np.cos(np.pi * (seconds - 2.5)) ** 2, 0)
    x = torch.zeros(1, CHANNELS, LENGTH, dtype=torch.float64)
    x[0, 2] = torch.from_numpy(2e-5 * burst * np.cos(2 * np.pi * 36 * seconds))
    flat = Explainer(Linear(x[0] / 2e-5), (1.0,))
    found = explain([flat], x, forms=FORMS, batch_size=1).time[0]
    share = found[2, FORMS.bands.index("gamma"), 2] / found.sum()
    assert share.item() > 0.9
    assert found[:2].abs().max() == 0


def test_frames_are_shared_between_bins_of_time_as_their_window_is():
    # 1-s frames every half second: one inside a bin, one astride two, half a frame before the start and after the end
    np.testing.assert_allclose(
        FORMS.shares[:4], [[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 1, 0, 0]], atol=2e-2
    )
    np.testing.assert_allclose(FORMS.shares.sum(1), 1, rtol=1e-12)
    np.testing.assert_allclose(FORMS.time_s, [0.5, 1.5, 2.5, 3.5])


def test_the_share_of_a_frame_in_a_bin_is_the_energy_of_its_window_there():
    forms = make_forms(230, rate_hz=RATE, settings=AttributeEeg(time_bin_s=0.3, frame_s=0.4))
    wanted = np.zeros((13, 8))
    for frame in range(13):
        for place in range(40):  # 20 samples of every frame stand before its centre
            at = min(max(20 * frame - 20 + place, 0), 229)
            wanted[frame, at // 30] += np.sin(np.pi * place / 40) ** 2 / 20
    np.testing.assert_allclose(forms.shares, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("length", "rate", "width"), [(400, 100.0, 1.0), (401, 100.0, 1.0), (400, 100.0, 3.0), (333, 101.4, 0.7)]
)
def test_every_frequency_has_one_bin_and_one_band(length, rate, width):
    settings = AttributeEeg(bin_hz=width, time_bin_s=0.9)
    forms = make_forms(length, rate_hz=rate, settings=settings)
    assert (forms.in_bin.sum(1) == 1).all()
    assert (forms.in_band.sum(1) == 1).all()
    np.testing.assert_allclose(forms.shares.sum(1), 1, rtol=1e-12)
    x = torch.randn(2, CHANNELS, length, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = explain([Explainer(Linear(x[0]), (1.0,))], x, forms=forms, batch_size=2)
    np.testing.assert_allclose(found.time.sum((1, 2, 3)), found.total[0], rtol=1e-9)


def test_the_last_bin_of_time_may_be_shorter():
    forms = make_forms(250, rate_hz=100.0, settings=SETTINGS)
    np.testing.assert_allclose(forms.time_s, [0.5, 1.5, 2.25])


def test_what_the_bands_leave_out_is_named_rest():
    assert FORMS.bands == ("delta", "theta", "alpha", "sigma", "beta", "gamma", "rest")
    assert FORMS.in_band[:, -1].nonzero()[:, 0].tolist() == [0, *range(45, 51)]  # Hz, in frames of 1 s
    np.testing.assert_array_equal(FORMS.band_hz[[0, -1]], [[0.5, 4], [np.nan, np.nan]])
    whole = make_forms(LENGTH, rate_hz=RATE, settings=AttributeEeg(bands={"low": (0, 20), "high": (20, 51)}))
    assert whole.bands == ("low", "high")


def test_a_band_without_frequencies_is_refused():
    with pytest.raises(InputError, match=r"no frequency in a band; got 30 to 45 Hz; allowed: bands that meet 0 to 25"):
        make_forms(LENGTH, rate_hz=50.0, settings=SETTINGS)


@pytest.mark.parametrize(
    ("bands", "fault"),
    [
        ({"a": (1, 4), "b": (3, 8)}, "do not overlap"),
        ({"a": (4, 1)}, "end above their start"),
        ({"a": (4, 4)}, "end above their start"),
        ({"rest": (1, 4)}, "names other than rest"),
        ({"a:b": (1, 4)}, "should match pattern"),
    ],
)
def test_bands_that_would_count_twice_or_confuse_are_refused(bands, fault):
    with pytest.raises(ValueError, match=fault):
        AttributeEeg(bands=bands)


def test_the_mean_over_networks_is_that_of_each_alone():
    models, x = [network(0).double(), network(1).double()], volts()
    both, alone = explained(models, x), [explained([model], x) for model in models]
    for name in ("time", "attribution"):
        mean = (getattr(alone[0], name) + getattr(alone[1], name)) / 2
        np.testing.assert_allclose(getattr(both, name), mean, rtol=1e-9, atol=1e-15)
    for number, one in enumerate(alone):
        np.testing.assert_allclose(both.frequency[number], one.frequency[0], rtol=1e-12)


def test_batches_do_not_matter():
    one, two = (explained([network().double()], volts(), batch_size=size) for size in (1, 5))
    for name in one._fields:
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-13)


def test_the_space_is_that_of_all_epochs_at_once():
    epochs = recordings({"a": 3, "b": 4}, referenced=True)
    rows = np.array([0, 2, 3, 4])  # one epoch of b, which is the louder, and three of a
    projection, rank = data_space(epochs, rows, tolerance=1e-5)
    assert rank == CHANNELS - 1
    np.testing.assert_allclose(projection, average_reference(CHANNELS), atol=1e-6)
    full, rank = data_space(recordings({"a": 3, "b": 4}), rows, tolerance=1e-5)
    assert rank == CHANNELS
    np.testing.assert_allclose(full, np.eye(CHANNELS), atol=1e-12)
    moment = second_moment(torch.from_numpy(recordings({"a": 3, "b": 4}).signals(rows)))
    level = float(torch.linalg.eigvalsh(moment)[1] / torch.linalg.eigvalsh(moment)[2]) + 1e-9
    first, rank = data_space(recordings({"a": 3, "b": 4}), rows, tolerance=level)
    assert rank == 1
    np.testing.assert_allclose(first, row_space(moment, rank=1), atol=1e-9)


def test_every_subject_is_explained_by_its_own_filter_and_every_row_once():
    epochs = recordings({"a": 3, "b": 4})
    gains = {"a": GAINS, "b": 2 * GAINS}
    model, rows = network(), np.array([0, 2, 3, 4, 6])
    plan = Plan([Explainer(model, (1.0,))], gains, EVERYTHING, FORMS, 2, torch.device("cpu"))
    parts = list(explain_subjects(epochs, rows, plan))
    assert [own.tolist() for own, _ in parts] == [[0, 6], [2, 3, 4]]
    for (own, found), gain in zip(parts, (gains["b"], gains["a"]), strict=True):
        white = np.fft.irfft(np.fft.rfft(epochs.signals(own)) * gain, n=LENGTH).astype(np.float32)
        np.testing.assert_allclose(found.margin[0], model(torch.from_numpy(white))[:, 0], rtol=1e-4, atol=1e-6)


def test_examples_are_the_highest_and_lowest_in_turn_with_every_stage_first():
    margin = np.array([5.0, 4.0, -9.0, -1.0, 3.0, 4.0])
    stages = np.array(["REM", "REM", "REM", "N2", "N3", "N2"], object)
    # highest of all (REM); lowest of N2 and N3; highest of N3; all seen: lowest that is left; highest that is left
    assert choose_examples(margin, stages, count=5).tolist() == [0, 3, 4, 2, 1]
    assert len(choose_examples(margin, stages, count=99)) == 6
    assert choose_examples(margin, stages, count=0).tolist() == []
