"""FASTA to codes: A0 C1 G2 T3, every other IUPAC letter 4; lower case is kept as soft-masked intervals."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracklight.errors import InputError, complaint
from tracklight.genome.text import opened

BASES = "ACGT"
N_CODE = 4
SOFTMASK_FILE = "softmask.bed"  # in the folder of prepare-genome
IUPAC = "ACGTNRYSWKMBDHV"
CHUNK_BYTES = 1 << 24
WHITESPACE = b" \t\r\n\v\f"
_LOWER = 8  # marks lower case beside the code, so that one pass of bytes.translate finds both
_INVALID = 255
_LETTERS = np.frombuffer((BASES + "N").encode(), np.uint8)


def _translation() -> bytes:
    table = bytearray([_INVALID]) * 256
    for letter in IUPAC:
        code = BASES.index(letter) if letter in BASES else N_CODE
        table[ord(letter)] = code
        table[ord(letter.lower())] = code | _LOWER
    return bytes(table)


_TABLE = _translation()


@dataclass(frozen=True)
class Contig:
    """One record of a FASTA file.

    Attributes
    ----------
    name : str
        First word of the header.
    codes : ndarray of uint8 (position,)
        A0 C1 G2 T3, everything else 4.
    softmasked : ndarray of int64 (interval, 2)
        Lower-case stretches, 0-based half-open, in order.
    """

    name: str
    codes: NDArray[np.uint8]
    softmasked: NDArray[np.int64]


def read_fasta(path: str | Path) -> Iterator[Contig]:
    """Read a FASTA file (plain, gzip or bgzip; any line width) contig by contig.

    Parameters
    ----------
    path : str or Path
        The file. At most one contig and one chunk of it are in memory at a time.

    Yields
    ------
    Contig
        In the order of the file.

    Raises
    ------
    InputError
        When the file is missing, empty, damaged or not a FASTA, a contig has no name, no sequence or the name of
        another, or a letter is not a IUPAC code for DNA.
    """
    with opened(path, what="FASTA") as handle:
        _check_start(handle, path)
        seen: set[str] = set()
        name, parts = "", list[NDArray[np.uint8]]()
        for header, letters in _pieces(handle):
            if header is not None:
                if name:
                    yield _contig(name, parts, path)
                name, parts = _name(header, seen, path), []
            parts.append(_encode(letters, f"{path} contig {name}", offset=sum(map(len, parts))))
        yield _contig(name, parts, path)


def keep_contigs(contigs: Iterator[Contig], wanted: list[str] | None) -> Iterator[Contig]:
    """Yield the contigs named in `wanted` (all when None); one that does not exist is an `InputError`."""
    existing = []
    for contig in contigs:
        existing.append(contig.name)
        if wanted is None or contig.name in wanted:
            yield contig
    unknown = [name for name in wanted or [] if name not in existing]
    if unknown or wanted == []:
        raise complaint(
            "unknown contig", where="prepare_genome.contigs", got=unknown or "an empty list", allowed=existing,
            do="correct the setting; null keeps all contigs",
        )  # fmt: skip


def decode_codes(codes: NDArray[np.uint8]) -> str:
    """Write codes as letters A, C, G, T and N (1 character a base)."""
    return _LETTERS[codes].tobytes().decode("ascii")


def reverse_complement_codes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reverse along the last axis and complement; N stays N."""
    flipped = codes[..., ::-1]
    return np.where(flipped == N_CODE, N_CODE, 3 - flipped).astype(np.uint8)


def _check_start(handle: BinaryIO, path: str | Path) -> None:
    start = handle.read(64)
    handle.seek(0)
    if not start.lstrip().startswith(b">"):
        raise complaint(
            "not a FASTA file", where=path, got=repr(start[:20]), allowed="a file that starts with '>'",
            do="give a FASTA, plain, gzip or bgzip",
        )  # fmt: skip


def _pieces(handle: BinaryIO) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield header (None: the contig goes on) and letters, from chunks that end at the end of a line."""
    while chunk := handle.read(CHUNK_BYTES):
        first, *records = (b"\n" + chunk + handle.readline()).split(b"\n>")
        if first.strip():
            yield None, first
        for record in records:
            header, _, letters = record.partition(b"\n")
            yield header, letters


def _name(header: bytes, seen: set[str], path: str | Path) -> str:
    words = header.split()
    if not words or header[:1].isspace():
        raise complaint(
            f"contig {len(seen) + 1} without a name", where=path, got=repr(header[:40]),
            do="write its name right after '>'",
        )  # fmt: skip
    try:
        name = words[0].decode("utf-8")
    except UnicodeDecodeError:
        raise complaint(
            "contig name is not text", where=path, got=repr(words[0][:40]), do="write it in ASCII or UTF-8"
        ) from None
    if name in seen:
        raise complaint("duplicate contig", where=path, got=name, do="give every contig its own name")
    seen.add(name)
    return name


def _encode(letters: bytes, where: str, *, offset: int) -> NDArray[np.uint8]:
    codes = np.frombuffer(letters.translate(_TABLE, WHITESPACE), np.uint8)
    if codes.size and codes.max() == _INVALID:
        raise _bad_letter(letters, where, at=int(np.argmax(codes == _INVALID)), offset=offset)
    return codes


def _bad_letter(letters: bytes, where: str, *, at: int, offset: int) -> InputError:
    letter = letters.translate(None, WHITESPACE)[at : at + 1]
    return complaint(
        f"not a DNA letter at base {offset + at + 1}", where=where, got=repr(letter.decode("latin-1")), allowed=IUPAC,
        do="write N where the base is not known, or give a FASTA of DNA",
    )  # fmt: skip


def _contig(name: str, parts: list[NDArray[np.uint8]], path: str | Path) -> Contig:
    marked = np.concatenate(parts)
    if not marked.size:
        raise complaint("contig without sequence", where=path, got=name, do="remove it from the FASTA")
    lower = np.zeros(len(marked) + 2, bool)
    lower[1:-1] = marked >= _LOWER
    edges = np.flatnonzero(lower[1:] != lower[:-1])
    return Contig(name, marked & np.uint8(_LOWER - 1), edges.reshape(-1, 2).astype(np.int64))
