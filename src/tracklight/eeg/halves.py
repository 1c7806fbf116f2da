"""Subjects in two halves for cross-fitting: a network of one half is asked about the other; nobody is in both."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tracklight.eeg.recordings import Recording
from tracklight.errors import complaint, one_of
from tracklight.settings.prepare_eeg import SubjectSplit

HALVES = ("A", "B")
SPLITS = tuple(half + role for half in HALVES for role in ("", "_validation"))
OTHER = {"A": "B", "B": "A"}


def split_subjects(
    subjects: Sequence[str], recordings: Sequence[Recording], *, settings: SubjectSplit, where: str | Path
) -> dict[str, str]:
    """Give every subject its split.

    Parameters
    ----------
    subjects : sequence of str
        Subjects that have epochs.
    recordings : sequence of Recording
        All recordings; by column, they say to which split a subject belongs.
    settings : SubjectSplit
        How to divide.
    where : str or Path
        The table, for complaints.

    Returns
    -------
    dict of str to str
        `A`, `A_validation`, `B` or `B_validation`. A network of half A is trained on `A`, stopped on
        `A_validation`, and explained on all of half B; the other way round for B.

    Raises
    ------
    InputError
        When there are too few subjects, or the column puts a subject into two splits.
    """
    if settings.by == "column":
        return _by_column(subjects, recordings, where=where)
    least = 2 * (settings.validation_subjects + 1)
    if len(subjects) < least:
        raise complaint(
            "too few subjects with epochs for two halves", where=where, got=len(subjects), allowed=f"{least} or more",
            do="add subjects, or lower prepare_eeg.split.validation_subjects",
        )  # fmt: skip
    drawn = np.random.default_rng(settings.seed).permutation(np.array(sorted(set(subjects)), dtype=object))
    middle = (len(drawn) + 1) // 2
    halves = {"A": drawn[:middle], "B": drawn[middle:]}
    return {
        subject: half + ("_validation" if number < settings.validation_subjects else "")
        for half, names in halves.items()
        for number, subject in enumerate(names)
    }


def cross_fit(split: pd.Series, half: str) -> dict[str, np.ndarray]:
    """Return the rows (int64) for a network of one half: `train`, `validation` (to stop), `test` (to explain)."""
    one_of(half, HALVES, what="half")
    other = (OTHER[half], f"{OTHER[half]}_validation")
    parts = {"train": split == half, "validation": split == f"{half}_validation", "test": split.isin(other)}
    return {name: np.flatnonzero(rows) for name, rows in parts.items()}


def check_no_leak(index: pd.DataFrame) -> None:
    """Raise `AssertionError` unless every subject is in one split only."""
    assert not two_splits(index), "a subject never crosses a split"


def two_splits(index: pd.DataFrame) -> list[str]:
    """Return the subjects that are not in one split alone."""
    count = index.groupby("group")["split"].nunique()
    return [str(name) for name in count.index[count != 1]]


def _by_column(subjects: Sequence[str], recordings: Sequence[Recording], *, where: str | Path) -> dict[str, str]:
    split = dict[str, str]()
    for recording in recordings:
        one_of(recording.split, SPLITS, what="split", where=f"{where} {recording.name}")
        if split.setdefault(recording.subject, recording.split) != recording.split:
            raise complaint(
                "a subject in two splits", where=where, got=f"{recording.subject} in {recording.split} and "
                f"{split[recording.subject]}", do="give all recordings of a subject the same split",
            )  # fmt: skip
    split = {subject: name for subject, name in split.items() if subject in subjects}
    for name in SPLITS:
        if name not in split.values():
            raise complaint("a split has no subjects with epochs", where=where, got=name, do="correct its column")
    return split
