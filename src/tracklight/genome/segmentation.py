"""Maps of windows to cut elements from: class activation, |gradient x input|, GC content; elements as intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.attribution import gradient_x_input
from tracklight.core.cam import at_input, class_activation
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import Ensemble
from tracklight.models.global_pool import GlobalPool

BATCH = 256  # windows that go through the networks in one pass
ELEMENT_COLUMNS = ["chrom", "start", "end", "name", "score", "strand"]
CG = (1, 2)


class WindowMaps(NamedTuple):
    """What the networks say of windows, 5' to 3'.

    `output (window,)`: their mean. `cam`, `gradient`, `gc (window, position)`: class activation, |gradient x input| and
    whether the base is G or C. `features (window, filter, position)`: last features of all networks, at the input.
    """

    output: NDArray[np.float64]
    cam: NDArray[np.float64]
    gradient: NDArray[np.float64]
    gc: NDArray[np.float64]
    features: NDArray[np.float32]


class AveragedNetworks:
    """Networks that average their last features over the window.

    Parameters
    ----------
    ensemble : Ensemble
        On the device to work on.
    target : int
        The output that is explained.
    paths : sequence of Path
        Where they came from, for complaints.

    Raises
    ------
    InputError
        When a network does something else than average: it has no class activation map.
    """

    def __init__(self, ensemble: Ensemble, *, target: int, paths: Sequence[Path]):
        self.ensemble, self.target = ensemble, target
        self.networks = [network for network in ensemble.models if isinstance(network, GlobalPool)]
        if len(self.networks) < len(ensemble.models) or ensemble.spec.options["pool"] != "mean":
            raise complaint(
                "network has no class activation map",
                where=paths[0],
                got=" ".join([ensemble.spec.arch, str(ensemble.spec.options.get("pool", ""))]).strip(),
                allowed="global_pool with pool: mean",
                do="train with architecture {name: global_pool, pool: mean}",
            )
        self.device = next(ensemble.models[0].parameters()).device

    def maps(self, codes: NDArray[np.uint8]) -> WindowMaps:
        """Return the maps of windows given as codes `(window, position)`."""
        parts = [self._batch(part.to(self.device)) for part in torch.from_numpy(codes).split(BATCH)]
        output, cam, gradient, features = (torch.cat(values).cpu().numpy() for values in zip(*parts, strict=True))
        gc = np.isin(codes, CG).astype(np.float64)
        output, cam, gradient = (values.astype(np.float64) for values in (output, cam, gradient))
        return WindowMaps(output, cam, gradient, gc, features)

    def _batch(self, codes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, size = one_hot(codes), (codes.shape[1],)
        gradient = gradient_x_input(self.ensemble.mean, x, target=self.target).sum(1).abs()
        with torch.no_grad():
            features = [at_input(network.body(x), size) for network in self.networks]
            maps = [self._activation(network, each) for network, each in zip(self.networks, features, strict=True)]
            output = self.ensemble.mean(x)[:, self.target]
        return output, torch.stack(maps).mean(0), gradient, torch.cat(features, dim=1)

    def _activation(self, network: GlobalPool, features: torch.Tensor) -> torch.Tensor:
        weight, bias = network.output.weight[self.target], network.output.bias[self.target]
        scale, shift = network.scale[self.target], network.shift[self.target]
        return class_activation(features, scale * weight, scale * bias + shift)


def elements(
    mask: NDArray[np.bool_], scores: NDArray[np.float64], data: Dataset, *, rows: NDArray[np.int64]
) -> pd.DataFrame:
    """Return the runs of windows as intervals on the genome.

    Parameters
    ----------
    mask, scores : ndarray (window, position)
        Bases of elements, and their scores, 5' to 3'.
    data : Dataset
        Genome and windows.
    rows : ndarray of int64 (window,)
        Rows of the index that `mask` and `scores` are of.

    Returns
    -------
    DataFrame
        `chrom start end name score strand`, 0-based half-open, sorted; runs of several windows that overlap or touch
        on a strand are one. The score of a run is its mean, of several the highest; the strand is `.` when the assay
        does not tell them apart.
    """
    index = data.index.iloc[rows]
    reverse = index["reverse"].to_numpy(bool)
    window, first, last, score = _runs(np.where(reverse[:, None], mask[:, ::-1], mask), scores, reverse)
    left = index["start"].to_numpy(np.int64)[window]
    strand = np.where(reverse, "-", "+")[window] if data.stranded else np.full(len(window), ".")
    found = {"chrom": index["contig"].to_numpy(object)[window], "start": left + first, "end": left + last}
    return _merged(pd.DataFrame(found | {"score": score, "strand": strand}), data)


def _runs(
    mask: NDArray[np.bool_], scores: NDArray[np.float64], reverse: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return window, first place, last place plus one, and mean score of every run, left to right on the contig."""
    scores = np.where(reverse[:, None], scores[:, ::-1], scores)
    change = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    window, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1]
    total = np.pad(scores.cumsum(1), ((0, 0), (1, 0)))
    return window, first, last, (total[window, last] - total[window, first]) / (last - first)


def _merged(found: pd.DataFrame, data: Dataset) -> pd.DataFrame:
    if found.empty:  # bioframe refuses a table without rows
        return pd.DataFrame(columns=ELEMENT_COLUMNS)
    clusters = bioframe.cluster(found, min_dist=0, on=["strand"])
    groups = clusters.groupby("cluster", sort=False)
    merged = groups.agg(
        chrom=("chrom", "first"), start=("start", "min"), end=("end", "max"), score=("score", "max"),
        strand=("strand", "first"),
    )  # fmt: skip
    order = {name: number for number, name in enumerate(data.tape.names)}
    merged = merged.assign(order=merged["chrom"].map(order)).sort_values(["order", "start", "strand"])
    return merged.assign(name=[f"element{number}" for number in range(1, len(merged) + 1)])[ELEMENT_COLUMNS]
