"""Simulated sleep EEG over the stages of real nights: what is context and what is content is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg.awakenings import (
    SCORED_S,
    Night,
    choose_awakenings,
    deal_nights,
    depth_course,
    label_probability,
)
from tracklight.eeg.background import CHANNELS, background, muscle, nearest, of_stages, shaped_noise
from tracklight.eeg.hypnogram import Scored
from tracklight.eeg.oscillations import ALPHA_HZ, add_eye_movements, add_rhythms, hann
from tracklight.settings.simulate_eeg import SimulateEeg

SESSION = "ses-1"
REPORT_COLUMNS = ("report", "time_s", "label", "order", "night_time_s", "depth_proxy")


@dataclass(frozen=True)
class Simulated:
    """The recording of one simulated subject, and its truth.

    Attributes
    ----------
    subject : str
        As `sub-01`.
    signals : ndarray of float64 (channel, position)
        In µV, channels as `background.CHANNELS`: the stretches before the awakenings, laid end to end.
    hypnogram : list of Scored
        Stages of the shortened recording.
    reports : DataFrame
        What a study has: `report time_s label order night_time_s depth_proxy`.
    truth : DataFrame
        What it does not have: `subject report stage label depth probability bursts amplitude_uv`.
    bursts : ndarray of bool (report, epoch)
        Epochs that hold the planted burst.
    log_power : ndarray of float64 (report, channel, frequency)
        log10 of the power without content (µV² / Hz) in bins of 1 Hz around 0, 1, 2, ... Hz, mean over epochs.
    facts : dict
        Where the subject stands: its night and its effects.
    """

    subject: str
    signals: NDArray[np.float64]
    hypnogram: list[Scored]
    reports: pd.DataFrame
    truth: pd.DataFrame
    bursts: NDArray[np.bool_]
    log_power: NDArray[np.float64]
    facts: dict[str, Any]


def simulate_recordings(
    rng: np.random.Generator, nights: Sequence[Night], *, settings: SimulateEeg
) -> Iterator[Simulated]:
    """Simulate one recording after another.

    Nothing random depends on the amplitude of the content, the suppressor or the muscle activity: arms that differ in
    them alone have the same stages, labels and noise.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same recordings.
    nights : sequence of Night
        Real nights; each simulated subject gets one.
    settings : SimulateEeg
        Sizes, content and confound.

    Yields
    ------
    Simulated

    Raises
    ------
    InputError
        When a night has too few stretches of a stage.
    """
    dealing, *streams = rng.spawn(settings.subjects + 1)
    dealt = deal_nights(dealing, nights, subjects=settings.subjects)
    digits = max(2, len(str(settings.subjects)))
    for number, (night, stream) in enumerate(zip(dealt, streams, strict=True), start=1):
        yield _recording(stream, night, f"sub-{number:0{digits}d}", settings=settings)


def burst(settings: SimulateEeg, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return epochs `(..., sample)` that are 0 but for the burst, which peaks at 1, for phases `(...,)` (rad)."""
    content, rate_hz = settings.content, settings.rate_hz
    samples = round(content.duration_s * rate_hz)
    start = round((settings.epoch_s - content.latency_s - content.duration_s / 2) * rate_hz)
    time = (np.arange(samples) - (samples - 1) / 2) / rate_hz
    epochs = np.zeros((*phase.shape, settings.epoch_s * rate_hz))
    epochs[..., start : start + samples] = hann(samples) * np.cos(
        2 * np.pi * content.frequency_hz * time + phase[..., None]
    )
    return epochs


def log_power(signals: NDArray[np.float64], *, epochs: int, rate_hz: float) -> NDArray[np.float64]:
    """Return log10 of the power density in bins of 1 Hz, mean over epochs.

    Parameters
    ----------
    signals : ndarray (report, channel, sample)
        In µV.
    epochs : int
        Epochs of a report.
    rate_hz : float
        Sampling rate (Hz).

    Returns
    -------
    ndarray of float64 (report, channel, frequency)
        log10 of µV² / Hz; bin f holds the frequencies that round to f Hz, from 0 to half of the rate.
    """
    cut = signals.reshape(*signals.shape[:2], epochs, -1)
    frequency = np.fft.rfftfreq(cut.shape[-1], 1 / rate_hz)
    density = 2 * np.abs(np.fft.rfft(cut)) ** 2 / (rate_hz * cut.shape[-1])
    starts = np.searchsorted(frequency, np.arange(int(rate_hz / 2) + 1) - 0.5)
    sums = np.add.reduceat(density, starts, axis=-1)
    per_bin = np.diff([*starts, len(frequency)])
    return np.log10(sums / per_bin + np.finfo(float).tiny).mean(axis=2)


