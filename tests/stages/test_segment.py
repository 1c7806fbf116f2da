"""The stage on windows and a network that are known by heart."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint

LENGTH, STEP, COUNT, PLACE = 20, 25, 48, 6
SPLITS = ["train", "validation", "test"]
HOLDS = np.arange(COUNT) % 2 == 0  # eight G in a row at base 6, and active
QUICK = {"smooth_bp": [1, 3], "affinity": {"training_steps": 5, "walk_steps": [2]}, "device": "cpu"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Windows of A and T, every second with eight G that are its element, every third read on the minus strand."""
    folder = tmp_path_factory.mktemp("segment")
    codes = np.random.default_rng(0).choice(np.array([0, 3], np.uint8), COUNT * STEP)
    rows, bed = [], []
    for number in range(COUNT):
        start, reverse = number * STEP, int(number % 3 == 0)
        left = start + (LENGTH - PLACE - 8 if reverse else PLACE)
        if HOLDS[number]:
            codes[left : left + 8] = 1 if reverse else 2
            bed.append(f"c\t{left}\t{left + 8}\tx\t0\t{'+-'[reverse]}\n")
        split = SPLITS[number * 3 // COUNT]
        rows.append({"contig": "c", "start": start, "reverse": reverse, "group": f"g{number // 4}", "split": split})
    save_tape(folder / "genome", codes, {"c": len(codes)})
    table = pd.DataFrame(rows).assign(name="w", y=HOLDS.astype(float))
    table["y.active"] = HOLDS.astype(int)
    (folder / "windows").mkdir()
    table.to_csv(folder / "windows" / "windows.tsv.gz", sep="\t", index=False)
    facts = {"length_bp": LENGTH, "targets": ["y"], "stranded": True, "transform": "none", "floor": 0.1}
    (folder / "windows" / "windows.json").write_text(json.dumps(facts | {"active_above": 0.5}))
    (folder / "truth.bed").write_text("".join(bed))
    (folder / "elsewhere.bed").write_text(f"c\t{LENGTH + 1}\t{LENGTH + 3}\n")
    for pool in ("mean", "max"):
        save_network(folder / f"{pool}.pt", pool)
    return folder


def save_network(path, pool):
    """A network whose only feature is G; the log-odds are positive in windows with more than a tenth of it."""
    spec = ModelSpec("global_pool", 4, LENGTH, ("y",), {"filters": 1, "kernels": [1], "pool": pool, "dropout": 0.0})
    model = build(spec, seed=0)
    with torch.no_grad():
        model.body[0].weight.zero_()
        model.body[0].weight[0, 2] = 1.0
        model.body[0].bias.zero_()
        model.output.weight.fill_(10.0)
        model.output.bias.fill_(-1.0)
    save_checkpoint(path, Checkpoint(spec, model.state_dict(), "dna", {"loss": "bce"}, {"seed": 0}))


def run(folder, out, *more, network="mean", elements="truth.bed", **settings):
    inputs = ["--genome", folder / "genome", "--windows", folder / "windows", "--models", folder / f"{network}.pt"]
    given = ["--elements", folder / elements] if elements else []
    arguments = [*inputs, *given, "--out", out, "--settings", json.dumps(QUICK | settings), *more]
    return cli.main(["segment", *map(str, arguments)])


def test_every_way_to_cut_finds_the_bases_that_the_network_sees(folder, tmp_path):
    assert run(folder, tmp_path) == 0
    table = pd.read_csv(tmp_path / "segmentation.tsv", sep="\t").set_index(["map", "refinement"])
    assert table.loc[("cam", "threshold"), ["dice", "iou", "boundary_error_bp", "false_bases"]].tolist() == [1, 1, 0, 0]
    ways = ["threshold", "smooth", "tv", "potts", "walker", "hmm", "affinity"]
    assert table.loc["cam"].index.tolist() == ways
    assert (table.loc["cam", "dice"] > 0.99).all()
    assert table.loc["gradient_x_input"].index.tolist() == ways[:-1]
    assert table.loc[("every_base", "none"), "dice"] == pytest.approx(2 * 8 / (LENGTH + 8))
    assert table.loc[("every_base", "none"), ["false_bases", "false_bases_ungated"]].tolist() == [0, LENGTH]


@pytest.mark.parametrize("gate", ["label", "prediction"])
def test_the_elements_are_the_known_ones_on_their_strands(folder, tmp_path, gate):
    assert run(folder, tmp_path, gate=gate, refinement="threshold") == 0
    found = pd.read_csv(tmp_path / "elements.bed", sep="\t", header=None)
    known = pd.read_csv(folder / "truth.bed", sep="\t", header=None)
    assert found[[0, 1, 2, 5]].to_numpy().tolist() == known[[0, 1, 2, 5]].to_numpy().tolist()
    assert (found[4] > 0).all()


def test_without_known_elements_the_hidden_states_need_none(folder, tmp_path, capsys):
    assert run(folder, tmp_path, elements=None) == 2
    assert "segment.refinement: refinement is chosen on windows with known elements" in capsys.readouterr().err
    assert run(folder, tmp_path, elements=None, refinement="hmm") == 0
    assert pd.read_csv(tmp_path / "segmentation.tsv", sep="\t").empty
    assert len(pd.read_csv(tmp_path / "elements.bed", sep="\t", header=None)) == HOLDS.sum()


def test_equal_seeds_give_equal_bytes(folder, tmp_path):
    for name in ("one", "two"):
        assert run(folder, tmp_path / name, "--provenance", tmp_path / name / "p.json") == 0
    for file in ("segmentation.tsv", "elements.bed"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert json.loads((tmp_path / "one" / "p.json").read_text())["elements"] == HOLDS.sum()


def test_a_network_that_takes_the_maximum_is_refused(folder, tmp_path, capsys):
    assert run(folder, tmp_path, network="max") == 2
    assert (
        "no class activation map; got global_pool max; allowed: global_pool with pool: mean" in capsys.readouterr().err
    )


def test_elements_that_no_window_holds_are_refused(folder, tmp_path, capsys):
    assert run(folder, tmp_path, elements="elsewhere.bed") == 2
    assert "no active validation window holds a known element" in capsys.readouterr().err
