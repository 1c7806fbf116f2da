"""How the page words shares, p-values, intervals and runs of frequencies."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from tracklight.report.blocks import Cell, percent

MISSING = Cell("–", "")


def abreast(studies: int) -> float:
    """Return the width of a figure with a panel for each study (inches)."""
    return max(8.0, 3.4 * studies)


def interval(value: float, low: float, high: float, *, digits: int = 2) -> str:
    """Word a number with its 95 % interval, when there is one."""
    if pd.isna(value):
        return "–"
    if pd.isna(low) or pd.isna(high):
        return f"{value:z.{digits}f}"
    return f"{value:z.{digits}f} ({low:z.{digits}f} to {high:z.{digits}f})"


def interval_cell(value: float, low: float, high: float, *, digits: int = 2) -> Cell:
    """Word a number with its interval as a cell that sorts by the number."""
    return MISSING if pd.isna(value) else Cell(interval(value, low, high, digits=digits), float(value))


def share(found: dict[str, Any] | None) -> str:
    """Word a share `{value, low, high}` with its interval."""
    if found is None or found.get("value") is None:
        return "an unknown share"
    if found.get("low") is None or found.get("high") is None:
        return f"{percent(found['value'])} (too few subjects for an interval)"
    return f"{percent(found['value'])} ({percent(found['low'])} to {percent(found['high'])})"


def p_value(p: float | None) -> str:
    """Word a p-value with two significant digits."""
    return "–" if p is None or pd.isna(p) else f"{p:.2g}"


def p_cell(p: float) -> Cell:
    """Word a p-value as a cell that sorts by it."""
    return MISSING if pd.isna(p) else Cell(p_value(p), float(p))


def places(features: pd.DataFrame) -> str:
    """Word features as channels with runs of frequencies: `P4 31–33 Hz, O2 10 Hz`.

    Parameters
    ----------
    features : DataFrame
        Rows with `channel` and `hz` (Hz, centres of bins).
    """
    rows = features.sort_values(["channel", "hz"], kind="stable")
    worded = [f"{channel} {_runs(part['hz'])} Hz" for channel, part in rows.groupby("channel", sort=False)]
    return ", ".join(worded)


def _runs(hz: Iterable[float]) -> str:
    runs = list[list[float]]()
    for value in hz:
        if runs and value - runs[-1][-1] <= 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(f"{run[0]:g}" if len(run) == 1 else f"{run[0]:g}–{run[-1]:g}" for run in runs)


def counted(number: int, what: str) -> str:
    """Word a number of things: `1 feature`, `3 features`, `no features`."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
