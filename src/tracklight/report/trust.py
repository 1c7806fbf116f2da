"""The section that opens the microscope: every check with its control and its verdict."""

import pandas as pd

from tracklight.report.blocks import Block, Cell, Section, Table, Text, absent
from tracklight.report.run_folder import RunFolder

SIGNS = {"pass": "✓ pass", "warn": "! warn", "fail": "✗ fail", "info": "· info"}  # told apart without colour
JUDGED = ("pass", "warn", "fail")
HOW = (
    "Every check is made on held-out windows. Its control, named in brackets, is the same number where nothing should "
    "be found. A verdict speaks of these networks and their map, not of the cell. The rules: docs/trust.md."
)


def trust_section(run: RunFolder) -> Section:
    """Show all checks, those with a verdict apart and the worst first."""
    title, table = "Can the light be trusted?", run.table("trust.tsv")
    if table is None or not len(table):
        return absent("trust", title, "No check was made.")
    blocks: list[Block] = [Text(trust_sentence(table), strong=True), Text(HOW)]
    return Section("trust", title, [*blocks, *check_tables(table, source="trust.tsv")])


def check_tables(table: pd.DataFrame, *, source: str) -> list[Table]:
    """Return the checks with a verdict, the worst first, and apart from them the numbers without threshold.

    Parameters
    ----------
    table : DataFrame
        Rows of `trust.tsv`.
    source : str
        What the captions call its file.
    """
    judged = table[table["verdict"].isin(JUDGED)]
    worst_first = judged.sort_values("verdict", key=lambda verdict: -verdict.map(JUDGED.index), kind="stable")
    parts = ((worst_first, "Checks with a verdict"), (table.drop(judged.index), "Numbers without threshold"))
    return [_table(rows, caption=f"{caption}, with 95% intervals ({source})") for rows, caption in parts if len(rows)]


def trust_sentence(table: pd.DataFrame) -> str:
    """Count the verdicts in words and name what does not hold."""
    counts = table["verdict"].value_counts()
    parts = [f"{counts[verdict]} {verdict}" for verdict in JUDGED if counts.get(verdict, 0)]
    failed = table.loc[table["verdict"] == "fail", "check"].tolist()
    named = f" What fails: {'; '.join(failed)}." if failed else ""
    return f"Checks of the model and its map: {', '.join(parts) or 'none was judged'}.{named}"


def _table(table: pd.DataFrame, *, caption: str) -> Table:
    rows = [
        [
            Cell(str(row.check), str(row.check)),
            _number(row.value),  # type: ignore[arg-type]
            Cell(_interval(row.low, row.high), row.low if pd.notna(row.low) else ""),  # type: ignore[arg-type]
            _number(row.control),  # type: ignore[arg-type]
            Cell(SIGNS[str(row.verdict)], list(SIGNS).index(str(row.verdict))),
        ]
        for row in table.itertuples()
    ]
    return Table(caption, ["check", "value", "95% interval", "control", "verdict"], rows, sortable=True)


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) or pd.isna(high) else f"{_number(low).text} to {_number(high).text}"


def _number(value: float) -> Cell:
    """Word a number with three digits: rows are of many units."""
    return Cell("–", "") if pd.isna(value) else Cell(f"{value:.3g}", float(value))
