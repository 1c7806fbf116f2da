"""A stretch of a genome, attributed: every window, both strands, every network of the ensemble."""

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.attribution import gradient_x_input, method
from tracklight.core.scan import WINDOWS_PER_BATCH, Segment, coverage, keep_windows, plan, scan_segment
from tracklight.core.tape import Tape
from tracklight.errors import one_of
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import Ensemble
from tracklight.genome.shards import Tracks
from tracklight.progress import track
from tracklight.settings import Attribute

AMBIGUOUS = 4


@dataclass(frozen=True)
class Scan:
    """How a genome is scanned.

    Attributes
    ----------
    ensemble : Ensemble
        The networks.
    settings : Attribute
        Stride, correction, share of N.
    method : str
        Row of `METHODS`.
    stranded : bool
        Keep the strands apart; otherwise they are averaged.
    """

    ensemble: Ensemble
    settings: Attribute
    method: str
    stranded: bool

    @property
    def window(self) -> int:
        """Window length (bp)."""
        return self.ensemble.spec.length

    @property
    def stride(self) -> int:
        """Distance between windows (bp)."""
        return self.settings.stride_bp or self.ensemble.stride

    @property
    def explain(self) -> Callable[..., Tensor]:
        """The attribution method with its options and target."""
        function = method(self.method)
        known = {"correct": self.settings.correct_gradient, "steps": self.settings.steps}
        accepted = inspect.signature(function).parameters
        options = {name: value for name, value in known.items() if name in accepted}
        return partial(function, target=self.target, **options)

    @property
    def target(self) -> int:
        """Number of the output that is explained."""
        targets = self.ensemble.spec.targets
        if self.settings.target is None:
            return 0
        one_of(self.settings.target, targets, what="target", where="attribute.target")
        return targets.index(self.settings.target)


def shard_bounds(length: int, shards: int) -> list[tuple[int, int]]:
    """Divide a tape of `length` positions into equal adjacent stretches `(start, end)`."""
    edges = [round(number * length / shards) for number in range(shards + 1)]
    return list(itertools.pairwise(edges))


def attribute_stretch(tape: Tape, stretch: tuple[int, int], scan: Scan, *, device: torch.device) -> Tracks:
    """Attribute the bases `stretch[0]` to `stretch[1]` of a tape.

    Every window that sees one of them is used, also those that begin before or end behind the stretch, so
    stretches can be computed apart and laid side by side.

    Parameters
    ----------
    tape : Tape
        Base codes.
    stretch : tuple of int
        First and last-plus-one tape position.
    scan : Scan
        Networks, method and settings.
    device : torch.device
        Where the networks are.

    Returns
    -------
    Tracks
        Per-base mean over windows, then mean and standard deviation over networks.
    """
    sums = np.zeros((len(scan.ensemble.models), 2, stretch[1] - stretch[0]), np.float32)
    seen = np.zeros(sums.shape[-1], np.int32)
    starts, outputs = [], []
    pieces = list(_segments(tape, stretch, scan))
    for offset, segment in track(pieces, what=scan.method, total=len(pieces), unit="segment"):
        first, last = (offset + edge for edge in segment.span(window=scan.window, stride=scan.stride))
        codes = np.asarray(tape.data[first:last])
        keep = keep_windows(
            codes == AMBIGUOUS, window=scan.window, stride=scan.stride, max_fraction=scan.settings.max_n_fraction
        )
        if not keep.any():
            continue
        attributions, prediction = _both_strands(codes, keep, scan, device)
        inside = slice(max(first, stretch[0]), min(last, stretch[1]))
        here, there = _moved(inside, stretch[0]), _moved(inside, first)
        sums[..., here] += attributions[..., there]
        seen[here] += coverage(keep, window=scan.window, stride=scan.stride)[there]
        start = first + np.arange(segment.windows) * scan.stride
        own = keep & (start >= stretch[0]) & (start < stretch[1])
        starts.append(start[own])
        outputs.append(prediction[:, own])
    seen[np.asarray(tape.data[slice(*stretch)]) == AMBIGUOUS] = 0
    return _tracks(sums, seen, starts, outputs, stretch=stretch, scan=scan)


def window_saliency(models: Sequence[nn.Module], codes: NDArray[np.uint8], *, target: int = 0) -> NDArray[np.float32]:
    """Attribute windows alone: corrected gradient x input of the base that is there, averaged over networks.

    Unlike a track, which is a mean over all windows that saw a base, this is the answer to one window.

    Parameters
    ----------
    models : sequence of Module
        Networks, on the CPU.
    codes : ndarray of uint8 (window, position)
        Bases as read, 5' to 3'.
    target : int
        Which output.

    Returns
    -------
    ndarray of float32 (window, position)
    """
    parts = [
        torch.stack([gradient_x_input(model, one_hot(batch), target=target).sum(1) for model in models]).mean(0)
        for batch in torch.from_numpy(codes).split(WINDOWS_PER_BATCH)
    ]
    return torch.cat(parts).numpy() if parts else np.empty(codes.shape, np.float32)


def _segments(tape: Tape, stretch: tuple[int, int], scan: Scan) -> Iterator[tuple[int, Segment]]:
    for offset, end in itertools.pairwise(tape.offsets.tolist()):
        owned = (max(stretch[0], offset) - offset, min(stretch[1], end) - offset)
        if owned[0] < owned[1]:
            longest = scan.settings.segment_bp
            for segment in plan(end - offset, owned, window=scan.window, stride=scan.stride, longest=longest):
                yield offset, segment


def _both_strands(
    codes: NDArray[np.uint8], keep: NDArray[np.bool_], scan: Scan, device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `(network, strand, position)` sums and `(strand, window)` mean predictions, in plus-strand order."""
    pair = torch.from_numpy(np.stack([codes, codes])).to(device)
    x = one_hot(pair, reverse=torch.tensor([False, True], device=device))
    kept = torch.from_numpy(np.stack([keep, keep[::-1]])).to(device)
    attributions, predictions = [], []
    for model in scan.ensemble.models:
        attribution, prediction = scan_segment(
            model, x, kept, window=scan.window, stride=scan.stride, explain=scan.explain
        )
        attributions.append(_unflipped(attribution.sum(1)))
        predictions.append(_unflipped(prediction[:, scan.target]))
    return torch.stack(attributions).cpu().numpy(), torch.stack(predictions).mean(0).cpu().numpy()


def _unflipped(strands: Tensor) -> Tensor:
    return torch.stack([strands[0], strands[1].flip(-1)])


def _moved(span: slice, origin: int) -> slice:
    return slice(span.start - origin, span.stop - origin)


def _tracks(
    sums: NDArray[np.float32],
    seen: NDArray[np.int32],
    starts: list[NDArray[np.int64]],
    outputs: list[NDArray[np.float32]],
    *,
    stretch: tuple[int, int],
    scan: Scan,
) -> Tracks:
    each = sums / np.where(seen > 0, seen, np.nan).astype(np.float32)
    each = each if scan.stranded else each.mean(1, keepdims=True)
    start = np.concatenate(starts) if starts else np.empty(0, np.int64)
    prediction = np.concatenate(outputs, axis=1) if outputs else np.empty((2, 0), np.float32)
    order = np.argsort(start, kind="stable")
    return Tracks(
        start=stretch[0],
        mean=each.mean(0),
        sd=each.std(0),
        coverage=seen,
        window_start=start[order],
        prediction=(prediction if scan.stranded else prediction.mean(0, keepdims=True))[:, order],
        window_bp=scan.window,
        stride_bp=scan.stride,
    )
