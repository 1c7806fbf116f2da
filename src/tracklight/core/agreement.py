"""How well two maps of the same examples agree, example by example."""

import torch
from torch import Tensor


def rank_agreement(a: Tensor, b: Tensor) -> Tensor:
    """Return Spearman's correlation of the absolute values of two maps: whether they light up the same places.

    Parameters
    ----------
    a, b : Tensor (batch, *space)
        Maps of the same examples.

    Returns
    -------
    Tensor of float64 (batch,)
        Ties share their mean rank. NaN where a map is constant or holds a value that is not finite.
    """
    return _correlation(_ranks(_rows(a).abs()), _ranks(_rows(b).abs()))


def signed_agreement(a: Tensor, b: Tensor) -> Tensor:
    """Return Pearson's correlation of two maps, signs included.

    Parameters
    ----------
    a, b : Tensor (batch, *space)
        Maps of the same examples.

    Returns
    -------
    Tensor of float64 (batch,)
        NaN where a map is constant or holds a value that is not finite.
    """
    return _correlation(_rows(a), _rows(b))


def _rows(maps: Tensor) -> Tensor:
    return maps.detach().flatten(1).double()


def _ranks(rows: Tensor) -> Tensor:
    """Return mean ranks from 1 `(batch, position)`: half of how many are smaller and how many are not larger, plus 1/2.

    A row with a value that is not finite has no ranks; it is given back as it is.
    """
    rows = rows.contiguous()
    ordered = rows.sort(-1).values
    smaller = torch.searchsorted(ordered, rows, right=False)
    not_larger = torch.searchsorted(ordered, rows, right=True)
    known = torch.isfinite(rows).all(-1, keepdim=True)
    return torch.where(known, (smaller + not_larger + 1).double() / 2, rows)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    # rounding leaves a constant row a tiny spread around its mean, so constancy is asked for itself
    varies = (a.amax(-1) > a.amin(-1)) & (b.amax(-1) > b.amin(-1))
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    value = (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1)).sqrt()
    return torch.where(varies, value, torch.nan)
