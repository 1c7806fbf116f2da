"""Where in frequency an attribution lies: one Fourier transform of a gradient and one of the signal, no further pass.

A signal that is not locked to an event changes its sign from example to example, and so does gradient x input over
time: averaged over examples it vanishes. Split by frequency it does not, and nothing is lost: by Parseval's theorem
the forms below sum to the same total, `sum over t of g x`. A coefficient of the first form is `|X| dF/d|X|`: by how
much the output changes per relative change of that frequency's amplitude, its phase kept.

`multiplier` is what a method multiplies the input with: the gradient, or for integrated gradients its mean along the
path; `x` is then the input minus the start of the path.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tracklight.errors import complaint

Band = tuple[float, float]


def by_frequency(multiplier: Tensor, x: Tensor) -> Tensor:
    """Split multiplier x input by frequency.

    Parameters
    ----------
    multiplier, x : Tensor (batch, channel, position)
        What is multiplied with the input, and the input.

    Returns
    -------
    Tensor (batch, channel, frequency)
        `c / N Re(conj(G) X)` with `c` = 1 at 0 Hz and, for an even number N of positions, at the highest frequency,
        and 2 between; `frequency = N // 2 + 1`, as `frequencies` lists them. It sums over the last dimension to
        `sum over position of multiplier x input`.
    """
    length = x.shape[-1]
    product = torch.fft.rfft(multiplier).conj() * torch.fft.rfft(x)
    twice = torch.full((product.shape[-1],), 2.0, dtype=x.dtype, device=x.device)
    twice[0] = 1
    if length % 2 == 0:
        twice[-1] = 1
    return product.real * twice / length


def by_time_and_frequency(multiplier: Tensor, x: Tensor, *, frame: int) -> Tensor:
    """Split multiplier x input by frequency within overlapping frames.

    Both are cut into frames under the square root of a Hann window, half a frame apart: the squared windows sum to 1
    everywhere, since half a frame of zeros stands before the first position and at least as much after the last.

    Parameters
    ----------
    multiplier, x : Tensor (batch, channel, position)
        As in `by_frequency`.
    frame : int
        Positions in a frame, even.

    Returns
    -------
    Tensor (batch, channel, frequency, frame)
        Frame `j` is centred on position `j frame / 2`. It sums over the last two dimensions to
        `sum over position of multiplier x input`.

    Raises
    ------
    InputError
        When `frame` is odd or below 2.
    """
    if frame < 2 or frame % 2:
        raise complaint("frame has no middle", got=f"{frame} positions", allowed="even numbers from 2")
    window = torch.hann_window(frame, periodic=True, dtype=x.dtype, device=x.device).sqrt()
    return by_frequency(*(_frames(values, frame) * window for values in (multiplier, x))).transpose(-1, -2)


def frequencies(length: int, *, rate: float) -> Tensor:
    """Return the frequencies (Hz, float64) of a transform of `length` positions at `rate` positions per second."""
    return torch.arange(length // 2 + 1, dtype=torch.float64) * rate / length


def bins(highest: float, *, width: float) -> list[Band]:
    """Return bands of `width` Hz around 0, width, 2 width, ... up to the one around `highest` Hz."""
    return [((number - 0.5) * width, (number + 0.5) * width) for number in range(int(highest / width + 1e-9) + 1)]


def members(hertz: Tensor, bands: Sequence[Band]) -> Tensor:
    """Tell which frequencies belong to which band.

    Parameters
    ----------
    hertz : Tensor (frequency,)
        Frequencies (Hz).
    bands : sequence of (float, float)
        Lowest frequency of a band, which belongs to it, and its end, which does not (Hz).

    Returns
    -------
    Tensor of bool (frequency, band)

    Raises
    ------
    InputError
        When a band holds no frequency.
    """
    low, end = torch.tensor(bands, dtype=hertz.dtype, device=hertz.device).T
    inside = (hertz[:, None] >= low) & (hertz[:, None] < end)
    for band, holds in zip(bands, inside.any(0).tolist(), strict=True):
        if not holds:
            raise complaint(
                "no frequency in a band", got=f"{band[0]:g} to {band[1]:g} Hz",
                allowed=f"bands that meet 0 to {hertz[-1]:g} Hz in steps of {hertz[1] - hertz[0]:g} Hz",
                do="use wider bands or longer epochs",
            )  # fmt: skip
    return inside


def in_bands(spectrum: Tensor, inside: Tensor) -> Tensor:
    """Sum a spectrum `(batch, channel, frequency, ...)` over bands: `(batch, channel, band, ...)`.

    `inside` is `(frequency, band)`, as `members` returns it.
    """
    return torch.einsum("bcf...,fk->bck...", spectrum, inside.to(spectrum.dtype))


def density(sums: Tensor, bands: Sequence[Band]) -> Tensor:
    """Divide sums over bands `(batch, channel, band, ...)` by the width of each band: per Hz."""
    width = torch.tensor([end - low for low, end in bands], dtype=sums.dtype, device=sums.device)
    return sums / width.view(-1, *(1,) * (sums.ndim - 3))


def topography(attribution: Tensor) -> Tensor:
    """Sum an attribution `(batch, channel, ...)` over all but channels: `(batch, channel)`."""
    return attribution.flatten(2).sum(2)


def _frames(values: Tensor, frame: int) -> Tensor:
    """Cut `(batch, channel, position)` into `(batch, channel, frame, position in frame)`."""
    half = frame // 2
    count = -(-values.shape[-1] // half) + 1
    padded = torch.nn.functional.pad(values, (half, count * half - values.shape[-1]))
    return padded.unfold(-1, frame, half)
