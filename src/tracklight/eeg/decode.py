"""Epochs of a tape to the input of a network: they are volts already, and have one direction."""

from torch import Tensor

from tracklight.errors import complaint
from tracklight.learning.modality import Modality


def volts(raw: Tensor, *, reverse: Tensor | None = None) -> Tensor:
    """Return epochs as a network reads them.

    Parameters
    ----------
    raw : Tensor (channel, position) or (batch, channel, position)
        Cut from a tape, in volts.
    reverse : Tensor of bool (batch,), optional
        All false: time has no second strand.

    Returns
    -------
    Tensor of float32
        Shape and device of `raw`.

    Raises
    ------
    InputError
        When an epoch is to be read backwards.
    """
    if reverse is not None and bool(reverse.any()):
        raise complaint("EEG is not read backwards", got="reverse", do="train without reverse complements")
    return raw.float()


EEG = Modality("eeg", volts)
