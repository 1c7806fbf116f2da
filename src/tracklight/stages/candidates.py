"""`tracklight candidates`: peaks to a ranked, annotated list of candidate elements."""

import argparse
from pathlib import Path

import pandas as pd

from tracklight.core.tape import CONTIG_FILE, Tape
from tracklight.errors import complaint
from tracklight.genome.annotate import overlaps
from tracklight.genome.candidates import annotate, filter_reasons, merge_peaks, read_peaks, write_candidates
from tracklight.genome.confidence import measured_windows
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.genes import GENE_COLUMNS, read_genes
from tracklight.genome.indexed import FASTA_FILE
from tracklight.genome.intervals import read_bed
from tracklight.progress import log
from tracklight.settings import Attribute, Candidates
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
    door.add_attribute_settings(parser)
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Merge, annotate and filter the peaks, and write the list."""
    settings = door.stage_settings(arguments, Candidates, section="candidates")
    attribute = door.attribute_settings(arguments)
    with door.recorded(arguments, "candidates", settings, _inputs(arguments)) as facts:
        data = open_dataset(arguments.genome, arguments.windows)
        tape = data.tape
        peaks = read_peaks(arguments.peaks)
        elements = merge_peaks(peaks, lengths=tape.lengths, settings=settings)
        elements = annotate(
            elements,
            tape,
            genes=_genes(arguments, tape),
            softmasked=_softmasked(arguments.genome),
            windows=_measured_windows(data, attribute),
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


def _measured_windows(data: Dataset, attribute: Attribute) -> pd.DataFrame:
    """Return where windows lie, their split, and whether they measured active for the explained target."""
    target = data.targets[target_number(data.targets, attribute.target)]
    measured = [measured_windows(data, split, target=target) for split in ("train", "validation", "test")]
    return pd.concat(measured).rename(columns={"contig": "chrom"})
