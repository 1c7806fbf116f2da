"""One recording to its epochs, and the epochs of all recordings to the index."""

import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg.bids import read_stages
from tracklight.eeg.epochs import (
    DROPPED_COLUMNS,
    drop_by_signal,
    drop_by_stage,
    epochs_before_reports,
    epochs_of_sleep,
    stages_of,
)
from tracklight.eeg.halves import check_no_leak, split_subjects
from tracklight.eeg.hypnogram import Scored, read_hypnogram, stage_named
from tracklight.eeg.laying import Layout, lay
from tracklight.eeg.recordings import Recording
from tracklight.eeg.reports import BIDS_EVENTS, INDEX_COLUMNS, read_reports
from tracklight.errors import complaint
from tracklight.progress import log
from tracklight.settings.prepare_eeg import PrepareEeg

NOT_IN_INDEX = ("time_s", "reason", "detail")


def prepare_recording(
    recording: Recording, layout: Layout, *, settings: PrepareEeg
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Read a recording, and cut it into epochs.

    Parameters
    ----------
    recording : Recording
        One of those the layout was made of.
    layout : Layout
        The tape.
    settings : PrepareEeg
        Everything about signals and epochs.

    Returns
    -------
    data : ndarray of float32 (channel, position)
        In volts.
    epochs : DataFrame
        One row an epoch, the unusable ones included: `contig start reverse group report epoch stage label order`,
        covariates, `reason` (empty for those to keep) and `detail`.
    """
    length, seconds = layout.lengths[recording.name], layout.seconds[recording.name]
    scored = scored_stages(recording, seconds=seconds, settings=settings, start=layout.starts[recording.name])
    if settings.epochs == "reports":
        reports = read_reports(recording, seconds=seconds, settings=settings)
        epochs = epochs_before_reports(reports, rate_hz=layout.rate_hz, length=length, settings=settings)
    else:
        epochs = epochs_of_sleep(scored, rate_hz=layout.rate_hz, length=length, settings=settings)
    epochs = _staged(epochs, scored, rate_hz=layout.rate_hz, recording=recording, settings=settings)
    epochs = epochs.assign(contig=recording.name, group=recording.subject, reverse=0, detail="")
    bad = [name for name, label in layout.labels[recording.name].items() if label in recording.bad]
    if bad:
        waiting = epochs.reason == ""
        epochs = epochs.assign(reason=epochs.reason.mask(waiting, "bad_channel"), detail=np.where(waiting, bad[0], ""))
    data, clipped = lay(recording, layout, settings=settings)
    epochs = drop_by_signal(
        epochs, data, channels=layout.channels, rate_hz=layout.rate_hz, clipped=clipped, settings=settings
    )
    return data, epochs


def scored_stages(
    recording: Recording, *, seconds: float, settings: PrepareEeg, start: datetime.datetime | None = None
) -> list[Scored]:
    """Read the hypnogram of a recording; empty where it has none.

    Parameters
    ----------
    recording : Recording
        With its hypnogram.
    seconds : float
        Its length (s).
    settings : PrepareEeg
        Names of columns and the tolerance.
    start : datetime, optional
        What the clock said at its first sample: a hypnogram that begins at another time is moved.

    Raises
    ------
    InputError
        When it lies outside the recording, or is longer or shorter by more than the tolerance. Unscored time may go on
        for longer.
    """
    path, tolerance = recording.hypnogram, settings.hypnogram_tolerance_s
    if path is None:
        return []
    bids = path.name.endswith(BIDS_EVENTS)
    scored = read_stages(path, columns=settings.columns) if bids else read_hypnogram(path, recording=start)
    end = max((row.onset_s + row.duration_s for row in scored), default=seconds)
    # Recorders fill the rest of the day with unscored time: only scored time has to be covered by signals.
    staged = [(row.onset_s, row.onset_s + row.duration_s) for row in scored if row.stage is not None]
    last = max((stop for _, stop in staged), default=0.0)
    if staged and not any(onset < seconds and stop > 0 for onset, stop in staged):
        raise complaint(
            "hypnogram and recording do not overlap", where=path, got=f"stages from {staged[0][0]:g} to {last:g} s",
            allowed=f"0 to {seconds:g} s", do="check that they belong together, and the start times of both files",
        )  # fmt: skip
    for what, differs, got in (
        ("longer", last > seconds + tolerance, last),
        ("shorter", end < seconds - tolerance, end),
    ):
        if differs:
            raise complaint(
                f"hypnogram is {what} than the recording", where=path, got=f"{got:g} s",
                allowed=f"{seconds:g} s, give or take {tolerance:g} s", do="check that they belong together",
            )  # fmt: skip
    return scored


def join_epochs(epochs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the epochs of all recordings below each other; covariates that one of them lacks are an `InputError`."""
    for table in epochs:
        missing = set(epochs[0].columns) ^ set(table.columns)
        if missing:
            raise complaint(
                "tables of reports with different columns", where=table["contig"].iloc[0], got=sorted(missing),
                do="name those to keep in prepare_eeg.covariates",
            )  # fmt: skip
    return pd.concat(epochs, ignore_index=True)


def make_index(
    epochs: pd.DataFrame, recordings: Sequence[Recording], *, settings: PrepareEeg, where: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide the epochs into those to keep, split by subject, and those dropped.

    Parameters
    ----------
    epochs : DataFrame
        Of all recordings, as `prepare_recording` gives them.
    recordings : sequence of Recording
        All recordings.
    settings : PrepareEeg
        The split.
    where : str or Path
        The table of recordings, for complaints.

    Returns
    -------
    index : DataFrame
        `contig start reverse group split report epoch stage label order` and the covariates, by recording and time.
    dropped : DataFrame
        `contig start report epoch stage reason detail`.

    Raises
    ------
    InputError
        When no epoch is left, too few subjects have one, or no subject has both labels in one stage.
    """
    kept = epochs[epochs.reason == ""]
    if kept.empty:
        counts = ", ".join(f"{count} {reason}" for reason, count in Counter(epochs.reason).items())
        raise complaint("all epochs were dropped", where=where, got=counts or "no epochs", do="check prepare_eeg")
    split = split_subjects(sorted(set(kept.group)), recordings, settings=settings.split, where=where)
    index = kept.assign(split=kept.group.map(split))
    check_no_leak(index)
    if settings.epochs == "reports":
        _check_labels(index, where=where)
    index = index.assign(label=index.label.astype("Int64"))
    covariates = [name for name in index.columns if name not in (*INDEX_COLUMNS, *NOT_IN_INDEX)]
    _say_text(index[covariates])
    dropped = epochs.loc[epochs.reason != "", DROPPED_COLUMNS]
    return index[[*INDEX_COLUMNS, *covariates]].reset_index(drop=True), dropped.reset_index(drop=True)


def overlap(index: pd.DataFrame) -> float:
    """Return the share of reports in strata (subject x stage) that hold both labels.

    A report counts once in every stage that its epochs are in.
    """
    reports = index.drop_duplicates(["contig", "report", "stage"])
    both = reports.groupby(["group", "stage"])["label"].transform("nunique") == 2
    return float(both.mean())


def _say_text(covariates: pd.DataFrame) -> None:
    """Say which covariates hold text: nothing can be adjusted for, or divided by, what is no number."""
    for name, column in covariates.items():
        text = column[(column != "") & pd.to_numeric(column, errors="coerce").isna()]
        if len(text):
            log.info("%s holds text (%r): kept as text, and not checked as a covariate", name, text.iloc[0])


def _staged(
    epochs: pd.DataFrame, scored: Sequence[Scored], *, rate_hz: float, recording: Recording, settings: PrepareEeg
) -> pd.DataFrame:
    if settings.epochs == "sleep" and epochs.empty:
        raise complaint("recording without sleep", where=recording.name, do="name its hypnogram, or leave it out")
    if scored:
        stage = stages_of(epochs.start.to_numpy() / rate_hz, settings.epoch_s, scored)
    else:
        words = epochs["stage"]
        if not words.any():
            do = f"name its hypnogram, or put stages into the column {settings.columns.stage} of its reports"
            raise complaint("recording without sleep stages", where=recording.name, do=do)
        found = {word: stage_named(word, where=str(recording.reports)) or "" for word in set(words) - {""}}
        stage = words.map({**found, "": ""}).to_numpy(object)
    return drop_by_stage(epochs.assign(stage=stage), keep=settings.stages)


def _check_labels(index: pd.DataFrame, *, where: str | Path) -> None:
    if overlap(index) == 0:
        counts = index.drop_duplicates(["contig", "report"])["label"].value_counts()
        raise complaint(
            "no subject has both labels in one stage", where=where,
            got=", ".join(f"{count} reports of {label:g}" for label, count in counts.items()),
            do="content cannot be told from stage here: check prepare_eeg.labels and stages, or add reports",
        )  # fmt: skip
