"""Codes to the input of a network, on the device of the codes."""

import torch
from torch import Tensor

from tracklight.learning.modality import Modality

BASES = 4


def one_hot(codes: Tensor, *, reverse: Tensor | None = None) -> Tensor:
    """Turn base codes into one-hot rows, reverse-complemented where asked.

    Parameters
    ----------
    codes : Tensor of uint8 (batch, position)
        A0 C1 G2 T3, anything else N.
    reverse : Tensor of bool (batch,), optional
        Windows to read on the other strand.

    Returns
    -------
    Tensor of float32 (batch, 4, position)
        All zeros at N.
    """
    x = (codes[:, None, :] == torch.arange(BASES, device=codes.device, dtype=codes.dtype)[None, :, None]).float()
    if reverse is None:
        return x
    # A0 C1 G2 T3: complementing is reversing the channel order
    return torch.where(reverse[:, None, None], x.flip(1, 2), x)


DNA = Modality("dna", one_hot)
