"""The files of a run as the page reads them: tables, numbers and images, each absent when it was not given.

A folder may hold more than the run: seeds, shards and parts of an earlier configuration. Only what is listed counts.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
PAGES = ("report", "report_eeg")  # stages whose record is written after the page


@dataclass(frozen=True)
class RunFolder:
    """A results folder.

    Attributes
    ----------
    path : Path
        The folder.
    files : frozenset of str
        What of it belongs to the run, relative to the folder.
    """

    path: Path
    files: frozenset[str]

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a TSV, or return None when it was not given; a damaged one is an `InputError`."""
        if name not in self.files:
            return None
        path = self.path / name
        try:
            # only an empty field is missing: a contig or a gene may be called NA
            return pd.read_csv(path, sep="\t", dtype=NAMES, keep_default_na=False, na_values=[""])
        except (OSError, ValueError) as error:
            raise complaint("not a table", where=path, got=error, do="run the stage that writes it again") from None

    def facts(self, name: str) -> dict[str, Any] | None:
        """Read a JSON object, or return None when it was not given; a damaged one is an `InputError`."""
        if name not in self.files:
            return None
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise complaint("not JSON", where=path, got=error, do="run the stage that writes it again") from None
        if not isinstance(found, dict):
            raise complaint("not a JSON object", where=path, got=type(found).__name__)
        return found

    def arrays(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Read the arrays of an `.npz`, or return None when it was not given; a damaged one is an `InputError`."""
        if name not in self.files:
            return None
        path = self.path / name
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise complaint("not arrays", where=path, got=error, do="run the stage that writes it again") from None

    def within(self, folder: str) -> "RunFolder":
        """Return one folder of the run, its files named from there."""
        names = (PurePosixPath(name) for name in self.files)
        inside = frozenset(name.relative_to(folder).as_posix() for name in names if name.is_relative_to(folder))
        return RunFolder(self.path / folder, inside)

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
