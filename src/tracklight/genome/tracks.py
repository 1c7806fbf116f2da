"""Per-base tracks as bigWig files: written stretch by stretch, read back with NaN where there is no value."""

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import pyBigWig
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.errors import complaint, existing_file
from tracklight.files import whole_file
from tracklight.genome.shards import STRANDS, Tracks, load_shard

AGAIN = "delete it and run attribute again"
BIGWIG_MAGIC = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")  # 0x888FFC26 in either byte order
BYTES_PER_VALUE = 8  # 4 of the value, its share of the zoom levels, and some to spare

Floats = NDArray[np.floating]


class Write(Protocol):
    """What `track_writer` yields."""

    def __call__(self, chrom: str, start: int, values: Floats, *, step: int = 1) -> None:
        """Add values to the file that is being written."""


@contextmanager
def track_writer(path: str | Path, *, lengths: Mapping[str, int]) -> Iterator[Write]:
    """Yield a function that adds values to a new bigWig file; the file takes its name when the block ends well.

    The function is `write(chrom, start, values, step=1)`: `values`, float `(value,)`, stand on `step` bases each, the
    first from `start` (0-based). Values that are not finite are left out. Calls follow the order of contigs and bases.

    Parameters
    ----------
    path : str or Path
        Final name; missing folders are made.
    lengths : mapping of str to int
        Contigs in the order of the header (FASTA order) and their lengths (bp); contigs without values are allowed.

    Raises
    ------
    InputError
        When the file cannot be written or the disk is full.
    """
    with whole_file(path) as temporary:
        # pyBigWig crashes the process when the folder is missing; whole_file has just made it.
        file = pyBigWig.open(str(temporary), "w")
        file.addHeader(list(lengths.items()))

        def write(chrom: str, start: int, values: Floats, *, step: int = 1) -> None:
            _check_room(path, values=len(values))
            _add(file, chrom, start, values=values, step=step)

        try:
            yield write
        finally:
            file.close()


def finite_runs(values: Floats) -> NDArray[np.int64]:
    """Return the longest stretches of finite values as `(run, 2)`: first index and the index after the last."""
    edges = np.diff(np.isfinite(values).astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges).reshape(-1, 2)


def read_track(path: str | Path, chrom: str, start: int, end: int) -> NDArray[np.float32]:
    """Read the values of a stretch.

    Parameters
    ----------
    path : str or Path
        A bigWig file.
    chrom, start, end : str, int, int
        Stretch, 0-based half-open, inside the contig.

    Returns
    -------
    ndarray of float32 (end - start,)
        NaN where the file holds no value.

    Raises
    ------
    InputError
        When the file is missing or not a bigWig, the contig unknown, or the stretch outside it.
    """
    with _opened(path) as file:
        lengths = file.chroms()
        if chrom not in lengths:
            raise complaint("unknown contig", where=path, got=chrom, allowed=list(lengths))
        if not 0 <= start <= end <= lengths[chrom]:
            raise complaint(
                "stretch is outside the contig", where=f"{path}: {chrom}", got=f"{start}-{end}",
                allowed=f"0-{lengths[chrom]}",
            )  # fmt: skip
        values = file.values(chrom, start, end, numpy=True) if end > start else []
        if len(values) != end - start:  # a file without any value gives none at all
            return np.full(end - start, np.nan, np.float32)
        return np.asarray(values, np.float32)


def whole_shards(paths: Sequence[str | Path], *, length: int) -> list[Path]:
    """Read every shard once, one in memory at a time, and return the paths along the tape when all is well.

    Parameters
    ----------
    paths : sequence of path
        Shards, in any order.
    length : int
        Length of the tape they must cover without gaps (bp).

    Raises
    ------
    InputError
        When a shard is damaged, missing, there twice, or of another run than the first.
    """
    ordered, reached, kind = sorted(map(Path, paths), key=_start_of), 0, None
    for path in ordered:
        shard = load_shard(path)
        if not _fits_itself(shard):
            raise complaint("not an attribution shard", where=path, got="arrays of different lengths", do=AGAIN)
        kind = kind or _kind(shard)
        if _kind(shard) != kind:
            raise complaint("shard is of another run than the first", where=path, got=_kind(shard), allowed=kind)
        if shard.start != reached:
            raise _gap(path, got=shard.start, allowed=reached)
        reached = shard.end
    if reached != length:
        raise _gap("end of the genome", got=reached, allowed=length)
    return ordered


