"""Stage `prepare-genome`: FASTA to a tape of codes, a contig table and soft-masked intervals."""

import argparse
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from tracklight.core.tape import save_tape
from tracklight.errors import complaint
from tracklight.files import whole_file, write_text
from tracklight.genome.fasta import SOFTMASK_FILE, Contig, keep_contigs, read_fasta
from tracklight.genome.indexed import FASTA_FILE, index_fasta, write_contig
from tracklight.progress import log
from tracklight.settings import PrepareGenome
from tracklight.stages.door import add_shared_arguments, recorded, stage_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--fasta", required=True, type=Path, help="genome: FASTA, plain, gzip or bgzip")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read the FASTA and write the folder; nothing is left behind when the input is at fault."""
    settings = stage_settings(arguments, PrepareGenome, section="prepare_genome")
    with recorded(arguments, "prepare-genome", settings, {"fasta": arguments.fasta}) as facts:
        contigs = keep_contigs(read_fasta(arguments.fasta), settings.contigs)
        with _scratch(arguments.out) as raw, _scratch(arguments.out) as fasta:
            lengths, masked = _lay_out(contigs, raw, fasta)
            save_tape(arguments.out, np.memmap(raw, np.uint8, "r"), lengths)
            _write_fasta(arguments.out / FASTA_FILE, fasta)
        write_text(arguments.out / SOFTMASK_FILE, masked)
        facts |= {"contigs": len(lengths), "bases": sum(lengths.values())}
        log.info("%d contigs, %d bases, %d soft-masked intervals", len(lengths), facts["bases"], masked.count("\n"))


def _lay_out(contigs: Iterable[Contig], raw: IO[bytes], fasta: IO[bytes]) -> tuple[dict[str, int], str]:
    """Append each contig as codes and as FASTA; return the lengths and the soft-masked intervals as BED."""
    lengths, masked = dict[str, int](), []
    for contig in contigs:
        contig.codes.tofile(raw)
        write_contig(fasta, contig)
        lengths[contig.name] = len(contig.codes)
        masked.append("".join(f"{contig.name}\t{start}\t{end}\n" for start, end in contig.softmasked.tolist()))
    raw.flush()
    return lengths, "".join(masked)


def _write_fasta(path: Path, written: IO[bytes]) -> None:
    written.seek(0)
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        shutil.copyfileobj(written, handle)
    index_fasta(path)


def _scratch(out: Path) -> IO[bytes]:
    """Open a nameless file on the disk of `out`, so that one contig at a time is in memory and none is left behind."""
    folder = next(parent for parent in [out, *out.absolute().parents] if parent.exists())
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise complaint(
            "cannot write", where=out, got=error.strerror, do="choose a folder that can be written to"
        ) from None
