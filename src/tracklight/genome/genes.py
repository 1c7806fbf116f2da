"""Genes for annotation, from BED6 or from GFF3 and GTF, which count from 1."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from tracklight.errors import complaint
from tracklight.genome.intervals import check_inside, check_strands, read_bed, rename_contigs
from tracklight.genome.text import integers, numbered_lines, split_rows
from tracklight.progress import log

GFF_COLUMNS = ["chrom", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]
GFF_SUFFIXES = (".gff", ".gff3", ".gtf")
TRANSCRIPTS = ("transcript", "mRNA")
NAME_KEYS = ("Name", "gene_name", "gene", "ID", "gene_id")  # the first that an entry has
GENE_COLUMNS = ["chrom", "start", "end", "name", "strand"]


def read_genes(
    path: str | Path, *, lengths: Mapping[str, int], contig_names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read genes from a BED6, GFF3 or GTF file, plain or gzip; the suffix tells which.

    Parameters
    ----------
    path : str or Path
        The file. Of GFF3 and GTF the features whose type ends in "gene" are read, or the transcripts when there is
        none; one that runs past the end of its contig, as around the origin of a circular genome, is cut there, with
        a line in the log.
    lengths : mapping of str to int
        Length of each contig of the genome (bp).
    contig_names : mapping of str to str, optional
        Contig names of the file to those of the genome (setting prepare_windows.contig_names).

    Returns
    -------
    DataFrame
        `chrom start end name strand`, 0-based half-open, in the order of the file.

    Raises
    ------
    InputError
        When a row is malformed, lies outside its contig, or no row is on a contig of the genome.
    """
    path = Path(path)
    if path.name.removesuffix(".gz").lower().endswith(GFF_SUFFIXES):
        return _read_gff(path, lengths, contig_names or {})
    return read_bed(path, lengths=lengths, contig_names=contig_names)[GENE_COLUMNS]


def _read_gff(path: Path, lengths: Mapping[str, int], contig_names: Mapping[str, str]) -> pd.DataFrame:
    table = split_rows(_gene_lines(path), columns=GFF_COLUMNS, where=path)
    genes = table[["chrom", "strand"]].replace({"strand": {"?": "."}})
    genes["start"] = integers(table.start, what="start", where=path) - 1
    genes["end"] = integers(table.end, what="end", where=path)
    genes["name"] = [_name(attributes) for attributes in table.attributes]
    check_strands(genes, where=path)
    genes = rename_contigs(genes, contig_names, lengths=lengths, where=path)
    genes = _cut_at_the_end(genes, lengths, path)
    return check_inside(genes, lengths=lengths, where=path)[GENE_COLUMNS].reset_index(drop=True)


def _cut_at_the_end(genes: pd.DataFrame, lengths: Mapping[str, int], path: Path) -> pd.DataFrame:
    limit = genes.chrom.map(dict(lengths)).astype("int64")
    over = (genes.start < limit) & (genes.end > limit)
    if not over.any():
        return genes
    names = ", ".join(genes.name[over][:5])
    log.info("%s: %d genes run past the end of their contig and are cut there (%s)", path, over.sum(), names)
    return genes.assign(end=genes.end.where(~over, limit))


def _gene_lines(path: Path) -> list[tuple[int, str]]:
    """Keep the lines of genes, else those of transcripts; the file is read once and mostly forgotten."""
    genes, transcripts = [], []
    for number, text in numbered_lines(path, what="gene annotation", skip=("#",)):
        if text.startswith(">"):
            break  # GFF3 may carry its sequence after the features
        kind = [*text.split("\t", 3), "", "", ""][2]
        if kind.endswith("gene"):
            genes.append((number, text))
        elif kind in TRANSCRIPTS:
            transcripts.append((number, text))
    if not genes and not transcripts:
        raise complaint(
            "no genes in the annotation", where=path, allowed="features of type gene, transcript or mRNA",
            do="give an annotation with genes, or none",
        )  # fmt: skip
    return genes or transcripts


def _name(attributes: str) -> str:
    """Read the name from GFF3 (key=value;) or GTF (key "value";) attributes."""
    entries = {}
    for entry in attributes.split(";"):
        key, _, value = entry.strip().replace("=", " ", 1).partition(" ")
        entries[key] = value.strip().strip('"')
    # Commas, semicolons and the like are percent-encoded in GFF3.
    return next((unquote(entries[key]) for key in NAME_KEYS if entries.get(key)), ".")
