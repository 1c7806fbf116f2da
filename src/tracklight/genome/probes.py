"""Probes: held-out windows on which the networks and their maps are put to the test."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset
from tracklight.genome.decode import one_hot


@dataclass(frozen=True)
class Probes:
    """Windows of the test split, read 5' to 3' on their own strand.

    Attributes
    ----------
    rows : ndarray of int64 (window,)
        Their rows of the index.
    codes : ndarray of uint8 (window, position)
        Bases, A0 C1 G2 T3 N4.
    groups : ndarray of str (window,)
        Genome block of each.
    """

    rows: NDArray[np.int64]
    codes: NDArray[np.uint8]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows)

    def x(self, device: torch.device) -> Tensor:
        """Return the windows as networks read them, float32 `(window, 4, position)`."""
        return one_hot(torch.from_numpy(self.codes).to(device))


def choose_probes(data: Dataset, *, target: str, active: bool | None, most: int, seed: int) -> Probes:
    """Draw held-out windows without N.

    Parameters
    ----------
    data : Dataset
        Genome and windows.
    target : str
        The target whose measurement counts.
    active : bool or None
        Only windows that measured active, only inactive ones, or all that were measured.
    most : int
        At most this many; fewer when there are no more.
    seed : int
        Of the draw.

    Raises
    ------
    InputError
        When no window is left.
    """
    measured = data.active(target)
    wanted = np.isfinite(measured) if active is None else measured == float(active)
    rows = np.flatnonzero((data.index["split"] == "test").to_numpy() & wanted)
    codes = data.codes(rows)
    known = (codes < 4).all(axis=1)
    rows, codes = rows[known], codes[known]
    if not len(rows):
        kind = {True: "active ", False: "inactive ", None: ""}[active]
        raise complaint(f"no held-out {kind}window without N to test on", got=target, do="hold out more of the genome")
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
    return Probes(rows[drawn], codes[drawn], data.index["group"].to_numpy(str)[rows[drawn]])
