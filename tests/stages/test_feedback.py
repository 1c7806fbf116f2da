"""Marks, their check, the correction and its measurement, on windows and networks that are known by heart."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_checkpoint, save_checkpoint
from tracklight.settings import Train

LENGTH, STEP, COUNT = 20, 25, 120
GACT, CAGC = np.array([2, 0, 1, 3], np.uint8), np.array([1, 0, 2, 1], np.uint8)
# By number of the window: a third per split; the even ones hold GACT at base 3, which goes along with activity.
HOLDS = np.arange(COUNT) % 2 == 0
ACTIVE = HOLDS ^ (np.arange(COUNT) // 2 % 5 == 0)
SPLITS = np.repeat(["train", "validation", "test"], COUNT // 3)
TRAIN = Train(loss="bce", batch_size=8, max_shift_bp=0, learning_rate=0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Windows of A and T; CAGC at base 12 of every active one; every third window is read on the minus strand."""
    folder = tmp_path_factory.mktemp("feedback")
    codes = np.random.default_rng(0).choice(np.array([0, 3], np.uint8), COUNT * STEP)
    rows, marks = [], []
    for number in range(COUNT):
        start, reverse = number * STEP, int(number % 3 == 0)
        for motif, place, held, kind in ((GACT, 3, HOLDS, "M-"), (CAGC, 12, ACTIVE, "M+")):
            left = start + (LENGTH - place - 4 if reverse else place)
            if held[number]:
                codes[left : left + 4] = 3 - motif[::-1] if reverse else motif
                marks.append(f"c\t{left}\t{left + 4}\t{kind}\t0\t{'+-'[reverse]}\tEva\n")
        rows.append({"contig": "c", "start": start, "reverse": reverse, "group": f"g{number // 8}"})
    save_tape(folder / "genome", codes, {"c": len(codes)})
    table = pd.DataFrame(rows).assign(split=SPLITS, name="w", y=ACTIVE.astype(float))
    table["y.active"] = ACTIVE.astype(int)
    (folder / "windows").mkdir()
    table.to_csv(folder / "windows" / "windows.tsv.gz", sep="\t", index=False)
    facts = {"length_bp": LENGTH, "targets": ["y"], "stranded": True, "transform": "none", "floor": 0.1}
    (folder / "windows" / "windows.json").write_text(json.dumps(facts | {"active_above": 0.5}))
    (folder / "marks.bed").write_text("".join(marks))
    save_network(folder / "nuisance.pt", GACT)
    save_network(folder / "motif.pt", CAGC)
    return folder


def save_network(path, motif):
    """A network whose log-odds are 3 where the motif stands without a fault, and -3 elsewhere."""
    spec = ModelSpec("global_pool", 4, LENGTH, ("y",), {"filters": 4, "kernels": [4], "pool": "max", "dropout": 0.0})
    model = build(spec, seed=0)
    with torch.no_grad():
        model.body[0].weight.mul_(0.1)
        model.body[0].weight[0] = 0.0
        model.body[0].weight[0, torch.from_numpy(motif).long(), torch.arange(4)] = 1.0
        model.body[0].bias[0] = -3.0
        model.output.weight.mul_(0.01)
        model.output.weight[0, 0] = 6.0
        model.output.bias.fill_(-3.0)
    kept = TRAIN.model_dump(mode="json")
    save_checkpoint(path, Checkpoint(spec, model.state_dict(), "dna", kept, {"seed": 4, "halo_bp": 2}))


def call(stage, folder, out, *more, settings=None):
    place = ["--genome", folder / "genome", "--windows", folder / "windows", "--out", out]
    return cli.main([str(word) for word in [stage, *place, "--settings", json.dumps(settings or {}), *more]])


def check(folder, out, text):
    (out / "given.bed").write_text(text)
    return call("feedback-check", folder, out, "--marks", out / "given.bed")


