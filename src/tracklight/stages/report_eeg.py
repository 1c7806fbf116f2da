"""Stage `report-eeg`: one self-contained page of all studies of a run, and the records of its stages to one file."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from tracklight.files import whole_file
from tracklight.report.eeg.page import render
from tracklight.report.eeg.study import open_studies
from tracklight.report.run_folder import open_run
from tracklight.settings.report_eeg import ReportEeg
from tracklight.stages import door


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--run", type=Path, required=True, help="results folder of the run")
    parser.add_argument("--files", type=Path, nargs="+", required=True, help="files of the run that the page shows")
    parser.add_argument("--out", type=Path, required=True, help="HTML file to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the page and, into the run folder, `provenance.json`: both or none."""
    settings = door.stage_settings(arguments, ReportEeg, section="report_eeg")
    folder = open_run(arguments.run, arguments.files, needed={})
    studies = {study.name: study.folder.path / "epochs" / "epochs.json" for study in open_studies(folder)}
    with door.recorded(arguments, "report-eeg", settings, {**studies}) as facts:
        contents = {
            arguments.run / "provenance.json": folder.joined(),
            arguments.out: render(folder, settings, page=arguments.out),
        }
        with ExitStack() as files:  # neither takes its name before both are written
            for path, text in contents.items():
                files.enter_context(whole_file(path)).write_text(text, encoding="utf-8")
        facts |= {"bytes": len(contents[arguments.out].encode()), "studies": list(studies)}
