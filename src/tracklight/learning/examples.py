"""Examples: the tape on the device, an index of windows, and targets; windows are gathered by index."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracklight.core.tape import Tape

Decode = Callable[..., Tensor]


@dataclass(frozen=True)
class Examples:
    """Windows of a tape with what was measured there.

    Attributes
    ----------
    data : Tensor (position,) or (channel, position)
        The tape, on the device.
    start : Tensor of int64 (example,)
        Tape position of the first base of each window.
    lowest, highest : Tensor of int64 (example,)
        Bounds of `start` that keep the window inside its contig.
    reverse : Tensor of bool (example,)
        Windows read on the other strand.
    targets : Tensor of float32 (example, target)
        NaN where not measured.
    length : int
        Window length in positions.
    decode : callable
        `decode(raw, reverse=...) -> x`, of the modality.
    """

    data: Tensor
    start: Tensor
    lowest: Tensor
    highest: Tensor
    reverse: Tensor
    targets: Tensor
    length: int
    decode: Decode

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.start)

    def x(self, rows: Tensor, *, shift: Tensor | None = None, flip: Tensor | None = None) -> Tensor:
        """Gather and decode windows.

        Parameters
        ----------
        rows : Tensor of int64 (batch,)
            Which examples.
        shift : Tensor of int64 (batch,), optional
            Moves each window, positive to the right; windows stop at the contig's ends.
        flip : Tensor of bool (batch,), optional
            Windows to read on the strand opposite to their own.

        Returns
        -------
        Tensor of float32 (batch, channel, position)
        """
        start = self.start[rows]
        if shift is not None:
            start = torch.minimum(torch.maximum(start + shift, self.lowest[rows]), self.highest[rows])
        reverse = self.reverse[rows] if flip is None else self.reverse[rows] ^ flip
        # index_select on the unfolded view gathers whole windows; plain indexing gathers element by element.
        # Channel by channel: of several at once it would copy the view, every window of the tape, first.
        raw = [channel.unfold(0, self.length, 1).index_select(0, start) for channel in torch.atleast_2d(self.data)]
        return self.decode(raw[0] if self.data.ndim == 1 else torch.stack(raw, dim=1), reverse=reverse)


class Windows(NamedTuple):
    """An index of windows: contig name, first position on the contig (0-based), strand and targets of each.

    `contig`, `start` and `reverse` are `(example,)`; `targets` is float32 `(example, target)`, NaN where missing.
    """

    contig: NDArray[np.object_]
    start: NDArray[np.int64]
    reverse: NDArray[np.bool_]
    targets: NDArray[np.float32]


def make_examples(tape: Tape, windows: Windows, *, length: int, decode: Decode, device: torch.device) -> Examples:
    """Put a tape and an index of windows on a device.

    Parameters
    ----------
    tape : Tape
        The signal.
    windows : Windows
        The index.
    length : int
        Window length.
    decode : callable
        Of the modality.
    device : torch.device
        Where the examples live.
    """
    start = tape.on_tape(windows.contig, windows.start)
    lowest = tape.on_tape(windows.contig, np.zeros_like(windows.start))
    highest = lowest + np.array([tape.lengths[name] for name in windows.contig], np.int64) - length

    def put(values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.array(values)).to(device)

    return Examples(
        data=put(tape.data),
        start=put(start),
        lowest=put(lowest),
        highest=put(highest),
        reverse=put(windows.reverse),
        targets=put(windows.targets),
        length=length,
        decode=decode,
    )


@torch.no_grad()
def predict(model: torch.nn.Module, examples: Examples, rows: Tensor, *, batch_size: int = 1024) -> Tensor:
    """Return the model's outputs `(row, target)` for some examples, on the CPU."""
    model.eval()
    parts = [model(examples.x(batch)).cpu() for batch in rows.split(batch_size)]
    return torch.cat(parts) if parts else torch.empty(0, examples.targets.shape[1])
