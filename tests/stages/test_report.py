import json
import shutil
from pathlib import Path

import pytest

from tracklight import cli

RECORD = "provenance/train_seed3.json"


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "tiny"
    shutil.copytree(tiny_run / "windows", folder / "windows")
    (folder / "provenance").mkdir()
    entry = {"stage": "train", "version": "0.1.0", "finished": "2030-01-01T00:00:00+0000", "seconds": 1.0, "seed": 3}
    (folder / "provenance" / "train_seed3.json").write_text(json.dumps(entry))
    return folder


def report(run: Path, *extra: str) -> int:
    files = [str(run / name) for name in ("windows/windows.json", "windows/windows.tsv.gz", RECORD)]
    return cli.main(["report", "--run", str(run), "--files", *files, "--out", str(run / "report.html"), *extra])


def test_page_and_joined_provenance_are_written(run: Path) -> None:
    record = run / "provenance" / "report.json"
    assert report(run, "--settings", '{"title": "Tiny"}', "--provenance", str(record)) == 0
    html = (run / "report.html").read_text()
    assert "<h1>Tiny</h1>" in html
    assert "seed 3" in html
    assert "This run has no candidate list." in html
    joined = json.loads((run / "provenance.json").read_text())
    assert joined["train_seed3"]["seed"] == 3
    assert json.loads(record.read_text())["settings"]["title"] == "Tiny"


def test_second_report_is_the_same_and_does_not_join_its_own_record(run: Path) -> None:
    record = ["--provenance", str(run / "provenance" / "report.json")]
    assert report(run, *record) == 0
    first = (run / "report.html").read_text()
    assert report(run, *record) == 0
    assert list(json.loads((run / "provenance.json").read_text())) == ["train_seed3"]
    assert (run / "report.html").read_text() == first


def test_missing_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(tmp_path / "nowhere") == 2
    assert f"{tmp_path / 'nowhere'}: run folder not found" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_unknown_setting_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(run, "--settings", '{"titel": "Tiny"}') == 2
    assert "report.titel: unknown setting; allowed: title, about, citation, top_n" in capsys.readouterr().err
    assert not (run / "report.html").exists()


def test_a_page_that_cannot_be_made_leaves_the_joined_provenance_as_it_was(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(run) == 0
    before = {name: (run / name).read_text() for name in ("report.html", "provenance.json")}
    (run / RECORD).write_text((run / RECORD).read_text().replace('"seed": 3', '"seed": 4'))
    (run / "windows" / "windows.json").write_text("{")
    assert report(run) == 2
    assert "windows.json: not JSON" in capsys.readouterr().err
    assert {name: (run / name).read_text() for name in before} == before


def test_the_record_of_a_seed_that_is_no_longer_of_the_run_is_not_joined(run: Path) -> None:
    (run / "provenance" / "train_seed9.json").write_text('{"stage": "train", "seed": 9}')
    assert report(run) == 0
    assert list(json.loads((run / "provenance.json").read_text())) == ["train_seed3"]
    assert "seed 9" not in (run / "report.html").read_text()
