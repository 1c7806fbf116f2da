"""`tracklight trust`: the checks of all stages in one table."""

import argparse
from pathlib import Path

import pandas as pd

from tracklight.errors import complaint
from tracklight.settings import Settings
from tracklight.stages import checks, door
from tracklight.stages.tables import write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--checks", type=Path, nargs="+", required=True, help="tables of checks, in the order wanted")
    parser.add_argument("--out", type=Path, required=True, help="table to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Join the tables; a check that stands twice is an `InputError`."""
    settings = door.stage_settings(arguments, Settings, section="trust")
    inputs: dict[str, str | Path] = {path.stem: path for path in arguments.checks}
    with door.recorded(arguments, "trust", settings, inputs) as facts:
        table = pd.concat([checks.read_checks(path) for path in arguments.checks], ignore_index=True)
        twice = table.loc[table["check"].duplicated(), "check"].tolist()
        if twice:
            raise complaint("a check stands twice", where=arguments.out, got=twice[0], do="give every table once")
        write_table(arguments.out, table)
        facts |= {verdict: int((table["verdict"] == verdict).sum()) for verdict in checks.VERDICTS}
