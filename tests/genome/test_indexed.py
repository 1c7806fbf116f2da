import io

import numpy as np
import pytest

from tracklight.errors import InputError
from tracklight.genome.fasta import Contig, read_fasta
from tracklight.genome.indexed import fetch, index_fasta, write_contig


def contig_of(name, text):
    codes = np.array(["ACGTN".index(letter) for letter in text.upper()], np.uint8)
    lower = np.array([letter.islower() for letter in text], np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lower, [0]])))
    return Contig(name, codes, edges.reshape(-1, 2))


def written(tmp_path, **contigs):
    path = tmp_path / "genome.fa"
    with path.open("wb") as handle:
        for name, text in contigs.items():
            write_contig(handle, contig_of(name, text))
    index_fasta(path)
    return path


def test_lines_hold_sixty_letters_and_case_is_kept():
    handle = io.BytesIO()
    write_contig(handle, contig_of("a", "ACGTacgtN" + "A" * 60))
    assert handle.getvalue().decode() == ">a\nACGTacgtN" + "A" * 51 + "\n" + "A" * 9 + "\n"


def test_reading_the_written_file_gives_the_contigs_back(tmp_path):
    path = written(tmp_path, a="ACGTacgtN" * 20, b="G" * 60)
    for found, expected in zip(
        read_fasta(path), [contig_of("a", "ACGTacgtN" * 20), contig_of("b", "G" * 60)], strict=True
    ):
        assert found.name == expected.name
        assert found.codes.tolist() == expected.codes.tolist()
        assert found.softmasked.tolist() == expected.softmasked.tolist()


def test_sequences_are_fetched_by_half_open_coordinates_and_strand(tmp_path):
    path = written(tmp_path, a="AACCGGTTac", b="T" * 70 + "CA")
    assert fetch(path, [("a", 0, 3, "+"), ("a", 6, 10, "-"), ("b", 68, 72, ".")]) == ["AAC", "gtAA", "TTCA"]


def test_the_index_is_what_samtools_writes(tmp_path):
    path = written(tmp_path, a="A" * 61, b="C")
    assert path.with_name("genome.fa.fai").read_text() == "a\t61\t3\t60\t61\nb\t1\t69\t1\t2\n"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("b", 0, 3, "+"), "not the indexed genome; got .*b not in"),
        (("a", 4, 9, "+"), "got 2 bases at a:4-9; allowed: 5"),
    ],
)
def test_intervals_of_another_genome_are_refused(tmp_path, asked, message):
    with pytest.raises(InputError, match=message):
        fetch(written(tmp_path, a="ACGTAC"), [asked])
