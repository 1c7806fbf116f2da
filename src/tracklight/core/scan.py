"""A light moved along the tape: every window at a stride, summed back onto the bases it saw.

A stack of convolutions without padding, pooling and a dense head written as a convolution is itself a convolution
with stride. One pass over a long segment then gives the outputs of all its windows, and one backward pass of their
sum gives each base the sum of its gradients over all windows that contain it: the same numbers as attributing every
window alone, without the repeated work. Models that offer `scan` and `stride` take that path, all others are run
window by window; both are reached through `scan_segment`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

WINDOWS_PER_BATCH = 256
# Of a base in the halo of its window. Small, so that windows which see the base with its surroundings decide; not zero,
# so that a base that only window ends see (at the end of a contig, beside unknown bases) still has a value.
HALO_WEIGHT = 1e-3


@runtime_checkable
class Scannable(Protocol):
    """A network that reads a long segment at once."""

    stride: int

    def scan(self, x: Tensor) -> Tensor:
        """Turn `(batch, channel, position)` into `(batch, target, window)`, one window per `stride` positions."""
        ...


@dataclass(frozen=True)
class Segment:
    """Consecutive windows of one contig, `stride` apart; `start` is the contig position of the first (0-based)."""

    start: int
    windows: int

    def span(self, *, window: int, stride: int) -> tuple[int, int]:
        """Return the first and the last-plus-one contig position the windows see."""
        return self.start, self.start + (self.windows - 1) * stride + window


def plan(length: int, owned: tuple[int, int], *, window: int, stride: int, longest: int) -> Iterator[Segment]:
    """Yield segments that hold every window of a contig which sees a base of `owned`.

    Windows start at 0, `stride`, 2 `stride`, ...; one more, flush with the contig's end, makes sure the last bases are
    seen. A contig shorter than a window has none.

    Parameters
    ----------
    length : int
        Length of the contig.
    owned : tuple of int
        First and last-plus-one contig position wanted.
    window, stride : int
        Length of a window and distance between starts.
    longest : int
        Segments see at most this many positions (but at least one window).
    """
    if length < window:
        return
    last = (length - window) // stride
    first = max(0, -(-(owned[0] - window + 1) // stride))
    stop = min(last, (owned[1] - 1) // stride) + 1
    per_segment = max(1, (longest - window) // stride + 1)
    for begin in range(first, stop, per_segment):
        yield Segment(begin * stride, min(per_segment, stop - begin))
    flush = length - window
    if flush > last * stride and owned[1] > flush:
        yield Segment(flush, 1)


def keep_windows(unusable: NDArray[np.bool_], *, window: int, stride: int, max_fraction: float) -> NDArray[np.bool_]:
    """Tell which windows of a segment to scan: those with at most `max_fraction` of unusable positions.

    Parameters
    ----------
    unusable : ndarray of bool (position,)
        Positions without signal, for DNA the Ns.

    Returns
    -------
    ndarray of bool (window,)
    """
    total = np.concatenate([[0], np.cumsum(unusable, dtype=np.int64)])
    starts = np.arange(0, len(unusable) - window + 1, stride)
    return (total[starts + window] - total[starts]) <= max_fraction * window


def coverage(keep: NDArray[np.bool_], *, window: int, stride: int) -> NDArray[np.int32]:
    """Count, for each position of a segment, the kept windows that see it (int32)."""
    steps = np.zeros((len(keep) - 1) * stride + window + 1, np.int32)
    starts = np.flatnonzero(keep) * stride
    np.add.at(steps, starts, 1)
    np.add.at(steps, starts + window, -1)
    return np.cumsum(steps[:-1], dtype=np.int32)


def weight(keep: NDArray[np.bool_], *, window: int, stride: int, halo: int) -> NDArray[np.float64]:
    """Return, for each position of a segment, the weights of the kept windows that see it, summed (float64).

    A window counts `HALO_WEIGHT` for the `halo` positions at either of its ends and 1 for those between, of which
    there must be one at least. Without a halo this is the coverage.
    """
    inner = np.pad(coverage(keep, window=window - 2 * halo, stride=stride), halo)
    return inner + HALO_WEIGHT * (coverage(keep, window=window, stride=stride) - inner)


def is_one_pass(model: nn.Module, *, stride: int) -> TypeGuard[Scannable]:
    """Tell whether `scan_segment` reads a segment at once: then it sums all windows and there is no halo."""
    return isinstance(model, Scannable) and stride % model.stride == 0


def scan_segment(
    model: nn.Module, x: Tensor, keep: Tensor, *, window: int, stride: int, halo: int, explain: Callable[..., Tensor]
) -> tuple[Tensor, Tensor]:
    """Attribute and predict every kept window of a segment.

    Parameters
    ----------
    model : Module
        Maps `(batch, channel, window)` to `(batch, target)`.
    x : Tensor (batch, channel, position)
        Decoded segments, one row per strand for example.
    keep : Tensor of bool (batch, window)
        Windows to use.
    window, stride : int
        Length of a window and distance between starts.
    halo : int
        Positions at either end of a window that count `HALO_WEIGHT`; 0 where the segment is read at once.
    explain : callable
        Attribution method, `explain(model, x) -> like x`; it must be additive in the model's output, as gradient
        methods with a fixed baseline are.

    Returns
    -------
    attribution : Tensor (batch, channel, position)
        Sum over the kept windows, weighted as in `weight`.
    prediction : Tensor (batch, target, window)
        Output of every window, kept or not.
    """
    if is_one_pass(model, stride=stride):
        assert halo == 0, "windows that are summed in one pass cannot be weighted"
        return _whole(model, x, keep, every=stride // model.stride, explain=explain)
    weights = torch.full((window,), HALO_WEIGHT, device=x.device, dtype=x.dtype)
    weights[halo : window - halo] = 1
    return _window_by_window(model, x, keep, weights=weights, stride=stride, explain=explain)


def _whole(
    model: Scannable, x: Tensor, keep: Tensor, *, every: int, explain: Callable[..., Tensor]
) -> tuple[Tensor, Tensor]:
    def summed(segment: Tensor) -> Tensor:
        outputs = model.scan(segment)[..., ::every]
        return (outputs * keep[:, None, :]).sum(-1)

    with torch.no_grad():
        prediction = model.scan(x)[..., ::every]
    return explain(summed, x), prediction


def _window_by_window(
    model: nn.Module, x: Tensor, keep: Tensor, *, weights: Tensor, stride: int, explain: Callable[..., Tensor]
) -> tuple[Tensor, Tensor]:
    window = len(weights)
    views = x.unfold(-1, window, stride).transpose(1, 2)  # (batch, window number, channel, position)
    total, predictions = torch.zeros_like(x), []
    for row in range(x.shape[0]):
        for number in torch.arange(views.shape[1], device=x.device).split(WINDOWS_PER_BATCH):
            batch = views[row].index_select(0, number)
            with torch.no_grad():
                predictions.append(model(batch))
            explained = explain(model, batch) * keep[row, number, None, None] * weights
            for start, part in zip((number * stride).tolist(), explained, strict=True):
                total[row, :, start : start + window] += part
    shape = (x.shape[0], views.shape[1], -1)
    return total, torch.cat(predictions).reshape(shape).transpose(1, 2)
