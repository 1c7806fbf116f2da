"""Stage `prepare-windows`: measured regions to model windows with targets and splits."""

import argparse
import json
from collections import Counter
from pathlib import Path

import pandas as pd

from tracklight.core.tape import CONTIG_FILE, open_tape
from tracklight.files import write_text
from tracklight.genome.regions import read_regions
from tracklight.genome.windows import DROPPED_FILE, FACTS_FILE, INDEX_FILE, make_windows
from tracklight.progress import log
from tracklight.settings import PrepareWindows
from tracklight.stages.door import add_inputs, add_shared_arguments, recorded, stage_settings
from tracklight.stages.tables import write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    add_inputs(parser, "genome")
    parser.add_argument("--regions", required=True, type=Path, help="measured regions: TSV or BED with a header line")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read the region table and write the index, its facts and what was dropped."""
    settings = stage_settings(arguments, PrepareWindows, section="prepare_windows")
    inputs = {"regions": arguments.regions, "contigs": arguments.genome / CONTIG_FILE}
    with recorded(arguments, "prepare-windows", settings, inputs) as facts:
        tape = open_tape(arguments.genome)
        regions = read_regions(arguments.regions, lengths=tape.lengths, settings=settings)
        index, dropped = make_windows(regions, tape=tape, settings=settings, where=arguments.regions)
        write_table(arguments.out / DROPPED_FILE, dropped, digits=7)
        write_text(arguments.out / FACTS_FILE, json.dumps(_facts(settings), indent=2) + "\n")
        write_table(arguments.out / INDEX_FILE, index, digits=7)
        facts |= _say(index, dropped)


def _facts(settings: PrepareWindows) -> dict[str, object]:
    return {
        "length_bp": settings.length_bp,
        **settings.model_dump(include={"targets", "stranded", "transform", "floor", "active_above"}),
    }


def _say(index: pd.DataFrame, dropped: pd.DataFrame) -> dict[str, Counter[str]]:
    counts = {
        "windows": Counter(index.split),
        "groups": Counter(index.drop_duplicates("group").split),
        "dropped": Counter(dropped.reason),
    }
    for what, count in counts.items():
        log.info("%s: %s", what, ", ".join(f"{number} {name}" for name, number in count.items()) or "none")
    return counts
