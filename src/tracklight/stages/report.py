"""Stage `report`: the folder of a run to one self-contained page, and the records of its stages to one file."""

import argparse
import json
from pathlib import Path

from tracklight.files import write_text
from tracklight.report.page import render
from tracklight.report.run_folder import open_run
from tracklight.settings import Report
from tracklight.stages import door


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--run", type=Path, required=True, help="results folder of a run")
    parser.add_argument("--out", type=Path, required=True, help="page to write (.html)")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `provenance.json` into the run folder, then the page."""
    settings = door.stage_settings(arguments, Report, section="report")
    folder = open_run(arguments.run)
    inputs: dict[str, str | Path] = {"windows": arguments.run / "windows" / "windows.tsv.gz"}
    with door.recorded(arguments, "report", settings, inputs) as facts:
        records = folder.provenance()
        write_text(arguments.run / "provenance.json", json.dumps(records, indent=2) + "\n")
        page = render(folder, settings, page=arguments.out)
        write_text(arguments.out, page)
        facts |= {"bytes": len(page.encode()), "stages": len(records)}
