"""What peaks look like without a reason: dinucleotide shuffles, and windows measured inactive."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.errors import complaint
from tracklight.genome.fasta import N_CODE
from tracklight.genome.peaks import peak_table
from tracklight.genome.saliency import Scan, attribute_stretch
from tracklight.genome.shuffle import shuffle_dinucleotides
from tracklight.settings import Peaks
from tracklight.stats import empirical_p

ROUNDS = 200  # of drawing pieces, before the genome is called too full of N


def sample_pieces(tape: Tape, *, total: int, piece: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw pieces without N, evenly over the genome.

    Parameters
    ----------
    tape : Tape
        Base codes.
    total, piece : int
        Bases wanted in all, and in a piece (bp).
    generator : Generator
        Of the starts.

    Returns
    -------
    ndarray of uint8 (piece, position)

    Raises
    ------
    InputError
        When stretches of `piece` known bases are too rare to find.
    """
    count = max(1, total // piece)
    starts = np.sort(_usable_starts(tape, piece, count, generator))
    return np.asarray(tape.data)[starts[:, None] + np.arange(piece)]


def shuffled_peaks(
    pieces: NDArray[np.uint8], scan: Scan, settings: Peaks, *, generator: np.random.Generator, device: torch.device
) -> pd.DataFrame:
    """Shuffle pieces and call their peaks by the rule used for the genome.

    Bases near the ends of a piece are seen by fewer windows than bases of the genome, so only the part that all
    windows see is used.

    Parameters
    ----------
    pieces : ndarray of uint8 (piece, position)
        Sequences to shuffle.
    scan : Scan
        The same networks and method as for the genome.
    settings : Peaks
        The rule.
    generator : Generator
        Of the shuffle.
    device : torch.device
        Where the networks are.

    Returns
    -------
    DataFrame
        As `peak_table`, with a column `gc`.
    """
    shuffled = shuffle_dinucleotides(pieces, generator)
    offsets = np.arange(len(pieces) + 1, dtype=np.int64) * pieces.shape[1]
    tape = Tape(shuffled.reshape(-1), tuple(f"piece{n}" for n in range(len(pieces))), offsets)
    tracks = attribute_stretch(tape, (0, len(tape)), scan, device=device)
    whole = tracks.coverage >= scan.window // scan.stride  # what the inside of a contig has at least
    tracks = replace(tracks, mean=np.where(whole, tracks.mean, np.float32(np.nan)))
    peaks = peak_table(tracks, tape, width=settings.width_bp, min_distance=settings.min_distance_bp)
    return peaks.assign(gc=local_gc(tape, peaks, radius=settings.null_piece_bp // 2))


def local_gc(tape: Tape, peaks: pd.DataFrame, *, radius: int) -> NDArray[np.float64]:
    """Return the share of G and C among the known bases within `radius` of each summit, inside its contig.

    Parameters
    ----------
    tape : Tape
        Base codes.
    peaks : DataFrame
        With `chrom` and `summit` (0-based).
    radius : int
        Bases on either side (bp).

    Returns
    -------
    ndarray of float64 (peak,)
        0.5 where no base is known.
    """
    share = np.empty(len(peaks))
    summit = peaks["summit"].to_numpy(np.int64)
    for name, rows in peaks.groupby("chrom", sort=False).indices.items():
        share[rows] = _gc_around(np.asarray(tape.contig(str(name))), summit[rows], radius)
    return share


def stratified_p(
    height: NDArray[np.floating], stratum: NDArray[np.floating], null: pd.DataFrame, *, strata: int
) -> NDArray[np.float64]:
    """Return empirical p-values against null peaks of similar GC.

    Parameters
    ----------
    height, stratum : ndarray (peak,)
        Height of each peak and the quantity (local GC) that makes peaks comparable.
    null : DataFrame
        Null peaks with `height` and `gc`.
    strata : int
        Number of strata, of about equally many null peaks each.

    Returns
    -------
    ndarray of float64 (peak,)
    """
    edges = np.quantile(null["gc"], np.linspace(0, 1, strata + 1)[1:-1]) if len(null) else np.empty(0)
    own, theirs = np.searchsorted(edges, stratum), np.searchsorted(edges, null["gc"])
    p = np.ones(len(height))
    for number in range(strata):
        here = own == number
        p[here] = empirical_p(height[here], null["height"].to_numpy()[theirs == number])
    return p


def _gc_around(codes: NDArray[np.generic], centre: NDArray[np.int64], radius: int) -> NDArray[np.float64]:
    strong = np.concatenate([[0], np.cumsum((codes == 1) | (codes == 2), dtype=np.int32)])
    known = np.concatenate([[0], np.cumsum(codes != N_CODE, dtype=np.int32)])
    low, high = np.maximum(centre - radius, 0), np.minimum(centre + radius + 1, len(codes))
    total = known[high] - known[low]
    return np.where(total > 0, (strong[high] - strong[low]) / np.maximum(total, 1), 0.5)


def _usable_starts(tape: Tape, piece: int, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw starts of pieces inside a contig and without N, by rejection, so that memory does not grow with genomes."""
    room = np.maximum(np.diff(tape.offsets) - piece + 1, 0)
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for _ in range(ROUNDS if room.sum() else 0):
        contig = generator.choice(len(room), size=count, p=room / room.sum())
        starts = tape.offsets[contig] + generator.integers(0, room[contig])
        unknown = (np.asarray(tape.data)[starts[:, None] + np.arange(piece)] == N_CODE).any(1)
        found.append(starts[~unknown])
        if sum(map(len, found)) >= count:
            return np.concatenate(found)[:count]
    raise complaint(
        "genome has too few stretches without N that are long enough", where="peaks.null_piece_bp", got=piece,
        do="lower it",
    )  # fmt: skip
