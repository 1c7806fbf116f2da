"""A stretch of a genome, attributed: every window, both strands, every network of the ensemble."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.attribution import gradient_x_input
from tracklight.core.methods import Method, method
from tracklight.core.scan import WINDOWS_PER_BATCH, coverage, is_one_pass, keep_windows, plan, scan_segment, weight
from tracklight.core.tape import Tape
from tracklight.genome.dataset import target_number
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import Ensemble
from tracklight.genome.explainers import explainer
from tracklight.genome.fasta import N_CODE
from tracklight.genome.shards import Tracks
from tracklight.progress import track
from tracklight.settings import Attribute


@dataclass(frozen=True)
class Scan:
    """How a genome is scanned.

    Attributes
    ----------
    ensemble : Ensemble
        The networks.
    settings : Attribute
        Stride, halo, correction, share of N.
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
    def halo(self) -> int:
        """Bases at either end of a window that count for little (bp); 0 where a segment is read at once.

        So many are left between them that every base away from the ends of the scan lies there in some window.
        """
        if self.row.whole_segments and is_one_pass(self.ensemble.models[0], stride=self.stride):
            return 0
        wish = self.ensemble.halo if self.settings.halo_bp is None else self.settings.halo_bp
        return min(wish, max(0, self.window - self.stride) // 2)

    @property
    def explain(self) -> Callable[..., Tensor]:
        """The attribution method with its options and target."""
        return explainer(self.method, self.settings, target=self.target)

    @property
    def row(self) -> Method:
        """What the table of methods says of this one."""
        return method(self.method)

    @property
    def target(self) -> int:
        """Number of the output that is explained."""
        return target_number(self.ensemble.spec.targets, self.settings.target)


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
        Per-base mean over windows, weighted where there is a halo, then mean and standard deviation over networks.
    """
    sums = _Sums(scan, stretch)
    batches = list(_batches(_segments(tape, stretch, scan), scan))
    for batch in track(batches, what=scan.method, total=len(batches), unit="segment"):
        codes = np.stack([np.asarray(tape.data[first:last]) for first, last in batch])
        keep = np.stack([_keep(row, scan) for row in codes])
        if keep.any():
            attributions, predictions = _both_strands(codes, keep, scan, device)
            for number, (first, _) in enumerate(batch):
                sums.add(first, keep[number], attribution=attributions[:, number], prediction=predictions[number])
    sums.seen[np.asarray(tape.data[slice(*stretch)]) == N_CODE] = 0
    return sums.tracks()


class _Sums:
    """Attributions of windows summed onto the bases of a stretch, and the predictions of windows that start in it."""

    def __init__(self, scan: Scan, stretch: tuple[int, int]):
        self.scan, self.stretch = scan, stretch
        self.total = np.zeros((len(scan.ensemble.models), 2, stretch[1] - stretch[0]), np.float32)
        self.seen = np.zeros(self.total.shape[-1], np.int32)
        self.weight = np.zeros(self.total.shape[-1])
        self.starts: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self.predictions: list[NDArray[np.float32]] = [np.empty((2, 0), np.float32)]

    def add(
        self, first: int, keep: NDArray[np.bool_], *, attribution: NDArray[np.float32], prediction: NDArray[np.float32]
    ) -> None:
        """Add a segment that begins at tape position `first`: `(network, strand, position)` and `(strand, window)`."""
        start, end = max(first, self.stretch[0]), min(first + attribution.shape[-1], self.stretch[1])
        here, there = slice(start - self.stretch[0], end - self.stretch[0]), slice(start - first, end - first)
        self.total[..., here] += attribution[..., there]
        windows = {"window": self.scan.window, "stride": self.scan.stride}
        self.seen[here] += coverage(keep, **windows)[there]
        self.weight[here] += weight(keep, **windows, halo=self.scan.halo)[there]
        window = first + np.arange(len(keep)) * self.scan.stride
        own = keep & (window >= self.stretch[0]) & (window < self.stretch[1])
        self.starts.append(window[own])
        self.predictions.append(prediction[:, own])

    def tracks(self) -> Tracks:
        """Return the means over windows and networks."""
        each = self.total / np.where(self.seen > 0, self.weight, np.nan).astype(np.float32)
        each = each if self.scan.stranded else each.mean(1, keepdims=True)
        start, prediction = np.concatenate(self.starts), np.concatenate(self.predictions, axis=1)
        order = np.argsort(start, kind="stable")
        return Tracks(
            start=self.stretch[0],
            mean=each.mean(0),
            sd=each.std(0),
            coverage=self.seen,
            window_start=start[order],
            prediction=(prediction if self.scan.stranded else prediction.mean(0, keepdims=True))[:, order],
            window_bp=self.scan.window,
            stride_bp=self.scan.stride,
        )


def window_saliency(
    models: Sequence[nn.Module], codes: NDArray[np.uint8], *, target: int, correct: bool
) -> NDArray[np.float32]:
    """Attribute windows alone: gradient x input of the base that is there, averaged over networks.

    Unlike a track, which is a mean over all windows that saw a base, this is the answer to one window.

    Parameters
    ----------
    models : sequence of Module
        Networks, on the CPU.
    codes : ndarray of uint8 (window, position)
        Bases as read, 5' to 3'.
    target : int
        Which output.
    correct : bool
        Remove the mean over bases from the gradient.

    Returns
    -------
    ndarray of float32 (window, position)
    """
    parts = [
        torch.stack(
            [gradient_x_input(model, one_hot(batch), target=target, correct=correct).sum(1) for model in models]
        ).mean(0)
        for batch in torch.from_numpy(codes).split(WINDOWS_PER_BATCH)
    ]
    return torch.cat(parts).numpy() if parts else np.empty(codes.shape, np.float32)


def _segments(tape: Tape, stretch: tuple[int, int], scan: Scan) -> Iterator[tuple[int, int]]:
    """Yield the tape spans of the segments whose windows see the stretch."""
    for offset, end in itertools.pairwise(tape.offsets.tolist()):
        owned = (max(stretch[0], offset) - offset, min(stretch[1], end) - offset)
        if owned[0] < owned[1]:
            longest = scan.settings.segment_bp
            for segment in plan(end - offset, owned, window=scan.window, stride=scan.stride, longest=longest):
                first, last = segment.span(window=scan.window, stride=scan.stride)
                yield offset + first, offset + last


def _batches(segments: Iterable[tuple[int, int]], scan: Scan) -> Iterator[list[tuple[int, int]]]:
    """Group segments of one length, as many short contigs give, to as many bases as one long segment has."""

    def length_of(span: tuple[int, int]) -> int:
        return span[1] - span[0]

    for length, run in itertools.groupby(sorted(segments, key=length_of), key=length_of):
        per_batch = max(1, scan.settings.segment_bp // length)
        while batch := list(itertools.islice(run, per_batch)):
            yield batch


def _keep(codes: NDArray[np.uint8], scan: Scan) -> NDArray[np.bool_]:
    limit = scan.settings.max_n_fraction
    return keep_windows(codes == N_CODE, window=scan.window, stride=scan.stride, max_fraction=limit)


def _both_strands(
    codes: NDArray[np.uint8], keep: NDArray[np.bool_], scan: Scan, device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `(network, segment, strand, position)` sums and `(segment, strand, window)` mean predictions.

    Positions and windows are in plus-strand order on both strands.
    """
    both = torch.from_numpy(np.concatenate([codes, codes])).to(device)
    reverse = torch.arange(len(both), device=device) >= len(codes)
    kept = torch.from_numpy(np.concatenate([keep, keep[:, ::-1]])).to(device)
    x = one_hot(both, reverse=reverse)
    windows = {"window": scan.window, "stride": scan.stride, "halo": scan.halo}
    attributions, predictions = [], []
    for model in scan.ensemble.models:
        reader = model if scan.row.whole_segments else nn.Sequential(model)  # wrapped: no scan, each window alone
        attribution, prediction = scan_segment(reader, x, kept, **windows, explain=scan.explain)
        attributions.append(_by_strand(scan.row.reduce(attribution)))
        predictions.append(_by_strand(prediction[:, scan.target]))
    return torch.stack(attributions).cpu().numpy(), torch.stack(predictions).mean(0).cpu().numpy()


def _by_strand(rows: Tensor) -> Tensor:
    """Turn plus rows followed by minus rows into `(segment, strand, ...)`, the minus strand turned round."""
    plus, minus = rows.chunk(2)
    return torch.stack([plus, minus.flip(-1)], dim=1)
