"""Intervals: DataFrames `chrom, start, end`, 0-based half-open, int64, inside the contig; checked once, at the door."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tracklight.errors import complaint
from tracklight.genome.text import integers, numbered_lines, numbers, split_rows
from tracklight.progress import log

BED6 = ("chrom", "start", "end", "name", "score", "strand")
BED12 = (*BED6, *(f"field{number}" for number in range(7, 13)))  # drawing instructions, not read
STRANDS = ("+", "-", ".")
BED_SKIP = ("#", "track ", "browser ")


def read_bed(
    path: str | Path, *, lengths: Mapping[str, int], contig_names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a BED file of 3 to 12 columns, plain or gzip.

    Parameters
    ----------
    path : str or Path
        The file; lines that start with '#', 'track' or 'browser' are passed over. It may be empty.
    lengths : mapping of str to int
        Length of each contig of the genome (bp).
    contig_names : mapping of str to str, optional
        Contig names of the file to those of the genome.

    Returns
    -------
    DataFrame
        `chrom start end name score strand`, 0-based half-open; absent columns are '.', NaN and '.'. Rows on contigs
        that the genome lacks are left out, with a line in the log.

    Raises
    ------
    InputError
        When a row is not BED, lies outside its contig, or no row is on a contig of the genome.
    """
    lines = list(numbered_lines(path, what="BED file", skip=BED_SKIP, may_be_empty=True))
    width = min(max(lines[0][1].count("\t") + 1, 3), len(BED12)) if lines else 3
    table = split_rows(lines, columns=list(BED12[:width]), where=path)
    bed = table.reindex(columns=list(BED6), fill_value=".")
    for edge in ("start", "end"):
        bed[edge] = integers(bed[edge], what=edge, where=path)
    bed["score"] = numbers(bed.score, what="score", where=path)
    check_strands(bed, where=path)
    bed = rename_contigs(bed, contig_names or {}, lengths=lengths, where=path)
    return check_inside(bed, lengths=lengths, where=path).reset_index(drop=True)


def check_strands(table: pd.DataFrame, *, where: str | Path) -> None:
    """Raise `InputError` for the first row whose `strand` is not +, - or '.'."""
    for line, strand in table.strand[~table.strand.isin(STRANDS)].items():
        raise complaint(
            "unknown strand", where=f"{where} line {line}", got=repr(strand), allowed=STRANDS,
            do="correct the line; . where the strand is not known",
        )  # fmt: skip


def check_inside(table: pd.DataFrame, *, lengths: Mapping[str, int], where: str | Path) -> pd.DataFrame:
    """Return `table` when every row is a non-empty interval inside its contig.

    Parameters
    ----------
    table : DataFrame
        `chrom start end` (0-based half-open), indexed by line number.
    lengths : mapping of str to int
        Length of each contig (bp); every `chrom` is in it.
    where : str or Path
        The file, for complaints.

    Raises
    ------
    InputError
        For the first row with end <= start, or outside its contig.
    """
    for line, row in table[table.end <= table.start].iterrows():
        raise complaint(
            "end is not after start", where=f"{where} line {line}", got=f"{row.start}-{row.end}",
            do="correct the line: the start counts from 0, the end is the base after the last",
        )  # fmt: skip
    limit = table.chrom.map(dict(lengths)).astype("int64")
    for line, row in table[(table.start < 0) | (table.end > limit)].iterrows():
        raise complaint(
            "region beyond the contig", where=f"{where} line {line}", got=f"{row.chrom}:{row.start}-{row.end}",
            allowed=f"0-{lengths[row.chrom]}", do="is this the assembly that the regions were measured on?",
        )  # fmt: skip
    return table


def rename_contigs(
    table: pd.DataFrame,
    contig_names: Mapping[str, str],
    *,
    lengths: Mapping[str, int],
    where: str | Path,
    strict: bool = False,
) -> pd.DataFrame:
    """Map contig names to those of the genome.

    Parameters
    ----------
    table : DataFrame
        With a column `chrom`.
    contig_names : mapping of str to str
        Names of the table to names of the genome; others stay as they are.
    lengths : mapping of str to int
        Length of each contig of the genome (bp).
    where : str or Path
        The file, for complaints.
    strict : bool
        Whether a single row on an unknown contig is a fault; otherwise such rows are left out with a line in the
        log, and only a table without any row on the genome is a fault.

    Raises
    ------
    InputError
        Names both sets of contigs and the setting that maps them.
    """
    named = table.assign(chrom=table.chrom.map(lambda name: contig_names.get(name, name)))
    known = named.chrom.isin(list(lengths))
    if known.all():
        return named
    unknown = list(dict.fromkeys(table.chrom[~known]))
    if strict or not known.any():
        raise complaint(
            f"unknown contig (first at line {named.index[~known][0]})", where=where, got=unknown, allowed=list(lengths),
            do="map the names with the setting prepare_windows.contig_names, for example {chrI: I}",
        )  # fmt: skip
    log.info("%s: %d rows on contigs that the genome lacks are left out (%s)", where, (~known).sum(), unknown[:5])
    return named[known]
