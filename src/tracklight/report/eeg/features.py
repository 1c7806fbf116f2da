"""Tables of single features: effects, intervals and p-values, and what naive analyses would have reported."""

import numpy as np
import pandas as pd

from tracklight.eeg.claims import CLAIMS, INTERACTION, ROBUST, kinds
from tracklight.report.blocks import Cell, Table, number, plain_table, words
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import MISSING, interval_cell, p_cell

COLUMNS = [
    "feature", "claim", "attribution: difference (95% interval)", "effect size g", "new subject (95%)",
    "subjects of the same sign", "attribution: z", "attribution: p", "pattern", "power: difference", "power: z",
    "power: p", "p of both",
]  # fmt: skip
SHORT = {INTERACTION: "interaction"}  # in the rows of the table


def features_table(study: Study, claims: pd.DataFrame, *, top_n: int) -> Table:
    """Return the first features: content, what is used through interaction or not at all, then by attribution.

    Parameters
    ----------
    study : Study
        Whose features.
    claims : DataFrame
        Rows of `claims.tsv`.
    top_n : int
        How many at most.
    """
    effects = study.strata("strata")
    strength = claims["z_attribution"].abs().rank(ascending=False)
    rank = kinds(claims["claim"]).map({claim: place for place, claim in enumerate(CLAIMS)}).fillna(len(CLAIMS))
    first = claims.assign(rank=rank, weak=strength)
    first = first.sort_values(["rank", "p_attribution", "weak"], kind="stable").head(top_n)
    more = [name for name in claims.columns if name.startswith(ROBUST)]
    by_name = {} if effects is None else effects.set_index("feature").to_dict("index")
    rows = [_row(row, by_name.get(row["feature"], {}), more) for row in first.to_dict("records")]
    caption = (
        f"{study.name}: {len(first)} of {len(claims)} features, claims first, then by p of the attribution. "
        "Interaction: used through it. p: family-wise over all features and both directions of the cross-fit; g: mean "
        "over the SD between subjects; new subject: where the difference of another subject would lie "
        "(claims/claims.tsv, strata.tsv of the attribution)"
    )
    return Table(caption, [*COLUMNS, *(f"within bins of {name.removeprefix(ROBUST)}" for name in more)], rows,
                 sortable=True)  # fmt: skip


def _row(row: dict, effect: dict, more: list[str]) -> list[Cell]:
    new = interval_text(effect.get("new_low"), effect.get("new_high"))
    same = f"{effect['same_sign']:.0f} of {effect['subjects']:.0f}" if effect else ""
    return [
        words(row["feature"]),
        words(SHORT.get(row["claim"], row["claim"])),
        interval_cell(row["theta_attribution"], row["low"], row["high"], digits=3),
        number(row["g_z"], digits=2),
        Cell(new, effect["new_low"]) if new else MISSING,
        Cell(same, effect["same_sign"]) if effect else MISSING,
        _plain(row["z_attribution"], digits=1),
        p_cell(row["p_attribution"]),
        _plain(row.get("pattern")),
        _plain(row["theta_power"]),
        _plain(row["z_power"], digits=1),
        p_cell(row["p_power"]),
        p_cell(row["p_both"]),
        *(words({"True": "✓ holds", "False": "✗"}.get(str(row[name]))) for name in more),
    ]


def _plain(value: float | None, *, digits: int = 3) -> Cell:
    """Word a number with so many decimals, never with an exponent: what is small here is nothing."""
    return MISSING if value is None else interval_cell(value, np.nan, np.nan, digits=digits)


def strongest(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the row with the largest size of a column."""
    sizes = table[column].abs().fillna(-1).to_numpy(float)
    return table.iloc[int(sizes.argmax())]


def interval_text(low: float | None, high: float | None) -> str:
    """Word an interval without its middle."""
    return "" if low is None or pd.isna(low) else f"{low:z.3f} to {high:z.3f}"


def naive_table(naive: pd.DataFrame, *, caption: str) -> Table:
    """Show every analysis with what it reports, in the order and the words of its table."""
    return plain_table(naive, caption=caption, headings={name: name.replace("_", " ") for name in naive.columns})
