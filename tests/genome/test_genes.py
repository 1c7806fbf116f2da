import gzip

import numpy as np
import pytest

from tracklight.errors import InputError
from tracklight.genome.genes import read_genes

LENGTHS = {"I": 1000, "II": 500}
GFF = """##gff-version 3
# note
I\tx\tchromosome\t1\t1000\t.\t.\t.\tID=I
I\tx\tgene\t1\t10\t.\t+\t.\tID=gene1;Name=lac%3BZ
I\tx\tmRNA\t1\t10\t.\t+\t.\tID=m1
II\tx\tpseudogene\t491\t500\t.\t?\t.\tID=gene2
##FASTA
>I
gene
"""
GTF = (
    'I\tx\ttranscript\t11\t20\t.\t-\t.\tgene_id "g1"; transcript_id "t1"; gene_name "ABC";\n'
    'I\tx\texon\t11\t20\t.\t-\t.\tx "y";\n'
)


def write(folder, text, name):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["g.gff", "g.gff3", "g.GFF3", "g.gff3.gz"])
def test_gff_counts_from_one_and_genes_win_over_transcripts(tmp_path, name):
    genes = read_genes(write(tmp_path, GFF, name), lengths=LENGTHS)
    assert list(genes.columns) == ["chrom", "start", "end", "name", "strand"]
    assert genes.to_numpy().tolist() == [["I", 0, 10, "lac;Z", "+"], ["II", 490, 500, "gene2", "."]]
    assert genes.start.dtype == np.int64


@pytest.mark.parametrize("name", ["g.gtf", "g.gtf.gz"])
def test_transcripts_stand_in_where_no_gene_is_listed(tmp_path, name):
    genes = read_genes(write(tmp_path, GTF, name), lengths=LENGTHS)
    assert genes.to_numpy().tolist() == [["I", 10, 20, "ABC", "-"]]


def test_a_gene_around_the_origin_of_a_circular_genome_is_cut_at_the_end_and_logged(tmp_path, caplog):
    caplog.set_level("INFO", logger="tracklight")
    text = "II\tx\tgene\t490\t520\t.\t+\t.\tName=repA\nI\tx\tgene\t1\t1000\t.\t-\t.\tName=all\n"
    genes = read_genes(write(tmp_path, text, "g.gff3"), lengths=LENGTHS)
    assert genes.to_numpy().tolist() == [["II", 489, 500, "repA", "+"], ["I", 0, 1000, "all", "-"]]
    assert genes.end.dtype == np.int64
    assert "g.gff3: 1 genes run past the end of their contig and are cut there (repA)" in caplog.text


@pytest.mark.parametrize(("name", "empty"), [("g.bed", True), ("g.gff3", False)])
def test_a_file_of_no_bytes_is_a_list_without_genes_as_bed_only(tmp_path, name, empty):
    path = write(tmp_path, "", name)
    if empty:
        assert read_genes(path, lengths=LENGTHS).empty
    else:
        with pytest.raises(InputError, match=r"g.gff3: gene annotation is empty"):
            read_genes(path, lengths=LENGTHS)


def test_bed6_stays_zero_based(tmp_path):
    genes = read_genes(write(tmp_path, "I\t0\t10\tthrA\t0\t-\n", "g.bed"), lengths=LENGTHS)
    assert genes.to_numpy().tolist() == [["I", 0, 10, "thrA", "-"]]


def test_mapped_contig_names_are_used(tmp_path):
    path = write(tmp_path, GTF.replace("I\tx", "chr1\tx"), "g.gtf")
    assert read_genes(path, lengths=LENGTHS, contig_names={"chr1": "I"}).chrom.tolist() == ["I"]


def test_contig_mismatch_lists_both_name_sets_and_the_setting(tmp_path):
    path = write(tmp_path, GTF.replace("I\tx", "chrI\tx"), "g.gtf")
    with pytest.raises(InputError, match=r"got chrI; allowed: I, II; .* prepare_windows.contig_names"):
        read_genes(path, lengths=LENGTHS)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("I\tx\texon\t1\t5\t.\t+\t.\tID=a\n", "no genes in the annotation"),
        ("I\tx\tgene\t0\t5\t.\t+\t.\tID=a\n", "line 1: region beyond the contig; got I:-1-5"),
        ("I\tx\tgene\t9\t5\t.\t+\t.\tID=a\n", "line 1: end is not after start; got 8-5"),
        ("II\tx\tgene\t501\t502\t.\t+\t.\tID=a\n", "line 1: region beyond the contig; got II:500-502; allowed: 0-500"),
        ("I\tx\tgene\tone\t5\t.\t+\t.\tID=a\n", "line 1: start is not a whole number; got 'one'"),
        ("I\tx\tgene\t1\t5\t.\tW\t.\tID=a\n", "line 1: unknown strand; got 'W'"),
        ("I\tx\tgene\t1\t5\n", "line 1: wrong number of tab-separated columns; got 5; allowed: 9"),
    ],
)
def test_bad_annotation_names_file_line_and_value(tmp_path, text, complaint):
    with pytest.raises(InputError, match=rf"g.gff3.*{complaint}"):
        read_genes(write(tmp_path, text, "g.gff3"), lengths=LENGTHS)
