"""What `claims-eeg` reads of `strata`, and what it says in sum: `claims.json` and its checks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tracklight.eeg import claims
from tracklight.eeg.claims import Truth
from tracklight.errors import complaint, existing_file
from tracklight.files import sha256
from tracklight.stages.checks import NAN, Check, Verdict
from tracklight.stages.gate_eeg import BLIND, failed_placebos
from tracklight.stages.strata_tables import SCORE, SUM, UNDIVIDED, finite
from tracklight.stats.decomposition import Parts

FILES = ("strata.tsv", "strata_decomposition.tsv", "strata.json")
MAIN, IN_TIME = "attribution", "attribution_time"
PAIRS = {MAIN: "power", IN_TIME: "power_time"}
NOTHING = "labels are told apart within strata, but no feature is significant in both attribution and power"
FRAGILE = "what is significant in both attribution and power does not hold within the bins of every second stratifier"
COARSE, NOTHING_WITHIN = "strata are too coarse", "within bins of {} nothing can be concluded: take fewer bins"
ENDS = {"value": "", "low": "_low", "high": "_high"}  # of a number with its 95 % interval, and their columns
OF_DESIGN = ("overlap", "units", "subjects", "alpha", "directions", "auc", "confound_share", "warnings")
OF_UNITS = ("complete", "methods", "seed_agreement", "whole_reports", "epochs_of_other_stages")


@dataclass(frozen=True, eq=False)
class Compared:
    """What `strata` wrote about one map.

    Attributes
    ----------
    folder : Path
        Where.
    effects : DataFrame
        `strata.tsv`.
    split : DataFrame
        `strata_decomposition.tsv`, by feature.
    summary : dict
        `strata.json`.
    """

    folder: Path
    effects: pd.DataFrame
    split: pd.DataFrame
    summary: dict[str, Any]


def read_compared(folder: Path, *, table: Path, column: str | None) -> Compared:
    """Read a folder of `strata`.

    Parameters
    ----------
    folder : Path
        The folder.
    table : Path
        Units that it must be about.
    column : str or None
        Second stratifier within whose bins it must compare; None: none.

    Raises
    ------
    InputError
        When it has no score, is of another stage, of other units, or within other bins.
    """
    try:
        effects, split = (pd.read_csv(folder / name, sep="\t", dtype={"feature": str}) for name in FILES[:2])
        summary = json.loads((folder / FILES[2]).read_text(encoding="utf-8"))
        split = split.set_index("feature")
        _ = split.loc[SCORE], effects[[*claims.FROM_ATTRIBUTION, *claims.FROM_POWER]].astype(float)
        _ = [summary[name] for name in (*OF_DESIGN, "refusals")], float(summary["auc"]["within_strata"])
        origin, bins = summary["table_sha256"], summary["bin_column"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise complaint("not a folder of strata with a score", where=folder, got=error, do="run strata") from None
    if origin != sha256(existing_file(table, what="table of units")):
        raise complaint("strata of another table", where=folder, allowed=f"that of {table}", do="run strata on it")
    if bins != column:
        found, wanted = (f"bins of {name}" if name else "no bins" for name in (bins, column))
        raise complaint("strata within other bins", where=folder, got=found, allowed=wanted, do="run strata again")
    return Compared(folder, effects, split, summary)


def read_units_facts(path: Path) -> dict[str, Any]:
    """Read `units.json`; what is none is an `InputError`."""
    try:
        facts = dict(json.loads(path.read_text(encoding="utf-8")))
        _ = [facts[name] for name in OF_UNITS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise complaint("not the facts of units-eeg", where=path, got=error, do="run units-eeg") from None
    return facts


def why_withheld(found: dict[str, Compared], given: pd.DataFrame, *, passed: bool) -> str | None:
    """Return why nothing may be claimed of this study, or None where claims may be made.

    Parameters
    ----------
    found : dict of str to Compared
        Maps by name.
    given : DataFrame
        Checks of the gate.
    passed : bool
        The gate.
    """
    refusals = _refusals(found)
    closed = [column for column in second_stratifiers(found) if any(n.endswith(f".{column}") for n in refusals)]
    placebos = failed_placebos(given)
    reasons = [text for name in (MAIN, PAIRS[MAIN]) for text in refusals.get(name, [])]
    if not reasons and not passed:
        return BLIND
    reasons += [f"{COARSE} ({', '.join(placebos)})"] if placebos else []
    reasons += [NOTHING_WITHIN.format(column) for column in closed]
    return f"no conclusion: {reasons[0]}" if reasons else None


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
    withheld: str | None,
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
    withheld : str or None
        Why nothing may be claimed.
    """
    main, table = found[MAIN], tables[MAIN]
    content, counts = table[table["claim"] == claims.CONTENT], claims.kinds(table["claim"]).value_counts()
    places = zip(content["channel"], content["hz"], strict=True)
    return {
        "verdict": withheld or _verdict(content, lost=int(counts.get(claims.NOT_ROBUST, 0))),
        "withheld": withheld,
        "gate": passed,
        **{name: main.summary[name] for name in OF_DESIGN},
        "margin": _parts(main.split, SCORE),
        "sum_of_features": _parts(main.split, SUM) if units["complete"] else None,
        "undivided": None if units["complete"] else UNDIVIDED,
        **{name: units[name] for name in OF_UNITS},
        "claims": {name: int(counts.get(name, 0)) for name in claims.CLAIMS},
        "content": _signed(content),
        "content_in_time": _signed(tables[IN_TIME][tables[IN_TIME]["claim"] == claims.CONTENT]),
        **_robust(table, second_stratifiers(found)),
        "maps": claims.map_p({"frequency": table, "time": tables[IN_TIME]}),
        "truth": None if truth is None else claims.count_hits(places, truth),
        "refusals": _refusals(found),
    }


