"""Tables of units: one row per thing whose label could have been another, and the features that are compared."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from tracklight.errors import complaint, one_of
from tracklight.genome.text import MISSING, numbered_lines, numbers, split_rows
from tracklight.settings import Strata
from tracklight.stats.clusters import chain, neighbour_pairs
from tracklight.stats.strata import Design, quantile_bins, stratify

Floats = NDArray[np.float64]
WHOLE = "all"  # the only subject, or the only direction, where no column names them


@dataclass(frozen=True, eq=False)
class Units:
    """A table of units, by columns.

    Attributes
    ----------
    subject, stage, fold : ndarray of str (row,)
        Whom the row belongs to, what must be equal to compare, and its direction of the cross-fit.
    label : ndarray of bool (row,)
        What is contrasted.
    values : ndarray of float64 (row, feature)
        What is compared.
    features : tuple of str
        Names of the features.
    within : ndarray of int64 (row,)
        Bin of the second stratifier; 0 without one.
    score, order : ndarray of float64 (row,) or None
        Output of the model, and time.
    """

    subject: NDArray[Any]
    stage: NDArray[Any]
    fold: NDArray[Any]
    label: NDArray[np.bool_]
    values: Floats
    features: tuple[str, ...]
    within: NDArray[np.int64]
    score: Floats | None
    order: Floats | None

    @property
    def design(self) -> Design:
        """Labels and strata of all rows."""
        return stratify(self.subject, self.stage, label=self.label, within=self.within)

    def of_fold(self, fold: str) -> "Units":
        """Return the rows of one direction."""
        rows = self.fold == fold
        names = ("subject", "stage", "fold", "label", "values", "within", "score", "order")
        columns = {name: getattr(self, name) for name in names}
        return replace(self, **{name: each[rows] for name, each in columns.items() if each is not None})


def read_units(path: Path, settings: Strata, *, axes: Path | None = None) -> Units:
    """Read a tab-separated table with one header line.

    Parameters
    ----------
    path : Path
        The table, plain or gzip.
    settings : Strata
        Which columns mean what.
    axes : Path, optional
        Table of axes (see `read_neighbours`): its features are compared where the settings name none.

    Raises
    ------
    InputError
        When a column is missing, a label is neither 0 nor 1, a value is missing, or a subject is in two folds.
    """
    table = _table(path)
    placed = [] if axes is None else list(dict.fromkeys(_axes(axes)["feature"]))
    features = _features(table, settings, path, placed=placed)
    subject = _names(table, [settings.subject] if settings.subject else [], path)
    fold = _names(table, [settings.fold] if settings.fold else [], path)
    units = Units(
        subject=subject,
        stage=_names(table, settings.strata, path),
        fold=fold,
        label=_labels(table, settings.label, path),
        values=np.stack([_numbers(table, name, path) for name in features], axis=1),
        features=tuple(features),
        within=_bins(table, settings, path, groups=subject),
        score=_numbers(table, settings.score, path) if settings.score else None,
        order=_numbers(table, settings.order, path) if settings.order else None,
    )
    _check_subjects(units, settings, path)
    return units


def read_columns(path: Path, names: Iterable[str]) -> pd.DataFrame:
    """Read a table as text, indexed by line; one without these columns is an `InputError`."""
    table = _table(path)
    _columns(table, names, path)
    return table


def read_neighbours(axes: Path | None, neighbours: Path | None, *, features: Iterable[str]) -> NDArray[np.int64] | None:
    """Read which features are neighbours; None without a table of axes.

    Parameters
    ----------
    axes : Path or None
        Table `feature` and one column per axis. Numbers are ordered, and a level is the neighbour of the next one that
        occurs; names are neighbours as `neighbours` says.
    neighbours : Path or None
        Table of two columns, one pair of neighbouring names (channels) per line, or none.
    features : iterable of str
        Features, in the order of the result.

    Returns
    -------
    ndarray of int64 (pair, 2) or None
    """
    if axes is None:
        return None
    features, table = list(features), _axes(axes)
    placed = table.drop_duplicates("feature").set_index("feature")
    for feature in features:
        one_of(feature, placed.index, what="feature in the table of axes", where=axes)
    placed = placed.loc[features]
    if placed.duplicated().any() or placed.shape[1] == 0:
        raise complaint(
            "two features have one place", where=axes, got=list(placed.index[placed.duplicated(keep=False)])[:2],
            do="give every feature its own place on the axes",
        )  # fmt: skip
    pairs = [] if neighbours is None else _pairs(neighbours)
    found = [_axis(placed[name], pairs) for name in placed.columns]
    return neighbour_pairs(np.stack([level for level, _ in found], axis=1), [axis for _, axis in found])


def _axes(path: Path) -> pd.DataFrame:
    return read_columns(path, ["feature"])


def _pairs(path: Path) -> list[list[str]]:
    table = _table(path, fewest=0)
    if table.shape[1] != 2:
        raise complaint("not pairs of names", where=path, got=list(table.columns), allowed="two columns")
    return table.to_numpy(str).tolist()


def _axis(column: pd.Series, pairs: list[list[str]]) -> tuple[NDArray[np.int64], csr_array]:
    values = pd.to_numeric(column, errors="coerce")
    if values.notna().all():
        levels, number = np.unique(values, return_inverse=True)
        return number, chain(len(levels))
    names, number = np.unique(column.to_numpy(str), return_inverse=True)
    at = {name: place for place, name in enumerate(names.tolist())}
    known = np.array([[at[a], at[b]] for a, b in pairs if a in at and b in at], np.int64).reshape(-1, 2)
    size = (len(names), len(names))
    return number, coo_array((np.ones(len(known), bool), (known[:, 0], known[:, 1])), shape=size).tocsr()


def _table(path: Path, *, fewest: int = 1) -> pd.DataFrame:
    lines = list(numbered_lines(path, what="table", skip=()))
    columns = lines[0][1].split("\t") if lines else []
    if len(lines) < 1 + fewest or len(set(columns)) < len(columns):
        raise complaint(
            "not a table with a header and rows",
            where=path,
            got=columns,
            allowed="tab-separated columns, each name once",
        )
    return split_rows(lines[1:], columns=columns, where=path)


def _columns(table: pd.DataFrame, names: Iterable[str], path: Path) -> None:
    for name in names:
        if name not in table.columns:
            raise complaint(
                "no such column", where=path, got=name, allowed=list(table.columns), do="name it in the settings"
            )


def _features(table: pd.DataFrame, settings: Strata, path: Path, *, placed: list[str]) -> list[str]:
    """Return the features that the settings name, or that have a place, or that nothing else is."""
    single = (settings.label, settings.subject, settings.fold, settings.score, settings.bin_column, settings.order)
    named = [name for name in single if name] + settings.strata + settings.ignore
    _columns(table, named + settings.features + placed, path)
    features = settings.features or [name for name in placed or table.columns if name not in named]
    if not features:
        raise complaint("no column is left to compare", where=path, got=list(table.columns), do="add features")
    return features


def _names(table: pd.DataFrame, columns: list[str], path: Path) -> NDArray[Any]:
    for name in columns:
        missing = table[name].isin(MISSING)
        if missing.any():
            raise complaint(
                f"{name} is missing", where=f"{path} line {table.index[missing][0]}", do="fill it in, or drop the row"
            )
    if not columns:
        return np.full(len(table), WHOLE)
    return table[columns].agg("/".join, axis=1).to_numpy(str)


def _labels(table: pd.DataFrame, name: str, path: Path) -> NDArray[np.bool_]:
    wrong = ~table[name].isin(["0", "1"])
    if wrong.any():
        line = table.index[wrong][0]
        raise complaint("unknown label", where=f"{path} line {line}", got=repr(table.loc[line, name]), allowed="0 or 1")
    return (table[name] == "1").to_numpy(bool)


def _numbers(table: pd.DataFrame, name: str, path: Path) -> Floats:
    values = numbers(table[name], what=name, where=path)
    if values.isna().any():
        line = values.index[values.isna()][0]
        raise complaint(
            f"{name} is missing", where=f"{path} line {line}", got=repr(table.loc[line, name]),
            allowed="a finite number", do="drop the row, or name the column in `ignore`",
        )  # fmt: skip
    return values.to_numpy(np.float64)


def _bins(table: pd.DataFrame, settings: Strata, path: Path, *, groups: NDArray[Any]) -> NDArray[np.int64]:
    if settings.bin_column is None:
        return np.zeros(len(table), np.int64)
    groups = groups if settings.bin_within == "subject" else np.full(len(table), WHOLE)
    return quantile_bins(_numbers(table, settings.bin_column, path), groups, count=settings.bins)


def _check_subjects(units: Units, settings: Strata, path: Path) -> None:
    if settings.subject and len(np.unique(units.subject)) < 2:
        raise complaint(
            "statements about subjects need several", where=path, got=units.subject[0],
            do="add subjects, or set subject to null to test this one alone",
        )  # fmt: skip
    folds = pd.Series(units.fold).groupby(units.subject).nunique()
    if settings.subject and (folds > 1).any():
        raise complaint(
            "a subject is in two directions of the cross-fit", where=path, got=folds.index[folds > 1][0],
            do="keep the subjects of training and inference apart",
        )  # fmt: skip
