"""A plain FASTA with its index, for browsers and for sequences by coordinate; soft-masked bases stay lower case."""

from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
from pyfaidx import Faidx, Fasta

from tracklight.errors import complaint, existing_file
from tracklight.files import whole_file
from tracklight.genome.fasta import Contig

FASTA_FILE = "genome.fa"  # in the folder of prepare-genome
LINE_BP = 60
LETTERS = np.frombuffer(b"ACGTN", np.uint8)
LOWER = 32  # distance of lower from upper case in ASCII


def write_contig(handle: IO[bytes], contig: Contig) -> None:
    """Append one contig as FASTA, `LINE_BP` letters a line; what is not A, C, G or T becomes N."""
    letters = LETTERS[contig.codes]
    for start, end in contig.softmasked.tolist():
        letters[start:end] += LOWER
    handle.write(b">" + contig.name.encode() + b"\n")
    whole = len(letters) // LINE_BP * LINE_BP
    lines = letters[:whole].reshape(-1, LINE_BP)
    handle.write(np.pad(lines, ((0, 0), (0, 1)), constant_values=ord("\n")).tobytes())
    if whole < len(letters):
        handle.write(letters[whole:].tobytes() + b"\n")


def index_fasta(path: Path) -> None:
    """Write `path`.fai (samtools faidx format)."""
    with whole_file(path.with_name(path.name + ".fai")) as temporary:
        temporary.unlink()  # pyfaidx keeps an index that is newer than its FASTA, even an empty one
        Faidx(str(path), indexname=str(temporary)).close()


def fetch(path: Path, intervals: Iterable[tuple[str, int, int, str]]) -> list[str]:
    """Return the sequence of intervals `chrom, start, end, strand` (0-based half-open), reverse-complemented on minus.

    Parameters
    ----------
    path : Path
        Indexed FASTA.
    intervals : iterable of tuple
        Inside their contigs.

    Raises
    ------
    InputError
        When the FASTA or its index is missing or damaged, or holds another genome.

    Returns
    -------
    list of str
        5' to 3' on the strand asked for; soft-masked bases in lower case.
    """
    existing_file(path, what="indexed genome")
    asked = list(intervals)
    try:
        with Fasta(str(path), rebuild=False) as genome:
            found = [genome[chrom][start:end] for chrom, start, end, _ in asked]
    except (LookupError, OSError, ValueError) as error:
        raise complaint("not the indexed genome", where=path, got=error, do="run prepare-genome") from None
    for sequence, (chrom, start, end, _) in zip(found, asked, strict=True):
        if len(sequence) != end - start:
            raise complaint(
                "not the indexed genome", where=path, got=f"{len(sequence)} bases at {chrom}:{start}-{end}",
                allowed=end - start, do="run prepare-genome",
            )  # fmt: skip
    strands = [strand for *_, strand in asked]
    return [str((-bases if strand == "-" else bases).seq) for bases, strand in zip(found, strands, strict=True)]