def claim_checks(summary: dict[str, Any]) -> Iterator[Check]:
    """Yield the checks of this stage, as they go to `trust.tsv`."""
    content, refusals = summary["claims"][claims.CONTENT], summary["refusals"]
    both = content + summary["claims"][claims.NOT_ROBUST]
    needed = any(name not in (IN_TIME, PAIRS[IN_TIME]) for name in refusals)
    refused: Verdict = "fail" if needed else "warn" if refusals else "pass"
    yield Check("claims: maps refused", len(refusals), verdict=refused)
    yield Check(
        "claims: attribution sums to the output", int(summary["complete"]),
        verdict="pass" if summary["complete"] else "warn",
    )  # fmt: skip
    value, low, high = (NAN if end is None else end for end in map(summary["confound_share"].get, ENDS))
    yield Check("claims: share of stage composition", value, low, high)
    yield Check("claims: features with content", content)
    for name, count in summary["robust"].items():
        verdict: Verdict = "info" if both == 0 else "pass" if count == both else "warn"
        yield Check(f"claims: in both maps within bins of {name} too (control: all)", count, control=both,
                    verdict=verdict)  # fmt: skip
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


def _verdict(content: pd.DataFrame, *, lost: int) -> str:
    nothing = FRAGILE if lost else NOTHING
    return f"content at {', '.join(content['feature'])}" if len(content) else nothing


def _refusals(found: dict[str, Compared]) -> dict[str, list[str]]:
    """Return why maps were refused; those by time leave the claims by frequency as they are."""
    return {name: each.summary["refusals"] for name, each in found.items() if each.summary["refusals"]}


def _signed(content: pd.DataFrame) -> list[dict[str, str]]:
    """List features with the sign of their attribution."""
    return [{"feature": name, "sign": sign} for name, sign in zip(content["feature"], content["sign"], strict=True)]


def _robust(table: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """Count what both maps show and holds within the bins of each second stratifier, and of every one of them."""
    both = table[claims.kinds(table["claim"]).isin([claims.CONTENT, claims.NOT_ROBUST])]
    holds = both[[f"robust.{name}" for name in columns]].fillna(value=False)
    counts = {name: int(holds[f"robust.{name}"].sum()) for name in columns}
    return {"robust": counts, "robust_to_all": int(holds.all(axis=1).sum()) if columns else None}


def _parts(split: pd.DataFrame, name: str) -> dict[str, dict[str, float | None]]:
    """Return total, within, between, rest and confound share of one row, each with its ends."""
    return {
        part: {end: finite(float(split[part + suffix][name])) for end, suffix in ENDS.items()}
        for part in (*Parts._fields, "confound_share")
    }
