"""Recordings laid end to end on one tape: channels chosen, filtered, resampled, referenced, in volts."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
from numpy.typing import NDArray

from tracklight.eeg.filters import condition, resampled_length
from tracklight.eeg.recordings import Recording
from tracklight.eeg.signals import VOLTS, Signals, choose_channels, open_signals
from tracklight.errors import complaint
from tracklight.settings.prepare_eeg import PrepareEeg

NO_REFERENCE = ("none", "average")  # words of the setting that name no channel


@dataclass(frozen=True)
class Layout:
    """What the tape will hold.

    Attributes
    ----------
    rate_hz : float
        Sampling rate of the tape (Hz).
    channels : tuple of str
        Names of its channels.
    labels : dict of str to dict of str to str
        By recording: channel to its label in the file.
    lengths : dict of str to int
        Samples of each recording on the tape.
    seconds : dict of str to float
        Length of each recording (s).
    starts : dict of str to datetime or None
        What the clock said at the first sample of each, where its file tells.
    """

    rate_hz: float
    channels: tuple[str, ...]
    labels: dict[str, dict[str, str]]
    lengths: dict[str, int]
    seconds: dict[str, float]
    starts: dict[str, datetime.datetime | None]


def lay_out(recordings: Sequence[Recording], settings: PrepareEeg) -> Layout:
    """Open every recording once, and find its channels, its length on the tape, and the sampling rate of all.

    Raises
    ------
    InputError
        When a recording is damaged or lacks a channel, or rates differ and none is set.
    """
    wishes: Mapping[str, str | Sequence[str]] = settings.channels
    labels, rates = dict[str, dict[str, str]](), dict[tuple[str, str], tuple[float, int]]()
    seconds, starts = dict[str, float](), dict[str, datetime.datetime | None]()
    for recording in recordings:
        signals = open_signals(recording.path)
        wishes = wishes or _all_channels(signals, recording, settings)
        found = choose_channels(signals, wishes, bad=recording.bad)
        for label in _with_reference(signals, found, settings.reference):
            rates[recording.name, label] = signals.rate(label), round(signals.rate(label) * signals.seconds)
        labels[recording.name], seconds[recording.name] = found, signals.seconds
        starts[recording.name] = signals.start
    if settings.reference != "none" and matching(list(wishes), settings.not_brain).all():
        raise complaint(
            "no channel of the brain to reference", where="prepare_eeg.reference", got=[*wishes],
            do="name channels of the brain, or set it to none",
        )  # fmt: skip
    rate = settings.rate_hz or _common_rate({key: rate for key, (rate, _) in rates.items()})
    # Channels of different rates may end a sample apart; the shortest one counts.
    lengths = dict[str, int]()
    for (name, _), (old, samples) in rates.items():
        length = resampled_length(samples, old, rate, where=name)
        lengths[name] = min(lengths.get(name, length), length)
    return Layout(rate, tuple(wishes), labels, lengths, seconds, starts)


def lay(
    recording: Recording, layout: Layout, *, settings: PrepareEeg
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float64]]]:
    """Read one recording as it goes on the tape.

    Parameters
    ----------
    recording : Recording
        One of those the layout was made of.
    layout : Layout
        The tape.
    settings : PrepareEeg
        Filters, reference, and how many samples in a row count as clipped.

    Returns
    -------
    data : ndarray of float32 (channel, position)
        In volts; NaN in channels that are marked as bad.
    clipped : dict of str to ndarray (stretch, 2)
        By channel: start and end (s) of the stretches at an end of the recorder's range.
    """
    signals, length = open_signals(recording.path), layout.lengths[recording.name]
    units = {**settings.units, **recording.units}
    labels = layout.labels[recording.name]
    read = _with_reference(signals, labels, settings.reference)
    data = np.empty((len(read), length), np.float32)
    for row, label in zip(data, read, strict=True):
        if label in recording.bad:
            row[:] = np.nan  # its epochs are all dropped; that it may be flat is no fault of the input
            continue
        where = f"{recording.path} channel {label}"
        volts = signals.volts(label, units=units)
        row[:] = condition(volts, rate_hz=signals.rate(label), settings=settings, where=where)[:length]
    clipped = {name: signals.clipped(labels[name], samples=settings.clipped_samples) for name in layout.channels}
    brain = ~matching(layout.channels, settings.not_brain)
    return referenced(data, brain=brain, reference=settings.reference), clipped


def matching(channels: Sequence[str], patterns: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which channels match one of the patterns (`*`, `?`), capitals or not, `(channel,)`."""
    return np.array([any(fnmatch(name.upper(), each.upper()) for each in patterns) for name in channels], bool)


def referenced(data: NDArray[np.float32], *, brain: NDArray[np.bool_], reference: str) -> NDArray[np.float32]:
    """Return the channels of the tape with those of the brain against the reference, the others as they are.

    What eyes and muscles record must not get a share of what the brain does, nor lend it one.

    Parameters
    ----------
    data : ndarray of float32 (channel, position)
        Channels of the tape, followed by the reference where that is a channel.
    brain : ndarray of bool (channel,)
        Which of the tape are of the brain.
    reference : str
        `none`, the `average` of the channels of the brain at each position, or the channel that follows those of the
        tape.
    """
    kept = data[: len(brain)].copy()
    if reference != "none":
        kept[brain] -= kept[brain].mean(axis=0) if reference == "average" else data[len(brain)]
    return kept


def _all_channels(signals: Signals, recording: Recording, settings: PrepareEeg) -> dict[str, str]:
    given = {**settings.units, **recording.units}
    found = {label: label for label in signals.labels if {signals.unit(label), given.get(label)} & VOLTS.keys()}
    found.pop(settings.reference, None)
    if not found:
        raise complaint("recording without a channel in volts", where=signals.path, allowed=[*VOLTS])
    return found


def _with_reference(signals: Signals, found: Mapping[str, str], reference: str) -> list[str]:
    """Return the labels of the channels, followed by that of the reference when it is a channel."""
    if reference in NO_REFERENCE:
        return [*found.values()]
    if reference in found.values():
        raise complaint(
            "the reference is one of the channels", where="prepare_eeg.reference", got=reference,
            do="leave it out of prepare_eeg.channels: it would be flat",
        )  # fmt: skip
    return [*found.values(), *choose_channels(signals, {reference: reference}, bad=frozenset()).values()]


def _common_rate(rates: Mapping[tuple[str, str], float]) -> float:
    first_of = dict[float, str]()
    for (name, label), rate in rates.items():
        first_of.setdefault(rate, f"{name} {label} {rate:g} Hz")
    if len(first_of) > 1:
        raise complaint("differing sampling rates", got=[*first_of.values()], do="set prepare_eeg.rate_hz")
    return next(iter(first_of))
