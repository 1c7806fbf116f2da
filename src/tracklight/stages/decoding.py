"""How well a score of reports tells their labels apart within strata: rows for the tables of gate and controls."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg.baselines import KEY, reports_of
from tracklight.eeg.dataset import Epochs
from tracklight.eeg.halves import HALVES, OTHER
from tracklight.errors import complaint, existing_file
from tracklight.settings.strata import StrataEeg
from tracklight.stages.strata_tables import labellings
from tracklight.stages.units import Units, read_units
from tracklight.stats import auroc
from tracklight.stats.discrimination import auc_interval, auc_within, stratified_auc
from tracklight.stats.permutation import cross_fit

Floats = NDArray[np.float64]
TABLE = "attribution.tsv.gz"  # of units-eeg
SUMMARY = "units.json"  # of units-eeg, written last
SAID = ["half", "subject", "stage", "label"]  # of the reports, by units-eeg
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


def open_reports(folder: Path, settings: StrataEeg, *, epochs: Epochs) -> Reports:
    """Read the reports of a folder of units-eeg and what the networks said of them.

    Parameters
    ----------
    folder : Path
        Written by units-eeg.
    settings : StrataEeg
        How labels are exchanged.
    epochs : Epochs
        In volts; the units must be of them.

    Raises
    ------
    InputError
        When they are damaged, or of other epochs: of another study, or of another division of the subjects, so that
        what is set against the networks would have learned from those it is asked about.
    """
    path = existing_file(folder / TABLE, what="table of units")
    try:
        names = pd.read_csv(path, sep="\t", nrows=0).columns
        keys = pd.read_csv(path, sep="\t", usecols=[*KEY, *SAID], dtype=str, keep_default_na=False)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise complaint("not units of reports", where=path, got=error, do="run units-eeg") from None
    margins = [name for name in names if name.split(".")[0] == MARGIN]
    units = read_units(path, settings.model_copy(update={"features": margins, "score": MARGIN}))
    if set(units.fold) != set(HALVES):
        raise complaint("units are not of two halves", where=path, got=sorted(set(units.fold)), allowed=HALVES)
    _check_origin(keys.set_index(KEY)[SAID], epochs, folder)
    return Reports(units, pd.MultiIndex.from_frame(keys[KEY]), settings)


def _check_origin(said: pd.DataFrame, epochs: Epochs, folder: Path) -> None:
    """Compare what the units say of every report, and the checksum of their epochs, with the epochs at hand."""
    index = reports_of(epochs.index, np.arange(len(epochs.index)))
    known = index.assign(half=index["split"].str[:1].map(OTHER), subject=index["group"])[SAID].astype(str)
    unknown = said.index[~said.index.isin(known.index)]
    differs = [f"no epochs of report {unknown[0]}"] if len(unknown) else []
    if not differs:
        other = (said != known.reindex(said.index)).any()
        differs = [f"another {name}" for name in SAID if other[name]]
    if not differs and not _same_epochs(folder / SUMMARY, epochs):
        differs = ["other signals"]
    if differs:
        raise complaint(
            "epochs and units are not of the same study", where=folder, got=", ".join(differs),
            do="run units-eeg on these epochs",
        )  # fmt: skip


def _same_epochs(path: Path, epochs: Epochs) -> bool:
    try:
        facts = json.loads(existing_file(path, what="summary of units-eeg").read_text(encoding="utf-8"))
        return bool(facts["epochs_sha256"] == epochs.sha256())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise complaint("not the summary of units-eeg", where=path, got=error, do="run units-eeg") from None


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
