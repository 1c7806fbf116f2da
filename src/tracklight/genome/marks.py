"""Marks: stretches that a person calls relevant (M+) or irrelevant (M-), from a table to masks of windows."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracklight.core.tape import Tape
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset
from tracklight.genome.elements import Strands, by_strand, windows_with_elements
from tracklight.genome.intervals import check_inside, check_strands, rename_contigs
from tracklight.genome.text import integers, numbered_lines, split_rows
from tracklight.learning.examples import Examples
from tracklight.learning.feedback import IRRELEVANT, KINDS, RELEVANT

BED_COLUMNS = ("chrom", "start", "end", "kind", "score", "strand", "annotator")
MARK_COLUMNS = ["chrom", "start", "end", "kind", "strand", "annotator"]
NOBODY = "."  # a mark without an annotator
BITS = {RELEVANT: (1, 4), IRRELEVANT: (2, 8)}  # on the tape of marks, for windows on plus and on minus


def read_marks(
    path: str | Path, *, lengths: Mapping[str, int], contig_names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read marks: BED with the kind as its name, or a table with a header line, plain or gzip.

    Parameters
    ----------
    path : str or Path
        BED: `chrom start end kind`, then a score that is not looked at, the strand, and the annotator as seventh
        column. A table names its columns; it needs `chrom start end kind` (`name` will do) and may have `strand` and
        `annotator`; others are not looked at. Kinds are `relevant` or `M+`, `irrelevant` or `M-`.
    lengths : mapping of str to int
        Length of each contig of the genome (bp).
    contig_names : mapping of str to str, optional
        Contig names of the file to those of the genome.

    Returns
    -------
    DataFrame
        `MARK_COLUMNS`, 0-based half-open, indexed by line number; `kind` is `relevant` or `irrelevant`, an absent
        strand or annotator is '.'.

    Raises
    ------
    InputError
        When there is no mark, a row is not a mark, lies outside its contig, or is on a contig that the genome lacks.
    """
    columns, lines = _columns(list(numbered_lines(path, what="marks", skip=("##", "track ", "browser "))))
    _check_columns(columns, path)
    table = split_rows(lines, columns=columns, where=path)
    if table.empty:
        raise complaint("there are no marks", where=path, do="give one line a mark: chrom, start, end, kind")
    table = table.reindex(columns=list(BED_COLUMNS), fill_value="")
    for edge in ("start", "end"):
        table[edge] = integers(table[edge], what=edge, where=path)
    table = table.assign(kind=_kinds(table["kind"], path), **{name: _dotted(table[name]) for name in BED_COLUMNS[5:]})
    check_strands(table, where=path)
    marks = rename_contigs(table[MARK_COLUMNS], contig_names or {}, lengths=lengths, where=path, strict=True)
    return check_inside(marks, lengths=lengths, where=path)


def check_annotators(marks: pd.DataFrame, tape: Tape, *, stranded: bool, where: str | Path) -> None:
    """Raise `InputError` when one annotator calls a base both relevant and irrelevant (on one strand)."""
    for annotator, own in marks.groupby("annotator", sort=True):
        relevant, irrelevant = (_strands(own, tape, kind, stranded=stranded) for kind in BITS)
        for one, other in ((relevant.plus, irrelevant.plus), (relevant.minus, irrelevant.minus)):
            both = _intersection(one, other)
            if both.size:
                row = int(np.searchsorted(tape.offsets, both[0, 0], side="right")) - 1
                first, last = (both[:, 0] - tape.offsets[row]).tolist()
                raise complaint(
                    "bases marked as relevant and as irrelevant by one annotator", where=where,
                    got=f"{tape.names[row]}:{first}-{last}, annotator {annotator}", do="remove one of the marks",
                )  # fmt: skip


def mark_tape(marks: pd.DataFrame, tape: Tape, *, stranded: bool) -> NDArray[np.uint8]:
    """Lay marks on a tape, so that they are gathered as windows are.

    Parameters
    ----------
    marks : DataFrame
        From `read_marks`.
    tape : Tape
        The genome.
    stranded : bool
        Whether a mark with a strand holds for windows of that strand only.

    Returns
    -------
    ndarray of uint8 (position,)
        Bits as in `BITS`. A base that annotators contradict each other about counts as neither.
    """
    bits = np.zeros(len(tape), np.uint8)
    for kind, values in BITS.items():
        strands = _strands(marks, tape, kind, stranded=stranded)
        for spans, bit in zip((strands.plus, strands.minus), values, strict=True):
            for first, last in spans.T.tolist():
                bits[first:last] |= bit
    for relevant, irrelevant in zip(*BITS.values(), strict=True):
        both = np.uint8(relevant | irrelevant)
        bits[(bits & both) == both] &= ~both
    return bits


def decode_marks(bits: Tensor, *, reverse: Tensor) -> Tensor:
    """Turn gathered bits into masks, in the reading order of the windows.

    Parameters
    ----------
    bits : Tensor of uint8 (batch, position)
        From the tape of `mark_tape`.
    reverse : Tensor of bool (batch,)
        Windows read on the other strand.

    Returns
    -------
    Tensor of float32 (batch, 2, position)
        1 at relevant bases in the first row, at irrelevant bases in the second.
    """
    plus, minus = (
        torch.stack([(bits & BITS[kind][side]) > 0 for kind in (RELEVANT, IRRELEVANT)], dim=1) for side in (0, 1)
    )
    return torch.where(reverse[:, None, None], minus.flip(-1), plus).float()


