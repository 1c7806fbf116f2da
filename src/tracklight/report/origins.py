"""Sections about where everything came from: files of the run, versions, inputs, seeds, citations."""

import os
from pathlib import Path
from typing import Any

from tracklight.report.blocks import Cell, Items, Section, Table, Text, absent, number, words
from tracklight.report.run_folder import RunFolder

FILES = {
    "candidates.tsv": "every element with its annotation and filter",
    "candidates.bed": "elements that pass (BED9)",
    "candidates.fa": "their sequences",
    "peaks/peaks.narrowPeak": "peaks for genome browsers",
    "peaks/peaks.tsv": "peaks with p and q against both nulls",
    "peaks/null.tsv": "summary of the nulls",
    "evaluation.tsv": "accuracy, long form",
    "predictions.tsv.gz": "prediction of every held-out window",
    "elements.tsv": "tracks against known elements",
    "logos/maxima.tsv": "where saliency is highest",
    "provenance.json": "settings, versions and checksums of every stage",
}
TRACKS = {
    "saliency": "gradient x input",
    "integrated_gradients": "integrated gradients",
    "prediction": "prediction of the window centred there",
}
FACTS = ("device", "seed", "threads")


def files_section(run: RunFolder, *, page: Path) -> Section:
    """List the files of the run, with links relative to the page."""
    tracks = {name: _track(Path(name).name) for name in run.matching("tracks/*.bw")}
    sizes = {name: (run.path / name).stat().st_size for name in run.files}
    sizes["provenance.json"] = len(run.joined().encode())  # it is written with the page, not before it
    rows = []
    for name, about in (FILES | tracks).items():
        if name in sizes:
            link = Path(os.path.relpath((run.path / name).resolve(), page.resolve().parent)).as_posix()
            rows.append([Cell(name, name, href=link), words(about), Cell(size_words(sizes[name]), sizes[name])])
    return Section("files", "Files", [Table("Files of this run", ["file", "content", "size"], rows)])


def _track(name: str) -> str:
    kind, *rest = name.removesuffix(".bw").split(".")
    strand = " and ".join(part for part in rest if part in ("plus", "minus"))
    spread = {"sd": "spread over the ensemble of ", "abs": "largest absolute value of "}
    before = "".join(spread.get(part, "") for part in rest)
    return f"{before}{TRACKS.get(kind, kind)}{f', {strand} strand' if strand else ''} (bigWig)"


def size_words(n: int) -> str:
    """Word the size of a file (bytes)."""
    return f"{n / 1e6:.1f} MB" if n >= 1e5 else f"{n / 1e3:.1f} kB"


def provenance_section(records: dict[str, dict[str, Any]]) -> Section:
    """Say when, with what and from which files every stage ran."""
    if not records:
        return absent("provenance", "Provenance", "This run kept no provenance.")
    stages = [_stage(name, entry) for name, entry in records.items()]
    inputs = {
        (entry["path"], entry["sha256"]) for record in records.values() for entry in record.get("inputs", {}).values()
    }
    files = [[words(path), words(checksum)] for path, checksum in sorted(inputs)]
    return Section(
        "provenance",
        "Provenance",
        [
            Text(_versions(records)),
            Table("Stages in the order of finishing", ["stage", "with", "seconds", "finished"], stages),
            Table("Files read, with their SHA-256 checksums", ["file", "checksum"], files),
        ],
    )


def _stage(name: str, entry: dict[str, Any]) -> list[Cell]:
    facts = ", ".join(f"{fact} {entry[fact]}" for fact in FACTS if entry.get(fact) is not None)
    return [words(name), words(facts), number(entry.get("seconds"), digits=1), words(entry.get("finished"))]


def _versions(records: dict[str, dict[str, Any]]) -> str:
    found = dict[str, set[str]]()
    for entry in records.values():
        named = {"tracklight": entry.get("version"), "Python": entry.get("python"), **entry.get("packages", {})}
        for name, version in named.items():
            found.setdefault(name, set()).update([version] if version else [])
    text = ", ".join(f"{name} {' and '.join(sorted(versions))}" for name, versions in found.items() if versions)
    return f"Made with {text}."


def citation_section(citations: list[str], *, version: str) -> Section:
    """Name the works to cite."""
    own = f"tracklight {version}: the software that made this page."
    return Section("citation", "Please cite", [Items([*citations, own])])
