"""The table of experiments: rows `experiment arm metric mean low high seeds verdict`, one file per experiment.

`record` writes results/science/<experiment>.tsv; tests/science/collect.py makes docs/science.tsv of them.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t

FOLDER = Path("results/science")
KEY = ["arm", "metric"]


class Row(NamedTuple):
    """What an experiment found.

    Attributes
    ----------
    experiment, arm, metric : str
        What was done, to what, and what was measured; a difference between arms is an arm `a - b`.
    mean, low, high : float
        Mean over seeds and the ends of its 95 % t interval; NaN ends of a single seed.
    seeds : int
        How many.
    verdict : str
        What follows, in a few words: `reached` or `missed` for a promise, else what the interval says.
    """

    experiment: str
    arm: str
    metric: str
    mean: float
    low: float
    high: float
    seeds: int
    verdict: str


def measured(experiment: str, arm: str, metric: str, values: Iterable[float], *, verdict: str = "reported") -> Row:
    """Return the row of one value per seed."""
    return Row(experiment, arm, metric, *interval(values), verdict)


def compared(experiment: str, arm: str, metric: str, differences: Iterable[float], *, wanted: str = "") -> Row:
    """Return the row of paired differences, one per seed; `wanted` is what a promise says, such as `mean >= 0.1`."""
    mean, low, high, seeds = interval(differences)
    verdict = "higher" if low > 0 else "lower" if high < 0 else "no detectable difference" if seeds > 1 else "one seed"
    if wanted:
        side, sign, limit = wanted.split()
        value = {"mean": mean, "low": low, "high": high}[side]
        kept = value >= float(limit) if sign == ">=" else value <= float(limit)
        verdict = f"{'reached' if kept else 'missed'}: {wanted}"
    return Row(experiment, arm, metric, mean, low, high, seeds, verdict)


def interval(values: Iterable[float]) -> tuple[float, float, float, int]:
    """Return the mean, the ends of its 95 % t interval, and the number of values."""
    given = np.asarray(list(values), np.float64)
    if len(given) < 2:
        return float(given.mean()), math.nan, math.nan, len(given)
    half = t.ppf(0.975, len(given) - 1) * given.std(ddof=1) / math.sqrt(len(given))
    return float(given.mean()), float(given.mean() - half), float(given.mean() + half), len(given)


def record(rows: Iterable[Row], folder: Path = FOLDER) -> None:
    """Merge rows into the tables of their experiments; a row of the same arm and metric is replaced."""
    for experiment, new in pd.DataFrame(rows, columns=list(Row._fields)).groupby("experiment", sort=False):
        path = folder / f"{experiment}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = pd.concat([read(path), new]) if path.is_file() else new
        whole.drop_duplicates(KEY, keep="last").to_csv(path, sep="\t", index=False, float_format="%.4g")


def read(path: Path) -> pd.DataFrame:
    """Read such a table."""
    return pd.read_csv(path, sep="\t", dtype={"arm": str, "metric": str, "verdict": str})
