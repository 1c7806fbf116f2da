"""Networks on epochs of EEG: do they find a planted burst in subjects they never saw, and does their map show it?

The stand-in for sleep: 1/f background over six mixed channels, a burst of 32 Hz at P4 in reports with content, gains
that differ between subjects and reports. Without content the same code adds a burst of amplitude 0.
"""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from tracklight.core.attribution import mean_gradient
from tracklight.core.completeness import Choice, choose_method
from tracklight.core.spectral import bins, by_frequency, frequencies, in_bands, members
from tracklight.core.tape import Tape
from tracklight.eeg.whitening import whiten
from tracklight.learning.band_power import log_band_power, power_ridge
from tracklight.learning.examples import Windows, make_examples
from tracklight.learning.fit import fit
from tracklight.learning.levers import Levers, Variation
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Train
from tracklight.settings.eeg_learning import AttributeEeg, EegArchitecture, Whiten
from tracklight.settings.gate_eeg import PowerRidge
from tracklight.stats import auroc

pytestmark = pytest.mark.slow

RATE, LENGTH, CROP = 100, 1000, 800
CHANNELS, BURST_CHANNEL, BURST_HZ = ("F3", "F4", "C3", "C4", "P3", "P4"), 5, 32
SUBJECTS, REPORTS, EPOCHS = 20, 20, 4
PRESENT = 0.7  # share of the epochs of a report with content that have the burst
ROWS = {  # subjects 0 to 7 teach, 8 and 9 stop the training, 10 to 19 are held out
    name: np.arange(first * REPORTS * EPOCHS, end * REPORTS * EPOCHS)
    for name, (first, end) in {"train": (0, 8), "validation": (8, 10), "held out": (10, 20)}.items()
}
SEEDS = (0, 1, 2)  # of the simulation and of the network
STEPS, BATCH = 500, 64
TRAIN = Train(
    loss="bce",
    epochs=STEPS // -(-len(ROWS["train"]) // BATCH),
    patience_epochs=STEPS,
    batch_size=BATCH,
    learning_rate=5e-3,
    weight_decay=1e-3,
)
RATES = {"eeg_conv": 5e-3, "square_pool": 2e-2}  # few weights want a higher rate
BANDS = bins(RATE / 2, width=1.0)
HOW = AttributeEeg()


class Learnt(NamedTuple):
    """Area under the ROC curve over held-out reports, map difference `(channel, band)` in SD, and its method."""

    auroc: float
    difference: np.ndarray
    choice: Choice


