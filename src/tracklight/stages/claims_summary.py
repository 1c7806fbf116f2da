"""What `claims-eeg` reads of `strata`, and what it says in sum: `claims.json` and its checks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tracklight.eeg import claims
from tracklight.eeg.claims import Truth
from tracklight.errors import complaint
from tracklight.stages.checks import NAN, Check, Verdict
from tracklight.stages.gate_eeg import BLIND
from tracklight.stages.strata_tables import SCORE, SUM, UNDIVIDED, finite
from tracklight.stats.decomposition import Parts

FILES = ("strata.tsv", "strata_decomposition.tsv", "strata.json")
MAIN, IN_TIME = "attribution", "attribution_time"
PAIRS = {MAIN: "power", IN_TIME: "power_time"}
NOTHING = "labels are told apart within strata, but no feature is significant in both attribution and power"
ENDS = {"value": "", "low": "_low", "high": "_high"}  # of a number with its 95 % interval, and their columns
OF_DESIGN = ("overlap", "units", "subjects", "alpha", "directions", "auc", "confound_share", "warnings")
OF_UNITS = ("complete", "methods", "seed_agreement", "whole_reports", "epochs_of_other_stages")


@dataclass(frozen=True, eq=False)
class Compared:
    """What `strata` wrote about one map.

    Attributes
    ----------
    effects : DataFrame
        `strata.tsv`.
    split : DataFrame
        `strata_decomposition.tsv`, by feature.
    summary : dict
        `strata.json`.
    """

    effects: pd.DataFrame
    split: pd.DataFrame
    summary: dict[str, Any]


def read_compared(folder: Path) -> Compared:
    """Read a folder of `strata`; one without a score, or of another stage, is an `InputError`."""
    try:
        effects, split = (pd.read_csv(folder / name, sep="\t", dtype={"feature": str}) for name in FILES[:2])
        summary = json.loads((folder / FILES[2]).read_text(encoding="utf-8"))
        split = split.set_index("feature")
        _, _ = split.loc[SCORE], effects[["feature", *claims.FROM_ATTRIBUTION]]
        _ = [summary[name] for name in (*OF_DESIGN, "refusals")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise complaint("not a folder of strata with a score", where=folder, got=error, do="run strata") from None
    return Compared(effects, split, summary)


def second_stratifiers(names: Iterable[str]) -> list[str]:
    """Return the columns of the maps `attribution.COLUMN` and `power.COLUMN`, in the order given."""
    return list(dict.fromkeys(name.partition(".")[2] for name in names if "." in name))


def summarise(
    found: dict[str, Compared],
    tables: dict[str, pd.DataFrame],
    *,
    units: dict[str, Any],
    truth: Truth | None,
    passed: bool,
) -> dict[str, Any]:
    """Return what `claims.json` says.

    Parameters
    ----------
    found : dict of str to Compared
        Maps by name.
    tables : dict of str to DataFrame
        Claims of the map by frequency and of the map by time.
    units : dict
        `units.json`.
    truth : Truth, optional
        Where the content of a simulated study is.
    passed : bool
        The gate.
    """
    main, table = found[MAIN], tables[MAIN]
    content = table[table["claim"] == claims.CONTENT]
    refusals = {name: each.summary["refusals"] for name, each in found.items() if each.summary["refusals"]}
    places = zip(content["channel"], content["hz"], strict=True)
    return {
        "verdict": _verdict(content, refusals, passed=passed),
        "gate": passed,
        **{name: main.summary[name] for name in OF_DESIGN},
        "margin": _parts(main.split, SCORE),
        "sum_of_features": _parts(main.split, SUM) if units["complete"] else None,
        "undivided": None if units["complete"] else UNDIVIDED,
        **{name: units[name] for name in OF_UNITS},
        "claims": {name: int((table["claim"] == name).sum()) for name in claims.CLAIMS},
        "content": _signed(content),
        "content_in_time": _signed(tables[IN_TIME][tables[IN_TIME]["claim"] == claims.CONTENT]),
        **_robust(content, second_stratifiers(found)),
        "maps": claims.map_p({"frequency": table, "time": tables[IN_TIME]}),
        "truth": None if truth is None else claims.count_hits(places, truth),
        "refusals": refusals,
    }


def claim_checks(summary: dict[str, Any]) -> Iterator[Check]:
    """Yield the checks of this stage, as they go to `trust.tsv`."""
    content, refusals = summary["claims"][claims.CONTENT], summary["refusals"]
    refused: Verdict = "fail" if _reasons(refusals) else "warn" if refusals else "pass"
    yield Check("claims: maps refused", len(refusals), verdict=refused)
    yield Check(
        "claims: attribution sums to the output", int(summary["complete"]),
        verdict="pass" if summary["complete"] else "warn",
    )  # fmt: skip
    value, low, high = (NAN if end is None else end for end in map(summary["confound_share"].get, ENDS))
    yield Check("claims: share of stage composition", value, low, high)
    yield Check("claims: features with content", content)
    for name, count in summary["robust"].items():
        verdict: Verdict = "info" if content == 0 else "pass" if count == content else "warn"
        yield Check(
            f"claims: content within bins of {name} too (control: all)", count, control=content, verdict=verdict
        )
    yield from _truth_checks(summary["truth"])


def _truth_checks(truth: dict[str, int] | None) -> Iterator[Check]:
    if truth is None:
        return
    yield Check(
        "claims: planted bins found (control: planted)", truth["found"], control=truth["planted"],
        verdict="pass" if truth["found"] == truth["planted"] else "fail",
    )  # fmt: skip
    verdict: Verdict = "fail" if truth["outside"] else "pass"
    yield Check("claims: content outside of the planted bins", truth["outside"], verdict=verdict)


def _verdict(content: pd.DataFrame, refusals: dict[str, list[str]], *, passed: bool) -> str:
    if reasons := _reasons(refusals):
        return f"no conclusion: {reasons[0]}"
    if not passed:
        return BLIND
    return f"content at {', '.join(content['feature'])}" if len(content) else NOTHING


def _reasons(refusals: dict[str, list[str]]) -> list[str]:
    """Return why the maps that claims rest on were refused; others leave the claims as they are."""
    return [text for name in (MAIN, PAIRS[MAIN]) for text in refusals.get(name, [])]


def _signed(content: pd.DataFrame) -> list[dict[str, str]]:
    """List features with the sign of their attribution."""
    return [{"feature": name, "sign": sign} for name, sign in zip(content["feature"], content["sign"], strict=True)]


def _robust(content: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """Count the claims of content that hold within the bins of each second stratifier, and of every one of them."""
    holds = content[[f"robust.{name}" for name in columns]].fillna(value=False)
    counts = {name: int(holds[f"robust.{name}"].sum()) for name in columns}
    return {"robust": counts, "robust_to_all": int(holds.all(axis=1).sum()) if columns else None}


def _parts(split: pd.DataFrame, name: str) -> dict[str, dict[str, float | None]]:
    """Return total, within, between, rest and confound share of one row, each with its ends."""
    return {
        part: {end: finite(float(split[part + suffix][name])) for end, suffix in ENDS.items()}
        for part in (*Parts._fields, "confound_share")
    }
