"""Whether a folder of epochs says what the stages rely on: the facts, and every column of the index."""

import math
from typing import Any

import numpy as np
import pandas as pd

from tracklight.eeg.halves import SPLITS, two_splits
from tracklight.eeg.hypnogram import STAGES
from tracklight.eeg.reports import INDEX_COLUMNS
from tracklight.errors import complaint

VOLTS, WHITE = "V", "SD"  # units: as prepared; whitened, in standard deviations of a subject's channel
WRITTEN_BY = {VOLTS: "prepare-eeg", WHITE: "whiten-eeg"}
LABEL = "label"  # the target where epochs lie before reports; elsewhere the stages are


def check_facts(facts: Any, *, where: object) -> None:
    """Raise `InputError` unless the facts of a folder of epochs are whole.

    Parameters
    ----------
    facts : object
        As read from JSON.
    where : object
        The file, for complaints.
    """
    if not isinstance(facts, dict):
        raise complaint("not facts about epochs", where=where, got=type(facts).__name__, do="run prepare-eeg again")
    allowed = {
        "rate_hz": (_is_rate, "a positive number"),
        "channels": (_are_names, "one name or more, each once"),
        "unit": (lambda value: value in (VOLTS, WHITE), f"{VOLTS} or {WHITE}"),
        "length": (lambda value: type(value) is int and value > 0, "a positive whole number"),
        "targets": (_are_targets, f"{LABEL}, or stages"),
        "covariates": (lambda value: value == [] or _are_names(value), "names, each once"),
    }
    for name, (fits, what) in allowed.items():
        if name not in facts or not fits(facts[name]):
            got = facts.get(name, f"no {name}")
            raise complaint(f"{name} is not usable", where=where, got=repr(got), allowed=what, do="run the stage again")


def check_index(index: pd.DataFrame, facts: dict[str, Any], *, where: object) -> None:
    """Raise `InputError` unless every row of an index of epochs holds what `docs/formats.md` says.

    Parameters
    ----------
    index : DataFrame
        One row an epoch; numbers are numbers already.
    facts : dict
        Those of its folder, checked.
    where : object
        The file, for complaints.
    """
    names = (*INDEX_COLUMNS, *facts["covariates"])
    missing = [name for name in names if name not in index.columns]
    if missing or index.empty:
        raise complaint("not an index of epochs", where=where, got=f"no {missing[0]}" if missing else "no epochs")
    labelled = facts["targets"] == [LABEL]
    faults = {
        "group": (index["group"] == "", "the name of a subject"),
        "split": (~index["split"].isin(SPLITS), SPLITS),
        "stage": (~index["stage"].isin(STAGES), STAGES),
        "start": (index["start"] < 0, "0 or more"),
        "epoch": (index["epoch"] < 0, "0 or more"),
        "reverse": (index["reverse"] != 0, "0"),
        "report": ((index["report"] == "") & labelled, "a name"),
        LABEL: (~index[LABEL].isin((0, 1) if labelled else (0, 1, pd.NA)), "0 or 1; none where targets are stages"),
    }
    for name, (wrong, what) in faults.items():
        _check_column(index[name], wrong.to_numpy(bool), allowed=what, where=where)
    twice = two_splits(index)
    if twice:
        raise complaint(
            "a subject in two splits", where=where, got=twice[0], do="whom networks learn from they cannot explain"
        )


def _check_column(column: pd.Series, wrong: np.ndarray, *, allowed: object, where: object) -> None:
    for row in np.flatnonzero(wrong)[:1]:
        got = repr(column.iloc[row]) if pd.notna(column.iloc[row]) else "none"
        raise complaint(
            f"{column.name} is not usable", where=f"{where} line {row + 2}", got=got, allowed=allowed,
            do="run the stage again that wrote it",
        )  # fmt: skip


def _is_rate(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _are_names(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        return False
    return 0 < len(set(value)) == len(value)


def _are_targets(value: object) -> bool:
    return value == [LABEL] or (isinstance(value, list) and _are_names(value) and set(value) <= set(STAGES))
