"""Class activation maps at the resolution of the input, and the seeds they give (Zhou et al. 2016, CVPR, 2921).

A network that averages its last features over all places and adds them up gives every place a share of the output.
Nothing here knows how many dimensions of space there are.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

YES, NO, UNKNOWN = 1, 0, -1  # what a seed says of a place


def class_activation(features: Tensor, weight: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """Return the share of the output that each place of the feature maps has; the mean over places is the output.

    Parameters
    ----------
    features : Tensor (batch, filter, *space)
        Before the average over places; not rectified again.
    weight : Tensor (filter,)
        Of the output that is explained.
    bias : Tensor or float
        Of the same output; every place gets all of it, as the mean does.

    Returns
    -------
    Tensor (batch, *space)
    """
    return torch.einsum("k,bk...->b...", weight, features) + bias


def at_input(values: Tensor, size: tuple[int, ...], *, stride: int = 1) -> Tensor:
    """Lay maps of features on the places of the input.

    A feature stands in the middle of what it sees. Places nearer to an edge than the first feature take its value.

    Parameters
    ----------
    values : Tensor (batch, channel, *space)
        Maps, one value every `stride` places.
    size : tuple of int
        Places of the input along each dimension of space.
    stride : int
        Places of the input between neighbouring features.

    Returns
    -------
    Tensor (batch, channel, *size)
    """
    for axis, wanted in enumerate(size, start=2):
        step = torch.arange(wanted, device=values.device)
        before = (wanted - (values.shape[axis] - 1) * stride) // 2
        nearest = torch.div(step - before + stride // 2, stride, rounding_mode="floor")
        values = values.index_select(axis, nearest.clamp(0, values.shape[axis] - 1))
    return values


def seeds(scores: NDArray[np.floating], *, sure_yes: float, sure_no: float) -> NDArray[np.int8]:
    """Return which places of examples that hold the class are sure, as shares of the highest score of each.

    Parameters
    ----------
    scores : ndarray (batch, *space)
        Maps whose zero is the level of examples without the class; there every place is a sure no, and no map is
        needed. A map without a positive score gives no sure yes.
    sure_yes, sure_no : float
        Places above `sure_yes` times the highest score are `YES`, below `sure_no` times `NO`, others `UNKNOWN`.

    Returns
    -------
    ndarray of int8 (batch, *space)
    """
    space = tuple(range(1, scores.ndim))
    top = scores.max(axis=space, keepdims=True).clip(min=0)
    known = np.where(scores < sure_no * top, NO, UNKNOWN)
    return np.where((scores > sure_yes * top) & (top > 0), YES, known).astype(np.int8)
