"""The section that opens the microscope: every check with its control and its verdict."""

import pandas as pd

from tracklight.report.blocks import Block, Cell, Section, Table, Text, absent, number
from tracklight.report.run_folder import RunFolder

SIGNS = {"pass": "✓ pass", "warn": "! warn", "fail": "✗ fail", "info": "· info"}  # told apart without colour
JUDGED = ("pass", "warn", "fail")
HOW = (
    "Every check is made on held-out windows. Control is the same number where nothing should be found; what it is "
    "stands in the section of the check. Rows marked info are numbers without a threshold. A verdict speaks of these "
    "networks and their map, not of the cell."
)


def trust_section(run: RunFolder) -> Section:
    """Show all checks, the worst verdicts first within the order of the stages."""
    title, table = "Can the light be trusted?", run.table("trust.tsv")
    if table is None or not len(table):
        return absent("trust", title, "No check was made.")
    blocks: list[Block] = [Text(trust_sentence(table), strong=True), Text(HOW), _table(table)]
    return Section("trust", title, blocks)


def trust_sentence(table: pd.DataFrame) -> str:
    """Count the verdicts in words and name what does not hold."""
    counts = table["verdict"].value_counts()
    parts = [f"{counts[verdict]} {verdict}" for verdict in JUDGED if counts.get(verdict, 0)]
    failed = table.loc[table["verdict"] == "fail", "check"].tolist()
    named = f" What fails: {'; '.join(failed)}." if failed else ""
    return f"Checks of the model and its map: {', '.join(parts) or 'none was judged'}.{named}"


def _table(table: pd.DataFrame) -> Table:
    rows = [
        [
            Cell(str(row.check), str(row.check)),
            number(row.value),  # type: ignore[arg-type]
            Cell(_interval(row.low, row.high), row.low if pd.notna(row.low) else ""),  # type: ignore[arg-type]
            number(row.control),  # type: ignore[arg-type]
            Cell(SIGNS[str(row.verdict)], list(SIGNS).index(str(row.verdict))),
        ]
        for row in table.itertuples()
    ]
    caption = "Checks (trust.tsv), with 95% intervals"
    return Table(caption, ["check", "value", "95% interval", "control", "verdict"], rows, sortable=True)


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) or pd.isna(high) else f"{number(low).text} to {number(high).text}"
