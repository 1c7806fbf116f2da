"""What the evidence of a study divides into, and whether there is any difference to divide."""

import pandas as pd

from tracklight.report.blocks import Cell
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import MISSING, share

NOTHING = Cell("– (nothing to divide)", "")


def split_of(study: Study) -> pd.Series | None:
    """Return the parts of the evidence: the last row of `strata_decomposition.tsv`."""
    table = study.strata("strata_decomposition")
    return None if table is None or table.empty else table.iloc[-1]


def differs(row: pd.Series) -> bool:
    """Say whether the interval of the whole difference excludes 0; one without an interval never does."""
    return bool(row["total_low"] > 0 or row["total_high"] < 0)


def share_sentence(study: Study) -> str:
    """Say what share of the evidence is stage composition, where the labels differ in evidence at all."""
    row, facts = split_of(study), study.strata_facts()
    if row is None or facts is None:
        return "The evidence was not split."
    if differs(row):
        return f"{share(facts.get('confound_share'))} of the evidence for {study.label()} is stage composition."
    if pd.isna(row["total_low"]):
        return f"One subject's evidence has no interval, so it is not divided (total {row['total']:z.2f} SD)."
    return (
        f"The evidence does not differ between the labels (total {row['total']:z.2f} SD, {row['total_low']:z.2f} to "
        f"{row['total_high']:z.2f}), so there is nothing to divide."
    )


def share_cell(row: pd.Series | None) -> Cell:
    """Word the confound share, where there is a difference to divide."""
    if row is None:
        return MISSING
    if not differs(row):
        return NOTHING
    ends = {"value": "confound_share", "low": "confound_share_low", "high": "confound_share_high"}
    found = {name: None if pd.isna(row[column]) else float(row[column]) for name, column in ends.items()}
    return Cell(share(found), float(row["confound_share"]))
