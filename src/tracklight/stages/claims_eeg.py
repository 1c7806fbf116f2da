"""Stage `claims-eeg`: what may be claimed: features significant in both attribution and power.

Two maps are declared, in this order: by frequency, and by time to the awakening. Of the second something is claimed
only where the first has content: a fixed sequence keeps the family-wise error over both at that of one.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tracklight.eeg import claims
from tracklight.eeg.claims import Truth
from tracklight.eeg.halves import HALVES
from tracklight.eeg.naive import pooled_epochs, without_strata
from tracklight.eeg.report_level import MAPS_FILE, read_maps
from tracklight.errors import complaint, existing_file
from tracklight.files import sha256, write_text
from tracklight.genome.text import numbers
from tracklight.progress import log
from tracklight.settings import load
from tracklight.settings.claims_eeg import ClaimsEeg
from tracklight.settings.strata import StrataEeg
from tracklight.stages import checks, door
from tracklight.stages.claims_summary import (
    FILES,
    IN_TIME,
    MAIN,
    PAIRS,
    Compared,
    claim_checks,
    read_compared,
    read_units_facts,
    second_stratifiers,
    summarise,
    why_withheld,
)
from tracklight.stages.gate_eeg import GATE
from tracklight.stages.tables import write_table
from tracklight.stages.units import read_columns, read_units

AXES = {MAIN: "axes.tsv", IN_TIME: "axes_time.tsv"}
PLACES = {MAIN: ("feature", "channel", "hz"), IN_TIME: ("feature", "channel", "band", "time_s")}
TABLES = tuple(f"{name}.tsv.gz" for name in (*PAIRS, *PAIRS.values()))
UNITS = (*TABLES, "epochs.tsv.gz", "units.json", *AXES.values())
OF_NETWORKS = "(control: the networks)"  # how checks end that stand beside the networks' area under the curve
ROUNDED = 1e-5  # relative: tables keep six digits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--units", type=Path, required=True, help="folder written by units-eeg")
    parser.add_argument(
        "--maps", type=Path, nargs=2, required=True, help="folders written by attribute-eeg, of both halves"
    )
    parser.add_argument(
        "--strata",
        nargs="+",
        required=True,
        help="NAME=FOLDER written by strata: attribution, power, attribution_time, power_time, and, within bins, "
        "attribution.COLUMN, power.COLUMN",
    )
    parser.add_argument(
        "--checks", type=Path, nargs="+", required=True, help="tables of checks of gate-eeg and controls-eeg"
    )
    parser.add_argument("--truth", type=Path, help="truth_maps.npz of a simulated study")
    parser.add_argument("--strata-settings", default=None, help="the strata section (JSON or file)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `claims.tsv`, `claims_time.tsv`, `naive.tsv`, `naive_features.tsv`, `trust.tsv` and `claims.json`."""
    settings = door.stage_settings(arguments, ClaimsEeg, section="claims_eeg")
    strata = load(StrataEeg, arguments.strata_settings, section="strata")
    folders = _folders(arguments.strata)
    with door.recorded(arguments, "claims-eeg", settings, _inputs(arguments, folders)) as facts:
        found = {name: _compared(arguments.units, name, folder, strata) for name, folder in folders.items()}
        given = pd.concat([_checks(path, found[MAIN]) for path in arguments.checks], ignore_index=True)
        passed = _gate(given, arguments.checks[0])
        withheld = why_withheld(found, given, passed=passed)
        tables = _tables(found, arguments.units, may_claim=withheld is None)
        truth = _truth(arguments.truth, tables[MAIN])
        units = read_units_facts(arguments.units / "units.json")
        features = _naive_features(arguments, tables[MAIN], strata, stored=units.get("maps_sha256", {}))
        summary = summarise(found, tables, units=units, truth=truth, passed=passed, withheld=withheld)
        summary["cautions"] = given.loc[given["verdict"].isin(["fail", "warn"]), "check"].tolist()
        named = {
            "claims": tables[MAIN],
            "claims_time": tables[IN_TIME],
            "naive": _naive(tables[MAIN], features, alpha=strata.alpha, naive_q=settings.naive_q, truth=truth),
            "naive_features": features,
            "trust": _trust(given, summary, arguments.out),
        }
        for name, table in named.items():
            write_table(arguments.out / f"{name}.tsv", table)
        write_text(arguments.out / "claims.json", json.dumps(summary, indent=2) + "\n")
        log.info("%s", summary["verdict"])
        facts |= {name: summary[name] for name in ("verdict", "claims", "truth")}


