"""Fillers that know bases: dinucleotide shuffles and a background chain fitted on the genome."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracklight.core.masking import FILLERS, Filler
from tracklight.core.tape import Tape
from tracklight.errors import complaint
from tracklight.genome.decode import BASES, one_hot
from tracklight.genome.fasta import N_CODE
from tracklight.genome.shuffle import shuffle_dinucleotides

CHUNK_BP = 1 << 24  # pairs are counted in pieces: a genome need not fit into memory


@dataclass(frozen=True)
class Background:
    """An order-1 Markov chain of bases.

    Attributes
    ----------
    first : ndarray of float64 (base,)
        Probability of each base at the first position.
    follows : ndarray of float64 (base, base)
        Probability of the next base, given the one before.
    """

    first: NDArray[np.float64]
    follows: NDArray[np.float64]

    def sample(self, shape: tuple[int, int], generator: np.random.Generator) -> NDArray[np.uint8]:
        """Draw sequences, uint8 `(sequence, position)` with codes A0 C1 G2 T3."""
        draws, codes = generator.random(shape), np.empty(shape, np.uint8)
        cumulated = self.follows.cumsum(axis=1)[:, :-1]
        codes[:, 0] = (draws[:, :1] > self.first.cumsum()[:-1]).sum(1)
        for position in range(1, shape[1]):
            codes[:, position] = (draws[:, position, None] > cumulated[codes[:, position - 1]]).sum(1)
        return codes


def fit_background(tape: Tape) -> Background:
    """Fit the chain on every pair of known neighbours of the genome, both strands alike.

    Raises
    ------
    InputError
        When the genome has no two known neighbours.
    """
    counts = sum((_pairs(np.asarray(tape.contig(name))) for name in tape.names), np.zeros((BASES, BASES)))
    if not counts.any():
        raise complaint("genome has no two known bases side by side", do="use other fillers")
    counts = (
        counts + counts[::-1, ::-1].T
    )  # the pair ab on one strand is b'a' on the other; codes complement by 3 - code
    total = counts.sum(axis=1)
    follows = np.where(total[:, None] > 0, counts / np.maximum(total, 1)[:, None], 1 / BASES)
    return Background(total / total.sum(), follows)


def dinucleotide(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return dinucleotide shuffles of one-hot windows `(batch, 4, position)`, N in place."""
    return _one_hot_like(x, shuffle_dinucleotides(_codes(x), _numpy_generator(generator)))


def make_fillers(tape: Tape) -> dict[str, Filler]:
    """Return every filler for windows of bases by its name in the settings.

    Parameters
    ----------
    tape : Tape
        The genome on which the background is fitted.
    """
    fitted = fit_background(tape)

    def background(x: Tensor, generator: torch.Generator) -> Tensor:
        return _one_hot_like(x, fitted.sample((len(x), x.shape[-1]), _numpy_generator(generator)))

    return {**FILLERS, "dinucleotide": dinucleotide, "background": background}


def _pairs(codes: NDArray[np.generic]) -> NDArray[np.float64]:
    counts = np.zeros((BASES, BASES))
    for start in range(0, len(codes) - 1, CHUNK_BP):
        piece = codes[start : start + CHUNK_BP + 1].astype(np.int64)
        known = (piece[:-1] < BASES) & (piece[1:] < BASES)
        pairs = piece[:-1][known] * BASES + piece[1:][known]
        counts += np.bincount(pairs, minlength=BASES**2).reshape(BASES, BASES)
    return counts


def _codes(x: Tensor) -> NDArray[np.uint8]:
    codes = torch.where(x.sum(1) > 0, x.argmax(1), N_CODE)
    return codes.cpu().numpy().astype(np.uint8)


def _one_hot_like(x: Tensor, codes: NDArray[np.uint8]) -> Tensor:
    return one_hot(torch.from_numpy(codes).to(x.device)).to(x.dtype)


def _numpy_generator(generator: torch.Generator) -> np.random.Generator:
    return np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
