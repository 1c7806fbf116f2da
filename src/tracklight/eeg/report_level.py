"""From epochs to reports: all epochs before one awakening share its label, so that they are one unit of the statistics.

What is compared is a number per report and feature: the mean over those of its epochs that are of one stage, the stage
of the last one. Attributions are in units of how much the networks' answers vary in that subject, labels ignored, so
that no subject counts more because networks are surer of it.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tracklight.core.completeness import GRADIENT_X_INPUT, INTEGRATED_GRADIENTS
from tracklight.core.spectral import Band
from tracklight.eeg.dataset import Epochs
from tracklight.errors import complaint, existing_file
from tracklight.learning.band_power import log_band_power

Floats = NDArray[np.float64]
MAPS_FILE, COMPLETENESS_FILE = "maps.npz", "completeness.tsv"  # of attribute-eeg
METHODS = (GRADIENT_X_INPUT, INTEGRATED_GRADIENTS)
REST = "rest"  # what no named band holds: it keeps sums complete and is no place in frequency
ARRAYS = ("rows", "seeds", "margin", "frequency", "hz", "time", "bands", "band_hz", "time_s")
KEYS = ["half", "subject", "recording", "stage", "report", "label", "order"]
BESIDE = ["row", "epoch", "scale", "used", "unit", "epochs"]  # further columns of an epoch or report
AT_ONCE = 256  # epochs transformed at once: memory only


@dataclass(frozen=True, eq=False)
class Maps:
    """Attributions of the epochs of one half, as `attribute-eeg` writes them.

    Attributes
    ----------
    rows : ndarray of int64 (epoch,)
        Rows of the index of epochs.
    seeds : ndarray of int64 (seed,)
        Networks.
    margin : ndarray of float64 (seed, epoch)
        Log-odds of label 1.
    frequency : ndarray of float32 (seed, epoch, channel, bin)
        Attribution by frequency.
    hz : ndarray of float64 (bin,)
        Centres of its bins (Hz).
    time : ndarray of float32 (epoch, channel, band, time)
        Attribution by band and time, mean over networks.
    bands : ndarray of str (band,)
        Names of the bands.
    band_hz : ndarray of float64 (band, 2)
        Lowest frequency of each, and its end (Hz).
    time_s : ndarray of float64 (time,)
        Centres of the bins of time, from the start of the epoch (s).
    epochs_sha256 : str
        Checksum of the epochs that were explained (`Epochs.sha256`), empty where the maps do not say.
    """

    rows: NDArray[np.int64]
    seeds: NDArray[np.int64]
    margin: Floats
    frequency: NDArray[np.float32]
    hz: Floats
    time: NDArray[np.float32]
    bands: NDArray[Any]
    band_hz: Floats
    time_s: Floats
    epochs_sha256: str = ""


def read_maps(folder: Path) -> Maps:
    """Read `maps.npz`; an `InputError` when it is missing, damaged, or has holes."""
    path = folder / MAPS_FILE
    try:
        with existing_file(path, what="maps of attribute-eeg").open("rb") as handle, np.load(handle) as file:
            known = str(file["epochs_sha256"]) if "epochs_sha256" in file else ""
            maps = Maps(**{name: file[name] for name in ARRAYS}, epochs_sha256=known)
    except (OSError, KeyError, ValueError, TypeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise complaint("not maps of attribute-eeg", where=path, got=error, do="run attribute-eeg") from None
    seeds, epochs, channels = len(maps.seeds), len(maps.rows), maps.frequency.shape[2:3]
    shapes = {
        "margin": (seeds, epochs),
        "frequency": (seeds, epochs, *channels, len(maps.hz)),
        "time": (epochs, *channels, len(maps.bands), len(maps.time_s)),
    }
    for name, shape in shapes.items():
        values = getattr(maps, name)
        if values.shape != shape:
            raise complaint(f"{name} has another shape", where=path, got=values.shape, allowed=shape)
        if not np.isfinite(values).all():
            raise complaint(f"{name} has values that are not finite", where=path, do="run attribute-eeg again")
    return maps


def read_completeness(folder: Path, seeds: Sequence[int]) -> pd.DataFrame:
    """Read `completeness.tsv`: `seed method gradient_x_input integrated_gradients complete rank`, a row a network.

    Raises
    ------
    InputError
        When it is missing or damaged, or its networks are not those of the maps, in their order.
    """
    path = existing_file(folder / COMPLETENESS_FILE, what="completeness of attribute-eeg")
    try:
        table = pd.read_csv(path, sep="\t", dtype={"seed": "int64", "complete": "int64", "rank": "int64"})
        whole = (
            table["seed"].tolist() == list(seeds)
            and table["method"].isin(METHODS).all()
            and table["complete"].isin((0, 1)).all()
            and (table["rank"] > 0).all()
            and table[list(METHODS)].map(np.isfinite).any(axis=1).all()
        )
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise complaint("not completeness of attribute-eeg", where=path, got=error, do="run attribute-eeg") from None
    if not whole:
        raise complaint(
            "completeness is not that of the maps", where=path, allowed=f"one whole row for each of the seeds {seeds}",
            do="run attribute-eeg again",
        )  # fmt: skip
    return table


def explained(epochs: Epochs, maps: Maps, *, half: str) -> pd.DataFrame:
    """Return the explained epochs of one direction, one row each in the order of the maps.

    Parameters
    ----------
    epochs : Epochs
        Prepared recordings.
    maps : Maps
        Attributions of all epochs of the other half.
    half : str
        Half that the networks learned from.

    Returns
    -------
    DataFrame
        `half subject recording stage report label order`, the covariates, `row` (of the index), `epoch` (0 ends at the
        awakening), `margin` and `margin.seed*` (over `scale`), `scale` (standard deviation of the subject's margins,
        mean over networks), `used` (whether the epoch is of the stage of its report), `unit` (number of the report).

    Raises
    ------
    InputError
        When the maps are of other epochs, a column would stand twice, or a subject's margins are all the same.
    """
    if sorted(maps.rows.tolist()) != epochs.rows(half)["test"].tolist():
        raise complaint(
            "maps are of other epochs", where=f"half {half}", got=f"{len(maps.rows)} rows",
            allowed="every epoch of the other half once", do="give --attribution in the order A B, of these epochs",
        )  # fmt: skip
    covariates = epochs.facts["covariates"]
    answers = {"margin": maps.margin.mean(0)}
    answers |= {f"margin.seed{seed}": each for seed, each in zip(maps.seeds, maps.margin, strict=True)}
    _check_names([*KEYS, *BESIDE, *answers, *covariates], where=epochs.inputs["epochs"])
    index = epochs.index.iloc[maps.rows].reset_index(drop=True)
    table = index.rename(columns={"group": "subject", "contig": "recording"}).assign(half=half, row=maps.rows)
    spread = pd.Series(answers["margin"]).groupby(table["subject"]).transform("std", ddof=0)
    if not (spread > 0).all():
        who = table["subject"][~(spread > 0).to_numpy()].iloc[0]
        raise complaint("networks answer the same in all epochs", where=f"half {half}", got=who, do="train again")
    last = (
        table.sort_values("epoch", kind="stable")
        .groupby(["recording", "report"])["stage"]
        .transform("first")
        .sort_index()
    )
    unit = table.groupby(["recording", "report"], sort=False).ngroup()
    table = table.assign(scale=spread, used=table["stage"] == last, unit=unit)
    numbers = pd.DataFrame(answers).div(spread, axis=0)
    return pd.concat([table[[*KEYS, *covariates, "row", "epoch", "scale", "used", "unit"]], numbers], axis=1)


def mean_of_reports(table: pd.DataFrame, values: NDArray[np.floating]) -> Floats:
    """Return the mean over the used epochs of each report.

    Parameters
    ----------
    table : DataFrame
        As `explained` returns it; `unit` counts reports from 0.
    values : ndarray (epoch, ...)
        One row per row of the table.

    Returns
    -------
    ndarray of float64 (report, ...)
    """
    used, unit = table["used"].to_numpy(np.float64), table["unit"].to_numpy(np.int64)
    sums = csr_array((used, (unit, np.arange(len(unit)))))
    means = sums @ values.reshape(len(values), -1).astype(np.float64) / np.bincount(unit, used)[:, None]
    return np.asarray(means.reshape(-1, *values.shape[1:]), np.float64)


def report_table(table: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Return one row per report: `half subject recording stage report label order`, covariates, `epochs`, margins."""
    used = table[table["used"]].groupby("unit")
    margins = [name for name in table.columns if name not in (*KEYS, *covariates, *BESIDE)]
    head, count = used[[*KEYS, *covariates]].first(), used.size().rename("epochs")
    return pd.concat([head, count, used[margins].mean()], axis=1)


