"""The files of a run as the page reads them: tables, numbers and images, each absent when it was not given.

A folder may hold more than the run: seeds, shards and parts of an earlier configuration. Only what is listed counts.
"""

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from tracklight.errors import complaint, existing_file
from tracklight.report.blocks import Picture
from tracklight.report.style import DPI, data_uri

CSS_DPI = 96

TEXT = ["chrom", "contig", "name", "group", "nearest_gene", "filter", "strand", "target", "track", "nuisance"]
TEXT += ["subject", "report", "stage", "half", "feature", "channel"]
NAMES = dict.fromkeys(TEXT, str)  # a name may look like a number


NEEDED = {
    "windows/windows.json": "description of the windows",
    "windows/windows.tsv.gz": "index of the windows",
}
AGAIN = "run the stage that writes it again"
PAGES = ("report", "report_eeg")  # stages whose record is written after the page


class Needs(NamedTuple):
    """What a file must hold to be shown.

    Attributes
    ----------
    columns : mapping of str to type or tuple of str
        Of a table: text (`str`), numbers (`float`), or one of some words.
    fewest : int
        Rows of a table.
    keys : object
        Of JSON: a type, several of them, `[what every entry is]`, or `{key: what is there}`.
    arrays : tuple of str
        Of an `.npz`, all of one length.
    """

    columns: Mapping[str, type | tuple[str, ...]] = MappingProxyType({})
    fewest: int = 0
    keys: Any = MappingProxyType({})
    arrays: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunFolder:
    """A results folder.

    Attributes
    ----------
    path : Path
        The folder.
    files : frozenset of str
        What of it belongs to the run, relative to the folder.
    needs : mapping of str to Needs
        What files must hold, by pattern of their names.
    """

    path: Path
    files: frozenset[str]
    needs: Mapping[str, Needs] = field(default_factory=dict, compare=False)

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a TSV, or return None when it was not given; a damaged one is an `InputError`."""
        if name not in self.files:
            return None
        path, needs = self.path / name, self._needs(name)
        types = NAMES | {column: str for column, kind in needs.columns.items() if kind is not float}
        try:
            # only an empty field is missing: a contig or a gene may be called NA
            table = pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=[""])
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise complaint("not a table", where=path, got=error, do=AGAIN) from None
        _check_table(table, needs, path)
        return table

    def facts(self, name: str) -> dict[str, Any] | None:
        """Read a JSON object, or return None when it was not given; a damaged one is an `InputError`."""
        if name not in self.files:
            return None
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise complaint("not JSON", where=path, got=error, do=AGAIN) from None
        if not isinstance(found, dict):
            raise complaint("not a JSON object", where=path, got=type(found).__name__)
        if fault := _misfit(found, self._needs(name).keys):
            raise complaint("not what the page needs", where=path, got=fault, do=AGAIN)
        return found

    def arrays(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Read the arrays of an `.npz`, or return None when it was not given; a damaged one is an `InputError`."""
        if name not in self.files:
            return None
        path = self.path / name
        try:
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
                found = dict(arrays)
            if len({len(found[array]) for array in self._needs(name).arrays}) > 1:
                raise ValueError("arrays of different lengths")
        except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise complaint("not arrays", where=path, got=error, do=AGAIN) from None
        return found

    def within(self, folder: str) -> "RunFolder":
        """Return one folder of the run, its files named from there."""
        names = (PurePosixPath(name) for name in self.files)
        inside = frozenset(name.relative_to(folder).as_posix() for name in names if name.is_relative_to(folder))
        return replace(self, path=self.path / folder, files=inside)

    def _needs(self, name: str) -> Needs:
        parts = len(PurePosixPath(name).parts)
        fit = (each for pattern, each in self.needs.items()
               if parts == len(PurePosixPath(pattern).parts) and PurePosixPath(name).match(pattern))  # fmt: skip
        return next(fit, Needs())

    def picture(self, name: str, *, alt: str, caption: str, anchor: str = "") -> Picture | None:
        """Read a PNG that a file of the run names, at the size it was drawn for; None when it is not there."""
        path = self.path / name
        if not path.is_file():
            return None
        content = path.read_bytes()
        width = int.from_bytes(content[16:20], "big") * CSS_DPI // DPI  # of the IHDR chunk that opens every PNG
        return Picture(data_uri(content, "png"), alt, caption, anchor, width)

    def curves(self) -> dict[str, pd.DataFrame]:
        """Read the training curve of every network, keyed by the name of its folder."""
        names = sorted({Path(name).parent.name for name in self.matching("model/*/metrics.tsv")}, key=_by_number)
        tables = {name: self.table(f"model/{name}/metrics.tsv") for name in names}
        return {name: table for name, table in tables.items() if table is not None}

    def matching(self, pattern: str) -> list[str]:
        """Return the files of the run whose name, relative to the folder, fits a pattern, sorted."""
        return sorted(name for name in self.files if PurePosixPath(name).match(pattern))

    def provenance(self) -> dict[str, dict[str, Any]]:
        """Read the record of every stage, keyed by its path without `provenance`, in the order of finishing.

        The record of the page itself is left out: it is written after the page, and belongs to an earlier one.
        """
        paths = [PurePosixPath(name) for name in self.matching("*.json")]
        stages = {_stage(path): str(path) for path in paths if "provenance" in path.parts and path.stem not in PAGES}
        records = {stage: self.facts(name) or {} for stage, name in stages.items()}
        return dict(sorted(records.items(), key=lambda item: (str(item[1].get("finished", "")), item[0])))

    def joined(self) -> str:
        """Return the text of `provenance.json`: the records of all stages."""
        return json.dumps(self.provenance(), indent=2) + "\n"


