"""Reports after awakenings: when, what was said, and which awakening of the night it was."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from tracklight.eeg.recordings import Recording
from tracklight.eeg.table import MISSING, numbers, read_table
from tracklight.errors import complaint, one_of
from tracklight.settings.prepare_eeg import PrepareEeg

BIDS_EVENTS = "_events.tsv"  # how the name of an events file of BIDS ends
ORDER = "order"  # read where a table has it and the settings name no other
BIDS_COLUMNS = ("onset", "duration", "sample", "trial_type", "value", "response_time", "stim_file", "HED")
LARGEST = 2**53  # beyond, numbers read from text are no longer exact
INDEX_COLUMNS = ("contig", "start", "reverse", "group", "split", "report", "epoch", "stage", "label", "order")


def read_reports(recording: Recording, *, seconds: float, settings: PrepareEeg) -> pd.DataFrame:
    """Read the reports of a recording from its table, or from the events of BIDS.

    Parameters
    ----------
    recording : Recording
        With a table of reports.
    seconds : float
        Length of the recording (s).
    settings : PrepareEeg
        Names of columns, what labels may say, covariates.

    Returns
    -------
    DataFrame
        One row a report, by time: `report` (text), `time_s` (float64, from the start of the recording), `label`
        (float64: 1, 0, NaN where none was given), `order` (int64), `stage` (text, empty where the table has none), and
        the covariates (text as it stands, empty where missing).

    Raises
    ------
    InputError
        When a column is missing, or a report is there twice, lies outside the recording, or has an unknown label.
    """
    path, columns = recording.reports, settings.columns
    if path is None:
        raise complaint("recording without reports", where=recording.name, do="name its table, or set epochs: sleep")
    bids = path.name.endswith(BIDS_EVENTS)
    time = "onset" if bids else columns.time
    named = {"report": columns.report, "time_s": time, "label": columns.label}
    order = columns.order or ORDER
    # Events of BIDS hold other things as well, and need not number the awakenings.
    needed = [*named.values(), *([order] if columns.order and not bids else [])]
    table = read_table(path, what="table of reports", needed=[*needed, *covariate_columns([], settings).values()])
    table = table[~table[columns.report].isin(MISSING)] if bids else table
    reports = pd.DataFrame({"report": table[columns.report]})
    reports["time_s"] = numbers(table[time], what=f"time ({time})", where=path)
    reports["label"] = _labels(table[columns.label], settings.labels, where=path)
    reports["order"] = _order(table, reports.time_s, order, where=path)
    reports["stage"] = table.get(columns.stage, pd.Series("", index=table.index, dtype=object))
    covariates = _covariates(table, settings, where=path)
    reports = reports.join(covariates).sort_values("time_s", kind="stable")
    _check(reports, seconds=seconds, where=path)
    return reports.reset_index(drop=True)


def check_stratifiers(needed: Sequence[str], recording: Recording, *, settings: PrepareEeg) -> None:
    """Raise `InputError` unless the reports of a recording can be divided by some columns.

    Parameters
    ----------
    needed : sequence of str
        Columns that contrasts are repeated within.
    recording : Recording
        One without a table of reports is passed over.
    settings : PrepareEeg
        Names of columns, covariates.
    """
    if recording.reports is None or not needed:
        return
    declared = covariate_columns([], settings).values()
    table = read_table(recording.reports, what="table of reports", needed=declared)
    chosen = covariate_columns(list(table.columns), settings)
    for name in needed:
        one_of(name, [*chosen, ORDER], what="covariate of the reports (second_stratifiers)", where=recording.reports)
        if name in chosen:
            known = table[~table[chosen[name]].isin(MISSING)]
            numbers(known[chosen[name]], what=f"{name} (second_stratifiers)", where=recording.reports)


def covariate_columns(columns: Sequence[str], settings: PrepareEeg) -> dict[str, str]:
    """Return the covariates that reports with these columns have, and the column of each."""
    own, given = settings.columns, settings.covariates
    if given is None:
        taken = {own.report, own.time, own.label, own.order or ORDER, own.stage, *BIDS_COLUMNS}
        given = [name for name in columns if name not in taken]
    return dict(given) if isinstance(given, Mapping) else dict(zip(given, given, strict=True))


def _labels(column: pd.Series, labels: dict[str, int], *, where: str | Path) -> pd.Series:
    given = ~column.isin(MISSING)
    for line, text in column[given].items():
        one_of(text, labels, what=f"label ({column.name})", where=f"{where} line {line}")
    return column.where(given).map(labels).astype("float64")


def _order(table: pd.DataFrame, time_s: pd.Series, name: str, *, where: str | Path) -> pd.Series:
    if name not in table.columns:
        return time_s.rank(method="first").astype("int64")
    order = numbers(table[name], what=f"order ({name})", where=where)
    for line, text in table.loc[(order % 1 != 0) | (order.abs() > LARGEST), name].items():
        raise complaint(
            f"order ({name}) is not a whole number", where=f"{where} line {line}", got=repr(text),
            allowed=f"{-LARGEST} to {LARGEST}",
        )  # fmt: skip
    return order.astype("int64")


def _covariates(table: pd.DataFrame, settings: PrepareEeg, *, where: str | Path) -> pd.DataFrame:
    chosen = covariate_columns(list(table.columns), settings)
    for name in chosen:
        if name in (*INDEX_COLUMNS, "time_s"):
            raise complaint(
                "not usable as the name of a covariate", where=where, got=repr(name),
                do="give it another name in prepare_eeg.covariates, as {name: column}",
            )  # fmt: skip
    found = pd.DataFrame({name: table[column] for name, column in chosen.items()}, index=table.index)
    return found.mask(found.isin(MISSING), "")


def _check(reports: pd.DataFrame, *, seconds: float, where: str | Path) -> None:
    if reports.empty:
        raise complaint("table of reports has no reports", where=where, do="leave the recording out, or add them")
    if reports.report.isin(MISSING).any():
        raise complaint("report without a name", where=where, do="give each report a name of its own")
    for column in ("report", "time_s"):
        for value in reports.loc[reports.duplicated(column), column].head(1):
            raise complaint("report twice", where=where, got=f"{column} {value}", do="give each report a name and time")
    for row in reports[(reports.time_s < 0) | (reports.time_s > seconds)].head(1).itertuples():
        raise complaint(
            "report outside the recording", where=where, got=f"report {row.report} at {row.time_s:g} s",
            allowed=f"0 to {seconds:g} s",
        )  # fmt: skip
