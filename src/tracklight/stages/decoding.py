"""How well a score of reports tells their labels apart within strata: rows for the tables of gate and controls."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg.baselines import KEY
from tracklight.eeg.halves import HALVES
from tracklight.errors import complaint, existing_file
from tracklight.settings.strata import StrataEeg
from tracklight.stages.strata_tables import labellings
from tracklight.stages.units import Units, read_units
from tracklight.stats import auroc
from tracklight.stats.discrimination import auc_interval, auc_within, stratified_auc
from tracklight.stats.permutation import cross_fit

Floats = NDArray[np.float64]
TABLE = "attribution.tsv.gz"  # of units-eeg
MARGIN = "margin"
BOTH = "both"  # directions together


class Decoded(NamedTuple):
    """How well a score tells the labels apart.

    Attributes
    ----------
    direction : str
        Half that was learned from, or `both`.
    auc, low, high : float
        Area under the ROC within strata, and its 95 % interval over subjects.
    p : float
        Of `auc`; of both directions together as `rates` says.
    unstratified : float
        Area under the ROC, strata ignored.
    reports, subjects : int
        Their number.
    """

    direction: str
    auc: float
    low: float
    high: float
    p: float
    unstratified: float
    reports: int
    subjects: int


@dataclass(frozen=True, eq=False)
class Reports:
    """The reports of a table of units.

    Attributes
    ----------
    units : Units
        Labels, strata and directions; the features are the margins.
    key : MultiIndex (report,)
        Recording and name of each.
    settings : StrataEeg
        How labels are exchanged.
    """

    units: Units
    key: pd.MultiIndex
    settings: StrataEeg

    def margins(self) -> dict[str, Floats]:
        """Return the ensemble's and every network's margin `(report,)`, by column."""
        return dict(zip(self.units.features, self.units.values.T, strict=True))

    def aligned(self, values: pd.Series) -> Floats:
        """Return values indexed by recording and report in the order of the units `(report,)`.

        Raises
        ------
        InputError
            When a report has none.
        """
        known = self.key.isin(values.index)
        if not known.all():
            raise complaint(
                "epochs and units are not of the same study", got=f"no epochs of report {self.key[~known][0]}",
                do="run units-eeg on these epochs",
            )  # fmt: skip
        return values.reindex(self.key).to_numpy(np.float64, na_value=np.nan)


def open_reports(folder: Path, settings: StrataEeg) -> Reports:
    """Read the reports of a folder of units-eeg and what the networks said; others are an `InputError`."""
    path = existing_file(folder / TABLE, what="table of units")
    try:
        names = pd.read_csv(path, sep="\t", nrows=0).columns
        keys = pd.read_csv(path, sep="\t", usecols=KEY, dtype=str, keep_default_na=False)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise complaint("not units of reports", where=path, got=error, do="run units-eeg") from None
    margins = [name for name in names if name.split(".")[0] == MARGIN]
    units = read_units(path, settings.model_copy(update={"features": margins, "score": MARGIN}))
    if set(units.fold) != set(HALVES):
        raise complaint("units are not of two halves", where=path, got=sorted(set(units.fold)), allowed=HALVES)
    return Reports(units, pd.MultiIndex.from_frame(keys[KEY]), settings)


def rates(reports: Reports, score: Floats, *, either: bool = False) -> list[Decoded]:
    """Return how well a score tells labels apart, in both directions and both together.

    Parameters
    ----------
    reports : Reports
        Labels and strata.
    score : ndarray of float64 (report,)
        In the order of the units.
    either : bool
        Whether a score that is lower with the label counts too (two-sided): p of both directions is then
        `min(1, 2 min p)`, valid under any dependence. Otherwise p is one-sided, and of both the larger: that each of
        the two passes.
    """
    parts = [(half, reports.units.of_fold(half), score[reports.units.fold == half]) for half in HALVES]
    found = [_rate(units, each, half, reports.settings, either=either) for half, units, each in parts]
    any_p, every_p = cross_fit([row.p for row in found])
    return [*found, whole(reports.units, score, reports.settings, p=float(any_p if either else every_p))]


def whole(units: Units, score: Floats, settings: StrataEeg, *, p: float) -> Decoded:
    """Return how well a score tells the labels of all units apart, with a p-value found elsewhere."""
    design, generator = units.design, np.random.default_rng(settings.seed)
    low, high = auc_interval(design, score, samples=settings.bootstrap, generator=generator)
    plain, counts = auroc(score, units.label), (len(units.label), len(design.subjects))
    return Decoded(BOTH, auc_within(design, score), low, high, p, plain, *counts)


def _rate(units: Units, score: Floats, direction: str, settings: StrataEeg, *, either: bool) -> Decoded:
    p = p_of(units, score, settings, either=either)
    return whole(units, score, settings, p=p)._replace(direction=direction)


def p_of(units: Units, score: Floats, settings: StrataEeg, *, either: bool) -> float:
    """Return the permutation p of the area under the ROC within strata, one-sided or two-sided."""
    drawn = labellings(units, settings)
    above = stratified_auc(units.design, score, drawn=drawn)[1]
    if (
        not either or above <= 0.5
    ):  # that of the other side is then the larger: over the same draws they sum to 1 or more
        return min(1.0, 2 * above) if either else above
    return min(1.0, 2 * stratified_auc(units.design, -score, drawn=drawn)[1])
