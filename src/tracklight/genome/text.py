"""Text and FASTA files as users have them: plain or gzip, read line by line with the number of each line."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pandas as pd

from tracklight.errors import complaint, existing_file

GZIP_MAGIC = b"\x1f\x8b"
# The empty block that ends every whole bgzip file (SAM format specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
MISSING = ("", ".", "NA", "N/A", "NaN", "nan", "null")


@contextmanager
def opened(path: str | Path, *, what: str, may_be_empty: bool = False) -> Iterator[BinaryIO]:
    """Open a plain, gzip or bgzip file for reading bytes; compression is known by content, not by name.

    Parameters
    ----------
    path : str or Path
        The file.
    what : str
        What it is to the user, for complaints.
    may_be_empty : bool
        Whether a file of 0 bytes is as good as any.

    Raises
    ------
    InputError
        When it is missing, empty, not readable, or a damaged or cut-off gzip file.
    """
    path = existing_file(path, what=what, may_be_empty=may_be_empty)
    try:
        with path.open("rb") as raw:
            if not _is_gzip(raw, path):
                yield raw
                return
            with gzip.open(raw) as content:
                yield cast(BinaryIO, content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise complaint(
            f"{what} is a damaged or truncated gzip file", where=path, got=error, do="copy or download it again"
        ) from None
    except OSError as error:
        raise complaint(
            f"{what} cannot be read", where=path, got=error.strerror or error, do="check its permissions and the disk"
        ) from None


def numbered_lines(
    path: str | Path, *, what: str, skip: tuple[str, ...], may_be_empty: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield the number (from 1) and the text of every line that is not blank and starts with none of `skip`."""
    try:
        file = opened(path, what=what, may_be_empty=may_be_empty)
        # Spreadsheets put a byte order mark before the first letter.
        with file as handle, io.TextIOWrapper(handle, encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.rstrip("\n")
                if text.strip() and not text.startswith(skip):
                    yield number, text
    except UnicodeDecodeError as error:
        raise complaint(
            f"{what} is not text", where=path, got=error.reason, allowed="UTF-8 text", do="save it as UTF-8"
        ) from None


def split_rows(lines: list[tuple[int, str]], *, columns: list[str], where: str | Path) -> pd.DataFrame:
    """Split tab-separated lines into a table of text, indexed by line number (`line`).

    Raises
    ------
    InputError
        When a line has another number of columns.
    """
    rows = [text.split("\t") for _, text in lines]
    for (number, _), row in zip(lines, rows, strict=True):
        if len(row) != len(columns):
            raise complaint(
                "wrong number of tab-separated columns",
                where=f"{where} line {number}",
                got=len(row),
                allowed=len(columns),
                do="give every line the same columns, parted by single tabs",
            )
    index = pd.Index([number for number, _ in lines], name="line", dtype="int64")
    return pd.DataFrame(rows, columns=columns, index=index, dtype=object)


def integers(column: pd.Series, *, what: str, where: str | Path) -> pd.Series:
    """Turn a column of text into int64; the first text that is not a whole number is an `InputError`."""
    bad = ~column.str.fullmatch(r"-?\d{1,18}")
    if bad.any():
        line = column.index[bad.to_numpy(bool)][0]
        raise complaint(
            f"{what} is not a whole number", where=f"{where} line {line}", got=repr(column[line]),
            allowed="at most 18 digits", do="correct the line, or the name of the column",
        )  # fmt: skip
    return column.astype("int64")


def numbers(column: pd.Series, *, what: str, where: str | Path) -> pd.Series:
    """Turn a column of text into float64, NaN where the value is missing; anything else is an `InputError`."""
    given = ~column.isin(MISSING)
    values = pd.to_numeric(column.where(given), errors="coerce").astype("float64")
    bad = given & ~values.abs().lt(float("inf"))
    if bad.any():
        line = column.index[bad.to_numpy(bool)][0]
        raise complaint(
            f"{what} is not a number", where=f"{where} line {line}", got=repr(column[line]),
            allowed=f"a finite number, or nothing, {', '.join(MISSING[1:])} where there is none",
            do="correct the line, or the name of the column",
        )  # fmt: skip
    return values


def _is_gzip(raw: BinaryIO, path: Path) -> bool:
    head = raw.read(18)
    # A bgzip file that lost its last blocks still decompresses without complaint; only its end marker tells.
    if len(head) == 18 and head.startswith(GZIP_MAGIC) and head[3] & 4 and head[12:14] == b"BC":
        raw.seek(-min(len(BGZF_END), path.stat().st_size), io.SEEK_END)
        if raw.read() != BGZF_END:
            raise EOFError("the end marker of bgzip is missing")
    raw.seek(0)
    return head.startswith(GZIP_MAGIC)
