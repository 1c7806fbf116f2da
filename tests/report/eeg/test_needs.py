"""Files of a run that are damaged or foreign are one line that names them, wherever the page reads them."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from tracklight.errors import InputError
from tracklight.report.eeg.needs import NEEDS
from tracklight.report.eeg.study import open_studies
from tracklight.report.run_folder import RunFolder, open_run

GARBAGE = {".json": b'{"hello": 1}', ".npz": b"hello", ".tsv": b"hello\tworld\n1\t2\n", ".gz": b"hello\tworld\n1\t2\n"}


def read(folder: RunFolder, name: str) -> object:
    readers = {".json": folder.facts, ".npz": folder.arrays}
    return readers.get(Path(name).suffix, folder.table)(name)


@pytest.mark.parametrize("pattern", NEEDS)
def test_every_file_of_a_run_holds_what_the_page_needs_and_a_damaged_one_is_named(
    run_folder: Path, pattern: str
) -> None:
    files = [path for path in (run_folder / "content").rglob("*") if path.is_file()]
    folder = open_studies(open_run(run_folder, files, needed={}))[0].folder
    names = [name for name in folder.matching(pattern) if name.count("/") == pattern.count("/")]
    assert names or fnmatch(pattern, "units/*/counts.tsv"), pattern
    for name in names[:1]:
        assert read(folder, name) is not None
        path, whole = folder.path / name, (folder.path / name).read_bytes()
        binary = bytes(range(128, 256)) * 3
        for content in (GARBAGE[path.suffix], binary, b"", *([whole[: len(whole) // 2]] * (path.suffix != ".tsv"))):
            path.write_bytes(content)
            with pytest.raises(InputError, match=path.name):
                read(folder, name)


@pytest.mark.parametrize(
    ("name", "before", "after", "fault"),
    [
        ("claims/claims.tsv", "theta_power", "theta", "column is missing; got .*; allowed: theta_power"),
        ("claims/trust.tsv", "\tpass", "\tgood", "unknown verdict; allowed: pass, warn, fail, info"),
        ("gate/gate.tsv", "0.97", "high", "auc is not a number"),
        ("epochs/epochs.json", '"P4"', "4", "not what the page needs; got channels 4"),
        ("epochs/epochs.json", '"length"', '"samples"', "not what the page needs; got no length"),
        ("claims/claims.json", '"withheld": null', '"withheld": 3', "not what the page needs; got withheld 3"),
    ],
)
def test_what_does_not_fit_is_said(run_folder: Path, name: str, before: str, after: str, fault: str) -> None:
    path = run_folder / "content" / name
    changed = path.read_text().replace(before, after)
    assert changed != path.read_text()
    path.write_text(changed)
    files = [path for path in run_folder.rglob("*") if path.is_file()]
    with pytest.raises(InputError, match=f"{path.name}: {fault}"):
        read(open_studies(open_run(run_folder, files, needed={}))[0].folder, name)