def simulated(amplitude: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return epochs `(epoch, channel, position)` in volts, ordered by subject and report, and the label of each."""
    generator = np.random.default_rng(seed)
    parts, labels = [], []
    for _ in range(SUBJECTS):
        gain, exponent = np.exp(generator.normal(0, 0.2)), generator.normal(2.2, 0.15)
        for label in generator.permutation(np.tile([0, 1], REPORTS // 2)):
            signal = background(generator, exponent=exponent + generator.normal(0, 0.08))
            signal *= 20e-6 * gain * np.exp(generator.normal(0, 0.1)) / signal.std()
            signal[:, BURST_CHANNEL] += bursts(generator, amplitude * label * signal[:, BURST_CHANNEL].std())
            parts.append(signal)
            labels += [label] * EPOCHS
    return np.concatenate(parts), np.array(labels, float)


def background(generator: np.random.Generator, *, exponent: float) -> np.ndarray:
    spectrum = np.fft.rfft(generator.standard_normal((EPOCHS, len(CHANNELS), LENGTH)))
    spectrum /= np.maximum(np.fft.rfftfreq(LENGTH, 1 / RATE), 0.5) ** (exponent / 2)
    spectrum[..., 0] = 0
    place = np.arange(len(CHANNELS))
    return np.exp(-0.5 * (place[:, None] - place) ** 2) @ np.fft.irfft(spectrum, n=LENGTH)


def bursts(generator: np.random.Generator, amplitude: float) -> np.ndarray:
    signal, time = np.zeros((EPOCHS, LENGTH)), np.arange(RATE) / RATE
    for epoch in signal:
        start, phase = generator.integers(0, LENGTH - RATE), generator.uniform(0, 2 * np.pi)
        present = generator.random() < PRESENT
        epoch[start : start + RATE] = present * np.hanning(RATE) * np.cos(2 * np.pi * BURST_HZ * time + phase)
    return amplitude * signal


def whitened(volts: np.ndarray) -> np.ndarray:
    how = Whiten()
    subjects = np.repeat([f"sub-{number:02}" for number in range(SUBJECTS)], REPORTS * EPOCHS).astype(object)
    return whiten(volts, subjects, names=CHANNELS, rate=RATE, smooth_hz=how.smooth_hz, floor=how.floor)[0]


def standardised(volts: np.ndarray) -> np.ndarray:
    grouped = volts.reshape(SUBJECTS, -1, *volts.shape[1:])
    return (grouped / grouped.std((1, 3), keepdims=True)).reshape(volts.shape).astype(np.float32)


def trained(epochs, labels, folder, *, seed, arch="eeg_conv"):
    """Train on random crops: every epoch is a contig, and its window stands in the middle."""
    count = len(epochs)
    names = np.array([f"epoch {number}" for number in range(count)], object)
    signal = torch.from_numpy(np.concatenate(list(epochs), axis=1))

    def decode(positions, *, reverse):
        return signal[:, positions].transpose(0, 1)

    # The tape holds its own positions: to gather windows of several channels would lay out every window of the tape.
    tape = Tape(np.arange(count * LENGTH), tuple(names), np.arange(count + 1) * LENGTH)
    middle = np.full(count, (LENGTH - CROP) // 2)
    windows = Windows(names, middle, np.zeros(count, bool), labels[:, None].astype(np.float32))
    examples = make_examples(tape, windows, length=CROP, decode=decode, device=torch.device("cpu"))
    spec = ModelSpec(arch, len(CHANNELS), CROP, ("label",), EegArchitecture(name=arch).options())
    model = build(spec, seed=seed)
    settings = TRAIN.model_copy(update={"learning_rate": RATES[arch]})
    rows = {split: torch.from_numpy(ROWS[split]) for split in ("train", "validation")}
    fit(
        model,
        examples,
        rows,
        settings,
        seed=seed,
        levers=Levers(Variation((LENGTH - CROP) // 2)),
        resume=folder / f"{arch}{seed}.pt",
    )
    return model.for_inference()


def learnt(epochs, labels, model) -> Learnt:
    """Explain the whole held-out epochs, average over reports, and compare those with content to those without."""
    x = torch.from_numpy(epochs[ROWS["held out"]])
    report_label = held_out_reports(labels)
    choice = choose_method(
        model, x[:400], target=0, steps=HOW.integrated_steps, tolerance=HOW.completeness_sd, batch_size=HOW.batch_size
    )
    inside = members(frequencies(LENGTH, rate=RATE), BANDS)
    maps, margins = [], []
    for part in x.split(HOW.batch_size):
        mean = mean_gradient(model, part, target=0, baseline=0.0, points=choice.points)
        maps.append(in_bands(by_frequency(mean, part), inside))
        margins.append(model(part)[:, 0])
    per_report, score = (by_report(torch.cat(parts).numpy()) for parts in (maps, margins))
    return Learnt(auroc(score, report_label), contrast(per_report, report_label), choice)


def by_report(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, EPOCHS, *values.shape[1:]).mean(1)


def held_out_reports(values: np.ndarray) -> np.ndarray:
    return by_report(values[ROWS["held out"]])


def contrast(features: np.ndarray, label: np.ndarray) -> np.ndarray:
    return (features[label == 1].mean(0) - features[label == 0].mean(0)) / features.std(0)


def place(difference: np.ndarray) -> tuple[str, int]:
    channel, band = np.unravel_index(difference.argmax(), difference.shape)
    return CHANNELS[channel], int(band)


@pytest.mark.parametrize("arch", RATES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_burst_is_decoded_in_subjects_never_seen_and_its_map_peaks_there(arch, seed, tmp_path):
    volts, labels = simulated(0.2, seed=seed)
    epochs = whitened(volts)
    found = learnt(epochs, labels, trained(epochs, labels, tmp_path, seed=seed, arch=arch))
    assert found.auroc > 0.9
    channel, band = place(found.difference)
    assert channel == CHANNELS[BURST_CHANNEL]
    assert abs(band - BURST_HZ) <= 1
    assert found.difference.max() > 1
    assert found.choice.complete
    assert found.choice.method == {"eeg_conv": "gradient_x_input", "square_pool": "integrated_gradients"}[arch]
    assert found.choice.errors[found.choice.method] < 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_without_content_nothing_is_decoded_and_no_map_stands_out(seed, tmp_path):
    """Of 200 reports the area has a standard deviation of .04 under chance."""
    volts, labels = simulated(0.0, seed=seed)
    epochs = whitened(volts)
    found = learnt(epochs, labels, trained(epochs, labels, tmp_path, seed=seed))
    assert 0.5 - 0.16 < found.auroc < 0.5 + 0.16
    assert np.abs(found.difference).max() < 0.7


def test_without_whitening_slow_waves_hide_the_burst_from_the_network(tmp_path):
    volts, labels = simulated(0.2, seed=0)
    epochs = standardised(volts)
    found = learnt(epochs, labels, trained(epochs, labels, tmp_path, seed=0))
    assert found.auroc < 0.8


@pytest.mark.parametrize(("amplitude", "lowest", "highest"), [(0.2, 0.85, 1.0), (0.0, 0.34, 0.66)])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_ridge_on_log_power_finds_the_burst_as_well_and_nothing_without_content(amplitude, lowest, highest, seed):
    volts, labels = simulated(amplitude, seed=seed)
    power = log_band_power(whitened(volts), rate=RATE, bands=BANDS, batch_size=HOW.batch_size)
    rows = {name: ROWS[name] for name in ("train", "validation")}
    prediction, _ = power_ridge(power, labels, penalties=PowerRidge().penalties, **rows)
    report_label = held_out_reports(labels)
    assert lowest < auroc(held_out_reports(prediction), report_label) <= highest
    difference = contrast(held_out_reports(power), report_label)
    assert (place(difference) == (CHANNELS[BURST_CHANNEL], BURST_HZ)) == (amplitude > 0)
