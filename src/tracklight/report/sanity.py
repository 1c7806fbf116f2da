"""The section on sanity and stability: whether the map depends on what was learned, and whether it holds still."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Picture, Section, Text, absent, plain_table
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import (
    ACCENT,
    CANDIDATE,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    figure_uri,
    light_grid,
    panels,
    styled,
)

ANCHOR, TITLE = "sanity", "Does the map depend on what was learned?"
RANK, SIGNED = "agreement", "signed agreement"
FINDING = {
    "pass": "The map depends on what was learned.",
    "fail": "The map hardly depends on what was learned: do not rely on it.",
    "warn": "Whether the map depends on what was learned cannot be told for sure.",
}
ROWS = {  # check: (variant, or None for every one of them, and how it is worded)
    "seeds": (None, "two trained networks"),
    "shuffled labels": ("all layers", "a network trained on shuffled labels"),
    "initial weights": ("all layers", "the weights its training began with"),
    "another window": ("trained", "the map of another window"),
}
LINES = {
    "seeds": (CANDIDATE, "--", "two trained networks"),
    "shuffled labels": (NEGATIVE, ":", "trained on shuffled labels"),
    "another window": (ACCENT, "-.", "map of another window"),
}


def sanity_section(run: RunFolder) -> Section:
    """Say whether the map depends on the weights and the labels, and how it holds when a window is moved."""
    table, checks = run.table("trust/sanity.tsv"), run.table("trust/sanity_checks.tsv")
    if table is None or checks is None:
        return absent(ANCHOR, TITLE, "This run has no sanity checks.")
    blocks: list[Block] = [Text(f"{FINDING[_verdict(checks)]} {_numbers(table)}", strong=True), Text(_floor(table))]
    blocks += [
        Text(sentence) for sentence in (_shuffled(table), _stability(table), _strands(table, checks)) if sentence
    ]
    blocks.append(
        Picture(
            figure_uri(sanity_figure(table)),
            alt=f"Agreement of maps as layers are randomised, and as windows are moved. {_numbers(table)}",
            caption=(
                "Left: agreement of the map (Spearman of absolute values) with that of the same network after its "
                "layers were given random weights, from the output down; bars: standard deviation over networks and "
                "draws. "
                "Right: agreement of the map with that of the same window moved along the genome, on the bases both "
                "see; bars: 95% interval over genome blocks. From trust/sanity.tsv."
            ),
        )
    )
    headings = {"compared": "the map compared with", "rank": "agreement", "signed": "with sign", "n": "windows"}
    caption = (
        "Agreement: Spearman's correlation of absolute values; with sign: Pearson's correlation. Means over held-out "
        "active windows, with 95% bootstrap intervals over genome blocks"
    )
    blocks.append(plain_table(compared(table), caption=caption, headings=headings))
    return Section(ANCHOR, TITLE, blocks)


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the map was compared with, `compared rank signed n`, from the rows of `sanity.tsv`."""
    steps = _layers(table)[1:]
    labels = {("cascade", variant): f"itself, {_forgotten(table, variant)}" for variant in steps}
    for check, (variant, label) in ROWS.items():
        here = table[table["check"] == check]
        names = here["variant"].unique() if variant is None else [variant]
        labels |= {(check, str(name)): label for name in names}
    for check in table["check"].unique():
        if check.startswith("moved "):
            labels[check, "trained"] = f"the window {check}"
    labels["other strand", "trained"] = "the other strand"
    rows = [
        {"compared": label, "rank": _interval(table, *key, RANK), "signed": _interval(table, *key, SIGNED), "n": n}
        for key, label in labels.items()
        if (n := _number(table, *key, RANK, "n")) > 0
    ]
    return pd.DataFrame(rows, columns=["compared", "rank", "signed", "n"])


@styled
def sanity_figure(table: pd.DataFrame) -> Figure:
    """Draw the cascade and the stability under shifts.

    Parameters
    ----------
    table : DataFrame
        Rows of `sanity.tsv`.
    """
    figure, axes = panels(width=10, height=3.6, columns=2)
    _cascade(axes[0][0], table)
    _shifts(axes[0][1], table)
    return figure


def _cascade(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[(table["check"] == "cascade") & (table["what"] == RANK)]
    steps = np.arange(len(rows))
    spread = rows["spread"].fillna(0)
    axes.errorbar(steps, rows["value"], yerr=spread, color=POSITIVE, marker="o", capsize=2, label="layers randomised")
    for check, (colour, dashes, label) in LINES.items():
        value = table.loc[(table["check"] == check) & (table["what"] == RANK), "value"]
        if value.notna().any():
            axes.axhline(float(value.iloc[0]), color=colour, linestyle=dashes, linewidth=1.2, label=label)
    axes.set_xticks(
        steps, ["none", *(f"{'+ ' if step else ''}{name}" for step, name in enumerate(rows["variant"][1:]))]
    )
    axes.set(ylim=(min(0.0, float(rows["value"].min())), 1.03), ylabel="agreement with the trained map")
    axes.set(xlabel="layers with random weights, from the output down", title="forgetting layer by layer")
    light_grid(axes, "y")
    axes.legend(handlelength=3)


def _shifts(axes: Axes, table: pd.DataFrame) -> None:
    moved = table[table["check"].str.startswith("moved ")]
    moved = moved.assign(by=moved["check"].str.extract(r"moved (\d+) bp", expand=False).astype(int))
    for variant, colour in (("trained", POSITIVE), ("random weights", NEUTRAL)):
        for what, dashes, kind in ((RANK, "-", ""), (SIGNED, "--", ", with sign")):
            rows = moved[(moved["variant"] == variant) & (moved["what"] == what)].sort_values("by")
            ends = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["value"].to_numpy(float))
            label = f"{'trained' if variant == 'trained' else 'random'} networks{kind}"
            axes.errorbar(
                rows["by"],
                rows["value"],
                yerr=ends,
                color=colour,
                linestyle=dashes,
                marker="o",
                markersize=4,
                label=label,
            )
    axes.axhline(0, color=NEUTRAL, linewidth=0.6)
    axes.set_xticks(sorted(moved["by"].unique()))
    axes.set(ylim=(min(-0.05, float(moved["low"].min())), 1.03), xlabel="window moved by (bp, mean of both ways)")
    axes.set(ylabel="agreement with the map in place", title="moving the window")
    light_grid(axes, "y")
    axes.legend(ncols=2, handlelength=3.5)


