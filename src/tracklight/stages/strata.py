"""`tracklight strata`: is a difference between two labels content, or the company that the labels keep."""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.errors import InputError, complaint, existing_file
from tracklight.files import sha256, write_text
from tracklight.settings import Strata
from tracklight.stages import door
from tracklight.stages.strata_inference import Inference, draw, infer
from tracklight.stages.strata_parts import add_inputs, ask, given_files, identity, join_parts
from tracklight.stages.strata_tables import (
    UNDIVIDED,
    effect_table,
    headline,
    labellings,
    split_table,
    stage_counts,
    stage_table,
    subject_table,
)
from tracklight.stages.tables import write_table
from tracklight.stages.units import Units
from tracklight.stats import auroc, benjamini_hochberg
from tracklight.stats import permutation as tests
from tracklight.stats import strata as engine
from tracklight.stats.discrimination import auc_interval, auc_within

Floats = NDArray[np.float64]
LARGEST_INTEGER = 2**53  # what every reader of JSON keeps exactly
COLLIDER = (
    "rows are compared within bins of {column}: if that was computed from the same signal as the features, the bins "
    "themselves can make differences (collider); repeat with a proxy from another signal and believe what both show"
)
BLIND = "no decoding within strata: the score does not tell the labels apart there, and maps must not be interpreted"
FLAT = "flat within strata, never found: {names}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    add_inputs(parser)
    parser.add_argument("--null", type=Path, nargs="+", help="all parts that strata-null wrote; drawn here when absent")
    parser.add_argument(
        "--units-facts", type=Path,
        help="units.json of units-eeg: where its attribution does not sum to the output, the score alone is split",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables of this stage")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `strata.json` and the tables `strata`, and of subjects, parts (decomposition), stages and clusters."""
    settings = door.stage_settings(arguments, Strata, section="strata")
    inputs = given_files(arguments)
    more = {f"null{number}": path for number, path in enumerate(arguments.null or [])}
    parts = list(more.values())
    more |= {} if arguments.units_facts is None else {"units facts": arguments.units_facts}
    with door.recorded(arguments, "strata", settings, inputs | more) as facts:
        units, asked = ask(inputs, settings)
        undivided = _undivided(arguments.units_facts, settings)
        nulls = join_parts(parts, identity(inputs, settings)) if parts else draw(asked)
        folds = [infer(direction, nulls) for direction in asked]
        summary = _summary(units, folds, settings)
        summary |= {"table_sha256": sha256(inputs["table"]), "undivided": undivided}
        tables = _tables(units, folds, settings, refused=bool(summary["refusals"]), divided=undivided is None)
        for name, table in tables.items():
            write_table(arguments.out / f"{name}.tsv", table)
        summary["significant"] = int((tables["strata"]["p_max"] <= settings.alpha).sum())
        summary["confound_share"] = headline(tables["strata_decomposition"])
        write_text(arguments.out / "strata.json", json.dumps(summary, indent=2) + "\n")
        facts |= {key: summary[key] for key in ("units", "subjects", "refusals", "significant")}


def _undivided(path: Path | None, settings: Strata) -> str | None:
    """Say why the score alone may be split; None when the features may be as well."""
    if path is None:
        return None
    try:
        complete = bool(json.loads(existing_file(path, what="facts of units-eeg").read_text("utf-8"))["complete"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise complaint("no facts of units-eeg", where=path, got=error, do="run units-eeg again") from None
    if not complete and settings.score is None:
        raise complaint("there is nothing to split", where=path, got=UNDIVIDED, do="set strata.score")
    return None if complete else UNDIVIDED


def _tables(
    units: Units, folds: list[Inference], settings: Strata, *, refused: bool, divided: bool
) -> dict[str, pd.DataFrame]:
    p, clusters = _p_values(folds, features=len(units.features)), pd.concat([fold.clusters for fold in folds])
    if refused:
        p, clusters = p * np.nan, clusters.assign(p=np.nan)
    return {
        "strata": pd.concat([effect_table(units, settings), p], axis=1),
        "strata_subjects": subject_table(units, divided=divided),
        "strata_decomposition": split_table(units, settings, divided=divided),
        "strata_stages": stage_table(units),
        "strata_clusters": clusters,
    }


def _p_values(folds: list[Inference], *, features: int) -> pd.DataFrame:
    """One column per test, joined over the directions; then every direction's own family-wise p."""
    found: dict[str, Floats] = {}
    for name in (name for name in folds[0].p if all(name in fold.p for fold in folds)):
        found[name], every = tests.cross_fit([fold.p[name] for fold in folds])
        if name == "p_max" and len(folds) > 1:
            found["p_max.every"] = every
            found |= {f"p_max.{fold.fold}": fold.p[name] for fold in folds}
    found["q"] = benjamini_hochberg(found["p"])
    return pd.DataFrame(found, index=range(features))


def _summary(units: Units, folds: list[Inference], settings: Strata) -> dict[str, Any]:
    design = units.design
    auc = _auc(units, folds, settings)
    return {
        "units": len(units.label), "subjects": len(design.subjects), "strata": len(design.weight),
        "informative_subjects": int((design.shares.sum(1) > 0).sum()), "overlap": design.overlap,
        "stages": stage_counts(design).to_dict("records"),
        "alpha": settings.alpha, "seed": settings.seed, "exchange": settings.exchange,
        "bin_column": settings.bin_column, "bins": settings.bins if settings.bin_column else None,
        "directions": [_direction(fold) for fold in folds], "auc": auc,
        "warnings": _warnings(units, settings, auc), "refusals": _refusals(design, folds, settings),
    }  # fmt: skip


def _direction(fold: Inference) -> dict[str, Any]:
    distinct, design = fold.drawn.distinct, fold.design
    counts = {"units": len(design.label), "subjects": len(design.subjects), "overlap": design.overlap}
    return {"fold": fold.fold, **counts, "labellings": fold.drawn.count, "exact": fold.drawn.exact,
            "distinct_labellings": distinct if distinct < LARGEST_INTEGER else None,
            "log10_distinct_labellings": math.log10(distinct), "smallest_p": fold.drawn.smallest_p,
            "auc": fold.auc and fold.auc[0], "auc_p": fold.auc and fold.auc[1]}  # fmt: skip


def _auc(units: Units, folds: list[Inference], settings: Strata) -> dict[str, Any] | None:
    if units.score is None:
        return None
    design, generator = units.design, np.random.default_rng(settings.seed)
    low, high = auc_interval(design, units.score, samples=settings.bootstrap, generator=generator)
    return {"within_strata": auc_within(design, units.score), "low": low, "high": high,
            "unstratified": auroc(units.score, units.label),
            "decodes": all(fold.auc is not None and fold.auc[1] <= settings.alpha for fold in folds)}  # fmt: skip


def _warnings(units: Units, settings: Strata, auc: dict[str, Any] | None) -> list[str]:
    warnings = [COLLIDER.format(column=settings.bin_column)] if settings.bin_column else []
    warnings += [BLIND] if auc is not None and not auc["decodes"] else []
    flat = tests.main_statistic(units.design, units.values, drawn=labellings(units, settings)).sd[0] == 0
    return warnings + ([FLAT.format(names=", ".join(np.array(units.features)[flat]))] if flat.any() else [])


def _refusals(design: engine.Design, folds: list[Inference], settings: Strata) -> list[str]:
    refusals = []
    if design.overlap < settings.smallest_overlap:
        refusals.append(
            f"only {design.overlap:.2f} of the rows are in strata with both labels; "
            f"{settings.smallest_overlap} or more are needed to conclude"
        )
    for fold in folds:
        try:
            tests.refuse_weak(fold.drawn, alpha=settings.alpha / len(folds))
        except InputError as error:
            refusals.append(f"{fold.fold}: {error}")
    return refusals
