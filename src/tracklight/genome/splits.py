"""Train, validation and test, kept apart along the genome: groups are blocks, and a group never crosses a split."""

from pathlib import Path

import bioframe
import numpy as np
import pandas as pd

from tracklight.errors import complaint, one_of
from tracklight.settings import Split

SPLITS = ("train", "validation", "test")  # windows of a later one are never given up for an earlier one
LEAST_TEST_GROUPS = 2  # a calibrator is measured on windows of groups that it has not seen


def assign_splits(
    windows: pd.DataFrame, *, contigs: tuple[str, ...], settings: Split, where: str | Path
) -> pd.DataFrame:
    """Give every window its `split` and `group`.

    Parameters
    ----------
    windows : DataFrame
        `contig start end` (0-based half-open), indexed by line number; with `split` when a column decides it.
    contigs : tuple of str
        Contigs of the genome.
    settings : Split
        By column, chromosome or block.
    where : str or Path
        The table, for complaints.

    Returns
    -------
    DataFrame
        `windows` with `split` and `group`; a group is the windows of one split whose centre is in one genome block
        of `block_bp`.

    Raises
    ------
    InputError
        When the column holds another word, or a chromosome does not exist or is named twice.
    """
    block = (windows.start + windows.end) // 2 // settings.block_bp
    blocks = windows.contig + ":" + (block * settings.block_bp).astype(str)
    if settings.by == "column":
        split = _by_column(windows["split"], blocks, settings, where)
    elif settings.by == "chromosome":
        split = _by_chromosome(windows.contig, contigs, settings)
    else:
        shares = {"validation": settings.validation_fraction, "test": settings.test_fraction}
        split = _draw(blocks, shares, seed=settings.seed)
    return windows.assign(split=split, group=blocks + ":" + split)


def overlaps_later_split(windows: pd.DataFrame) -> pd.Series:
    """Name, for every window that overlaps one of a later split on either strand, the reason to drop it.

    Test windows are kept before validation windows, and these before training windows, so that no base is seen in
    two splits. A validation window that is dropped itself costs no training window.

    Parameters
    ----------
    windows : DataFrame
        `contig start end split` (0-based half-open).

    Returns
    -------
    Series
        `overlaps_test`, `overlaps_validation` or missing, with the index of `windows`.
    """
    reasons = pd.Series(None, index=windows.index, dtype=object)
    for split in ("validation", "train"):
        for later in ("test", "validation"):
            if split != later:
                mine, theirs = (windows[(windows.split == s) & reasons.isna()] for s in (split, later))
                reasons[mine.index[_hits(mine, theirs)]] = f"overlaps_{later}"
    return reasons


def check_splits(windows: pd.DataFrame, *, settings: Split, where: str | Path) -> None:
    """Raise `InputError` when a split has no windows, or the test windows form fewer groups than calibration needs."""
    counts = {split: int((windows.split == split).sum()) for split in SPLITS}
    if 0 in counts.values():
        raise complaint(
            "a split has no windows", where=where, got=", ".join(f"{split} {n}" for split, n in counts.items()),
            do=f"correct prepare_windows.split: {_remedy(settings)}",
        )  # fmt: skip
    groups = windows.group[windows.split == "test"].unique().tolist()
    if len(groups) < LEAST_TEST_GROUPS:
        raise complaint(
            "too few groups of test windows to calibrate the confidence of peaks", where=where, got=groups,
            allowed=f"{LEAST_TEST_GROUPS} groups or more",
            do=f"make prepare_windows.split.block_bp smaller (it is {settings.block_bp}), or hold out more",
        )  # fmt: skip
    assert (windows.groupby("group").split.nunique() == 1).all(), "a group never crosses a split"


def _by_column(split: pd.Series, blocks: pd.Series, settings: Split, where: str | Path) -> pd.Series:
    for line, value in split[~split.isin(SPLITS)].items():
        one_of(value, SPLITS, what=f"split in column {settings.column}", where=f"{where} line {line}")
    if (split == "validation").any():
        return split
    training = split == "train"
    drawn = _draw(blocks[training], {"validation": settings.validation_fraction}, seed=settings.seed)
    return split.where(~training, drawn)


def _by_chromosome(contig: pd.Series, contigs: tuple[str, ...], settings: Split) -> pd.Series:
    validation, test = settings.validation_chromosomes, settings.test_chromosomes
    for key, names in (("validation_chromosomes", validation), ("test_chromosomes", test)):
        for name in names:
            one_of(name, contigs, what="contig", where=f"prepare_windows.split.{key}")
    both = sorted(set(validation) & set(test))
    if both:
        raise complaint(
            "chromosome both for validation and for test", where="prepare_windows.split", got=both,
            do="name it in one of validation_chromosomes and test_chromosomes",
        )  # fmt: skip
    split = pd.Series("train", index=contig.index, dtype=object)
    return split.mask(contig.isin(validation), "validation").mask(contig.isin(test), "test")


def _draw(blocks: pd.Series, shares: dict[str, float], *, seed: int) -> pd.Series:
    """Draw shares of the blocks at random, at least one block for a share above 0; the rest is for training."""
    names = np.random.default_rng(seed).permutation(np.asarray(sorted(set(blocks)), dtype=object))
    split, first = dict.fromkeys(names, "train"), 0
    for name, share in shares.items():
        count = max(round(share * len(names)), int(share > 0))
        split |= dict.fromkeys(names[first : first + count], name)
        first += count
    return blocks.map(split)


def _hits(windows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    if windows.empty or others.empty:
        return np.zeros(len(windows), bool)
    columns = ("contig", "start", "end")
    counted = bioframe.count_overlaps(windows[list(columns)], others[list(columns)], cols1=columns, cols2=columns)
    return counted["count"].to_numpy() > 0


def _remedy(settings: Split) -> str:
    if settings.by == "chromosome":
        return "name contigs that have regions in validation_chromosomes and test_chromosomes"
    return "a smaller block_bp, or other fractions" if settings.by == "block" else "other values, or a smaller block_bp"