def correct(folder, out, *more, **settings):
    marks = ["--marks", folder / "marks.bed", "--model", folder / "nuisance.pt"]
    record = ["--provenance", out / "record.json"]
    assert call("feedback", folder, out, *marks, *record, *more, settings={"epochs": 2, **settings}) == 0
    return load_checkpoint(out / "model.pt")


def test_the_check_counts_windows_and_their_labels(folder, tmp_path):
    assert check(folder, tmp_path, (folder / "marks.bed").read_text()) == 0
    summary = pd.read_csv(tmp_path / "marks_summary.tsv", sep="\t").set_index(["kind", "split"])
    assert summary.loc[("irrelevant", "train"), "windows"] == 20
    assert summary.loc[("irrelevant", "train"), "active"] == pytest.approx(ACTIVE[:40][HOLDS[:40]].mean())
    assert summary.loc[("irrelevant", "test"), "share"] == pytest.approx(4 / 20)
    assert summary.loc[("relevant", "train"), "active"] == 1
    checks = pd.read_csv(tmp_path / "marks_checks.tsv", sep="\t").set_index("check")["verdict"]
    assert checks["marks: share of active in training windows with irrelevant ones"] == "pass"
    kept = pd.read_csv(tmp_path / "marks.tsv", sep="\t")
    assert kept["kind"].value_counts().to_dict() == {"irrelevant": HOLDS.sum(), "relevant": ACTIVE.sum()}


def test_the_check_warns_of_marks_in_windows_of_one_label_and_of_windows_that_are_all_marked(folder, tmp_path):
    assert (
        check(folder, tmp_path, "c\t52\t54\tM-\t0\t.\tEva\nc\t21\t24\tM-\t0\t.\tJan\nc\t100\t125\tM-\t0\t.\tJan\n") == 0
    )
    checks = pd.read_csv(tmp_path / "marks_checks.tsv", sep="\t").set_index("check")
    assert checks.loc["marks: number that lie in no window (of 3)", "value"] == 1
    assert checks.loc["marks: share of active in training windows with irrelevant ones", "verdict"] == "warn"
    words = "marks: share of windows with irrelevant marks that are irrelevant from end to end"
    assert checks.loc[words, ["value", "verdict"]].tolist() == [0.5, "warn"]
    assert checks.filter(like="contradict", axis=0)["verdict"].tolist() == ["pass"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c\t2600\t2604\tM-\n", "no mark lies in a training window; got 1 marks"),
        ("c\t3\t8\tM-\nc\t5\t9\tM+\n", "c:5-8, annotator ."),
        ("d\t3\t8\tM-\n", "unknown contig"),
    ],
)
def test_the_check_refuses_marks_that_cannot_be_used(folder, tmp_path, capsys, text, said):
    assert check(folder, tmp_path, text) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "marks.tsv").exists()


def test_marks_belong_to_a_genome_or_to_recordings(tmp_path, capsys):
    assert cli.main(["feedback-check", "--marks", "m.bed", "--out", str(tmp_path)]) == 2
    assert "got neither; allowed: --genome with --windows, or --epochs" in capsys.readouterr().err


def test_the_term_falls_while_a_network_is_corrected_and_is_absent_from_the_control(folder, tmp_path):
    correct(folder, tmp_path / "marks", epochs=25, learning_rate=0.02)
    correct(folder, tmp_path / "none", "--arm", "none")
    term = pd.read_csv(tmp_path / "marks" / "metrics.tsv", sep="\t")["feedback"]
    assert term.iloc[0] > 5.5  # nearly all of the saliency lies in irrelevant marks: 5 x 1 + 1 x (1 - 0)
    assert term.iloc[-1] < 0.2 * term.iloc[0]
    assert "feedback" not in pd.read_csv(tmp_path / "none" / "metrics.tsv", sep="\t")