def _verdict(checks: pd.DataFrame) -> str:
    chosen = checks["check"].str.startswith("sanity: map agreement with all layers randomised")
    return str(checks.loc[chosen, "verdict"].iloc[0])


def _numbers(table: pd.DataFrame) -> str:
    seeds = table[(table["check"] == "seeds") & (table["what"] == RANK)].iloc[0]
    left = f"With random weights in all layers its agreement with the trained map is {_value(table, RANK):.2f}"
    if not np.isfinite(seeds["value"]):
        return f"{left}. There is one network only, so nothing says how well maps of trained networks would agree."
    return f"{left}; the maps of two trained networks agree at {seeds['value']:.2f}."


def _floor(table: pd.DataFrame) -> str:
    other = {what: _number(table, "another window", "trained", what, "value") for what in (RANK, SIGNED)}
    head = _layers(table)[1]
    return (
        "Agreement is Spearman's correlation of absolute values along the window. It does not fall to 0, since where "
        f"in the window a base lies matters too: even the map of another window agrees at {other[RANK]:.2f}. With its "
        f"sign (Pearson's correlation) the map of another window agrees at {other[SIGNED]:.2f}, and that of random "
        f"weights at {_value(table, SIGNED):.2f}. Randomising the last layer alone ({head}) is no test: it leaves "
        f"{_number(table, 'cascade', head, RANK, 'value'):.2f}."
    )


def _shuffled(table: pd.DataFrame) -> str:
    agreement = _number(table, "shuffled labels", "all layers", RANK, "value")
    learned, held_out = (
        _number(table, "shuffled labels", f"{split} windows", "prediction r", "value") for split in ("train", "test")
    )
    if not np.isfinite(held_out):
        return ""
    true = _number(table, "trained", "test windows", "prediction r", "value")
    what = f"agrees with the trained maps at {agreement:.2f}" if np.isfinite(agreement) else "is the same at every base"
    return (
        f"A network trained on shuffled labels learned them by heart to r = {learned:.2f} and predicts held-out "
        f"windows at r = {held_out:.2f} (true labels: {true:.2f}). Its map {what}."
    )


def _stability(table: pd.DataFrame) -> str:
    parts = []
    for check in table["check"].unique():
        if check.startswith("moved "):
            agreement = _number(table, check, "trained", RANK, "value")
            change = _number(table, check, "trained", "prediction change (SD)", "value")
            parts.append(f"{check.removeprefix('moved ')}: {agreement:.2f}, and {change:.2f} SD")
    return f"Agreement after moving the window, and by how much the prediction changes: {'; '.join(parts)}."


def _strands(table: pd.DataFrame, checks: pd.DataFrame) -> str:
    agreement = _number(table, "other strand", "trained", RANK, "value")
    r = _number(table, "other strand", "trained", "prediction r", "value")
    found = f"Read on the other strand, the map agrees at {agreement:.2f} and predictions at r = {r:.2f}."
    if checks["check"].str.contains("the assay is stranded", regex=False).any():
        return f"{found} The assay tells strands apart, so that is another question and the answers may differ."
    return f"{found} The assay does not tell strands apart, so the answers should be the same."


def _layers(table: pd.DataFrame) -> list[str]:
    """Names of the steps of the cascade: untouched, then from the output down."""
    return list(table.loc[(table["check"] == "cascade") & (table["what"] == RANK), "variant"])


def _forgotten(table: pd.DataFrame, variant: str) -> str:
    names = _layers(table)
    count = names.index(variant)
    if count == len(names) - 1:
        return "all layers randomised"
    return f"{count} of {len(names) - 1} layers randomised"


def _value(table: pd.DataFrame, what: str) -> float:
    return _number(table, "cascade", _layers(table)[-1], what, "value")


def _number(table: pd.DataFrame, check: str, variant: str, what: str, column: str) -> float:
    """Look a number up; NaN when there is no such row."""
    chosen = (table["check"] == check) & (table["variant"] == variant) & (table["what"] == what)
    return float(table.loc[chosen, column].iloc[0]) if chosen.any() else float("nan")


def _interval(table: pd.DataFrame, check: str, variant: str, what: str) -> str:
    value, low, high = (_number(table, check, variant, what, column) for column in ("value", "low", "high"))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
