"""The section about deletion and insertion: does the prediction fall when the bases the map points at are replaced."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Picture, Section, Table, Text, absent, plain_table
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import ACCENT, CANDIDATE, LIGHT, NEUTRAL, POSITIVE, figure_uri, light_grid, panels, styled

TITLE = "Does the prediction hang on the bases the map points at?"
ORDERS = {
    "own": ("most positive first", POSITIVE, "-", "o"),
    "absolute": ("largest absolute value first", POSITIVE, ":", "s"),
    "random": ("random order", NEUTRAL, "-", "x"),
    "untrained": ("untrained network's order", ACCENT, "-", "^"),
    "least": ("least salient first", CANDIDATE, "--", "v"),
}  # words, colour, line and mark of each, in the order of the legend
MASKS = {"scattered": "single bases", "windowed": "stretches"}
DIRECTIONS = {"deletion": "deletion: replaced", "insertion": "insertion: put into the filler"}
METRICS = {
    "sensitivity-n": "sensitivity-n (correlation)",
    "unexplained": "share of the effect unexplained",
    "infidelity": "infidelity (squared units)",
    "max-sensitivity": "max-sensitivity (relative change)",
}
MAPS = {"own": "this map", "untrained": "map of untrained networks", "permuted": "this map, permuted"}
HOW = (
    "Bases of held-out active windows are replaced step by step, those that the map calls most positive first, and the "
    "networks predict again. A map that names what they use makes the prediction fall faster than random order, and "
    "faster than the map of a network that has learned nothing. Insertion goes the other way: it puts bases back into "
    "the filler. All of this is about the networks, not about the cell. No filler is neutral, so curves are compared "
    "within one filler; zero and neutral are inputs that no network was trained on."
)


def deletion_section(run: RunFolder) -> Section:
    """Show the deletion and insertion curves, the gap with every filler, and the numbers of faithfulness."""
    curves, checks = run.table("trust/deletion.tsv"), run.table("trust/deletion_checks.tsv")
    if curves is None or checks is None:
        return absent("deletion", TITLE, "This run has no deletion curves.")
    finding = deletion_sentence(checks)
    blocks: list[Block] = [Text(finding, strong=True), Text(HOW), _picture(curves, finding)]
    blocks.append(_gap_table(curves))
    faith = run.table("trust/faithfulness.tsv")
    return Section("deletion", TITLE, blocks if faith is None else [*blocks, _faith_table(faith)])


def deletion_sentence(checks: pd.DataFrame) -> str:
    """Say in one sentence what the verdict is and what it rests on.

    Parameters
    ----------
    checks : DataFrame
        Rows of `deletion_checks.tsv`; the one with a verdict comes first.
    """
    row = checks.iloc[0]
    share = str(row["check"]).split(" at ")[1].split(" replaced")[0]
    falls = (
        "the prediction falls further than in random order and than in an untrained network's order"
        if row["verdict"] == "pass"
        else "the prediction does not surely fall further than in random order and than in an untrained network's order"
    )
    return (
        f"With {share} of the bases replaced, the most positive first, {falls}: by {row['value']:.3g} beyond random "
        f"order (95% interval {row['low']:.3g} to {row['high']:.3g}); an untrained network's order reaches "
        f"{row['control']:.2g}."
    )


@styled
def deletion_figure(curves: pd.DataFrame) -> Figure:
    """Draw the curves with the first filler, masks side by side and directions below each other.

    Parameters
    ----------
    curves : DataFrame
        Rows of `deletion.tsv`.
    """
    shown = curves[curves["filler"] == curves["filler"].iloc[0]]
    figure, axes = panels(width=9.6, height=6.0, ratios=(1, 1), columns=2)
    for row, (direction, words) in zip(axes, DIRECTIONS.items(), strict=True):
        for panel, (mask, what) in zip(row, MASKS.items(), strict=True):
            rows = shown[(shown["mask"] == mask) & (shown["direction"] == direction)]
            _draw(panel, rows)
            verb = words.split(": ")[1]
            panel.set(title=f"{direction}, {what}", xlabel=f"share of the window {verb} (bases, log scale)")
        row[0].set_ylabel("mean prediction")
        row[1].sharey(row[0])
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(ORDERS))
    return figure


def _draw(panel: Axes, rows: pd.DataFrame) -> None:
    some = rows[(rows["bases"] > 0) & (rows["fraction"] < 1)]
    for order, (label, colour, line, mark) in ORDERS.items():
        part = some[some["order"] == order]
        panel.fill_between(part["fraction"], part["low"], part["high"], color=colour, alpha=0.15, linewidth=0)
        panel.plot(
            part["fraction"], part["value"], color=colour, linestyle=line, marker=mark, markersize=4, label=label
        )
    for bases, words in ((rows["bases"].min(), "nothing"), (rows["bases"].max(), "everything")):
        level = float(rows.loc[rows["bases"] == bases, "value"].iloc[0])
        panel.axhline(level, color=LIGHT, linestyle="--", linewidth=1, zorder=0)
        place: Any = {"xycoords": ("axes fraction", "data"), "ha": "left", "va": "center"}
        panel.annotate(words, (1.01, level), **place, fontsize=7, color=NEUTRAL)
    ticks = sorted(some["fraction"].unique())
    panel.set_xscale("log")
    panel.minorticks_off()
    panel.set_xticks(ticks, [f"{100 * tick:.2g}%" for tick in ticks])
    light_grid(panel, "y")


def _picture(curves: pd.DataFrame, finding: str) -> Picture:
    filler = curves["filler"].iloc[0]
    return Picture(
        figure_uri(deletion_figure(curves)),
        alt=f"Deletion and insertion curves. {finding}",
        caption=(
            f"Mean prediction of the ensemble with 95% intervals over genome blocks; filler: {filler}. Dashed: nothing "
            "and everything replaced (put in). Numbers: trust/deletion.tsv, areas: trust/deletion_areas.tsv."
        ),
    )


def _gap_table(curves: pd.DataFrame) -> Table:
    """Table of how much further than in random order the prediction falls, by filler."""
    rows = curves[(curves["mask"] == "scattered") & (curves["direction"] == "deletion") & (curves["order"] == "own")]
    rows = rows[(rows["bases"] > 0) & (rows["fraction"] < 1)]
    shown = rows.assign(
        share=[f"{100 * fraction:.2g}%" for fraction in rows["fraction"]],
        shown=[f"{row.gap:.3g} ({row.gap_low:.2g} to {row.gap_high:.2g})" for row in rows.itertuples()],
    )
    wide = shown.set_index(["filler", "share"])["shown"].unstack(sort=False).reset_index()
    headings = {"filler": "filler", **{share: share for share in wide.columns[1:]}}
    return plain_table(
        wide,
        caption="How much further than in random order the prediction falls when this share of single bases is "
        "replaced, most positive first (95% paired intervals)",
        headings=headings,
    )


def _faith_table(table: pd.DataFrame) -> Table:
    """Table of infidelity, sensitivity-n and max-sensitivity beside their controls."""
    shown = table.assign(shown=[f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in table.itertuples()])
    shown["metric"] = pd.Categorical(shown["metric"], list(METRICS), ordered=True)
    wide = shown.pivot(index=["metric", "size"], columns="map", values="shown").reset_index()
    wide["metric"] = wide["metric"].astype(str).map(METRICS)
    headings = {"metric": "metric", "size": "bases", **{name: MAPS[name] for name in MAPS if name in wide}}
    return plain_table(
        wide,
        caption="Faithfulness: the map beside what replacing random sets of so many bases by the uniform distribution "
        "does, and its change under so many point mutations. Numbers: trust/faithfulness.tsv",
        headings=headings,
    )
