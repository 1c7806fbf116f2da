"""Stage `units-eeg`: one row per report: attribution, power and output of the networks."""

import argparse
import json
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.agreement import rank_agreement, signed_agreement
from tracklight.eeg import report_level
from tracklight.eeg.dataset import VOLTS, Epochs, open_epochs
from tracklight.eeg.halves import HALVES
from tracklight.eeg.montage import neighbours
from tracklight.eeg.pass_band import left_out, pass_band, passed
from tracklight.eeg.report_level import Maps, named_bands, read_completeness, read_maps
from tracklight.errors import complaint, existing_file
from tracklight.files import sha256, write_text
from tracklight.progress import log, track
from tracklight.settings.units_eeg import UnitsEeg
from tracklight.stages import door
from tracklight.stages.strata_tables import finite
from tracklight.stages.tables import write_table
from tracklight.stats.strata import common_contrast, differences, stratify

Floats = NDArray[np.float64]
TABLES = ("attribution", "power", "attribution_time", "power_time")
DIGITS = 7  # what a float32 holds
SUMMARY_FILE = "units.json"


class Half(NamedTuple):
    """Reports of one direction.

    Attributes
    ----------
    epochs : DataFrame
        Explained epochs, as `report_level.explained` returns them.
    reports : DataFrame
        One row per report, without features.
    whole : ndarray of bool (report,)
        Reports with all their epochs.
    values : dict of str to ndarray of float64 (report, feature)
        By table; those over time have the whole reports only.
    agreement : dict
        Between networks.
    """

    epochs: pd.DataFrame
    reports: pd.DataFrame
    whole: NDArray[np.bool_]
    values: dict[str, Floats]
    agreement: dict[str, float | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--epochs", type=Path, required=True, help="folder written by prepare-eeg")
    parser.add_argument(
        "--attribution", type=Path, nargs=2, required=True, help="folders written by attribute-eeg, of both halves"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the tables that `strata` compares, their axes, and the neighbours of channels."""
    settings = door.stage_settings(arguments, UnitsEeg, section="units_eeg")
    inputs = _inputs(arguments)
    with door.recorded(arguments, "units-eeg", settings, inputs) as facts:
        epochs = open_epochs(arguments.epochs)
        epochs.check_unit(VOLTS)
        inputs |= epochs.inputs
        if epochs.targets != ("label",):
            raise complaint("epochs without reports", where=arguments.epochs, do="set prepare_eeg.epochs: reports")
        band, whole = pass_band(epochs.facts), [read_maps(folder) for folder in arguments.attribution]
        both = [passed(maps, band) for maps in whole]
        _check_same(whole, both, arguments.attribution)
        _check_origin(epochs, both, arguments.attribution)
        halves = [
            _half(epochs, maps, half)
            for half, maps in track(zip(HALVES, both, strict=True), what="units-eeg", total=len(HALVES), unit="half")
        ]
        axes = _axes(epochs, both[0])
        tables = _tables(halves, axes, epochs.inputs["epochs"])
        more = {"neighbours": _neighbours(epochs, both[0], settings), "counts": report_level.counts(epochs.index)}
        summary = _summary(epochs, both, halves, folders=arguments.attribution)
        summary["filtered_out"] = left_out(whole, band)
        _write(arguments.out, tables, axes | more, summary)
        facts |= {name: summary[name] for name in ("reports", "whole_reports", "complete")}
        log.info(
            "%d reports of %d subjects, %d of them with all their epochs; %d of %d epochs are left out, since they "
            "are of another stage than the last of their report",
            summary["reports"], summary["subjects"], summary["whole_reports"], summary["epochs_of_other_stages"],
            summary["epochs"],
        )  # fmt: skip


def _inputs(arguments: argparse.Namespace) -> dict[str, str | Path]:
    names = {"maps": report_level.MAPS_FILE, "completeness": report_level.COMPLETENESS_FILE}
    return {
        f"{what}.{half}": existing_file(folder / name, what=f"{what} of attribute-eeg")
        for half, folder in zip(HALVES, arguments.attribution, strict=True)
        for what, name in names.items()
    }


def _check_same(whole: list[Maps], both: list[Maps], folders: list[Path]) -> None:
    """Raise `InputError` unless the maps of both halves have the same bins, and enough of them pass the filters."""
    for name in ("hz", "bands", "time_s"):
        a, b = (getattr(maps, name).tolist() for maps in whole)
        if a != b:
            raise complaint(f"maps of both halves differ in {name}", where=folders[1], got=b, allowed=a)
    if len(both[0].hz) < 2:
        raise complaint(
            "maps have fewer than two bins of frequency", where=folders[0], got=both[0].hz.tolist(),
            do="lower attribute_eeg.bin_hz, or let the filters of prepare_eeg pass more",
        )  # fmt: skip


def _check_origin(epochs: Epochs, both: list[Maps], folders: list[Path]) -> None:
    """Raise `InputError` unless the maps explain these very epochs: same split, labels, and signals."""
    known = epochs.sha256()
    for maps, folder in zip(both, folders, strict=True):
        if maps.epochs_sha256 != known or maps.frequency.shape[2] != len(epochs.channels):
            raise complaint(
                "maps are of other epochs", where=folder, got=maps.epochs_sha256[:12] or "no checksum",
                allowed=known[:12], do="run attribute-eeg on these epochs",
            )  # fmt: skip


def _write(out: Path, tables: dict[str, pd.DataFrame], small: dict[str, pd.DataFrame], summary: dict[str, Any]) -> None:
    """Write the tables, and the summary last: where it is missing, the folder is not whole."""
    (out / SUMMARY_FILE).unlink(missing_ok=True)
    for name, table in tables.items():
        write_table(out / f"{name}.tsv.gz", table, digits=DIGITS)
    for name, table in small.items():
        write_table(out / f"{name}.tsv", table)
    sums = {name: sha256(out / f"{name}.tsv.gz") for name in tables}
    write_text(out / SUMMARY_FILE, json.dumps(summary | {"tables_sha256": sums}, indent=2) + "\n")


def _half(epochs: Epochs, maps: Maps, half: str) -> Half:
    table = report_level.explained(epochs, maps, half=half)
    reports = report_level.report_table(table, epochs.facts["covariates"])
    whole = report_level.whole_reports(table, count=int(epochs.index["epoch"].max()) + 1)
    # A subject has one scale, so that dividing the mean of its epochs is the same as the mean of divided ones.
    scale = report_level.mean_of_reports(table, table["scale"].to_numpy())
    by_seed = np.stack([report_level.mean_of_reports(table, each) for each in maps.frequency]) / scale[:, None, None]
    in_time = maps.time[:, :, named_bands(maps)] / table["scale"].to_numpy()[:, None, None, None]
    in_time_power = report_level.log_power_in_time(epochs, maps)
    values = {
        "attribution": by_seed.mean(0),
        "power": report_level.mean_of_reports(table, report_level.log_power(epochs, maps)),
        "attribution_time": report_level.by_time_to_awakening(table, in_time, whole=whole),
        "power_time": report_level.by_time_to_awakening(table, in_time_power, whole=whole),
    }
    flat = {name: each.reshape(len(each), -1) for name, each in values.items()}
    return Half(table, reports, whole, flat, _agreement(reports, by_seed))


def _agreement(reports: pd.DataFrame, by_seed: Floats) -> dict[str, float | None]:
    """Mean agreement of two networks: of their maps of a report, and of their maps of the contrast."""
    design = stratify(reports["subject"], reports["stage"], label=reports["label"] == 1)
    maps = by_seed.reshape(*by_seed.shape[:2], -1)
    contrast = np.concatenate([common_contrast(design) @ differences(design, each) for each in maps])
    pairs = list(combinations(range(len(maps)), 2))
    found: dict[str, list[float]] = {"reports_signed": [], "reports_rank": [], "contrast_signed": []}
    for a, b in pairs:
        one, two = torch.from_numpy(maps[a]), torch.from_numpy(maps[b])
        found["reports_signed"].append(float(signed_agreement(one, two).nanmean()))
        found["reports_rank"].append(float(rank_agreement(one, two).nanmean()))
        found["contrast_signed"].append(float(signed_agreement(*torch.from_numpy(contrast[[a, b]])[:, None])))
    return {name: finite(float(np.mean(each))) if pairs else None for name, each in found.items()}


def _axes(epochs: Epochs, maps: Maps) -> dict[str, pd.DataFrame]:
    """Name the features and say where they are: channel by channel, then by frequency, then by time."""
    by_hz = [(f"{channel}:{hz:g}", channel, hz) for channel in epochs.channels for hz in maps.hz]
    seconds = epochs.length / epochs.rate_hz
    count = int(epochs.index["epoch"].max()) + 1
    before = [time - seconds * (epoch + 1) for epoch in reversed(range(count)) for time in maps.time_s]
    by_time = [
        (f"{channel}:{band}:{time:g}", channel, band, time)
        for channel in epochs.channels
        for band in maps.bands[named_bands(maps)]
        for time in before
    ]
    frequency = pd.DataFrame(by_hz, columns=["feature", "channel", "hz"])
    return {"axes": frequency, "axes_time": pd.DataFrame(by_time, columns=["feature", "channel", "band", "time_s"])}


def _tables(halves: Sequence[Half], axes: dict[str, pd.DataFrame], where: str | Path) -> dict[str, pd.DataFrame]:
    tables = {}
    for name in TABLES:
        in_time = name.endswith("_time")
        features = list(axes["axes_time" if in_time else "axes"]["feature"])
        rows = [half.reports[half.whole] if in_time else half.reports for half in halves]
        values = pd.DataFrame(np.concatenate([half.values[name] for half in halves]), columns=features)
        tables[name] = table = pd.concat([pd.concat(rows, ignore_index=True), values], axis=1)
        twice = table.columns[table.columns.duplicated()].tolist()
        if twice:
            raise complaint("a covariate is called like a feature", where=where, got=twice, do="rename it")
    kept = ["row", *report_level.KEYS, "epoch", "used", "scale", "margin"]
    explained = pd.concat([half.epochs for half in halves], ignore_index=True)
    return tables | {"epochs": explained[kept].astype({"used": int})}


def _neighbours(epochs: Epochs, maps: Maps, settings: UnitsEeg) -> pd.DataFrame:
    """Pairs of channels, and of bands that follow each other."""
    pairs = neighbours(epochs.channels, within_deg=settings.neighbour_deg)
    limits = {name: ends for name, ends in zip(maps.bands, maps.band_hz, strict=True) if name != report_level.REST}
    ordered = sorted(limits, key=lambda name: limits[name][0])
    pairs += [(a, b) for a, b in pairwise(ordered) if limits[a][1] == limits[b][0]]
    return pd.DataFrame(pairs, columns=["name", "neighbour"])


def _summary(epochs: Epochs, both: list[Maps], halves: list[Half], *, folders: list[Path]) -> dict[str, Any]:
    complete = [read_completeness(folder, maps.seeds.tolist()) for maps, folder in zip(both, folders, strict=True)]
    used = pd.concat([half.epochs["used"] for half in halves])
    return {
        "reports": sum(len(half.reports) for half in halves),
        "whole_reports": sum(int(half.whole.sum()) for half in halves),
        "subjects": int(epochs.index["group"].nunique()),
        "epochs": len(used),
        "epochs_of_other_stages": int((~used).sum()),
        "epochs_per_report": int(epochs.index["epoch"].max()) + 1,
        "channels": list(epochs.channels),
        "features": {name: half_values.shape[1] for name, half_values in halves[0].values.items()},
        "seeds": {half: maps.seeds.tolist() for half, maps in zip(HALVES, both, strict=True)},
        "complete": bool(pd.concat(complete)["complete"].astype(bool).all()),
        "methods": sorted(set(pd.concat(complete)["method"])),
        "completeness": {
            half: table.astype(object).where(table.notna(), None).to_dict("records")
            for half, table in zip(HALVES, complete, strict=True)
        },
        "seed_agreement": {half: found.agreement for half, found in zip(HALVES, halves, strict=True)},
        "epochs_sha256": epochs.sha256(),
        "maps_sha256": {
            half: sha256(path / report_level.MAPS_FILE) for half, path in zip(HALVES, folders, strict=True)
        },
    }
