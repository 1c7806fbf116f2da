"""Why networks decided as they did about epochs of subjects they never saw, subject by subject.

Networks read whitened epochs; what is explained is their margin (the log-odds of label 1) as a function of the epochs
in volts, in the space that the channels span there: gradients are projected onto it, since off it they are arbitrary.
The form by frequency is the same in volts and whitened (up to that projection), the one over time is not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core import spectral
from tracklight.core.attribution import evaluating, mean_gradient
from tracklight.core.margin import Margin
from tracklight.core.projection import Projected, numerical_rank, row_space, second_moment
from tracklight.eeg.dataset import Epochs
from tracklight.eeg.whitening import Whitened
from tracklight.progress import track
from tracklight.settings.eeg_learning import AttributeEeg

REST = "rest"  # what no band holds


@dataclass(frozen=True)
class Forms:
    """How the attribution of an epoch is summed up.

    Attributes
    ----------
    hz : ndarray of float64 (bin,)
        Centres of the bins of frequency (Hz).
    in_bin : Tensor of bool (frequency, bin)
        Which frequencies of an epoch belong to which bin; every one to one.
    bands : tuple of str
        Names of the bands of the form by time and frequency; `rest` is the last where the others leave a frequency out.
    band_hz : ndarray of float64 (band, 2)
        Their edges (Hz); NaN for `rest`, which may lie on both sides of the others.
    in_band : Tensor of bool (frequency of a frame, band)
        Which frequencies of a frame belong to which band; every one to one.
    frame : int
        Samples of a frame.
    shares : Tensor of float64 (frame, time)
        How much of each frame lies in each bin of time; rows sum to 1.
    time_s : ndarray of float64 (time,)
        Centres of the bins of time, from the start of the epoch (s).
    """

    hz: NDArray[np.float64]
    in_bin: Tensor
    bands: tuple[str, ...]
    band_hz: NDArray[np.float64]
    in_band: Tensor
    frame: int
    shares: Tensor
    time_s: NDArray[np.float64]


class Explained(NamedTuple):
    """Attributions of some epochs; those of several networks come first, or as their mean.

    Attributes
    ----------
    margin : Tensor of float64 (network, epoch)
        What is explained: log-odds of label 1.
    total : Tensor of float64 (network, epoch)
        Sum of the attribution over channels and positions.
    frequency : Tensor (network, epoch, channel, bin)
        The attribution by frequency; sums to `total`.
    time : Tensor (epoch, channel, band, time)
        By time and frequency, mean over networks; sums to the mean of `total`.
    attribution : Tensor (epoch, channel, position)
        Multiplier x signal, mean over networks; sums to the mean of `total`.
    """

    margin: Tensor
    total: Tensor
    frequency: Tensor
    time: Tensor
    attribution: Tensor


EPOCH_AT = (1, 1, 1, 0, 0)  # the dimension of epochs in each of them


class Explainer(NamedTuple):
    """A network and the places between 0 and the input at which its gradient is taken (`core.completeness`)."""

    model: nn.Module
    points: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """What the epochs of a half are explained with.

    Attributes
    ----------
    networks : sequence of Explainer
        Networks `(batch, channel, position)` to `(batch, 1)` on whitened epochs.
    gains : mapping of str to ndarray (channel, frequency)
        The filter that whitens, by subject.
    projection : Tensor (channel, channel)
        Onto the space that the channels span in volts.
    forms : Forms
        How attributions are summed up.
    batch_size : int
        Epochs explained at once.
    device : torch.device
        Where.
    """

    networks: Sequence[Explainer]
    gains: Mapping[str, NDArray[np.float64]]
    projection: Tensor
    forms: Forms
    batch_size: int
    device: torch.device


def make_forms(length: int, *, rate_hz: float, settings: AttributeEeg) -> Forms:
    """Return how attributions of epochs of `length` samples at `rate_hz` are summed up.

    Raises
    ------
    InputError
        When a bin or a band holds no frequency.
    """
    hertz = spectral.frequencies(length, rate=rate_hz)
    # Half a bin more than the highest frequency: the last bin is the one that holds it.
    bins = spectral.bins(float(hertz[-1]) + settings.bin_hz / 2, width=settings.bin_hz)
    frame = 2 * max(round(settings.frame_s * rate_hz / 2), 1)
    named = settings.bands.items()
    in_band = spectral.members(spectral.frequencies(frame, rate=rate_hz), list(settings.bands.values()))
    rest = ~in_band.any(1, keepdim=True)
    left = [(REST, (np.nan, np.nan))] if rest.any() else []
    names, edges = zip(*named, *left, strict=True)
    step = min(max(round(settings.time_bin_s * rate_hz), 1), length)
    ends = np.minimum(np.arange(step, length + step, step), length)
    return Forms(
        hz=np.array(bins).mean(1),
        in_bin=spectral.members(hertz, bins),
        bands=names,
        band_hz=np.array(edges, np.float64),
        in_band=torch.cat([in_band, rest], 1) if left else in_band,
        frame=frame,
        shares=_shares(length, frame=frame, step=step),
        time_s=(np.arange(len(ends)) * step + ends) / 2 / rate_hz,
    )


def data_space(epochs: Epochs, rows: NDArray[np.int64], *, tolerance: float) -> tuple[Tensor, int]:
    """Return the projection onto the space that the channels span in some epochs, and its dimension.

    Parameters
    ----------
    epochs : Epochs
        In volts.
    rows : ndarray of int64 (epoch,)
        Which; read one subject at a time.
    tolerance : float
        As `core.projection.numerical_rank` takes it.

    Returns
    -------
    Tensor of float64 (channel, channel), int
    """
    moments = [
        len(own) / len(rows) * second_moment(torch.from_numpy(epochs.signals(own)))
        for _, own in by_subject(epochs, rows)
    ]
    moment = torch.stack(moments).sum(0)
    rank = numerical_rank(moment, tolerance=tolerance)
    return row_space(moment, rank=rank), rank


def by_subject(epochs: Epochs, rows: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
    """Return subjects, in the order of their first epoch among `rows`, and the rows of each."""
    subjects = epochs.index["group"].to_numpy(object)[rows]
    return [(subject, rows[subjects == subject]) for subject in dict.fromkeys(subjects.tolist())]


def explain_subjects(
    epochs: Epochs, rows: NDArray[np.int64], plan: Plan
) -> Iterator[tuple[NDArray[np.int64], Explained]]:
    """Explain epochs, one subject in memory at a time.

    Parameters
    ----------
    epochs : Epochs
        In volts.
    rows : ndarray of int64 (epoch,)
        Which.
    plan : Plan
        With what.

    Yields
    ------
    ndarray of int64 (epoch,), Explained
        The rows of one subject and their attributions, on the CPU.
    """
    subjects = by_subject(epochs, rows)
    for subject, own in track(subjects, what="attribute-eeg", total=len(subjects), unit="subject"):
        volts = torch.from_numpy(epochs.signals(own)).to(plan.device)
        networks = [
            Explainer(in_volts(model, plan.gains[subject], projection=plan.projection).to(plan.device), points)
            for model, points in plan.networks
        ]
        yield own, explain(networks, volts, forms=plan.forms, batch_size=plan.batch_size)


def in_volts(model: nn.Module, gains: NDArray[np.float64], *, projection: Tensor) -> Projected:
    """Return the margin of label 1 of a network on whitened epochs as a model of one subject's epochs in volts.

    Parameters
    ----------
    model : Module
        Maps whitened epochs `(batch, channel, position)` to log-odds `(batch, 1)`.
    gains : ndarray (channel, frequency)
        The subject's filter.
    projection : Tensor (channel, channel)
        Onto the space that the channels span in volts.
    """
    return Projected(Whitened(Margin(model, label=1), gains), projection)


def explain(networks: Sequence[Explainer], volts: Tensor, *, forms: Forms, batch_size: int) -> Explained:
    """Explain epochs of one subject.

    Parameters
    ----------
    networks : sequence of Explainer
        Models of epochs in volts, as `in_volts` returns them.
    volts : Tensor (epoch, channel, position)
        The epochs.
    forms : Forms
        How attributions are summed up.
    batch_size : int
        Epochs at once.

    Returns
    -------
    Explained
        On the CPU, `frequency`, `time` and `attribution` of the type of `volts`.
    """
    parts = [_explain_batch(networks, part, forms) for part in volts.split(batch_size)]
    return Explained(*map(torch.cat, zip(*parts, strict=True), EPOCH_AT))


def _explain_batch(networks: Sequence[Explainer], x: Tensor, forms: Forms) -> Explained:
    """Explain a batch; sums are made in double precision, since terms of either sign cancel."""
    multipliers = [
        mean_gradient(model, x, target=0, baseline=0.0, points=points).double() for model, points in networks
    ]
    mean, wide = torch.stack(multipliers).mean(0), x.double()
    in_bin, in_band, shares = (values.to(x.device) for values in (forms.in_bin, forms.in_band, forms.shares))
    spectra = [spectral.in_bands(spectral.by_frequency(each, wide), in_bin) for each in multipliers]
    framed = spectral.in_bands(spectral.by_time_and_frequency(mean, wide, frame=forms.frame), in_band)
    return Explained(
        margin=torch.stack([_margins(model, x) for model, _ in networks]).double().cpu(),
        total=torch.stack([(each * wide).sum((1, 2)) for each in multipliers]).cpu(),
        frequency=torch.stack(spectra).to(x.dtype).cpu(),
        time=(framed @ shares).to(x.dtype).cpu(),
        attribution=(mean * wide).to(x.dtype).cpu(),
    )


@torch.no_grad()
def _margins(model: nn.Module, x: Tensor) -> Tensor:
    with evaluating(model):
        return model(x)[:, 0]


def _shares(length: int, *, frame: int, step: int) -> Tensor:
    """Return how much of each frame lies in each bin of time: the part of its squared window there.

    The halves of the first and last frames that lie outside of the epoch count where they are nearest to it.
    """
    half = frame // 2
    window = torch.hann_window(frame, periodic=True, dtype=torch.float64)
    starts = torch.arange(-(-length // half) + 1)[:, None] * half - half
    bins = (starts + torch.arange(frame)).clamp(0, length - 1) // step
    shares = torch.zeros(len(starts), -(-length // step), dtype=torch.float64)
    shares.scatter_add_(1, bins, (window / window.sum()).expand(len(starts), -1))
    return shares


def choose_examples(margin: NDArray[np.float64], stages: NDArray[np.object_], *, count: int) -> NDArray[np.int64]:
    """Choose epochs to look at, without labels: the highest margins and the lowest in turn, every stage once first.

    Parameters
    ----------
    margin : ndarray of float64 (epoch,)
        What is explained.
    stages : ndarray of str (epoch,)
        Sleep stage of each.
    count : int
        How many; fewer where there are not as many epochs.

    Returns
    -------
    ndarray of int64 (example,)
        Places in `margin`, in the order of choice; of equal margins the first.
    """
    chosen, unseen = list[int](), set(stages.tolist())
    while len(chosen) < min(count, len(margin)):
        free = [at for at in range(len(margin)) if at not in chosen]
        wanted = [at for at in free if stages[at] in unseen] or free
        sign = 1 if len(chosen) % 2 == 0 else -1
        chosen.append(max(wanted, key=lambda at: sign * margin[at]))
        unseen.discard(stages[chosen[-1]])
    return np.array(chosen, np.int64)
