"""The stage on windows and networks that are known by heart."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import save_tape
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint

LENGTH, STEP, COUNT, PLACE = 20, 25, 80, 8
GACT = np.array([2, 0, 1, 3], np.uint8)
# By number of the window: the even ones hold the motif; three of four windows are active when they do, and only then.
HOLDS = np.arange(COUNT) % 2 == 0
ACTIVE = HOLDS ^ (np.arange(COUNT) // 2 % 4 == 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eighty held-out windows of A and T, forty with GACT at base 8, every third read on the minus strand."""
    folder = tmp_path_factory.mktemp("shortcuts")
    codes = np.random.default_rng(0).choice(np.array([0, 3], np.uint8), COUNT * STEP)
    rows, bed = [], []
    for number in range(COUNT):
        start, reverse = number * STEP, int(number % 3 == 0)
        left = start + (LENGTH - PLACE - 4 if reverse else PLACE)
        if HOLDS[number]:
            codes[left : left + 4] = 3 - GACT[::-1] if reverse else GACT
            bed.append(f"c\t{left}\t{left + 4}\n")
        rows.append({"contig": "c", "start": start, "reverse": reverse, "group": f"g{number // 8}", "split": "test"})
    save_tape(folder / "genome", codes, {"c": len(codes)})
    table = pd.DataFrame(rows).assign(name="w", y=ACTIVE * 2.0)
    table["y.active"] = ACTIVE.astype(int)
    (folder / "windows").mkdir()
    table.to_csv(folder / "windows" / "windows.tsv.gz", sep="\t", index=False)
    facts = {"length_bp": LENGTH, "targets": ["y"], "stranded": True, "transform": "none", "floor": 0.1}
    (folder / "windows" / "windows.json").write_text(json.dumps(facts | {"active_above": 0.5}))
    (folder / "motif.bed").write_text("".join(bed))
    (folder / "renamed.bed").write_text("".join(bed).replace("c\t", "other\t"))
    (folder / "between.bed").write_text(f"c\t{LENGTH + 1}\t{LENGTH + 3}\n")
    (folder / "strong.bed").write_text(f"c\t0\t{COUNT * STEP}\n")
    save_network(folder / "motif.pt", GACT)
    save_network(folder / "composition.pt", GACT[:1])
    save_network(folder / "labels.pt", GACT, shift=0.2, loss="bce")
    save_network(folder / "blind.pt", GACT, strength=0.0)
    return folder


def save_network(path, motif, *, strength=1.0, shift=0.0, loss="mse"):
    """A network that answers `shift`, and `strength` more where the motif stands without a fault."""
    options = {"filters": 1, "kernels": [len(motif)], "pool": "max", "dropout": 0.0}
    spec = ModelSpec("global_pool", 4, LENGTH, ("y",), options)
    model = build(spec, seed=0)
    with torch.no_grad():
        model.body[0].weight.zero_()
        model.body[0].weight[0, torch.from_numpy(motif).long(), torch.arange(len(motif))] = 1.0
        model.body[0].bias.fill_(1 - len(motif))
        model.output.weight.fill_(strength)
        model.output.bias.fill_(shift)
    save_checkpoint(path, Checkpoint(spec, model.state_dict(), "dna", {"loss": loss}, {"seed": 0}))


def words(folder, out, *more, network="motif", settings=None):
    place = ["--genome", folder / "genome", "--windows", folder / "windows", "--models", folder / f"{network}.pt"]
    return [str(word) for word in ["shortcuts", *place, "--settings", json.dumps(settings or {}), "--out", out, *more]]


def run(folder, out, *more, **options):
    assert cli.main(words(folder, out, *more, **options)) == 0
    names = ("shortcuts", "shortcuts_groups", "shortcuts_checks")
    table, groups, checks = (pd.read_csv(out / f"{name}.tsv", sep="\t") for name in names)
    return table.set_index(["nuisance", "measure"]), groups, checks.set_index("check")


def fails(capsys, *arguments, **options):
    assert cli.main(words(*arguments, **options)) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_a_network_that_reads_the_nuisance_and_nothing_else_is_flagged(folder, tmp_path):
    table, _, checks = run(folder, tmp_path, "--nuisance", f"motif={folder / 'motif.bed'}")
    value = table["value"]["motif"]
    assert value["holders"] == 40
    assert value["coverage"] == pytest.approx(4 / 20)
    assert value["mass"] == pytest.approx(1.0)
    assert value["enrichment"] == pytest.approx(5.0)
    assert value["insertion"] == pytest.approx(1 / 0.5)  # half of the predictions are 1, the others 0: SD 0.5
    assert 0 <= value["permuted"] <= 0.5  # one order of 24 is the motif
    assert value["beyond_permuted"] == pytest.approx(value["insertion"] - value["permuted"])
    assert value["dinucleotide"] == pytest.approx(2.0)  # GACT has no other order with its dinucleotides
    assert value["flagged"] == 1
    check = next(name for name in checks.index if "effect of motif put into windows without it" in name)
    assert checks.loc[check, "verdict"] == "fail"
    assert checks.loc[check, "control"] == pytest.approx(value["permuted"])


def test_bases_that_do_the_same_in_any_order_are_not_flagged(folder, tmp_path):
    table, _, checks = run(folder, tmp_path, "--nuisance", f"motif={folder / 'motif.bed'}", network="composition")
    value = table["value"]["motif"]
    assert value["insertion"] == value["permuted"] == pytest.approx(2.0)
    assert value["flagged"] == 0
    assert set(checks["verdict"]) == {"pass", "info"}