def _recording(rng: np.random.Generator, night: Night, subject: str, *, settings: SimulateEeg) -> Simulated:
    waking, person, asking, resting, planting = rng.spawn(5)
    stretch_s = settings.epochs * settings.epoch_s
    in_rem = round(settings.rem_share * settings.reports)
    counts: list[tuple[Sequence[str], int]] = [(["REM"], in_rem), (settings.other_stages, settings.reports - in_rem)]
    awakenings = choose_awakenings(waking, night, counts=counts, stretch_s=stretch_s)
    facts: dict[str, Any] = {"subject": subject, "night": night.name, **_person(person, settings)}
    asked = _ask(asking, awakenings, night, facts["log_odds"], settings=settings)
    signals = _context(resting, asked, facts, settings=settings)
    power = log_power(signals, epochs=settings.epochs, rate_hz=settings.rate_hz)
    bursts, amplitude = _plant(planting, signals, asked.label.to_numpy(), settings=settings)
    asked = asked.assign(subject=subject, bursts=bursts.sum(axis=1), amplitude_uv=amplitude)
    return Simulated(
        subject=subject,
        signals=signals.transpose(1, 0, 2).reshape(len(CHANNELS), -1),
        hypnogram=[Scored(place * stretch_s, stretch_s, stage) for place, stage in enumerate(asked.stage)],
        reports=asked[list(REPORT_COLUMNS)],
        truth=asked[["subject", "report", "stage", "label", "depth", "probability", "bursts", "amplitude_uv"]],
        bursts=bursts,
        log_power=power,
        facts=facts,
    )


def _person(rng: np.random.Generator, settings: SimulateEeg) -> dict[str, float]:
    effects = settings.subject_effects
    gain, exponent, alpha, log_odds = rng.standard_normal(4)
    return {
        "log_gain": effects.gain_sd * gain,
        "exponent": effects.exponent_sd * exponent,
        "alpha_hz": ALPHA_HZ + effects.alpha_sd_hz * alpha,
        "log_odds": settings.confound.subject_sd * log_odds,
    }


def _ask(
    rng: np.random.Generator, awakenings: Sequence[Any], night: Night, own: float, *, settings: SimulateEeg
) -> pd.DataFrame:
    """Return one row a report: stage, times, depth and its proxy, and the label with its probability."""
    asked = pd.DataFrame(awakenings, columns=["stage", "night_time_s"])
    number = np.arange(1, len(asked) + 1)
    course = depth_course(rng, int(night.sleep_s // SCORED_S) + 1, memory=settings.depth.memory)
    depth = course[(asked.night_time_s.to_numpy() // SCORED_S).astype(int) - 1]
    noise, drawn = rng.standard_normal(len(asked)), rng.random(len(asked))
    known = settings.depth.proxy_correlation
    probability = label_probability(
        own,
        rem=(asked.stage == "REM").to_numpy(),
        depth=depth,
        night=asked.night_time_s.to_numpy() / night.sleep_s,
        confound=settings.confound,
    )
    return asked.assign(
        report=[f"r{one:02d}" for one in number],
        order=number,
        time_s=number * settings.epochs * settings.epoch_s,
        depth=depth,
        depth_proxy=known * depth + np.sqrt(1 - known**2) * noise,
        probability=probability,
        label=(drawn < probability).astype(int),
    )


def _context(
    rng: np.random.Generator, asked: pd.DataFrame, facts: dict[str, Any], *, settings: SimulateEeg
) -> NDArray[np.float64]:
    """Return the signals `(report, channel, sample)` (µV) without content."""
    resting, tensing, swinging, looking, effects = rng.spawn(5)
    stages, depth = list(asked.stage), settings.depth.on_signal * asked.depth.to_numpy()
    size = {"samples": settings.epochs * settings.epoch_s * settings.rate_hz, "rate_hz": settings.rate_hz}
    spread = settings.report_effects
    gain, exponent, tone = effects.standard_normal((3, len(asked)))
    exponents = of_stages(stages, "exponent") + facts["exponent"] + spread.exponent_sd * exponent - depth
    gains = np.exp(facts["log_gain"] + spread.gain_sd * gain)
    signals = background(resting, exponents, sd_uv=gains * of_stages(stages, "sd_uv"), **size)
    tension = settings.muscle * np.exp(spread.muscle_sd * tone) * of_stages(stages, "muscle_uv")
    signals += muscle(tensing, tension, **size)
    rate_hz = settings.rate_hz
    add_rhythms(
        swinging, signals, stages, gains=gains * np.exp(depth), alpha_hz=facts["alpha_hz"], rate_hz=rate_hz
    )  # fmt: skip
    add_eye_movements(looking, signals, stages, leak=settings.ocular_leak, rate_hz=rate_hz)
    return signals


def _plant(
    rng: np.random.Generator, signals: NDArray[np.float64], labels: NDArray[np.int64], *, settings: SimulateEeg
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Add the suppressor and the bursts in place; return where bursts are `(report, epoch)` and their peak (µV)."""
    content, (reports, _, samples) = settings.content, signals.shape
    place, neighbour = CHANNELS.index(content.channel), CHANNELS.index(nearest(content.channel))
    spread = signals[:, place].std(axis=-1)
    frequency = np.fft.rfftfreq(samples, 1 / settings.rate_hz)
    band = np.abs(frequency - content.frequency_hz) <= 2 / content.duration_s
    shared = shaped_noise(rng, np.tile(band.astype(float), (reports, 1, 1)), samples=samples, sources=1)
    signals[:, [place, neighbour]] += settings.suppressor_sd * spread[:, None, None] * shared
    phase = rng.uniform(0, 2 * np.pi, (reports, settings.epochs))
    drawn = rng.random((reports, settings.epochs)) < content.probability
    bursts = drawn & (labels == 1)[:, None]
    peak = content.amplitude_sd * spread
    # Without content the same burst is added with a peak of 0: no other path, no other number.
    signals[:, place] += (peak[:, None, None] * bursts[..., None] * burst(settings, phase)).reshape(reports, samples)
    return bursts if content.amplitude_sd > 0 else np.zeros_like(bursts), peak
