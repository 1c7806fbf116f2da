import json
from pathlib import Path

import pytest

from tracklight import cli

FACTS = {"rate_hz": 100, "channels": ["P4"], "unit": "V", "length": 1000, "labels": {"0": 0, "1": 1}}
RECORD = {"stage": "train-eeg", "version": "0.1.0", "finished": "2030-01-01T00:00:00+0000", "seconds": 1.0, "seed": 3}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "tiny"
    for study in ("dreams", "naps"):
        for name, content in (("epochs/epochs.json", FACTS), ("provenance/train_eeg.json", RECORD)):
            path = folder / study / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
    return folder


def report(run: Path, *extra: str) -> int:
    files = sorted(str(path) for path in run.glob("*/*/*.json"))
    return cli.main(["report-eeg", "--run", str(run), "--files", *files, "--out", str(run / "report.html"), *extra])


def test_page_and_joined_provenance_of_all_studies_are_written(run: Path) -> None:
    record = run / "provenance" / "report_eeg.json"
    assert report(run, "--settings", '{"title": "Tiny"}', "--provenance", str(record)) == 0
    html = (run / "report.html").read_text()
    assert "<h1>Tiny</h1>" in html
    assert "dreams: The evidence was not split." in html
    assert list(json.loads((run / "provenance.json").read_text())) == ["dreams/train_eeg", "naps/train_eeg"]
    assert json.loads(record.read_text())["studies"] == ["dreams", "naps"]


def test_second_page_is_the_same(run: Path) -> None:
    assert report(run) == 0
    first = (run / "report.html").read_bytes()
    assert report(run) == 0
    assert (run / "report.html").read_bytes() == first


def test_unknown_setting_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(run, "--settings", '{"titel": "Tiny"}') == 2
    assert "report_eeg.titel: unknown setting; allowed: title, about, citation, top_n" in capsys.readouterr().err


def test_run_without_studies_is_one_line_and_writes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in run.rglob("epochs.json"):
        path.unlink()
    assert report(run) == 2
    assert "no study among the files of the run" in capsys.readouterr().err
    assert not (run / "report.html").exists()


def test_damaged_facts_are_one_line_and_leave_the_page_as_it_was(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(run) == 0
    before = (run / "report.html").read_bytes()
    (run / "naps" / "epochs" / "epochs.json").write_text("{")
    assert report(run) == 2
    assert "epochs.json: not JSON" in capsys.readouterr().err
    assert (run / "report.html").read_bytes() == before


def test_out_that_is_a_folder_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "report.html").mkdir()
    assert report(run) == 2
    assert "cannot write" in capsys.readouterr().err
