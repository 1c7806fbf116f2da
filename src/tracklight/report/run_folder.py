"""The folder of a run as the page reads it: tables, numbers and images, each absent when its stage did not run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tracklight.errors import complaint, existing_file
from tracklight.report.blocks import Picture
from tracklight.report.style import DPI, data_uri

CSS_DPI = 96

NAMES = {"chrom": str, "contig": str, "name": str, "group": str, "nearest_gene": str, "filter": str, "strand": str}


@dataclass(frozen=True)
class RunFolder:
    """A results folder.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a TSV, or return None when it is not there; a damaged one is an `InputError`."""
        path = self.path / name
        if not path.is_file():
            return None
        try:
            return pd.read_csv(path, sep="\t", dtype=NAMES)
        except (OSError, ValueError) as error:
            raise complaint("not a table", where=path, got=error, do="run the stage that writes it again") from None

    def facts(self, name: str) -> dict[str, Any] | None:
        """Read a JSON object, or return None when it is not there; a damaged one is an `InputError`."""
        path = self.path / name
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise complaint("not JSON", where=path, got=error, do="run the stage that writes it again") from None
        if not isinstance(found, dict):
            raise complaint("not a JSON object", where=path, got=type(found).__name__)
        return found

    def picture(self, name: str, *, alt: str, caption: str, anchor: str = "") -> Picture | None:
        """Read a PNG, to be shown at the size it was drawn for, or return None when it is not there."""
        path = self.path / name
        if not path.is_file():
            return None
        content = path.read_bytes()
        width = int.from_bytes(content[16:20], "big") * CSS_DPI // DPI  # of the IHDR chunk that opens every PNG
        return Picture(data_uri(content, "png"), alt, caption, anchor, width)

    def curves(self) -> dict[str, pd.DataFrame]:
        """Read the training curve of every network, keyed by the name of its folder."""
        names = sorted(path.parent.name for path in self.path.glob("model/*/metrics.tsv"))
        tables = {name: self.table(f"model/{name}/metrics.tsv") for name in sorted(names, key=_by_number)}
        return {name: table for name, table in tables.items() if table is not None}

    def provenance(self) -> dict[str, dict[str, Any]]:
        """Read the record of every stage, keyed by file name, in the order of finishing.

        The record of the page itself is left out: it is written after the page, and belongs to an earlier one.
        """
        stages = [path for path in self.path.glob("provenance/*.json") if path.stem != "report"]
        records = {path.stem: self.facts(f"provenance/{path.name}") or {} for path in stages}
        return dict(sorted(records.items(), key=lambda item: (str(item[1].get("finished", "")), item[0])))


def open_run(path: Path) -> RunFolder:
    """Open a results folder; one without prepared windows is an `InputError`."""
    if not path.is_dir():
        raise complaint("run folder not found", where=path, do="give the folder results/<run>")
    existing_file(path / "windows" / "windows.json", what="description of the windows")
    existing_file(path / "windows" / "windows.tsv.gz", what="index of the windows")
    return RunFolder(path)


def _by_number(name: str) -> tuple[int, str]:
    digits = "".join(letter for letter in name if letter.isdigit())
    return int(digits or 0), name
