import gzip

import numpy as np
import pytest

from tracklight.errors import InputError
from tracklight.genome.intervals import read_bed

LENGTHS = {"I": 100, "II": 50}


def bed(folder, text, name="a.bed"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_bed6_is_read_with_types(tmp_path):
    table = read_bed(bed(tmp_path, "I\t0\t10\ta b\t-0.5\t-\nII\t40\t50\tc\t.\t.\n"), lengths=LENGTHS)
    assert table.drop(columns="score").to_numpy().tolist() == [["I", 0, 10, "a b", "-"], ["II", 40, 50, "c", "."]]
    assert (table.start.dtype, table.end.dtype) == (np.int64, np.int64)
    assert table.score[0] == -0.5
    assert np.isnan(table.score[1])


@pytest.mark.parametrize("width", [3, 4, 5, 6, 9, 12])
@pytest.mark.parametrize("name", ["a.bed", "a.bed.gz"])
def test_every_width_and_header_line_of_bed_is_read(tmp_path, width, name):
    row = ["I", "5", "8", "n", "1", "+", "5", "8", "0,0,0", "1", "3", "0"][:width]
    text = f"browser position I:1-9\ntrack name=x\n# note\n\n{chr(9).join(row)}\r\n"
    table = read_bed(bed(tmp_path, text, name), lengths=LENGTHS)
    assert list(table.columns) == ["chrom", "start", "end", "name", "score", "strand"]
    assert table[["chrom", "start", "end"]].to_numpy().tolist() == [["I", 5, 8]]
    assert table.strand[0] == ("+" if width >= 6 else ".")


@pytest.mark.parametrize("text", ["# nothing passed\n", ""])
@pytest.mark.parametrize("name", ["a.bed", "a.bed.gz"])
def test_a_bed_without_intervals_gives_an_empty_table(tmp_path, text, name):
    table = read_bed(bed(tmp_path, text, name), lengths=LENGTHS)
    assert (len(table), table.start.dtype) == (0, np.int64)


def test_rows_on_contigs_the_genome_lacks_are_left_out_and_logged(tmp_path, caplog):
    caplog.set_level("INFO", logger="tracklight")
    table = read_bed(bed(tmp_path, "I\t0\t5\nMito\t0\t5\n"), lengths=LENGTHS)
    assert table.chrom.tolist() == ["I"]
    assert "1 rows on contigs that the genome lacks are left out (['Mito'])" in caplog.text


def test_contig_names_are_mapped(tmp_path):
    table = read_bed(bed(tmp_path, "chrI\t0\t5\nII\t0\t5\n"), lengths=LENGTHS, contig_names={"chrI": "I"})
    assert table.chrom.tolist() == ["I", "II"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("I\t0\n", "line 1: wrong number of tab-separated columns; got 2; allowed: 3"),
        ("I 0 5\n", "line 1: wrong number of tab-separated columns; got 1"),
        ("I\t0\t5\nI\t0\t5\tx\n", "line 2: wrong number of tab-separated columns; got 4; allowed: 3"),
        ("#c\nI\t1.5\t5\n", "line 2: start is not a whole number; got '1.5'"),
        ("chrom\tstart\tend\n", "line 1: start is not a whole number; got 'start'"),
        ("I\t0\tx\n", "line 1: end is not a whole number; got 'x'"),
        ("I\t0\t5\tn\thigh\n", "line 1: score is not a number; got 'high'"),
        ("I\t0\t5\tn\t0\tplus\n", "line 1: unknown strand; got 'plus'"),
        ("I\t5\t5\n", "line 1: end is not after start; got 5-5"),
        ("I\t-1\t5\n", "line 1: region beyond the contig; got I:-1-5; allowed: 0-100"),
        ("II\t45\t51\n", "line 1: region beyond the contig; got II:45-51; allowed: 0-50"),
        ("chrI\t0\t5\nchrV\t0\t5\n", "got chrI, chrV; allowed: I, II; .* prepare_windows.contig_names"),
    ],
)
def test_bad_bed_names_file_line_and_value(tmp_path, text, complaint):
    with pytest.raises(InputError, match=rf"a.bed.*{complaint}"):
        read_bed(bed(tmp_path, text), lengths=LENGTHS)


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes(b"I\t0\t\xff\xfe\n")
    with pytest.raises(InputError, match=r"a.bed: BED file is not text"):
        read_bed(path, lengths=LENGTHS)
