import gzip
import json

import numpy as np
import pandas as pd
import pytest

from tracklight.cli import main
from tracklight.core.tape import Tape, save_tape
from tracklight.genome.peaks import write_narrowpeak

SETTINGS = {"merge_distance_bp": 5, "flank_bp": 0, "min_confidence": 0.3}


@pytest.fixture(autouse=True)
def _genome(tmp_path, write_fasta):
    """The indexed FASTA of the genome that `write_run` makes; its bases 20 to 24 of I are soft-masked."""
    codes = np.tile(np.arange(4, dtype=np.uint8), 30)
    write_fasta(tmp_path / "genome", Tape(codes, ("I", "II"), np.array([0, 100, 120])), {"I": [[20, 25]]})


def write_run(tmp_path, *, peaks=((20, "+", 8.0), (27, "+", 9.0), (60, "-", 5.0), (80, "+", 1.0)), softmask=""):
    save_tape(tmp_path / "genome", np.tile(np.arange(4, dtype=np.uint8), 30), {"I": 100, "II": 20})
    (tmp_path / "genome" / "softmask.bed").write_text(softmask)
    (tmp_path / "windows").mkdir()
    (tmp_path / "windows" / "windows.json").write_text(
        json.dumps({"length_bp": 10, "targets": ["x"], "stranded": True})
    )
    with gzip.open(tmp_path / "windows" / "windows.tsv.gz", "wt") as handle:
        handle.write("contig\tstart\treverse\tgroup\tsplit\tx.active\nI\t55\t1\tb\ttrain\t1\nI\t22\t0\ta\ttest\t0\n")
    table = pd.DataFrame(peaks, columns=["start", "strand", "score"]).astype({"start": "int64", "score": "float64"})
    table = table.assign(
        chrom="I", end=table["start"] + 4, summit=table["start"] + 2, height=table["score"], prediction=0.5,
        name=[f"peak_{n}" for n in range(len(table))], confidence=table["score"] / 10, p_shuffle=0.1, q_shuffle=0.5,
    )  # fmt: skip
    (tmp_path / "peaks").mkdir()
    table.to_csv(tmp_path / "peaks" / "peaks.tsv", sep="\t", index=False)
    write_narrowpeak(tmp_path / "peaks" / "peaks.narrowPeak", table, null="shuffle")


def run_stage(tmp_path, *extra):
    folders = [part for name in ("genome", "windows", "peaks") for part in (f"--{name}", str(tmp_path / name))]
    out = ["--out", str(tmp_path / "out"), "--settings", json.dumps(SETTINGS)]
    return main(["candidates", *folders, *out, *map(str, extra)])


def result(tmp_path):
    return pd.read_csv(tmp_path / "out" / "candidates.tsv", sep="\t").set_index("name")


def test_peaks_become_a_ranked_annotated_filtered_list(tmp_path):
    write_run(tmp_path, softmask="I\t20\t25\n")
    (tmp_path / "genes.bed").write_text("chrI\t40\t50\tplus\t0\t+\nchrI\t50\t70\tminus\t0\t-\n")
    (tmp_path / "mask.bed").write_text("I\t63\t90\n")
    names = json.dumps({"chrI": "I"})
    arguments = ["--genes", tmp_path / "genes.bed", "--exclude", tmp_path / "mask.bed", "--contig-names", names]
    assert run_stage(tmp_path, *arguments) == 0
    table = result(tmp_path)
    columns = ["start", "end", "summit", "n_peaks", "filter", "nearest_gene", "tss_distance", "seen_in_training"]
    assert table[columns].values.tolist() == [
        [20, 31, 29, 2, "PASS", "plus", -11, False],
        [60, 64, 62, 1, "excluded", "minus", 7, True],
        [80, 84, 82, 1, "low_confidence;excluded", "minus", -13, False],
    ]
    assert table["gc"].tolist() == [0.545455, 0.5, 0.5]
    assert table["softmasked_fraction"].tolist() == [0.454545, 0, 0]
    assert (tmp_path / "out" / "candidates.fa").read_text() == ">candidate_1 I:20-31(+)\nacgtaCGTACG\n"
    assert (tmp_path / "out" / "candidates.bed").read_text() == "I\t20\t31\tcandidate_1\t900\t+\t29\t30\t0,158,115\n"


def test_the_list_is_made_without_genes_and_exclusions(tmp_path):
    write_run(tmp_path)
    assert run_stage(tmp_path, "--provenance", tmp_path / "p.json") == 0
    assert result(tmp_path)["class"].tolist() == [".", ".", "."]
    record = json.loads((tmp_path / "p.json").read_text())
    assert (record["peaks"], record["elements"], record["candidates"]) == (4, 3, 2)
    assert record["settings"]["flank_bp"] == 0


def test_a_run_without_peaks_gives_valid_files_without_rows(tmp_path):
    write_run(tmp_path, peaks=())
    (tmp_path / "genes.bed").write_text("I\t40\t50\tplus\t0\t+\n")
    assert run_stage(tmp_path, "--genes", tmp_path / "genes.bed") == 0
    assert len(result(tmp_path)) == 0
    assert (tmp_path / "out" / "candidates.bed").read_text() == ""
    assert (tmp_path / "out" / "candidates.fa").read_text() == ""


@pytest.mark.parametrize(
    ("extra", "damage", "message"),
    [
        (["--contig-names", "{chrI"], None, "--contig-names: not JSON"),
        (["--contig-names", "[1]"], None, "--contig-names: not a mapping from text to text; got [1]"),
        (["--contig-names", '{"a": ["x"]}'], None, '--contig-names: not a mapping from text to text; got {"a": ["x"]}'),
        ([], "peaks/peaks.tsv", "peaks.tsv: not peaks"),
        ([], "windows/windows.json", "windows: not prepared windows"),
        ([], "genome/softmask.bed", "softmask.bed: not soft-masked intervals"),
        ([], "genome/contigs.json", "genome: not a prepared genome"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(tmp_path, capsys, extra, damage, message):
    write_run(tmp_path)
    if damage:
        (tmp_path / damage).unlink()
    (tmp_path / "genes.bed").write_text("I\t40\t50\tplus\t0\t+\n")
    assert run_stage(tmp_path, "--genes", tmp_path / "genes.bed", *extra) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [message in line for line in lines] == [True]
    assert not (tmp_path / "out").exists()


def test_held_out_is_what_was_measured_of_the_explained_target(tmp_path):
    write_run(tmp_path, peaks=((20, "+", 8.0),))
    facts = {"length_bp": 10, "targets": ["x", "y"], "stranded": True}
    (tmp_path / "windows" / "windows.json").write_text(json.dumps(facts))
    with gzip.open(tmp_path / "windows" / "windows.tsv.gz", "wt") as handle:
        handle.write("contig\tstart\treverse\tgroup\tsplit\tx.active\ty.active\nI\t15\t0\ta\ttest\t1\t0\n")
    for target, expected in (("x", "active"), ("y", "inactive")):
        assert run_stage(tmp_path, "--attribute-settings", json.dumps({"target": target})) == 0
        assert result(tmp_path)["held_out"].tolist() == [expected]
