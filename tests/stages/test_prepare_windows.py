import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tracklight import cli
from tracklight.settings import Config, validate

REPOSITORY = Path(__file__).parents[2]
HEADER = "chrom\tstart\tend\tname\tstrand\texpression\tfold\n"
ROWS = (
    "a\t10\t20\tx\t+\t4\ttrain\n"
    "a\t40\t50\ty\t-\t0.5\tvalidation\n"
    "a\t70\t80\tz\t+\t1\ttest\n"
    "a\t0\t3\tw\t+\t1\ttest\n"
    "a\t90\t94\tu\t+\t1\ttest\n"
)
SETTINGS = {
    "active_above": 1.0,
    "anchor": "five_prime",
    "upstream_bp": 4,
    "downstream_bp": 6,
    "split": {"by": "column", "column": "fold", "block_bp": 20},
}


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genome")
    (folder / "g.fa").write_text(">a\n" + "ACGT" * 25 + "\n")
    assert cli.main(["prepare-genome", "--fasta", str(folder / "g.fa"), "--out", str(folder / "genome")]) == 0
    return folder / "genome"


def prepare(genome, folder, text=HEADER + ROWS, **changes):
    (folder / "regions.tsv").write_text(text)
    arguments = ["--genome", str(genome), "--regions", str(folder / "regions.tsv"), "--out", str(folder / "out")]
    return cli.main(["prepare-windows", *arguments, "--settings", json.dumps({**SETTINGS, **changes})])


def test_the_three_files_are_written_as_the_formats_say(genome, tmp_path):
    assert prepare(genome, tmp_path) == 0
    index = pd.read_csv(tmp_path / "out" / "windows.tsv.gz", sep="\t")
    assert index.to_numpy().tolist() == [
        ["a", 6, 0, "a:0:train", "train", "x", 2.0, 1],
        ["a", 44, 1, "a:40:validation", "validation", "y", -1.0, 0],
        ["a", 66, 0, "a:60:test", "test", "z", 0.0, 0],
        ["a", 86, 0, "a:80:test", "test", "u", 0.0, 0],
    ]
    assert list(index.columns) == [
        "contig", "start", "reverse", "group", "split", "name", "expression", "expression.active",
    ]  # fmt: skip
    assert json.loads((tmp_path / "out" / "windows.json").read_text()) == {
        "length_bp": 10, "targets": ["expression"], "stranded": True,
        "transform": "log2", "floor": 0.1, "active_above": 1.0,
    }  # fmt: skip
    assert (tmp_path / "out" / "dropped.tsv").read_text() == (
        "row\tchrom\tstart\tend\tname\treason\n5\ta\t0\t3\tw\tbeyond_contig\n"
    )


def test_the_same_input_gives_the_same_bytes(genome, tmp_path):
    assert prepare(genome, tmp_path) == 0
    first = (tmp_path / "out" / "windows.tsv.gz").read_bytes()
    assert prepare(genome, tmp_path) == 0
    assert (tmp_path / "out" / "windows.tsv.gz").read_bytes() == first


@pytest.mark.parametrize(
    ("row", "changes", "complaint"),
    [
        ("a\t20\t10\tx\t+\t1\ttrain", {}, "line 2: end is not after start; got 20-10"),
        ("a\t95\t105\tx\t+\t1\ttrain", {}, "line 2: region beyond the contig; got a:95-105; allowed: 0-100"),
        (
            "chra\t0\t10\tx\t+\t1\ttrain",
            {},
            "got chra; allowed: a; map the names with the setting prepare_windows.contig",
        ),
        ("a\t10\t20\tx\t?\t1\ttrain", {}, "line 2: unknown strand; got '?'"),
        ("a\t10\t20\tx\t+\tlow\ttrain", {}, "line 2: value (expression) is not a number; got 'low'"),
        ("a\t10\t20\tx\t+\t1\ttrain", {"targets": ["fpkm"]}, "missing column; got 'fpkm'"),
        ("a\t10\t20\tx\t+\t\ttrain", {}, "all regions were dropped; got 1 no_value"),
        ("a\t10\t20\tx\t+\t1\ttrain", {}, "a split has no windows"),
        (
            "a\t10\t20\tx\t+\t1\ttrain",
            {"anchor": "middle"},
            "prepare_windows.anchor: setting is not allowed; got 'middle'",
        ),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_is_left_behind(
    genome, tmp_path, capsys, row, changes, complaint
):
    assert prepare(genome, tmp_path, HEADER + row + "\n", **changes) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_simulated_windows_follow_the_chromosomes(simulated_run, simulation):
    index = pd.read_csv(simulated_run / "windows" / "windows.tsv.gz", sep="\t")
    assert index.groupby("contig").split.unique().str[0].to_dict() == {
        "sim1": "train", "sim2": "validation", "sim3": "test",
    }  # fmt: skip
    assert len(index) == len(simulation.regions)
    np.testing.assert_allclose(
        np.sort(index.expression), np.sort(np.log2(simulation.regions.expression.clip(lower=0.1))), atol=1e-6
    )


def run_config(name, folder):
    config = validate(Config, yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text()), where=name)
    genome, windows = str(folder / "genome"), str(folder / "windows")
    section = config.prepare_windows.model_dump_json()
    regions = str(REPOSITORY / config.inputs.regions)
    assert cli.main(["prepare-genome", "--fasta", str(REPOSITORY / config.inputs.fasta), "--out", genome]) == 0
    arguments = ["--genome", genome, "--regions", regions, "--out", windows, "--settings", section]
    assert cli.main(["prepare-windows", *arguments]) == 0
    return pd.read_csv(f"{windows}/windows.tsv.gz", sep="\t"), pd.read_csv(f"{windows}/dropped.tsv", sep="\t")


def test_the_embedded_run_keeps_every_distinct_test_window(tmp_path):
    index, dropped = run_config("config", tmp_path)
    table = pd.read_csv(REPOSITORY / "resources" / "ecoli" / "tss_windows.tsv.gz", sep="\t")
    test = table[table.published_split == "test"].drop_duplicates(["start", "strand"])
    assert sorted(index.start[index.split == "test"]) == sorted(test.start)
    assert len(index) + len(dropped) == len(table) == 17669
    assert dropped.reason.value_counts().to_dict() == {"duplicate": 48, "overlaps_test": 10, "overlaps_validation": 3}
    twice = table.merge(dropped[dropped.reason == "duplicate"][["start", "end"]], on=["start", "end"])
    assert (twice.groupby(["start", "strand"]).expression.nunique() == 1).all()
    raw = table.set_index(["start", "strand"]).expression
    row = index.iloc[1000]
    assert row.expression == pytest.approx(np.log2(max(raw[(row.start, "+-"[row.reverse])], 0.1)), abs=1e-5)


def test_the_yeast_run_maps_its_contig_names_and_splits_by_chromosome(tmp_path):
    index, dropped = run_config("yeast", tmp_path)
    assert (len(index), len(dropped)) == (5143, 0)
    assert set(index.contig[index.split == "test"]) == {"IV", "XVI"}
    assert set(index.contig[index.split == "validation"]) == {"VII"}
    first = index[index.name == "YAL067C"].iloc[0]
    assert (first.contig, first.start, first.reverse) == ("I", 9259 + 1 - 50, 1)


@pytest.mark.parametrize("name", ["config", "yeast", "mpra_hg38"])
def test_shipped_configurations_are_valid(name):
    config = yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text())
    assert validate(Config, config, where=name).run
