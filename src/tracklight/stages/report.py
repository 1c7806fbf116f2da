"""Stage `report`: the files of a run to one self-contained page, and the records of its stages to one file."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from tracklight.files import whole_file
from tracklight.report.page import render
from tracklight.report.run_folder import NEEDED, open_run
from tracklight.settings import Report
from tracklight.stages import door


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--run", type=Path, required=True, help="results folder of a run")
    parser.add_argument(
        "--files", type=Path, nargs="+", required=True, metavar="FILE",
        help="files of the folder that belong to the run, records of the stages included; nothing else is read",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="page to write (.html)")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the page, and `provenance.json` into the run folder: both or none."""
    settings = door.stage_settings(arguments, Report, section="report")
    folder = open_run(arguments.run, arguments.files)
    inputs: dict[str, str | Path] = {name: arguments.run / name for name in NEEDED}
    with door.recorded(arguments, "report", settings, inputs) as facts:
        contents = {
            arguments.run / "provenance.json": folder.joined(),
            arguments.out: render(folder, settings, page=arguments.out),
        }
        with ExitStack() as files:  # neither takes its name before both are written
            for path, text in contents.items():
                files.enter_context(whole_file(path)).write_text(text, encoding="utf-8")
        facts |= {"bytes": len(contents[arguments.out].encode()), "stages": len(folder.provenance())}
