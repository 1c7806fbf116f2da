"""Make docs/science.tsv and docs/science.md of results/science/*.tsv; called at the end of `make science`.

Experiments that were not run again keep the rows they had, so that a single one can be repeated.
"""

from pathlib import Path

import pandas as pd
from tests.science.table import FOLDER, read

DOCS = Path(__file__).parents[2] / "docs"
ABOUT = """# What was measured

Made by `make science` from the experiments in `tests/science`; nothing stands here that was not run. Every row is a
mean over seeds (each with simulated data, first weights and an order of windows of its own) with its 95 % t interval.
Differences between arms are paired: both arms saw the same data and began with the same weights. `reached` and `missed`
judge a promise; the other verdicts say what the interval says.
"""


def collected(folder: Path, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the rows of all experiments, in the order of their names; what was not run again stays as it was."""
    found = [read(path) for path in sorted(folder.glob("*.tsv"))]
    run = {name for table in found for name in table["experiment"]}
    kept = [] if before is None else [before[~before["experiment"].isin(run)]]
    whole = pd.concat([*kept, *found], ignore_index=True)
    return whole.sort_values("experiment", kind="stable", ignore_index=True)


def page(table: pd.DataFrame) -> str:
    """Return the page that shows the table, one section per experiment."""
    parts = [ABOUT]
    for experiment, rows in table.groupby("experiment", sort=False):
        lines = ["| arm | metric | mean | 95 % interval | seeds | verdict |", "|---|---|---|---|---|---|"]
        lines += [
            f"| {row.arm} | {row.metric} | {row.mean:.3g} | {_ends(row.low, row.high)} | {row.seeds} | {row.verdict} |"
            for row in rows.itertuples()
        ]
        parts.append("\n".join([f"## {experiment}", "", *lines, ""]))
    return "\n".join(parts)


def _ends(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{low:.3g} to {high:.3g}"


def main() -> None:
    """Write both files."""
    table = DOCS / "science.tsv"
    whole = collected(FOLDER, read(table) if table.is_file() else None)
    whole.to_csv(table, sep="\t", index=False, float_format="%.4g")
    (DOCS / "science.md").write_text(page(read(table)))


if __name__ == "__main__":
    main()