def whole_reports(table: pd.DataFrame, *, count: int) -> NDArray[np.bool_]:
    """Tell which reports `(report,)` have all of `count` epochs, and all of one stage."""
    used = table["used"].to_numpy(np.float64)
    return np.asarray(np.bincount(table["unit"], used) == count, bool)


def by_time_to_awakening(table: pd.DataFrame, values: NDArray[np.floating], *, whole: NDArray[np.bool_]) -> Floats:
    """Lay the epochs of each whole report end to end.

    Parameters
    ----------
    table : DataFrame
        As `explained` returns it.
    values : ndarray (epoch, channel, band, time)
        One row per row of the table.
    whole : ndarray of bool (report,)
        Reports with all their epochs.

    Returns
    -------
    ndarray of float64 (whole report, channel, band, time)
        The earliest epoch first: time ends at the awakening.
    """
    rows = table[whole[table["unit"]]].sort_values(["unit", "epoch"], ascending=[True, False]).index.to_numpy(np.int64)
    picked = values[rows].astype(np.float64).reshape(int(whole.sum()), -1, *values.shape[1:])
    together = np.moveaxis(picked, 1, -2)
    return together.reshape(*together.shape[:-2], -1)


def named_bands(maps: Maps) -> NDArray[np.bool_]:
    """Tell which bands `(band,)` are a place in frequency, and not the rest that keeps sums complete."""
    return np.asarray(maps.bands != REST, bool)