def open_run(path: Path, files: Iterable[str | Path], *, needed: Mapping[str, str] = NEEDED) -> RunFolder:
    """Open a results folder.

    Parameters
    ----------
    path : Path
        The folder.
    files : iterable of path
        What of it belongs to the run.
    needed : mapping of str to str
        Files that must be among them, and what each is.

    Raises
    ------
    InputError
        When the folder or a file is missing, or a file lies elsewhere.
    """
    if not path.is_dir():
        raise complaint("run folder not found", where=path, do="give the folder results/<run>")
    names = frozenset(_inside(path, Path(file)) for file in files)
    for name, what in needed.items():
        existing_file(path / name, what=what)
        if name not in names:
            raise complaint(f"{what} is not among the files of the run", where=path / name, do="add it to --files")
    return RunFolder(path, names)


def _check_table(table: pd.DataFrame, needs: Needs, path: Path) -> None:
    missing = [name for name in needs.columns if name not in table]
    if missing:
        raise complaint("column is missing", where=path, got=list(table.columns), allowed=missing, do=AGAIN)
    if len(table) < needs.fewest:
        raise complaint("a table without rows", where=path, do=AGAIN)
    for name, kind in needs.columns.items():
        if kind is float and not is_numeric_dtype(table[name]):
            raise complaint(f"{name} is not a number", where=path, do=AGAIN)
        if isinstance(kind, tuple) and not table[name].isin(kind).all():
            raise complaint(f"unknown {name}", where=path, allowed=kind, do=AGAIN)


def _misfit(found: Any, keys: Any, *, name: str = "") -> str:
    """Say what in JSON is not as it must be; empty when all of it is."""
    if isinstance(keys, Mapping):
        if not isinstance(found, dict) or (missing := [key for key in keys if key not in found]):
            return f"no {missing[0]}" if isinstance(found, dict) else f"{name} is no object"
        return next((fault for key in keys if (fault := _misfit(found[key], keys[key], name=key))), "")
    if isinstance(keys, list):
        entries = found if isinstance(found, list) else [found]
        faults = (fault for entry in entries if (fault := _misfit(entry, keys[0], name=name)))
        return next(faults, "" if isinstance(found, list) else f"{name} is no list")
    return "" if isinstance(found, keys) else f"{name} {found!r}"


def _inside(folder: Path, file: Path) -> str:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise complaint("file is outside the run folder", where=file, allowed=f"files in {folder}")
    if not file.is_file():
        raise complaint("file of the run not found", where=file, do="run the stage that writes it")
    return file.resolve().relative_to(folder.resolve()).as_posix()


def _stage(path: PurePosixPath) -> str:
    return "/".join(part for part in path.with_suffix("").parts if part != "provenance")


def _by_number(name: str) -> tuple[int, str]:
    digits = "".join(letter for letter in name if letter.isdigit())
    return int(digits or 0), name
