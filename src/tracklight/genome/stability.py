"""The same bases asked again: windows moved along the genome, read on the other strand, explained by other networks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.attribution import gradient_x_input
from tracklight.core.scan import WINDOWS_PER_BATCH
from tracklight.genome.dataset import Dataset


def network_maps(models: Sequence[nn.Module], x: Tensor, *, target: int, correct: bool) -> Tensor:
    """Return gradient x input of the base that is there, from every network.

    Their mean over networks is the map of the mean prediction, which is what a track shows.

    Parameters
    ----------
    models : sequence of Module
        Networks, on the device of `x`.
    x : Tensor of float32 (window, channel, position)
        Windows.
    target : int
        Which output.
    correct : bool
        Remove the mean over bases from the gradient.

    Returns
    -------
    Tensor of float32 (network, window, position)
        On the CPU.
    """
    parts = [
        torch.stack([gradient_x_input(model, batch, target=target, correct=correct).sum(1).cpu() for model in models])
        for batch in x.split(WINDOWS_PER_BATCH)
    ]
    return torch.cat(parts, dim=1)


def moved_windows(data: Dataset, rows: NDArray[np.int64], *, by: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Move windows along their contigs.

    Parameters
    ----------
    data : Dataset
        Genome and windows.
    rows : ndarray of int64 (window,)
        Rows of the index.
    by : int
        How far (bp), along the strand of each window: positive towards its 3' end.

    Returns
    -------
    codes : ndarray of uint8 (window, position)
        Bases of the moved windows, 5' to 3'; of the window itself where it could not be moved.
    inside : ndarray of bool (window,)
        False where the moved window would reach beyond its contig.
    """
    index = data.index.iloc[rows]
    lengths = index["contig"].map(data.tape.lengths).to_numpy(np.int64)
    here = index["start"].to_numpy(np.int64)
    there = here + by * np.where(index["reverse"].to_numpy(bool), -1, 1)
    inside = (there >= 0) & (there + data.length <= lengths)
    moved = replace(data, index=index.assign(start=np.where(inside, there, here)))
    return moved.codes(), inside


def same_bases(here: Tensor, moved: Tensor, *, by: int, margin: int) -> tuple[Tensor, Tensor]:
    """Cut out of the maps of windows and of moved windows the bases that both saw.

    Parameters
    ----------
    here, moved : Tensor (..., position)
        Maps of windows, and of the same windows moved.
    by : int
        How far they were moved (bp), positive towards the 3' end; at most `margin` either way.
    margin : int
        Bases to leave out at both ends of `here` (bp), so that every distance is judged on the same bases.

    Returns
    -------
    Tensor, Tensor (..., position)
        Values of the same bases.
    """
    length = here.shape[-1]
    return here[..., margin : length - margin], moved[..., margin - by : length - margin - by]