def marked_examples(marks: pd.DataFrame, data: Dataset, device: torch.device) -> Examples:
    """Put the windows over a tape of marks on a device; `x` of them is what `decode_marks` returns."""
    bits = torch.from_numpy(mark_tape(marks, data.tape, stranded=data.stranded)).to(device)
    return replace(data.examples(device), data=bits, decode=decode_marks)


def marked_windows(marks: pd.DataFrame, data: Dataset, kind: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the windows that hold a kind of mark, and where.

    Parameters
    ----------
    marks : DataFrame
        From `read_marks`; may be empty.
    data : Dataset
        Genome and windows.
    kind : str
        `relevant` or `irrelevant`.

    Returns
    -------
    rows : ndarray of int64 (marked,)
        Rows of the index.
    inside : ndarray of bool (marked, position)
        Marked bases, 5' to 3'.
    """
    start = data.tape.on_tape(data.index["contig"].tolist(), data.index["start"].to_numpy(np.int64))
    strands = _strands(marks, data.tape, kind, stranded=data.stranded)
    rows, _, inside = windows_with_elements(start, data.index["reverse"].to_numpy(bool), strands, length=data.length)
    return rows, inside


def agreement(marks: pd.DataFrame, tape: Tape, *, stranded: bool) -> pd.DataFrame:
    """Compare annotators with each other.

    Returns
    -------
    DataFrame
        `kind annotator other bases shared jaccard`: bases that either of two marked so, those that both did, and the
        second over the first; kind `contradiction` counts bases that one calls relevant and the other irrelevant.
        Bases count on each strand that the marks hold for.
    """
    rows = []
    names = sorted(marks["annotator"].unique())
    for one, other in combinations(names, 2):
        spans = {
            (who, kind): _strands(marks[marks["annotator"] == who], tape, kind, stranded=stranded)
            for who in (one, other)
            for kind in BITS
        }
        for kind in BITS:
            rows.append((kind, one, other, *_overlap(spans[one, kind], spans[other, kind])))
        crossed = [((one, RELEVANT), (other, IRRELEVANT)), ((one, IRRELEVANT), (other, RELEVANT))]
        counts = np.sum([_overlap(spans[left], spans[right])[:2] for left, right in crossed], axis=0)
        rows.append(("contradiction", one, other, *counts.tolist(), _share(counts[1], counts[0])))
    return pd.DataFrame(rows, columns=["kind", "annotator", "other", "bases", "shared", "jaccard"])


def _columns(lines: list[tuple[int, str]]) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the names of the columns and the lines below; without a header line they are those of BED."""
    for place, (_, text) in enumerate(lines):
        names = text.removeprefix("#").strip().split("\t")
        if "chrom" in names:
            named = ["kind" if name == "name" and "kind" not in names else name for name in names]
            return named, lines[place + 1 :]
        if not text.startswith("#"):
            return list(BED_COLUMNS[: text.count("\t") + 1]), [line for line in lines if not line[1].startswith("#")]
    return list(BED_COLUMNS), []


def _check_columns(columns: list[str], path: str | Path) -> None:
    missing = [name for name in BED_COLUMNS[:4] if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if missing or twice:
        raise complaint(
            "marks have columns with the same name" if twice else "marks lack a column", where=path,
            got=twice or columns, allowed=f"{', '.join(BED_COLUMNS[:4])}; perhaps {', '.join(BED_COLUMNS[4:])}",
            do="give BED with the kind in its fourth column, or a header line that names the columns",
        )  # fmt: skip


def _kinds(names: pd.Series, path: str | Path) -> pd.Series:
    kinds = names.map(KINDS)
    for line, name in names[kinds.isna()].items():
        raise complaint("unknown kind of mark", where=f"{path} line {line}", got=repr(name), allowed=list(KINDS))
    return kinds


def _dotted(column: pd.Series) -> pd.Series:
    return column.where(column.str.strip() != "", NOBODY)


def _strands(marks: pd.DataFrame, tape: Tape, kind: str, *, stranded: bool) -> Strands:
    return by_strand(marks[marks["kind"] == kind], tape, stranded=stranded)


def _intersection(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what two disjoint, increasing sets of spans `(2, interval)` share."""
    pieces = list(_shared(one, other))
    return np.array(pieces, np.int64).reshape(-1, 2).T


def _shared(one: NDArray[np.int64], other: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    first = np.searchsorted(other[1], one[0], side="right")
    last = np.searchsorted(other[0], one[1], side="left")
    for (start, end), low, high in zip(one.T.tolist(), first.tolist(), last.tolist(), strict=True):
        for place in range(low, high):
            yield max(start, int(other[0, place])), min(end, int(other[1, place]))


def _overlap(one: Strands, other: Strands) -> tuple[int, int, float]:
    """Return the bases of either, those of both, and the second over the first."""
    shared = sum(_bases(_intersection(a, b)) for a, b in ((one.plus, other.plus), (one.minus, other.minus)))
    total = sum(map(_bases, (one.plus, one.minus, other.plus, other.minus))) - shared
    return total, shared, _share(shared, total)


def _bases(spans: NDArray[np.int64]) -> int:
    return int((spans[1] - spans[0]).sum())


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