def log_power(epochs: Epochs, maps: Maps) -> Floats:
    """Return the logarithm of power in the bins of the maps, `(epoch, channel, bin)`, of the signals in volts."""
    width = float(np.diff(maps.hz).min())  # a filter may have taken some out
    bands = [(float(centre) - width / 2, float(centre) + width / 2) for centre in maps.hz]
    parts = np.array_split(maps.rows, -(-len(maps.rows) // AT_ONCE))
    power = (log_band_power(epochs.signals(rows), rate=epochs.rate_hz, bands=bands, batch_size=AT_ONCE)
             for rows in parts)  # fmt: skip
    return np.concatenate(list(power))


def log_power_in_time(epochs: Epochs, maps: Maps) -> Floats:
    """Return the logarithm of power in the named bands and bins of time, `(epoch, channel, named band, time)`.

    Each bin of time is seen through a Hann window: slow waves cut off at its ends would leak into fast bands.
    """
    bands = [(float(low), float(end)) for low, end in maps.band_hz[named_bands(maps)]]
    edges = [0]
    for centre in maps.time_s:  # bins follow each other from the start of the epoch
        edges.append(round(2 * float(centre) * epochs.rate_hz) - edges[-1])
    parts = np.array_split(maps.rows, -(-len(maps.rows) // AT_ONCE))
    return np.concatenate(
        [_windowed_power(epochs.signals(rows), edges, bands=bands, rate=epochs.rate_hz) for rows in parts]
    )


def _windowed_power(signals: NDArray[np.float32], edges: list[int], *, bands: list[Band], rate: float) -> Floats:
    powers = []
    for first, end in pairwise(edges):
        part = signals[..., first:end].astype(np.float64)
        window = np.sin(np.pi * np.arange(end - first) / (end - first)) ** 2
        part = (part - part.mean(-1, keepdims=True)) * window
        powers.append(log_band_power(part, rate=rate, bands=bands, batch_size=AT_ONCE))
    return np.stack(powers, axis=-1)


def _check_names(names: list[str], *, where: object) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise complaint(
            "a covariate is called like another column", where=where, got=twice,
            do="rename it in the table of reports, or choose others in prepare_eeg.covariates",
        )  # fmt: skip


def counts(index: pd.DataFrame) -> pd.DataFrame:
    """Count what there is, by half of the subjects and by stage of the epochs.

    Parameters
    ----------
    index : DataFrame
        Rows with `contig group split report stage label`, one per epoch.

    Returns
    -------
    DataFrame
        `half_of_subjects stage subjects reports with_label epochs`; the stage `all` is every one. A report with epochs
        of two stages counts in both.
    """
    rows = index.assign(half_of_subjects=index["split"].str[0])
    both = pd.concat([rows.assign(stage="all", place=0), rows.assign(place=1)])
    groups = both.groupby(["half_of_subjects", "place", "stage"])
    found = groups.agg(subjects=("group", "nunique"), epochs=("group", "size"))
    reports = both.drop_duplicates(["half_of_subjects", "place", "stage", "contig", "report"])
    by_stage = reports.groupby(["half_of_subjects", "place", "stage"])["label"]
    found = found.assign(reports=by_stage.size(), with_label=by_stage.agg(lambda label: int((label == 1).sum())))
    columns = ["half_of_subjects", "stage", "subjects", "reports", "with_label", "epochs"]
    return found.reset_index()[columns]
