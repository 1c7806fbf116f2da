import json

import numpy as np
import pyfaidx
import pytest

from tracklight import cli
from tracklight.core.tape import open_tape
from tracklight.genome.fasta import decode_codes


def prepare(fasta, out, *more):
    return cli.main(["prepare-genome", "--fasta", str(fasta), "--out", str(out), *more])


def test_tape_contigs_and_soft_mask_are_written(tmp_path):
    fasta = tmp_path / "g.fa"
    fasta.write_text(">b x\nACgt\nN\n>a\nttT\n")
    assert prepare(fasta, tmp_path / "genome") == 0
    assert np.load(tmp_path / "genome" / "codes.npy").tolist() == [0, 1, 2, 3, 4, 3, 3, 3]
    assert json.loads((tmp_path / "genome" / "contigs.json").read_text()) == {"b": 5, "a": 3}
    assert (tmp_path / "genome" / "softmask.bed").read_text() == "b\t2\t4\na\t0\t2\n"
    assert sorted(path.name for path in (tmp_path / "genome").iterdir()) == [
        "codes.npy",
        "contigs.json",
        "genome.fa",
        "genome.fa.fai",
        "softmask.bed",
    ]


def test_the_tape_of_the_simulation_agrees_with_pyfaidx(simulated_run, simulated_files, tmp_path):
    tape = open_tape(simulated_run / "genome")
    with pyfaidx.Fasta(str(simulated_files["fasta"]), indexname=str(tmp_path / "index.fai")) as indexed:
        assert list(tape.names) == list(indexed.keys())
        for name in tape.names:
            assert decode_codes(tape.contig(name)) == str(indexed[name])


def test_chosen_contigs_are_kept_and_provenance_is_written(tmp_path):
    fasta = tmp_path / "g.fa"
    fasta.write_text(">a\nAC\n>b\nGG\n>c\nT\n")
    record = tmp_path / "p.json"
    assert (
        prepare(fasta, tmp_path / "genome", "--settings", '{"contigs": ["c", "a"]}', "--provenance", str(record)) == 0
    )
    assert open_tape(tmp_path / "genome").lengths == {"a": 2, "c": 1}
    written = json.loads(record.read_text())
    assert (written["stage"], written["contigs"], written["bases"]) == ("prepare-genome", 2, 3)


@pytest.mark.parametrize(
    ("content", "settings", "complaint"),
    [
        (None, "{}", "FASTA not found"),
        (b"", "{}", "FASTA is empty"),
        (b"MKVL", "{}", "not a FASTA file"),
        (b">a\nAC\n>a\nAC\n", "{}", "duplicate contig; got a"),
        (b">a\nAC\n", '{"contigs": ["b"]}', "unknown contig; got b; allowed: a"),
        (b">a\nAC\n", '{"contig": ["b"]}', "prepare_genome.contig: unknown setting"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_is_left_behind(
    tmp_path, capsys, content, settings, complaint
):
    fasta = tmp_path / "g.fa"
    if content is not None:
        fasta.write_bytes(content)
    assert prepare(fasta, tmp_path / "results" / "genome", "--settings", settings) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    fasta = tmp_path / "g.fa"
    fasta.write_text(">a\nAC\n")
    (tmp_path / "taken").write_text("a file, not a folder")
    assert prepare(fasta, tmp_path / "taken" / "genome") == 2
    assert "cannot write" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "a file, not a folder"