def test_weights_of_zero_train_as_no_marks_do_bit_for_bit(folder, tmp_path):
    without = correct(folder, tmp_path / "none", "--arm", "none")
    zero = correct(folder, tmp_path / "zero", irrelevant_weight=0, relevant_weight=0)
    assert all(torch.equal(zero.weights[name], without.weights[name]) for name in without.weights)
    assert without.provenance["seed"] == 4
    assert without.provenance["halo_bp"] == 2
    again = correct(folder, tmp_path / "again", "--arm", "random")
    random = correct(folder, tmp_path / "random", "--arm", "random")
    assert all(torch.equal(again.weights[name], random.weights[name]) for name in random.weights)
    assert any(not torch.equal(random.weights[name], without.weights[name]) for name in random.weights)


def test_a_network_that_ends_worse_than_a_constant_stays_as_it_was(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "inverted")
    windows = tmp_path / "inverted" / "windows" / "windows.tsv.gz"
    table = pd.read_csv(windows, sep="\t")
    table["y"] = table["y"].where(table["split"] != "validation", 1 - table["y"])
    table.to_csv(windows, sep="\t", index=False)
    before = load_checkpoint(folder / "nuisance.pt")
    after = correct(tmp_path / "inverted", tmp_path)
    assert json.loads((tmp_path / "record.json").read_text())["rolled_back"] is True
    assert all(torch.equal(after.weights[name], before.weights[name]) for name in before.weights)


def test_right_reasons_is_refused_for_a_binary_label(folder, tmp_path, capsys):
    marks = ["--marks", folder / "marks.bed", "--model", folder / "nuisance.pt"]
    assert call("feedback", folder, tmp_path, *marks, settings={"form": "right_reasons"}) == 2
    assert "needs three or more classes; got a network of loss bce" in capsys.readouterr().err


def test_effects_of_networks_that_read_one_motif_each_are_what_they_must_be(folder, tmp_path):
    named = [f"before={folder / 'nuisance.pt'}", f"after={folder / 'motif.pt'}"]
    assert call("feedback-effects", folder, tmp_path, "--marks", folder / "marks.bed", "--networks", *named) == 0
    table = pd.read_csv(tmp_path / "feedback.tsv", sep="\t").set_index(["measure", "network"])
    test, groups = SPLITS == "test", pd.read_csv(tmp_path / "feedback_groups.tsv", sep="\t")
    assert table.loc[("accuracy", "before"), "value"] == pytest.approx((HOLDS == ACTIVE)[test].mean(), abs=1e-5)
    assert table.loc[("accuracy", "after"), ["value", "n"]].tolist() == [1, 40]
    change = table.loc[("accuracy", "after"), "change"]
    assert change == pytest.approx((HOLDS != ACTIVE)[test].mean(), abs=1e-5)
    assert table.loc[("insertion_irrelevant", "before"), "value"] > 1.5
    assert abs(table.loc[("insertion_irrelevant", "after"), "value"]) < 0.1
    shares = table["value"].unstack("network")
    places = [f"mass_{place}_where_irrelevant" for place in ("irrelevant", "relevant", "elsewhere")]
    assert shares.loc[places].sum().tolist() == pytest.approx([1, 1], abs=1e-5)
    assert shares.loc[places[0], "before"] > 0.8
    assert shares.loc[places[0], "after"] < 0.2
    assert groups.groupby("network")["n"].sum().to_dict() == {"after": 40, "before": 40}
    profile = pd.read_csv(tmp_path / "feedback_profile.tsv", sep="\t")
    assert profile.groupby("network")["share"].sum().tolist() == pytest.approx([1, 1], abs=1e-4)


def test_networks_to_compare_need_a_before(folder, tmp_path, capsys):
    more = ["--marks", folder / "marks.bed", "--networks", f"after={folder / 'motif.pt'}"]
    assert call("feedback-effects", folder, tmp_path, *more) == 2
    assert "there is nothing to compare with" in capsys.readouterr().err