def _folders(given: list[str]) -> dict[str, Path]:
    folders = dict[str, Path]()
    for text in given:
        name, _, folder = text.partition("=")
        kind, _, column = name.partition(".")
        known = name in (*PAIRS, *PAIRS.values()) or (kind in (MAIN, PAIRS[MAIN]) and column)
        if not known or not folder or name in folders:
            allowed = [*PAIRS, *PAIRS.values(), f"{MAIN}.COLUMN", f"{PAIRS[MAIN]}.COLUMN"]
            raise complaint("unknown map", where="--strata", got=text, allowed=allowed, do="give each once")
        folders[name] = Path(folder)
    within = [f"{kind}.{column}" for column in second_stratifiers(folders) for kind in (MAIN, PAIRS[MAIN])]
    missing = [name for name in (*PAIRS, *PAIRS.values(), *within) if name not in folders]
    if missing:
        raise complaint("a map is missing", where="--strata", got=list(folders), do=f"give {missing[0]}=FOLDER")
    return folders


def _inputs(arguments: argparse.Namespace, folders: dict[str, Path]) -> dict[str, str | Path]:
    files: dict[str, Path] = {f"units/{name}": arguments.units / name for name in UNITS}
    files |= {f"maps/{half}": folder / MAPS_FILE for half, folder in zip(HALVES, arguments.maps, strict=True)}
    files |= {f"{name}/{file}": folder / file for name, folder in folders.items() for file in FILES}
    files |= {f"checks/{number}": path for number, path in enumerate(arguments.checks)}
    files |= {} if arguments.truth is None else {"truth": arguments.truth}
    return {name: existing_file(path, what=name.split("/")[0]) for name, path in files.items()}


def _compared(units: Path, name: str, folder: Path, strata: StrataEeg) -> Compared:
    """Read a folder of strata, of the table and within the bins that its name says."""
    kind, _, column = name.partition(".")
    return read_compared(folder, table=units / f"{kind}.tsv.gz", column=column or strata.bin_column)


def _checks(path: Path, main: Compared) -> pd.DataFrame:
    """Read a table of checks; one about other networks or another study than the strata is an `InputError`."""
    table, auc = checks.read_checks(path), main.summary["auc"]["within_strata"]
    told = [*table.loc[table["check"] == GATE, "value"], *table.loc[_of_networks(table), "control"]]
    if not np.allclose(np.asarray(told, np.float64), auc, rtol=ROUNDED, atol=0):
        raise complaint(
            "checks of other units than the strata", where=path, got=f"an AUC within strata of {told[0]:.6g}",
            allowed=f"{auc:.6g}", do="run gate-eeg and controls-eeg on these units",
        )  # fmt: skip
    return table


def _of_networks(table: pd.DataFrame) -> pd.Series:
    return table["check"].str.endswith(OF_NETWORKS)


def _gate(given: pd.DataFrame, where: Path) -> bool:
    verdicts = given.loc[given["check"] == GATE, "verdict"].tolist()
    if len(verdicts) != 1:
        raise complaint(f"not one check {GATE!r}", where=where, got=len(verdicts), do="give gate_checks.tsv once")
    return bool(verdicts[0] == "pass")


def _tables(found: dict[str, Compared], units: Path, *, may_claim: bool) -> dict[str, pd.DataFrame]:
    """Return what is claimed by frequency and then, where there is content by frequency, by time."""
    main = _claims(found, units, MAIN, may_claim=may_claim)
    has_content = bool((main["claim"] == claims.CONTENT).any())
    return {MAIN: main, IN_TIME: _claims(found, units, IN_TIME, may_claim=may_claim and has_content)}


def _claims(found: dict[str, Compared], units: Path, name: str, *, may_claim: bool) -> pd.DataFrame:
    """Join both maps, and say what holds within the bins of each second stratifier."""
    axes = read_columns(units / AXES[name], PLACES[name]).reset_index(drop=True)
    number = PLACES[name][-1]
    axes[number] = numbers(axes[number], what=number, where=units / AXES[name])
    alpha = found[name].summary["alpha"]
    table = _joined(axes, found[name], found[PAIRS[name]])
    table = claims.with_claims(table, alpha=alpha, may_claim=may_claim)
    for column in second_stratifiers(found) if name == MAIN else []:
        within = _joined(axes, *(found[f"{kind}.{column}"] for kind in (MAIN, PAIRS[MAIN])))
        table[f"{claims.ROBUST}{column}"] = claims.robust(within, alpha=alpha)
    return claims.only_robust(table)


