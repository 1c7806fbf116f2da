"""Stage `feedback-report`: the page of a correction by marks."""

import argparse
from pathlib import Path

from tracklight.files import write_text
from tracklight.report.feedback import render_feedback
from tracklight.report.run_folder import open_run
from tracklight.settings import Report
from tracklight.stages import door

NEEDED = {"feedback/feedback.tsv": "comparison of networks before and after"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--run", type=Path, required=True, help="results folder of a run")
    parser.add_argument(
        "--files", type=Path, nargs="+", required=True, metavar="FILE",
        help="files of the folder that belong to the correction, records included; nothing else is read",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for feedback.html")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `feedback.html`."""
    settings = door.stage_settings(arguments, Report, section="report")
    folder = open_run(arguments.run, arguments.files, needed=NEEDED)
    inputs: dict[str, str | Path] = {name: arguments.run / name for name in NEEDED}
    with door.recorded(arguments, "feedback-report", settings, inputs) as facts:
        page = render_feedback(folder, settings)
        write_text(arguments.out / "feedback.html", page)
        facts |= {"bytes": len(page.encode())}