def by_contig(values: Floats, tape: Tape, *, start: int) -> Iterator[tuple[str, int, NDArray[np.floating]]]:
    """Cut a stretch of the tape at contig borders.

    Parameters
    ----------
    values : ndarray (position,)
        One value per base, from tape position `start` on.
    tape : Tape
        Where the contigs lie.
    start : int
        Tape position of the first value.

    Yields
    ------
    tuple of str, int, ndarray
        Contig, 0-based position of the first value on it, and the values as a view.
    """
    end = start + len(values)
    for row in range(int(np.searchsorted(tape.offsets, start, side="right")) - 1, len(tape.names)):
        first, last = max(start, int(tape.offsets[row])), min(end, int(tape.offsets[row + 1]))
        if first >= end:
            return
        if first < last:
            yield tape.names[row], first - int(tape.offsets[row]), values[first - start : last - start]


def write_predictions(write: Write, tracks: Tracks, row: int, *, tape: Tape, after: int = 0) -> int:
    """Write the predictions of one strand of a shard: each window's on `stride_bp` bases around its centre.

    Window `w` stands on `[c - stride_bp // 2, c - stride_bp // 2 + stride_bp)`, `c = w + window_bp // 2`, clipped to
    its contig; where windows are closer than the stride the earlier one keeps its bases.

    Parameters
    ----------
    write : callable
        From `track_writer`.
    tracks : Tracks
        A shard.
    row : int
        Row of the strand.
    tape : Tape
        Where the contigs lie.
    after : int
        Tape position up to which an earlier shard has written.

    Returns
    -------
    int
        Tape position up to which is written now.
    """
    if not tracks.window_start.size:
        return after
    contig = np.searchsorted(tape.offsets, tracks.window_start, side="right") - 1
    start = tracks.window_start + tracks.window_bp // 2 - tracks.stride_bp // 2
    end = np.minimum(start + tracks.stride_bp, tape.offsets[contig + 1])
    start = np.maximum(np.maximum(start, tape.offsets[contig]), np.concatenate([[after], end[:-1]]))
    for first, last in _even_runs(contig, start, end):
        name, offset = tape.names[contig[first]], int(tape.offsets[contig[first]])
        step = int(end[first] - start[first])
        write(name, int(start[first]) - offset, tracks.prediction[row, first:last], step=step)
    return max(int(end[-1]), after)


def _even_runs(
    contig: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Yield runs of entries on one contig that touch and are equally long, leaving out empty ones."""
    width = end - start
    joined = (contig[1:] == contig[:-1]) & (start[1:] == end[:-1]) & (width[1:] == width[:-1])
    cuts = np.concatenate([[0], np.flatnonzero(~joined) + 1, [len(start)]]).tolist()
    for first, last in pairwise(cuts):
        if width[first] > 0:
            yield first, last


def _add(file: "pyBigWig.pyBigWig", chrom: str, start: int, *, values: Floats, step: int) -> None:
    # pyBigWig reads other layouts as garbage without a word, and crashes later on NaN.
    values = np.ascontiguousarray(values, dtype=np.float32)
    assert values.ndim == 1, "one value per step"
    for first, last in finite_runs(values).tolist():
        file.addEntries(chrom, start + first * step, values=values[first:last], span=step, step=step)


def _check_room(path: str | Path, *, values: int) -> None:
    """Complain before the disk is full: pyBigWig would hang for ever when it is."""
    free = shutil.disk_usage(Path(path).parent).free
    if free < values * BYTES_PER_VALUE:
        raise complaint(
            "no space left for the track", where=path, got=f"{free} bytes",
            allowed=f"{values * BYTES_PER_VALUE} or more", do="free some space or choose another folder",
        )  # fmt: skip


@contextmanager
def _opened(path: str | Path) -> Iterator["pyBigWig.pyBigWig"]:
    _check_magic(existing_file(path, what="bigWig file"))
    try:
        file = pyBigWig.open(str(path))
    except RuntimeError:
        raise complaint("not a bigWig file", where=path) from None
    try:
        yield file
    finally:
        file.close()


def _check_magic(path: Path) -> None:
    """Look before libBigWig does, which prints lines of its own about what it cannot read."""
    with path.open("rb") as handle:
        if handle.read(4) not in BIGWIG_MAGIC:
            raise complaint("not a bigWig file", where=path)


def _fits_itself(shard: Tracks) -> bool:
    strands = shard.mean.shape[0] if shard.mean.ndim == 2 else 0
    same_bases = shard.sd.shape == shard.mean.shape and shard.coverage.shape == shard.mean.shape[1:]
    return strands in STRANDS and same_bases and shard.prediction.shape == (strands, *shard.window_start.shape)


def _kind(shard: Tracks) -> str:
    return f"strands {' '.join(shard.strands)}, windows of {shard.window_bp} bp"


def _start_of(path: str | Path) -> int:
    try:
        with Path(path).open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            return int(stored["start"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return load_shard(path).start  # words the complaint


def _gap(where: object, *, got: int, allowed: int) -> Exception:
    return complaint(
        "shards do not cover the genome", where=where, got=f"position {got}", allowed=f"position {allowed}",
        do="run attribute for the missing shards",
    )  # fmt: skip
