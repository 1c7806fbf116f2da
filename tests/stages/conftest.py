"""A tiny run whose saliency is known by heart: TATAAT shines once in every active test window."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight.core.tape import save_tape
from tracklight.genome.shards import Tracks, save_shard

LENGTHS = {"a": 120, "b": 120}
WINDOW_BP = 30
TATAAT = np.array([3, 0, 3, 0, 0, 3], np.uint8)
# contig, start, reverse, split, active; the box of each window begins 10 bases from its 5' end
WINDOWS = [("a", 0, 0, "train", 1), ("a", 40, 1, "train", 0), ("a", 80, 0, "validation", 1),
           ("b", 0, 0, "test", 1), ("b", 40, 1, "test", 1), ("b", 80, 0, "test", 0)]  # fmt: skip
BOX = 10


def box_start(start: int, *, reverse: int) -> int:
    """Leftmost base on the contig of the six bases that shine."""
    return start + WINDOW_BP - BOX - 6 if reverse else start + BOX


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `genome/`, `windows/`, `shard0.npz`, `shard1.npz` and `elements.bed`."""
    run = tmp_path_factory.mktemp("tiny")
    codes = np.random.default_rng(0).integers(1, 3, 240).astype(np.uint8)  # C and G only
    mean = np.zeros((2, 240), np.float32)
    elements = []
    for contig, start, reverse, _, _ in WINDOWS:
        left = box_start(start, reverse=reverse)
        at = slice(left + 120 * (contig == "b"), left + 6 + 120 * (contig == "b"))
        codes[at] = 3 - TATAAT[::-1] if reverse else TATAAT
        mean[reverse, at] = 1.0
        elements.append(f"{contig}\t{left}\t{left + 6}\tbox\t0\t{'+-'[reverse]}\n")
    save_tape(run / "genome", codes, LENGTHS)
    (run / "elements.bed").write_text("".join(elements))
    _write_windows(run / "windows")
    for n, (first, last) in enumerate([(0, 150), (150, 240)]):
        starts = np.arange(first, last, 10)
        tracks = Tracks(
            start=first,
            mean=mean[:, first:last],
            sd=np.zeros((2, last - first), np.float32),
            coverage=np.ones(last - first, np.int32),
            window_start=starts,
            prediction=np.stack([starts, -starts]).astype(np.float32),
            window_bp=WINDOW_BP,
            stride_bp=10,
        )
        save_shard(run / f"shard{n}.npz", tracks)
    return run


def _write_windows(folder: Path) -> None:
    table = pd.DataFrame(WINDOWS, columns=["contig", "start", "reverse", "split", "x.active"])
    table = table.assign(group=table["split"], name=[f"w{i}" for i in range(len(table))], x=table["x.active"] * 2.0)
    folder.mkdir()
    table.to_csv(folder / "windows.tsv.gz", sep="\t", index=False)
    facts = {"length_bp": WINDOW_BP, "targets": ["x"], "stranded": True, "transform": "none"}
    (folder / "windows.json").write_text(json.dumps(facts | {"floor": 0.1, "active_above": 1.0}))