def _joined(axes: pd.DataFrame, attribution: Compared, power: Compared) -> pd.DataFrame:
    for each in (attribution, power):
        differ = set(axes["feature"]) ^ set(each.effects["feature"])
        if differ:
            raise complaint("strata of other features than the axes", where=each.folder, got=sorted(differ)[:3],
                            do="run strata again")  # fmt: skip
    return claims.claims_table(axes, attribution.effects, power.effects)


def _naive_features(
    arguments: argparse.Namespace, table: pd.DataFrame, settings: StrataEeg, *, stored: dict[str, str]
) -> pd.DataFrame:
    """Ask the two usual analyses about each feature, on the same attributions."""
    epochs = _epochs(arguments.units / "epochs.tsv.gz")
    values, labels = [], []
    for half, folder in zip(HALVES, arguments.maps, strict=True):
        maps, rows = read_maps(folder), epochs[epochs["half"] == half]
        # Units leave out what the filters stop.
        kept = np.isclose(maps.hz[:, None], table["hz"].unique()).any(axis=1)
        flat = maps.frequency[..., kept].mean(0).reshape(len(maps.rows), -1)
        other = half in stored and stored[half] != sha256(folder / MAPS_FILE)
        if other or maps.rows.tolist() != rows["row"].tolist() or flat.shape[1] != len(table):
            raise complaint("maps are not those of the units", where=folder, do="run units-eeg again")
        values.append(flat / rows["scale"].to_numpy()[:, None])
        labels.append(rows["label"].to_numpy() == 1)
    difference, q = pooled_epochs(np.concatenate(values), np.concatenate(labels))
    plain = settings.model_copy(update={"strata": [], "bin_column": None})
    units = read_units(arguments.units / UNITS[0], plain, axes=arguments.units / AXES[MAIN])
    theta, p = without_strata(
        units.values, units.label, subject=units.subject, fold=units.fold,
        permutations=settings.permutations, seed=settings.seed,
    )  # fmt: skip
    numbers = {"pooled_difference": difference, "pooled_q": q, "unstratified_theta": theta, "unstratified_p": p}
    return table[["feature", "channel", "hz"]].assign(**numbers)


def _truth(path: Path | None, table: pd.DataFrame) -> Truth | None:
    return None if path is None else claims.read_truth(path, channels=table["channel"])


def _epochs(path: Path) -> pd.DataFrame:
    """Read row, half, label and scale of the epochs of the units."""
    table = read_columns(path, ["row", "half", "label", "scale"])
    return table.assign(**{name: numbers(table[name], what=name, where=path) for name in ("row", "label", "scale")})


def _naive(
    table: pd.DataFrame, features: pd.DataFrame, *, alpha: float, naive_q: float, truth: Truth | None
) -> pd.DataFrame:
    """Count what each analysis would report; the last row is what claims rest on, the gate aside."""
    analyses = [
        ("pooled epochs, t-test", "attribution", "epoch", features["pooled_q"] <= naive_q),
        ("subjects, not stratified", "attribution", "subject", features["unstratified_p"] <= alpha),
        ("within strata", "attribution", "subject", table["p_attribution"] <= alpha),
        ("within strata", "power", "subject", table["p_power"] <= alpha),
        ("within strata", "attribution and power", "subject", table["p_both"] <= alpha),
    ]
    return pd.DataFrame(
        {"analysis": analysis, "maps": maps, "unit": unit, "features": len(table), "significant": int(hit.sum())}
        | ({} if truth is None else claims.count_hits(_places(table[hit]), truth))
        for analysis, maps, unit, hit in analyses
    )


def _places(table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    return zip(table["channel"], table["hz"], strict=True)


def _trust(given: pd.DataFrame, summary: dict[str, Any], out: Path) -> pd.DataFrame:
    """Join all checks of the study: those given, then those of the claims."""
    own = pd.DataFrame(claim_checks(summary), columns=given.columns)
    table = pd.concat([given, own.astype(given.dtypes)], ignore_index=True)
    twice = table.loc[table["check"].duplicated(), "check"].tolist()
    if twice:
        raise complaint("a check stands twice", where=out, got=twice[0], do="give every table once")
    return table
