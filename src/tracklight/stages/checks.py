"""What the stages that measure trust share: their inputs, and the checks they end with."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from tracklight.errors import complaint, existing_file
from tracklight.stages import door
from tracklight.stages.tables import write_table

Verdict = Literal["pass", "warn", "fail", "info"]  # info: a number without a threshold
VERDICTS: tuple[str, ...] = ("pass", "warn", "fail", "info")
NAN = float("nan")


class Check(NamedTuple):
    """One row of `trust.tsv`.

    Attributes
    ----------
    check : str
        What was measured, starting with the name of its stage and a colon; unique within the run.
    value : float
        The measurement.
    low, high : float
        Ends of its 95 % interval; NaN where there is none.
    control : float
        The same number for the control that `check` names; NaN where there is none.
    verdict : str
        One of `VERDICTS`.
    """

    check: str
    value: float
    low: float = NAN
    high: float = NAN
    control: float = NAN
    verdict: Verdict = "info"


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that all of these stages take, `--out` left out."""
    door.add_inputs(parser, "genome", "windows", "models")
    door.add_attribute_settings(parser)
    door.add_shared_arguments(parser)


def write_checks(path: Path, checks: Iterable[Check]) -> None:
    """Write checks as a table with the columns of `trust.tsv`."""
    write_table(path, pd.DataFrame(checks, columns=list(Check._fields)))


def read_checks(path: Path) -> pd.DataFrame:
    """Read a table of checks; one with other columns or verdicts is an `InputError`."""
    try:
        table = pd.read_csv(existing_file(path, what="table of checks"), sep="\t", dtype={"check": str, "verdict": str})
    except (ValueError, OSError) as error:
        raise complaint("not a table of checks", where=path, got=error, do="run its stage again") from None
    if list(table.columns) != list(Check._fields):
        raise complaint("not a table of checks", where=path, got=list(table.columns), allowed=Check._fields)
    unknown = sorted(set(table["verdict"]) - set(VERDICTS))
    if unknown:
        raise complaint("unknown verdict", where=path, got=unknown, allowed=VERDICTS)
    return table
