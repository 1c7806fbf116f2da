"""Marks on recordings: seconds and channels that people call relevant or irrelevant, checked against them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tracklight.eeg.dataset import Epochs
from tracklight.eeg.table import MISSING, numbers, read_table
from tracklight.errors import complaint, one_of
from tracklight.learning.feedback import KINDS

NEEDED = ("recording", "start_s", "end_s", "channel", "kind")
COLUMNS = [*NEEDED, "annotator"]
EVERY = "*"  # a mark on all channels
NOBODY = "."


def read_epoch_marks(path: str | Path, epochs: Epochs) -> pd.DataFrame:
    """Read marks on recordings.

    Parameters
    ----------
    path : str or Path
        Tab-separated with the columns `recording start_s end_s channel kind` and perhaps `annotator`; seconds from the
        start of the prepared recording, half-open; channel `*` is all of them; kinds are `relevant` or `M+`,
        `irrelevant` or `M-`.
    epochs : Epochs
        The recordings.

    Returns
    -------
    DataFrame
        These columns, seconds as float64, an absent annotator is '.'; indexed by line number.

    Raises
    ------
    InputError
        For the first row with an unknown recording, channel or kind, or with seconds outside the recording.
    """
    table = read_table(path, what="marks", needed=NEEDED).reindex(columns=COLUMNS, fill_value="")
    if table.empty:
        raise complaint("there are no marks", where=path, do="give one line a mark")
    for line, row in table.iterrows():
        where = f"{path} line {line}"
        one_of(row["recording"], epochs.tape.names, what="recording", where=where)
        one_of(row["channel"], [*epochs.channels, EVERY], what="channel", where=where)
        one_of(row["kind"], KINDS, what="kind of mark", where=where)
    for edge in ("start_s", "end_s"):
        table[edge] = numbers(table[edge], what=edge, where=path)
    _check_seconds(table, epochs, path)
    annotator = table["annotator"].where(~table["annotator"].isin(MISSING), NOBODY)
    return table.assign(kind=table["kind"].map(KINDS), annotator=annotator)


def summary_of_epochs(marks: pd.DataFrame, epochs: Epochs) -> pd.DataFrame:
    """Count what marks hold.

    Returns
    -------
    DataFrame
        `kind channel marks seconds epochs`: marks, their summed length, and epochs that one of them touches.
    """
    index = epochs.index
    first = index["start"].to_numpy(np.float64) / epochs.rate_hz
    last = first + epochs.length / epochs.rate_hz

    def counted() -> Iterator[tuple[object, ...]]:
        for (kind, channel), part in marks.groupby(["kind", "channel"], sort=True):
            touched = np.zeros(len(index), bool)
            for recording, start, end in part[["recording", "start_s", "end_s"]].itertuples(index=False, name=None):
                touched |= (index["contig"].to_numpy() == recording) & (first < end) & (last > start)
            yield kind, channel, len(part), float((part["end_s"] - part["start_s"]).sum()), int(touched.sum())

    return pd.DataFrame(counted(), columns=["kind", "channel", "marks", "seconds", "epochs"])


def _check_seconds(table: pd.DataFrame, epochs: Epochs, path: str | Path) -> None:
    seconds = {name: length / epochs.rate_hz for name, length in epochs.tape.lengths.items()}
    for line, row in table.iterrows():
        if not 0 <= row["start_s"] < row["end_s"] <= seconds[row["recording"]]:
            raise complaint(
                "mark is not a stretch of its recording", where=f"{path} line {line}",
                got=f"{row['start_s']:g} to {row['end_s']:g} s", allowed=f"0 to {seconds[row['recording']]:g} s",
                do="seconds count from the start of the prepared recording, the end is after the start",
            )  # fmt: skip
