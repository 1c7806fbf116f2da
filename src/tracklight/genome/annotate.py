"""What lies at a candidate: the nearest gene, base composition, and overlap with other intervals."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.genome.fasta import N_CODE

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def nearest_gene(elements: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """Find the gene whose start is nearest to the summit of each element, on either strand.

    Parameters
    ----------
    elements : DataFrame
        `chrom summit`, 0-based.
    genes : DataFrame
        `chrom start end name strand`, 0-based half-open. A gene starts at its first base, which is `end - 1` on the
        minus strand; strand `.` is read as plus.

    Returns
    -------
    DataFrame
        `nearest_gene gene_strand tss_distance`, index of `elements`. The distance (bp, Int64) is signed along the
        gene's strand: upstream negative, 0 when the summit is the first base. Of two genes equally far the leftmost
        start wins, then the first in the table. Without a gene on the contig: `.`, `.` and a missing distance.
    """
    tss = np.where(genes["strand"] == "-", genes["end"] - 1, genes["start"]).astype(np.int64)
    found = np.full(len(elements), -1)
    for rows, of_contig in _contig_rows(elements, genes):
        order = of_contig[np.argsort(tss[of_contig], kind="stable")]
        summit = elements["summit"].to_numpy(np.int64)[rows]
        found[rows] = order[_nearest(tss[order], summit)]
    return _gene_columns(elements, genes, tss, found)


def measured_at(elements: pd.DataFrame, windows: pd.DataFrame) -> list[str]:
    """Say what was measured in the windows that hold the summit of each element, on its strand.

    Parameters
    ----------
    elements : DataFrame
        `chrom summit strand`, 0-based; strand `.` matches every window.
    windows : DataFrame
        `chrom start end strand active`, strand `.` matches every element; `active` is 1 or 0.

    Returns
    -------
    list of str
        `active` when at least half of the windows are, else `inactive`; `.` where none holds the summit.
    """
    found = []
    by_contig = dict(iter(windows.groupby("chrom", sort=False)))
    for chrom, summit, strand in elements[["chrom", "summit", "strand"]].itertuples(index=False):
        here = by_contig.get(chrom, windows.iloc[:0])
        here = here[(here["start"] <= summit) & (here["end"] > summit)]
        here = here[(here["strand"] == strand) | (here["strand"] == ".") | (strand == ".")]
        found.append("." if here.empty else "active" if here["active"].mean() >= 0.5 else "inactive")
    return found


def tss_class(distance: pd.Series, *, proximal_bp: int, distal_bp: int) -> NDArray[np.object_]:
    """Name the class of each distance to a gene start.

    Parameters
    ----------
    distance : Series of Int64 (element,)
        Signed distance (bp), missing where there is no gene.
    proximal_bp, distal_bp : int
        Largest absolute distance of `promoter_proximal` and of `proximal`; beyond is `distal` (bp).

    Returns
    -------
    ndarray of str (element,)
        `.` where there is no gene.
    """
    absolute = distance.abs().astype("Float64").to_numpy(np.float64, na_value=np.nan)
    names = ["promoter_proximal", "proximal", "distal"]
    return np.select([absolute <= proximal_bp, absolute <= distal_bp, absolute > distal_bp], names, ".").astype(object)


def gc_fraction(elements: pd.DataFrame, tape: Tape) -> Floats:
    """Return the share of G and C among the known bases of each element (`chrom start end`); NaN when all are N."""
    gc, known = np.zeros(len(elements)), np.zeros(len(elements))
    for chrom, rows in elements.groupby("chrom").indices.items():
        codes = np.asarray(tape.contig(str(chrom)))
        part = elements.iloc[rows]
        gc[rows] = _count_inside((codes == 1) | (codes == 2), part)
        known[rows] = _count_inside(codes != N_CODE, part)
    return np.divide(gc, known, out=np.full(len(elements), np.nan), where=known > 0)


def covered_fraction(elements: pd.DataFrame, intervals: pd.DataFrame) -> Floats:
    """Return the share of the bases of each element that lie in `intervals`.

    Parameters
    ----------
    elements, intervals : DataFrame
        `chrom start end`, 0-based half-open; `intervals` do not overlap each other.

    Returns
    -------
    ndarray of float64 (element,)
    """
    covered = np.zeros(len(elements))
    for rows, of_contig in _contig_rows(elements, intervals):
        starts, ends = _edges(intervals.iloc[of_contig])
        order = np.argsort(starts)
        first, last = _edges(elements.iloc[rows])
        before = [_bases_before(edge, starts[order], ends[order]) for edge in (first, last)]
        covered[rows] = (before[1] - before[0]) / (last - first)
    return covered


def overlaps(elements: pd.DataFrame, intervals: pd.DataFrame) -> Bools:
    """Return whether each element shares a base with any of `intervals` (both `chrom start end`), bool `(element,)`."""
    found = np.zeros(len(elements), dtype=bool)
    for rows, of_contig in _contig_rows(elements, intervals):
        starts, ends = (np.sort(edge) for edge in _edges(intervals.iloc[of_contig]))
        first, last = _edges(elements.iloc[rows])
        # those that start before the end of the element, less those that end before its start
        found[rows] = np.searchsorted(starts, last, "left") > np.searchsorted(ends, first, "right")
    return found


def _contig_rows(elements: pd.DataFrame, others: pd.DataFrame) -> Iterator[tuple[Ints, Ints]]:
    """Yield the row numbers of both tables for each contig they share."""
    of_others = others.groupby("chrom").indices
    for chrom, rows in elements.groupby("chrom").indices.items():
        if chrom in of_others:
            yield np.asarray(rows), np.asarray(of_others[chrom])


def _edges(intervals: pd.DataFrame) -> tuple[Ints, Ints]:
    return intervals["start"].to_numpy(np.int64), intervals["end"].to_numpy(np.int64)


def _nearest(positions: Ints, wanted: Ints) -> Ints:
    """Index of the nearest of sorted `positions`; the lower position, and the first of equal ones, wins a tie."""
    right = np.minimum(np.searchsorted(positions, wanted, "left"), len(positions) - 1)
    left = np.searchsorted(positions, positions[np.maximum(right - 1, 0)], "left")
    nearer_left = np.abs(wanted - positions[left]) <= np.abs(positions[right] - wanted)
    return np.where(nearer_left, left, right)


def _gene_columns(elements: pd.DataFrame, genes: pd.DataFrame, tss: Ints, found: Ints) -> pd.DataFrame:
    known = found >= 0
    name, strand = (np.full(len(elements), ".", dtype=object) for _ in range(2))
    name[known] = genes["name"].to_numpy(object)[found[known]]
    strand[known] = genes["strand"].to_numpy(object)[found[known]]
    away = np.zeros(len(elements), np.int64)
    away[known] = elements["summit"].to_numpy(np.int64)[known] - tss[found[known]]
    distance = pd.array(np.where(strand == "-", -away, away), dtype="Int64")
    distance[~known] = pd.NA
    columns = {"nearest_gene": name, "gene_strand": strand, "tss_distance": distance}
    return pd.DataFrame(columns, index=elements.index)


def _count_inside(wanted: Bools, elements: pd.DataFrame) -> Ints:
    """Count the true positions of a contig inside each element; in order of start, so that it is passed once."""
    starts, ends = _edges(elements)
    order = np.argsort(starts, kind="stable")
    edges = np.stack([starts[order], ends[order]], axis=1).reshape(-1)
    counts = np.empty(len(starts), np.int64)
    counts[order] = np.add.reduceat(np.append(wanted, False), edges, dtype=np.int64)[::2]
    return counts


def _bases_before(position: Ints, starts: Ints, ends: Ints) -> Ints:
    """Bases of sorted disjoint intervals that lie before each position."""
    total = np.concatenate([[0], np.cumsum(ends - starts)])
    n = np.searchsorted(starts, position, "right")
    beyond = np.where(n > 0, np.maximum(ends[n - 1] - position, 0), 0)
    return total[n] - beyond
