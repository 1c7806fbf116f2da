"""The first section: content or stage, what is claimed, and whether it may be."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tracklight.eeg.claims import CONTENT, INTERACTION, UNUSED
from tracklight.report.blocks import Cell, Items, Section, Table, Text, words
from tracklight.report.eeg.study import BLIND, ENSEMBLE, HALVES, PASSED, Study
from tracklight.report.eeg.wording import MISSING, counted, interval_cell, p_value, places, share

ANCHOR, TITLE = "verdict", "Content or company?"
COUNTED = {CONTENT: "claimed as content", INTERACTION: INTERACTION, UNUSED: "that differ in power, not used"}
HOW = (
    "A decoder can be right because of what is reported (content) or because of the sleep stage it was reported from "
    "(company). Its evidence is the log-odds it gives. The mean difference of evidence between the labels splits "
    "exactly into a part within sleep stages, a part that comes from their mix, and a rest of stages without both "
    "labels. The confound share is the size of the second beside the first two."
)


def verdict_section(studies: Sequence[Study]) -> Section:
    """Say of every study what its decoder rests on and what may be claimed."""
    notes = [f"{study.name}: {note}" for study in studies for note in _notes(study)]
    return Section(ANCHOR, TITLE, [Text(HOW), _side_by_side(studies), *([Items(notes)] if notes else [])])


def summary(studies: Sequence[Study]) -> list[str]:
    """Return one line per study for the top of the page."""
    return [sentence(study) for study in studies]


def badge(studies: Sequence[Study]) -> str | None:
    """Return the warning for the top of the page, or None when the maps of every study may be interpreted."""
    blind = [study.name for study in studies if study.passed() is False]
    return f"{', '.join(blind)}: {BLIND}." if blind else None


def sentence(study: Study) -> str:
    """Say all that was found in a study."""
    return f"{study.name}: {_share(study)} {_gate(study)} {_claims(study)} {_truth(study)}".strip()


def _share(study: Study) -> str:
    facts = study.strata_facts()
    if facts is None:
        return "The evidence was not split."
    found = facts.get("confound_share")
    return f"{share(found)} of the evidence for {study.label()} is stage composition."


def _gate(study: Study) -> str:
    rows = _directions(study.gate())
    if not rows:
        return "The gate was not measured."
    values = " and ".join(f"{row['auc']:.2f}" for row in rows)
    p = " and ".join(p_value(row["p"]) for row in rows)
    numbers = f"within-stratum AUC {values}, p = {p}, in the two halves of the subjects"
    if study.passed():
        return f"Within sleep stages the decoder tells the labels apart ({numbers})."
    best = max(row["unstratified"] for row in rows)
    return (
        f"Within sleep stages the decoder does not tell the labels apart ({numbers}), however well it looks when "
        f"stages are ignored (AUC up to {best:.2f}): {BLIND}."
    )


def _directions(gate: pd.DataFrame | None) -> list[dict[str, Any]]:
    if gate is None:
        return []
    rows = gate[(gate["decoder"] == ENSEMBLE) & gate["direction"].isin(HALVES)]
    return rows.sort_values("direction").to_dict("records")  # type: ignore[return-value]


def _claims(study: Study) -> str:
    table = study.claims()
    if table is None:
        return "No claims were drawn."
    content = table[table["claim"] == CONTENT]
    if content.empty:
        return "Nothing is claimed."
    ways = [("more", content["theta_attribution"] > 0), ("less", content["theta_attribution"] < 0)]
    parts = [f"{places(content[rows])} ({way} evidence)" for way, rows in ways if rows.any()]
    return f"Claimed as content: {' and '.join(parts)}: the decoder uses it, and its power differs by itself."


def _truth(study: Study) -> str:
    truth = (study.folder.facts("claims/claims.json") or {}).get("truth")
    if not truth:
        return ""
    return f"Simulated, so the truth is known: {truth_words(truth)}."


def _notes(study: Study) -> list[str]:
    """Return why the design cannot conclude, and of what to beware."""
    facts, claims = study.strata_facts() or {}, study.folder.facts("claims/claims.json") or {}
    found = [f"no conclusion: {text}" for text in claims.get("refusals", facts.get("refusals", []))]
    found += [claims["undivided"]] if claims.get("undivided") else []
    cautions = [check for check in claims.get("cautions") or [] if check != PASSED]
    warnings = [] if study.unreadable() else facts.get("warnings", [])
    return [*found, *warnings, *([f"checks to look at: {'; '.join(cautions)}"] if cautions else [])]


def truth_words(truth: dict[str, Any]) -> str:
    """Word how many of the planted bins were found, and how many claims lie elsewhere."""
    found, planted, outside = (truth.get(name) for name in ("found", "planted", "outside"))
    if not planted:
        return f"nothing planted, {counted(int(outside or 0), 'claim')}"
    return f"{found} of {planted} planted bins found, {counted(int(outside or 0), 'claim')} outside"


def _side_by_side(studies: Sequence[Study]) -> Table:
    columns = [_column(study) for study in studies]
    rows = [[words(name), *(column.get(name, MISSING) for column in columns)] for name in columns[0]]
    return Table("The studies side by side, with 95% intervals over subjects", ["", *(s.name for s in studies)], rows)


def _column(study: Study) -> dict[str, Cell]:
    facts, gate, claims = study.strata_facts() or {}, study.gate(), study.claims()
    passed = {True: "✓ passed", False: "✗ not passed", None: "–"}[study.passed()]
    column = {"gate": words(passed)}
    for half in HALVES:
        rows = [row for row in _directions(gate) if row["direction"] == half]
        column[f"within-stratum AUC, networks of half {half}"] = (
            interval_cell(rows[0]["auc"], rows[0]["low"], rows[0]["high"]) if rows else MISSING
        )
    column |= {"confound share of the evidence": words(share(facts.get("confound_share")) if facts else None)}
    for name, part in (("evidence within stages", "within"), ("evidence between stages", "between")):
        column[f"{name} (SD)"] = _part(study, part)
    for claim, label in COUNTED.items():
        count = None if claims is None else int((claims["claim"] == claim).sum())
        column[f"features {label}"] = MISSING if count is None else Cell(str(count), count)
    truth = (study.folder.facts("claims/claims.json") or {}).get("truth")
    return column | ({"truth": words(truth_words(truth))} if truth else {"truth": MISSING})


def _part(study: Study, part: str) -> Cell:
    table = study.strata("strata_decomposition")
    if table is None:
        return MISSING
    row = table.iloc[-1]
    return interval_cell(row[part], row[f"{part}_low"], row[f"{part}_high"])
