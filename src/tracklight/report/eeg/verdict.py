"""The first section: content or stage, what is claimed, and whether it may be."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from tracklight.eeg.claims import CONTENT, INTERACTION, NOT_ROBUST, UNUSED, kinds
from tracklight.report.blocks import Cell, Items, Section, Table, Text, words
from tracklight.report.eeg.evidence import share_cell, share_sentence, split_of
from tracklight.report.eeg.study import BLIND, ENSEMBLE, HALVES, PASSED, Study
from tracklight.report.eeg.wording import MISSING, counted, interval_cell, p_value, places

ANCHOR, TITLE = "verdict", "Content or company?"
LOOKS = 0.1  # by how much the AUC must be higher when stages are ignored to be worth a word
COUNTED = {
    CONTENT: "claimed as content",
    NOT_ROBUST: "not robust within bins of a second stratifier",
    INTERACTION: INTERACTION,
    UNUSED: "that differ in power, not used",
}
MAPS = {"frequency": "by frequency, declared first", "time": "by time, declared second"}
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


def summary(studies: Sequence[Study]) -> dict[str, bool]:
    """Return one line per study for the top of the page, and whether it is a warning."""
    return {sentence(study): bool(study.unreadable()) for study in studies}


def badge(studies: Sequence[Study]) -> str | None:
    """Return the warning for the top of the page, or None when the maps of every study may be interpreted."""
    blind = dict[str, list[str]]()
    for study in studies:
        if study.passed() is not None and (reason := study.unreadable()):
            blind.setdefault(reason, []).append(study.name)
    return " ".join(f"{', '.join(names)}: {reason}." for reason, names in blind.items()) or None


def sentence(study: Study) -> str:
    """Say all that was found in a study."""
    return f"{study.name}: {share_sentence(study)} {_gate(study)} {_claims(study)} {_truth(study)}".strip()


def _gate(study: Study) -> str:
    rows = _directions(study.gate())
    if not rows:
        return "The gate was not measured."
    values = " and ".join(f"{row['auc']:.2f}" for row in rows)
    p = " and ".join(p_value(row["p"]) for row in rows)
    numbers = f"within-stratum AUC {values}, p = {p}, in the two halves of the subjects"
    if study.passed():
        return f"Within sleep stages the decoder tells the labels apart ({numbers})."
    best, within = (max(row[name] for row in rows) for name in ("unstratified", "auc"))
    looks = f", however well it looks when stages are ignored (AUC up to {best:.2f})" if best >= within + LOOKS else ""
    return f"Within sleep stages the decoder does not tell the labels apart ({numbers}){looks}: {BLIND}."


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
    lost = int((kinds(table["claim"]) == NOT_ROBUST).sum())
    fragile = (
        f" {counted(lost, 'feature')} in both maps, but not within bins of every second stratifier." if lost else ""
    )
    if content.empty:
        why = study.unreadable() if study.passed() else ""
        return f"Nothing is claimed: {why}." if why else f"Nothing is claimed.{fragile}"
    ways = [("more", content["theta_attribution"] > 0), ("less", content["theta_attribution"] < 0)]
    parts = [f"{places(content[rows])} ({way} evidence)" for way, rows in ways if rows.any()]
    return f"Claimed as content: {' and '.join(parts)}: the decoder uses it, and its power differs by itself.{fragile}"


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
    gate, claims = study.gate(), study.claims()
    passed = {True: "✓ passed", False: "✗ not passed", None: "–"}[study.passed()]
    column = {"gate": words(passed)}
    for half in HALVES:
        rows = [row for row in _directions(gate) if row["direction"] == half]
        column[f"within-stratum AUC, networks of half {half}"] = (
            interval_cell(rows[0]["auc"], rows[0]["low"], rows[0]["high"]) if rows else MISSING
        )
    column |= {"confound share of the evidence": share_cell(split_of(study))}
    for name, part in (("evidence within stages", "within"), ("evidence between stages", "between")):
        column[f"{name} (SD)"] = _part(study, part)
    for claim, label in COUNTED.items():
        count = None if claims is None else int((kinds(claims["claim"]) == claim).sum())
        column[f"features {label}"] = MISSING if count is None else Cell(str(count), count)
    found = study.folder.facts("claims/claims.json") or {}
    for name, label in MAPS.items():
        column[f"smallest p {label} (Holm over both maps)"] = _smallest(found.get("maps", {}).get(name, {}))
    truth = found.get("truth")
    return column | ({"truth": words(truth_words(truth))} if truth else {"truth": MISSING})


def _smallest(found: dict[str, Any]) -> Cell:
    smallest, adjusted = found.get("smallest_p"), found.get("p_holm")
    return MISSING if smallest is None else Cell(f"{p_value(smallest)} ({p_value(adjusted)})", smallest)


def _part(study: Study, part: str) -> Cell:
    table = study.strata("strata_decomposition")
    if table is None:
        return MISSING
    row = table.iloc[-1]
    return interval_cell(row[part], row[f"{part}_low"], row[f"{part}_high"])
