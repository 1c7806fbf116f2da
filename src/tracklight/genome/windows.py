"""Regions to model windows: placed on their strand, checked, split, with transformed targets."""

from pathlib import Path

import numpy as np
import pandas as pd

from tracklight.core.tape import Tape
from tracklight.errors import complaint
from tracklight.genome.fasta import N_CODE
from tracklight.genome.regions import INDEX_COLUMNS
from tracklight.genome.splits import SPLITS, assign_splits, check_splits, overlaps_later_split
from tracklight.settings import PrepareWindows

LOGARITHMS = {"log2": np.log2, "log10": np.log10}
INDEX_FILE = "windows.tsv.gz"  # in the folder of prepare-windows, as are the next two
FACTS_FILE = "windows.json"
DROPPED_FILE = "dropped.tsv"
DROPPED_COLUMNS = ["row", "chrom", "start", "end", "name", "reason"]
GATHERED_BASES = 1 << 24  # bases looked at in one go when N are counted


def make_windows(
    regions: pd.DataFrame, *, tape: Tape, settings: PrepareWindows, where: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn regions into the index of model windows.

    Parameters
    ----------
    regions : DataFrame
        As `tracklight.genome.regions.read_regions` gives them.
    tape : Tape
        The genome.
    settings : PrepareWindows
        Window, targets, limits and splits.
    where : str or Path
        The table, for complaints.

    Returns
    -------
    index : DataFrame
        `contig start reverse group split name`, the transformed targets and `<target>.active` (1, 0, empty), sorted
        by contig (FASTA order), start, reverse. `start` is 0-based and leftmost on either strand.
    dropped : DataFrame
        `row chrom start end name reason`: every region that gave no window, in the order of the table.

    Raises
    ------
    InputError
        When all regions are dropped, a split stays empty, or the split settings do not fit the table.
    """
    windows = place_windows(regions, settings)
    reasons = _unusable(windows, tape, settings)
    usable = assign_splits(windows[reasons.isna()], contigs=tape.names, settings=settings.split, where=where)
    for find in (_duplicate, overlaps_later_split):
        found = find(usable)
        reasons.update(found)
        usable = usable[found.isna()]
    _check_any(usable, reasons, where)
    check_splits(usable, settings=settings.split, where=where)
    dropped = regions.assign(row=regions.index, reason=reasons).loc[reasons.notna(), DROPPED_COLUMNS]
    return _index(usable, tape.names, settings), dropped


def place_windows(regions: pd.DataFrame, settings: PrepareWindows) -> pd.DataFrame:
    """Place a window of `upstream_bp + downstream_bp` on each region, counted from its anchor along its strand.

    Parameters
    ----------
    regions : DataFrame
        `chrom start end strand` (0-based half-open; a region without a strand counts as +).
    settings : PrepareWindows
        Anchor, lengths, and whether strands are told apart.

    Returns
    -------
    DataFrame
        `regions` with `contig`, and with `start`, `end` and `reverse` of the window. The anchor is the first, the
        middle (the later of two) or the last base of the region, read from its 5' end; it is the first base of the
        downstream part.
    """
    length = regions.end - regions.start
    offset = {"five_prime": 0 * length, "centre": length // 2, "three_prime": length - 1}[settings.anchor]
    minus = regions.strand == "-"
    plus_start = regions.start + offset - settings.upstream_bp
    minus_start = regions.end - offset - settings.downstream_bp
    start = plus_start.where(~minus, minus_start)
    return regions.assign(
        contig=regions.chrom,
        start=start,
        end=start + settings.length_bp,
        reverse=(minus & settings.stranded).astype(int),
    )


def _unusable(windows: pd.DataFrame, tape: Tape, settings: PrepareWindows) -> pd.Series:
    """Name the reason for each window that cannot be used on its own account; None for the others."""
    reasons = pd.Series(None, index=windows.index, dtype=object)
    reasons[windows[settings.targets].isna().all(axis=1)] = "no_value"
    limit = windows.contig.map(tape.lengths).astype("int64")
    reasons[(windows.start < 0) | (windows.end > limit)] = "beyond_contig"
    inside = windows[reasons.isna()]
    many = _n_fraction(inside, tape, settings.length_bp) > settings.max_n_fraction
    reasons[inside.index[many]] = "too_many_n"
    return reasons


def _n_fraction(windows: pd.DataFrame, tape: Tape, length: int) -> np.ndarray:
    start = tape.on_tape(list(windows.contig), windows.start.to_numpy())
    fraction, step = np.empty(len(start)), max(1, GATHERED_BASES // length)
    if len(start):
        views = np.lib.stride_tricks.sliding_window_view(tape.data, length)
        for first in range(0, len(start), step):
            fraction[first : first + step] = (views[start[first : first + step]] == N_CODE).mean(axis=1)
    return fraction


def _duplicate(windows: pd.DataFrame) -> pd.Series:
    """Mark all but the first of equal windows; of different splits, the one of the later split stays."""
    rank = windows.split.map({split: -number for number, split in enumerate(SPLITS)})
    ordered = windows.assign(rank=rank).sort_values("rank", kind="stable")
    again = ordered.duplicated(["contig", "start", "reverse"]).reindex(windows.index)
    return pd.Series(None, index=windows.index, dtype=object).mask(again, "duplicate")


def _check_any(usable: pd.DataFrame, reasons: pd.Series, where: str | Path) -> None:
    if usable.empty:
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons.value_counts().items())
        raise complaint(
            "all regions were dropped", where=where, got=counts,
            do="check the value columns, the assembly, and in prepare_windows the window and max_n_fraction",
        )  # fmt: skip


def _index(windows: pd.DataFrame, contigs: tuple[str, ...], settings: PrepareWindows) -> pd.DataFrame:
    order = {name: number for number, name in enumerate(contigs)}
    windows = windows.assign(order=windows.contig.map(order)).sort_values(["order", "start", "reverse"], kind="stable")
    index = windows[list(INDEX_COLUMNS)].copy()
    for target in settings.targets:
        index[target] = _transformed(windows[target], settings)
    for target in settings.targets:
        active = (windows[target] > settings.active_above).astype("Int64")
        index[f"{target}.active"] = active.mask(windows[target].isna())
    return index.reset_index(drop=True)


def _transformed(values: pd.Series, settings: PrepareWindows) -> pd.Series:
    if settings.transform == "none":
        return values
    return LOGARITHMS[settings.transform](values.clip(lower=settings.floor))
