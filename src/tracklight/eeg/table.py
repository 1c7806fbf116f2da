"""Tab-separated tables as users have them: read as text, every fault named with its line."""

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from tracklight.errors import complaint, existing_file

MISSING = ("", "n/a", "N/A", "NA", "NaN", "nan")


def read_table(path: str | Path, *, what: str, needed: Iterable[str]) -> pd.DataFrame:
    """Read a tab-separated table with a header line.

    Parameters
    ----------
    path : str or Path
        The table, UTF-8 text; blank lines are passed over.
    what : str
        What it is to the user, for complaints.
    needed : iterable of str
        Columns that must be there.

    Returns
    -------
    DataFrame of str
        Indexed by line number (from 1, the header is line 1), cells without blanks at their ends.

    Raises
    ------
    InputError
        When it is missing, empty, not text, lacks a column or names one twice, or a line has another number of columns.
    """
    lines = _lines(existing_file(path, what=what), what=what)
    columns = [name.strip() for name in lines[0][1].split("\t")]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise complaint("columns with the same name", where=path, got=twice, do="give every column its own name")
    for name in needed:
        if name not in columns:
            raise complaint(f"{what} has no such column", where=path, got=repr(name), allowed=columns)
    rows = [[cell.strip() for cell in text.split("\t")] for _, text in lines[1:]]
    for (number, _), row in zip(lines[1:], rows, strict=True):
        if len(row) != len(columns):
            where = f"{path} line {number}"
            raise complaint("wrong number of tab-separated columns", where=where, got=len(row), allowed=len(columns))
    index = pd.Index([number for number, _ in lines[1:]], name="line", dtype="int64")
    return pd.DataFrame(rows, columns=columns, index=index, dtype=object)


def numbers(column: pd.Series, *, what: str, where: str | Path) -> pd.Series:
    """Turn a column of text into finite float64; the first text that is no number is an `InputError`."""
    values = pd.to_numeric(column, errors="coerce").astype("float64")
    bad = ~values.abs().lt(float("inf"))
    if bad.any():
        line = column.index[bad.to_numpy(bool)][0]
        raise complaint(f"{what} is not a number", where=f"{where} line {line}", got=repr(column[line]))
    return values


def _lines(path: Path, *, what: str) -> list[tuple[int, str]]:
    try:
        # Spreadsheets put a byte order mark before the first letter.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise complaint(f"{what} is not text", where=path, got=error.reason, do="save it as UTF-8") from None
    except OSError as error:
        raise complaint(f"{what} cannot be read", where=path, got=error.strerror, do="check its permissions") from None
    numbered = enumerate((line.rstrip("\r\n") for line in io.StringIO(text)), start=1)
    lines = [(number, line) for number, line in numbered if line.strip()]
    if not lines:
        raise complaint(f"{what} has no lines", where=path, do="it needs a header line")
    return lines
