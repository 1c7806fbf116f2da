"""The recordings of a study: a table of their files, one line a recording."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracklight.eeg.table import MISSING, read_table
from tracklight.errors import complaint, existing_file

COLUMNS = ("subject", "session", "path", "hypnogram", "reports")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Recording:
    """One recording and the files that go with it.

    Attributes
    ----------
    subject, session : str
        As `sub-01` and `ses-1`; the session is empty where a subject has one recording without a name.
    path : Path
        Signals: EDF, EDF+ or BDF.
    hypnogram, reports : Path or None
        Sleep stages (EDF+ annotations or BIDS events), and the table of reports.
    split : str
        What the table says of the subject's half, empty where it says nothing.
    bad : frozenset of str
        Labels of the channels that are marked as bad.
    units : mapping of str to str
        Units by label, of channels for which the signal file does not tell.
    """

    subject: str
    session: str
    path: Path
    hypnogram: Path | None
    reports: Path | None
    split: str = ""
    bad: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the recording on the tape: `sub-01_ses-1`, or `sub-01`."""
        return "_".join(filter(None, (self.subject, self.session)))

    @property
    def files(self) -> dict[str, Path]:
        """Every file of the recording, by a name for the provenance."""
        kinds = {"signals": self.path, "hypnogram": self.hypnogram, "reports": self.reports}
        return {f"{self.name} {kind}": path for kind, path in kinds.items() if path is not None}


def read_recordings(path: Path, *, split_column: str | None) -> list[Recording]:
    """Read the table of recordings.

    Parameters
    ----------
    path : Path
        Tab-separated, with the columns `subject session path hypnogram reports`; paths are relative to its folder;
        `session`, `hypnogram` and `reports` may be empty, or absent as columns.
    split_column : str or None
        A further column that says to which half a subject belongs.

    Returns
    -------
    list of Recording
        In the order of the table.

    Raises
    ------
    InputError
        When a column is missing or unknown, a name or file is not usable, or a recording is there twice.
    """
    table = read_table(path, what="table of recordings", needed=("subject", "path", *filter(None, [split_column])))
    allowed = [*COLUMNS, *filter(None, [split_column])]
    for name in table.columns:
        if name not in allowed:
            raise complaint("table of recordings has an unknown column", where=path, got=repr(name), allowed=allowed)
    table = table.reindex(columns=allowed, fill_value="")
    recordings = [
        Recording(
            subject=entity("sub", row["subject"], where=f"{path} line {line}"),
            session=entity("ses", row["session"], where=f"{path} line {line}"),
            path=_file(path, row["path"], what="recording"),
            hypnogram=_file(path, row["hypnogram"], what="hypnogram") if row["hypnogram"] not in MISSING else None,
            reports=_file(path, row["reports"], what="table of reports") if row["reports"] not in MISSING else None,
            split=row[split_column] if split_column else "",
        )
        for line, row in table.iterrows()
    ]
    return check_recordings(recordings, where=path)


def entity(prefix: str, text: str, *, where: str | Path) -> str:
    """Return a subject or session as `sub-01`, with its prefix once; an empty session stays empty."""
    if prefix == "ses" and text in MISSING:
        return ""
    name = text.removeprefix(f"{prefix}-")
    if not NAME.fullmatch(name):
        raise complaint(
            "name not usable", where=where, got=repr(text), allowed="letters, digits, dot, dash, underscore"
        )
    return f"{prefix}-{name}"


def check_recordings(recordings: Sequence[Recording], *, where: str | Path) -> list[Recording]:
    """Return the recordings when there are two subjects or more and none is there twice, else raise `InputError`."""
    _unique(recordings, lambda recording: recording.name, what="recording twice", where=where)
    _unique(recordings, lambda recording: str(recording.path.resolve()), what="file of two recordings", where=where)
    subjects = sorted({recording.subject for recording in recordings})
    if len(subjects) < 2:
        raise complaint(
            "too few subjects", where=where, got=subjects or "none", allowed="2 or more",
            do="training and inference need different subjects",
        )  # fmt: skip
    return list(recordings)


def _unique(recordings: Sequence[Recording], key: Callable[[Recording], str], *, what: str, where: str | Path) -> None:
    keys = [key(recording) for recording in recordings]
    twice = sorted({name for name in keys if keys.count(name) > 1})
    if twice:
        raise complaint(what, where=where, got=twice, do="give every recording one line and a file of its own")


def _file(table: Path, name: str, *, what: str) -> Path:
    return existing_file(table.parent / name, what=what)
