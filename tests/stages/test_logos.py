import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import open_tape
from tracklight.genome.shards import load_tracks
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint
from tracklight.stages.logos import _read_candidates, candidate_view

MODELS: dict[str, str] = {}
ROW = {"chrom": "b", "start": 45, "end": 65, "name": "candidate 1/x", "strand": "-", "filter": "PASS", "rank": 2}


def candidates(path: Path, rows: list[dict]) -> Path:
    columns = [*ROW, "summit"]
    pd.DataFrame([{"summit": row["start"] + 10, **row} for row in rows], columns=columns).to_csv(
        path, sep="\t", index=False
    )
    return path


@pytest.fixture(scope="session")
def tata_finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a network that answers to the word TATAAT anywhere in its window, and to nothing else."""
    options = {"filters": 1, "kernels": [6], "pools": [1], "hidden": 1, "dropout": 0.0, "batch_norm": False}
    spec = ModelSpec("valid_conv", 4, 30, ("x",), options)
    weights = {name: torch.ones_like(value) for name, value in build(spec, seed=0).state_dict().items()}
    weights |= {name: torch.zeros_like(value) for name, value in weights.items() if "bias" in name or name == "shift"}
    word = torch.tensor([3, 0, 3, 0, 0, 3])
    weights["body.0.weight"] = torch.nn.functional.one_hot(word, 4).T[None].float()
    weights["body.0.bias"] = torch.tensor([-5.5])  # open only when all six letters match
    path = tmp_path_factory.mktemp("model") / "model.pt"
    save_checkpoint(path, Checkpoint(spec, weights, "dna", {}, {"seed": 0}))
    return path


@pytest.fixture(autouse=True)
def _use_tata_finder(tata_finder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "path", str(tata_finder))


def logos(run: Path, table: Path, out: Path, *extra: str) -> int:
    shards = [str(run / "shard1.npz"), str(run / "shard0.npz")]
    folders = ["--genome", str(run / "genome"), "--windows", str(run / "windows")]
    tracks = ["--models", MODELS["path"], "--gradient-x-input", *shards]
    return cli.main(["logos", *folders, *tracks, "--candidates", str(table), "--out", str(out), *extra])


def test_maxima_of_active_test_windows_and_passing_candidates_are_drawn(tiny_run: Path, tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW | {"name": "first", "rank": 1, "strand": "+"},
        ROW | {"name": "third", "rank": 3},
        ROW | {"name": "dropped", "rank": 0, "filter": "high_q"},
    ]
    settings = {"top_n": 2, "origin_bp": 20, "expected_from_bp": -8, "expected_to_bp": -7, "aggregate_flank_bp": 5}
    extra = ["--settings", json.dumps(settings), "--provenance", str(tmp_path / "p.json")]
    assert logos(tiny_run, candidates(tmp_path / "c.tsv", rows), tmp_path / "out", *extra) == 0
    facts = json.loads((tmp_path / "out" / "logos.json").read_text())
    drawn = [(entry["name"], entry["rank"], entry["file"]) for entry in facts["candidates"]]
    assert drawn == [("first", 1, "first.png"), ("candidate 1/x", 2, "candidate_1_x.png")]
    # both active test windows, one on each strand, shine at bases 10..15: the centre of the box is base 12
    assert facts["maxima"] | {"words": None} == {
        "n_windows": 2,
        "n_without_maximum": 0,
        "expected_from_bp": -8,
        "expected_to_bp": -7,
        "share_expected": 1.0,
        "share_by_chance": round(2 / 25, 6),
        "consensus": {"at -8..-7": "TATAAT"},
        "words": None,
    }
    assert facts["maxima"]["words"] == {"TATAAT": 2}
    table = pd.read_csv(tmp_path / "out" / "maxima.tsv", sep="\t")
    assert list(table.columns) == ["position", "n", "fraction", "expected_by_chance"]
    assert table.loc[table["n"] > 0, ["position", "n"]].to_numpy().tolist() == [[-8, 2]]
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["aggregate.png", "candidate_1_x.png", "first.png", "logos.json", "maxima.png", "maxima.tsv"]
    assert json.loads((tmp_path / "p.json").read_text())["maxima"] == 2


def test_no_candidates_still_give_the_maxima(tiny_run: Path, tmp_path: Path) -> None:
    shards = ["--integrated-gradients", str(tiny_run / "shard0.npz"), str(tiny_run / "shard1.npz")]
    assert logos(tiny_run, candidates(tmp_path / "c.tsv", []), tmp_path / "out", *shards) == 0
    facts = json.loads((tmp_path / "out" / "logos.json").read_text())
    assert facts["candidates"] == []
    assert facts["maxima"]["n_windows"] == 2


def test_candidate_on_the_minus_strand_is_read_from_its_right_end(tiny_run: Path) -> None:
    tape = open_tape(tiny_run / "genome")
    tracks = load_tracks([tiny_run / "shard0.npz", tiny_run / "shard1.npz"], length=240)
    view = candidate_view(ROW | {"summit": 55}, tape, tracks, None)
    assert view.positions[[0, -1]].tolist() == [119, 0]
    # window 40-70 on the minus strand: its TATAAT covers bases 54..59 of the contig, the first letter at 59
    first = int(np.flatnonzero(view.positions == 59)[0])
    assert view.codes[first : first + 6].tolist() == [3, 0, 3, 0, 0, 3]
    assert view.saliency[first - 1 : first + 7].tolist() == [0, 1, 1, 1, 1, 1, 1, 0]
    # the window that begins at 180 of the tape is centred at 195, base 75 of the contig
    assert view.prediction[view.positions == 75] == [-180]
    assert view.title == "candidate 1/x   b:45-65 (-)"


def test_candidate_at_the_end_of_its_contig_stays_inside_it(tiny_run: Path) -> None:
    tape = open_tape(tiny_run / "genome")
    tracks = load_tracks([tiny_run / "shard0.npz", tiny_run / "shard1.npz"], length=240)
    row = ROW | {"chrom": "a", "start": 100, "end": 120, "strand": "+", "summit": 110}
    assert candidate_view(row, tape, tracks, tracks).positions[[0, -1]].tolist() == [40, 119]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"smoothing_bp": 31},
            "logos.smoothing_bp: smoothing box is longer than the window; got 31; allowed: at most 30",
        ),
        ({"smoothing_bp": 0}, "logos.smoothing_bp: setting is not allowed; got 0"),
    ],
)
def test_bad_settings_are_one_line(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict, complaint: str
) -> None:
    table = candidates(tmp_path / "c.tsv", [])
    assert logos(tiny_run, table, tmp_path / "out", "--settings", json.dumps(settings)) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_candidate_table_is_one_line(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert logos(tiny_run, tmp_path / "c.tsv", tmp_path / "out") == 2
    assert f"{tmp_path / 'c.tsv'}: candidate table not found" in capsys.readouterr().err


def test_missing_shard_is_one_line(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = candidates(tmp_path / "c.tsv", [])
    extra = ["--gradient-x-input", str(tiny_run / "shard0.npz")]
    assert logos(tiny_run, table, tmp_path / "out", *extra) == 2
    assert "shards do not cover the genome; got 0-150; allowed: 0-240" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["a\tb\n1\t2\n", "\x00\x89PNG\n", "chrom\tname\tstrand\tfilter\tstart\n"])
def test_a_table_that_is_not_of_candidates_is_one_line(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "c.tsv").write_text(text)
    assert logos(tiny_run, tmp_path / "c.tsv", tmp_path / "out") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "c.tsv: not a candidate table" in line]
    assert len(lines) == 1
    assert not (tmp_path / "out").exists()


def test_contigs_and_candidates_called_na_keep_their_names(tmp_path: Path) -> None:
    found = _read_candidates(candidates(tmp_path / "c.tsv", [ROW | {"chrom": "NA", "name": "null"}]))
    assert found[["chrom", "name"]].to_numpy().tolist() == [["NA", "null"]]
