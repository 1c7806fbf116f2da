"""`tracklight candidates`: peaks to a ranked, annotated list of candidate elements."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from tracklight.core.tape import CONTIG_FILE, Tape, open_tape
from tracklight.errors import complaint
from tracklight.genome.annotate import overlaps
from tracklight.genome.candidates import annotate, filter_reasons, merge_peaks, read_peaks, write_candidates
from tracklight.genome.genes import GENE_COLUMNS, read_genes
from tracklight.genome.indexed import FASTA_FILE
from tracklight.genome.intervals import read_bed
from tracklight.progress import log
from tracklight.settings import Candidates
from tracklight.stages import door
from tracklight.stages.contig_names import add_contig_names, given_contig_names

INTERVAL = ["chrom", "start", "end"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows")
    parser.add_argument("--peaks", type=Path, required=True, help="folder written by peaks")
    parser.add_argument("--genes", type=Path, help="genes for annotation: BED6 or GFF3/GTF")
    parser.add_argument("--exclude", type=Path, nargs="+", default=[], help="BED files; elements in them are marked")
    add_contig_names(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for candidates.tsv, .bed and .fa")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Merge, annotate and filter the peaks, and write the list."""
    settings = door.stage_settings(arguments, Candidates, section="candidates")
    with door.recorded(arguments, "candidates", settings, _inputs(arguments)) as facts:
        tape = open_tape(arguments.genome)
        peaks = read_peaks(arguments.peaks)
        elements = merge_peaks(peaks, lengths=tape.lengths, settings=settings)
        elements = annotate(
            elements,
            tape,
            genes=_genes(arguments, tape),
            softmasked=_softmasked(arguments.genome),
            windows=_measured_windows(arguments.windows),
            settings=settings,
        )
        excluded = overlaps(elements, _excluded(arguments, tape))
        elements["filter"] = filter_reasons(elements, excluded=excluded, settings=settings)
        write_candidates(arguments.out, elements, tape, fasta=arguments.genome / FASTA_FILE)
        passing = int((elements["filter"] == "PASS").sum())
        log.info("%d peaks, %d elements, %d candidates pass", len(peaks), len(elements), passing)
        facts |= {"peaks": len(peaks), "elements": len(elements), "candidates": passing}


def _inputs(arguments: argparse.Namespace) -> dict[str, str | Path]:
    inputs = {"contigs": arguments.genome / CONTIG_FILE, "peaks": arguments.peaks / "peaks.tsv"}
    inputs |= {f"exclude_{n}": path for n, path in enumerate(arguments.exclude)}
    return inputs if arguments.genes is None else inputs | {"genes": arguments.genes}


def _genes(arguments: argparse.Namespace, tape: Tape) -> pd.DataFrame:
    if arguments.genes is None:
        return pd.DataFrame({name: [] for name in GENE_COLUMNS})
    return read_genes(arguments.genes, lengths=tape.lengths, contig_names=given_contig_names(arguments))


def _excluded(arguments: argparse.Namespace, tape: Tape) -> pd.DataFrame:
    names = given_contig_names(arguments)
    found = [read_bed(path, lengths=tape.lengths, contig_names=names)[INTERVAL] for path in arguments.exclude]
    return pd.concat([pd.DataFrame({name: [] for name in INTERVAL}), *found])


def _softmasked(genome: Path) -> pd.DataFrame:
    path = genome / "softmask.bed"
    try:
        return pd.read_csv(path, sep="\t", names=INTERVAL, dtype={"chrom": str}, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return pd.DataFrame({name: [] for name in INTERVAL})
    except (OSError, ValueError) as error:
        raise complaint("not soft-masked intervals", where=path, got=error, do="run prepare-genome") from None


def _measured_windows(folder: Path) -> pd.DataFrame:
    """Read where windows lie, their split, and whether they measured active (first target)."""
    try:
        facts = json.loads((folder / "windows.json").read_text())
        active = f"{facts['targets'][0]}.active"
        types: dict[str, str] = {"contig": "str", "split": "str", active: "float64"}
        index = pd.read_csv(
            folder / "windows.tsv.gz", sep="\t", usecols=["contig", "start", "reverse", "split", active],
            dtype=types, keep_default_na=False, na_values={active: [""]},
        )  # fmt: skip
        strand = np.where(index["reverse"] == 1, "-", "+") if facts["stranded"] else "."
        length = int(facts["length_bp"])
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise complaint("not prepared windows", where=folder, got=error, do="run prepare-windows") from None
    index = index.rename(columns={"contig": "chrom", active: "active"})
    return index.assign(end=index["start"] + length, strand=strand).dropna(subset=["active"])
