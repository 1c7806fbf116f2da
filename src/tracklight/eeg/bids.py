"""BIDS folders: recordings, channels and events of the Brain Imaging Data Structure (Pernet et al. 2019)."""

from itertools import pairwise
from pathlib import Path

from tracklight.eeg.hypnogram import Scored, stage_named
from tracklight.eeg.recordings import Recording, check_recordings, entity
from tracklight.eeg.reports import BIDS_EVENTS
from tracklight.eeg.table import MISSING, numbers, read_table
from tracklight.errors import complaint
from tracklight.settings.prepare_eeg import ReportColumns

SIGNALS = ("edf", "bdf")  # other formats of BIDS (BrainVision, EEGLAB) are not read


def find_recordings(folder: Path) -> list[Recording]:
    """Find the EEG recordings of a BIDS folder.

    Parameters
    ----------
    folder : Path
        With `sub-*/[ses-*/]eeg/*_eeg.edf` (or `.bdf`), each beside its `*_events.tsv`, which holds stages and reports,
        and, where there is one, its `*_channels.tsv`, which says which channels are bad and in what unit.

    Returns
    -------
    list of Recording
        By subject, session and name.

    Raises
    ------
    InputError
        When there is none, a subject's session has several, or a file of theirs is not usable.
    """
    patterns = [f"sub-*/{session}eeg/*_eeg.{kind}" for session in ("", "ses-*/") for kind in SIGNALS]
    paths = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not paths:
        raise complaint("no recordings in the folder", where=folder, allowed="sub-*/[ses-*/]eeg/*_eeg.edf or .bdf")
    return check_recordings([_recording(path) for path in paths], where=folder)


def read_stages(path: Path, *, columns: ReportColumns) -> list[Scored]:
    """Read the sleep stages of an events file, by time.

    A row is part of the hypnogram when it has a stage and is not a report.

    Parameters
    ----------
    path : Path
        `*_events.tsv` with `onset`, `duration` and, where there are stages, their column.
    columns : ReportColumns
        Names of the columns.

    Returns
    -------
    list of Scored
        Empty when there is none.

    Raises
    ------
    InputError
        When a stage is unknown, a time is no number, or stages overlap.
    """
    table = read_table(path, what="BIDS events", needed=("onset", "duration"))
    if columns.stage not in table.columns:
        return []
    rows = table[~table[columns.stage].isin(MISSING)]
    if columns.report in table.columns:
        rows = rows[rows[columns.report].isin(MISSING)]
    onset = numbers(rows["onset"], what="onset", where=path)
    duration = numbers(rows["duration"], what="duration", where=path)
    stages = [stage_named(text, where=f"{path} line {line}") for line, text in rows[columns.stage].items()]
    scored = sorted(zip(onset, duration, stages, strict=True), key=lambda row: row[0])
    for (start, length, _), (following, _, _) in pairwise(scored):
        if start + length > following + 1e-6:
            raise complaint(
                "sleep stages overlap", where=path, got=f"{start:g} to {start + length:g} s and {following:g} s"
            )
    return [Scored(float(start), float(length), stage) for start, length, stage in scored]


def _recording(path: Path) -> Recording:
    stem = path.name.removesuffix(path.suffix).removesuffix("_eeg")
    session = path.parent.parent.name if path.parent.parent.name.startswith("ses-") else ""
    subject = path.parents[2 if session else 1].name
    bad, units = _channels(path.with_name(f"{stem}_channels.tsv"))
    events = path.with_name(stem + BIDS_EVENTS)
    known = events if events.is_file() else None
    subject, session = entity("sub", subject, where=path), entity("ses", session, where=path)
    return Recording(subject, session, path, hypnogram=known, reports=known, bad=bad, units=units)


def _channels(path: Path) -> tuple[frozenset[str], dict[str, str]]:
    """Return the labels of bad channels, and the units by label; a missing file says nothing."""
    if not path.is_file():
        return frozenset(), {}
    table = read_table(path, what="BIDS channels", needed=("name",))
    table = table.reindex(columns=["name", "status", "units"], fill_value="")
    units = dict(zip(table["name"], table["units"], strict=True))
    bad = frozenset(table.loc[table["status"] == "bad", "name"])
    return bad, {name: unit for name, unit in units.items() if unit not in MISSING}