@pytest.mark.parametrize("setting", ["enrichment_above", "effect_above_sd", "beyond_permuted_sd"])
def test_each_condition_of_the_rule_is_needed(folder, tmp_path, setting):
    bed = ["--nuisance", f"motif={folder / 'motif.bed'}"]
    table, _, _ = run(folder, tmp_path, *bed, settings={setting: 5.5})
    assert table["value"]["motif"]["flagged"] == 0


def test_accuracy_is_given_by_label_and_nuisance(folder, tmp_path):
    _, groups, checks = run(folder, tmp_path, "--nuisance", f"motif={folder / 'motif.bed'}")
    found = groups.set_index(["label", "with_nuisance"])
    assert found["n"].to_dict() == {(0, 0): 30, (0, 1): 10, (1, 0): 10, (1, 1): 30}
    assert found["accuracy"].to_dict() == {(0, 0): 1.0, (0, 1): 0.0, (1, 0): 0.0, (1, 1): 1.0}
    worst = checks[checks.index.str.contains("accuracy in the worst group")].iloc[0]
    assert (worst["value"], worst["control"], worst["verdict"]) == (0.0, 0.75, "info")


def test_groups_smaller_than_asked_for_have_no_accuracy_and_cannot_be_the_worst(folder, tmp_path):
    bed = ["--nuisance", f"motif={folder / 'motif.bed'}"]
    _, groups, checks = run(folder, tmp_path, *bed, settings={"smallest_group": 11})
    assert groups["accuracy"].isna().tolist() == [False, True, True, False]
    assert checks[checks.index.str.contains("worst group")]["value"].tolist() == [1.0]


def test_log_odds_count_as_active_above_zero(folder, tmp_path):
    _, groups, _ = run(folder, tmp_path, "--nuisance", f"motif={folder / 'motif.bed'}", network="labels")
    assert groups.groupby("label")["accuracy"].unique().map(list).to_dict() == {0: [0.0], 1: [1.0]}


def test_a_part_of_every_window_is_moved_from_active_to_inactive_ones(folder, tmp_path):
    table, groups, _ = run(folder, tmp_path, settings={"window_regions": {"box": [8, 12], "end": [15, 20]}})
    # 30 of 40 active windows hold the motif, and 10 of 40 inactive ones: each donor serves once
    assert table["value"]["box"]["insertion"] == pytest.approx((0.75 - 0.25) / 0.5)
    assert table["value"]["end"]["insertion"] == pytest.approx(0.0)
    assert table["value"]["end"]["mass"] == pytest.approx(0.0)
    assert table["n"]["box"]["holders"] == 80
    assert groups.empty


def test_without_a_nuisance_the_tables_are_empty_and_one_check_says_so(folder, tmp_path):
    table, groups, checks = run(folder, tmp_path)
    assert table.empty
    assert list(groups.columns) == ["nuisance", "label", "with_nuisance", "n", "accuracy", "low", "high"]
    assert checks.reset_index()[["check", "value", "verdict"]].to_numpy().tolist() == [
        ["shortcuts: number of nuisances given", 0.0, "info"]
    ]


@pytest.mark.parametrize(
    ("bed", "words_of_it", "count"),
    [("between", "held-out windows with it", 0), ("strong", "held-out windows with it beside other bases", 0)],
)
def test_a_nuisance_that_cannot_be_judged_is_named_with_the_reason(folder, tmp_path, bed, words_of_it, count):
    table, _, checks = run(folder, tmp_path, "--nuisance", f"odd={folder / bed}.bed")
    name = f"shortcuts: odd is not judged, too few {words_of_it} (fewer than 10)"
    assert (checks.loc[name, "value"], checks.loc[name, "verdict"]) == (count, "info")
    assert np.isnan(table["value"]["odd"]["flagged"])


def test_contigs_of_the_annotation_may_have_other_names(folder, tmp_path):
    bed = ["--nuisance", f"motif={folder / 'renamed.bed'}", "--contig-names", '{"other": "c"}']
    table, _, _ = run(folder, tmp_path, *bed)
    assert table["value"]["motif"]["holders"] == 40


def test_the_same_seed_writes_the_same_bytes_and_another_draws_anew(folder, tmp_path):
    bed = ["--nuisance", f"motif={folder / 'motif.bed'}"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(folder, tmp_path / name, *bed, settings={"seed": seed})
    one, two, other = ((tmp_path / name / "shortcuts.tsv").read_bytes() for name in "abc")
    assert one == two
    assert one != other


@pytest.mark.parametrize("given", ["motif", "=motif.bed", "motif=", "box={bed}"])
def test_a_nuisance_without_a_name_of_its_own_is_refused(folder, tmp_path, capsys, given):
    settings = {"window_regions": {"box": [8, 12]}}
    text = given.format(bed=folder / "motif.bed")
    line = fails(capsys, folder, tmp_path, "--nuisance", text, settings=settings)
    assert f"nuisance is not NAME=BED with a name of its own; got {text}" in line


def test_a_missing_annotation_is_refused(folder, tmp_path, capsys):
    line = fails(capsys, folder, tmp_path, "--nuisance", f"motif={folder / 'absent.bed'}")
    assert "absent.bed" in line
    assert "not found" in line


def test_networks_that_always_answer_the_same_are_refused(folder, tmp_path, capsys):
    line = fails(capsys, folder, tmp_path, "--nuisance", f"motif={folder / 'motif.bed'}", network="blind")
    assert "the prediction is the same for every held-out window; got 0.0" in line
