"""The table of measured regions: read once, every fault named with its line."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tracklight.errors import complaint
from tracklight.genome.intervals import check_inside, check_strands, rename_contigs
from tracklight.genome.text import integers, numbered_lines, numbers, split_rows
from tracklight.settings import PrepareWindows

INDEX_COLUMNS = ("contig", "start", "reverse", "group", "split", "name")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
RESERVED = (*INDEX_COLUMNS, "chrom", "end", "strand")


def read_regions(path: str | Path, *, lengths: Mapping[str, int], settings: PrepareWindows) -> pd.DataFrame:
    """Read a region table: TSV, or BED with a header line (which may start with '#'), plain or gzip.

    Parameters
    ----------
    path : str or Path
        The table. Lines that start with '##', 'track' or 'browser', blank lines, and comments ('#') before the header
        are passed over.
    lengths : mapping of str to int
        Length of each contig of the genome (bp).
    settings : PrepareWindows
        Names of the columns, of the targets and of contigs.

    Returns
    -------
    DataFrame
        Indexed by line number (from 1): `chrom start end name strand`, one float64 column a target (raw units, NaN
        where not measured), and `split` when the table decides it. 0-based half-open, inside the contig.

    Raises
    ------
    InputError
        When a column is missing, or a row has a bad coordinate, an unknown contig or strand, a value that is not a
        number, or reaches beyond its contig.
    """
    table = _read(path, settings)
    columns = settings.columns
    regions = pd.DataFrame({"chrom": table[columns.chrom]})
    regions["start"] = integers(table[columns.start], what=f"start ({columns.start})", where=path)
    regions["end"] = regions.start + 1
    if columns.end is not None:
        regions["end"] = integers(table[columns.end], what=f"end ({columns.end})", where=path)
    regions["name"] = _names(table, columns.name)
    regions["strand"] = "+" if columns.strand is None else table[columns.strand]
    check_strands(regions, where=path)
    for target in settings.targets:
        regions[target] = numbers(table[target], what=f"value ({target})", where=path)
    if settings.split.by == "column":
        regions["split"] = table[settings.split.column]
    regions = rename_contigs(regions, settings.contig_names, lengths=lengths, where=path, strict=True)
    return check_inside(regions, lengths=lengths, where=path)


def _read(path: str | Path, settings: PrepareWindows) -> pd.DataFrame:
    lines = list(numbered_lines(path, what="region table", skip=("##", "track ", "browser ")))
    head = _header(lines, settings)
    if len(lines) - head < 2:
        raise complaint("region table has no rows", where=path, do="it needs a header line and one line a region")
    columns = _column_names(lines[head][1])
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise complaint("columns with the same name", where=path, got=twice, do="give every column its own name")
    _check_columns(columns, settings, path)
    return split_rows(lines[head + 1 :], columns=columns, where=path)


def _header(lines: list[tuple[int, str]], settings: PrepareWindows) -> int:
    """Return which of `lines` names the columns; '#' may begin it as well as comments before it."""
    first = next((row for row, (_, text) in enumerate(lines) if not text.startswith("#")), len(lines))
    for row, (_, text) in enumerate(lines[: first + 1]):
        if settings.columns.chrom in _column_names(text):
            return row
    # None has the column: what most looks like a header is complained about.
    return max((row for row in range(first) if "\t" in lines[row][1]), default=min(first, len(lines)))


def _column_names(line: str) -> list[str]:
    return line.removeprefix("#").strip("\r ").split("\t")


def _check_columns(existing: list[str], settings: PrepareWindows, path: str | Path) -> None:
    wanted = {f"columns.{key}": name for key, name in settings.columns.model_dump().items() if name is not None}
    wanted |= {f"targets.{number}": name for number, name in enumerate(settings.targets)}
    if settings.split.by == "column":
        wanted["split.column"] = settings.split.column
    names = [str(name) for name in wanted.values()]
    if settings.columns.chrom not in existing and sum(map(bool, map(NUMBER.fullmatch, existing))) > 1:
        raise complaint(
            "region table has no header line", where=path, got=existing,
            do=f"put a line with the names of the columns before the regions, parted by tabs: {', '.join(names)}",
        )  # fmt: skip
    for setting, name in wanted.items():
        if name not in existing:
            raise complaint(
                "missing column", where=path, got=repr(name), allowed=existing,
                do=f"correct prepare_windows.{setting}",
            )  # fmt: skip
    reserved = (*RESERVED, *(f"{name}.active" for name in settings.targets))
    for name in settings.targets:
        if name in reserved or settings.targets.count(name) > 1:
            raise complaint(
                "not usable as the name of a target", where="prepare_windows.targets", got=repr(name),
                do=f"every target needs its own name, other than {', '.join(reserved)}",
            )  # fmt: skip


def _names(table: pd.DataFrame, column: str | None) -> pd.Series:
    lines = "line" + table.index.astype(str).to_series(index=table.index)
    return lines if column is None else table[column].where(table[column] != "", lines)
