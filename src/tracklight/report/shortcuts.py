"""The section about shortcuts: whether a nuisance decides the prediction, and where the accuracy then breaks down."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Items, Picture, Section, Text, absent, percent, plain_table
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import ACCENT, NEGATIVE, NEUTRAL, POSITIVE, figure_uri, light_grid, panels, styled
from tracklight.settings import Shortcuts

TABLE, GROUPS, CHECKS = "trust/shortcuts.tsv", "trust/shortcuts_groups.tsv", "trust/shortcuts_checks.tsv"
EFFECTS = {"insertion": "as it is", "permuted": "its bases permuted", "dinucleotide": "its dinucleotides shuffled"}
COLOURS = {"insertion": POSITIVE, "permuted": ACCENT, "dinucleotide": NEUTRAL}
MARKS = {"insertion": "o", "permuted": "s", "dinucleotide": "^"}  # told apart without colour
RULE = (
    "A nuisance is flagged when three things hold: its bases carry more than {enrichment_above:g} times the average "
    "saliency; putting it into windows that lack it moves the prediction by more than {effect_above_sd:g} standard "
    "deviation; and that is {beyond_permuted_sd:g} more than the same bases in random order do. The random order is no "
    "neutral control where a motif is little but its composition. A part of every window is taken from active windows "
    "and put into inactive ones, in the same place."
)
GROUP_HEADINGS = {
    "nuisance": "nuisance",
    "group": "held-out windows",
    "n": "number",
    "accuracy": "accuracy",
    "low": "low",
    "high": "high",
}


def shortcut_badge(run: RunFolder) -> str | None:
    """Return the warning for the top of the page, or None when no nuisance is flagged."""
    table = run.table(TABLE)
    flagged = [] if table is None else _flagged(table)
    if not flagged:
        return None
    return (
        f"Accuracy not trustworthy: the prediction hangs on {' and on '.join(flagged)}, which was given as a nuisance. "
        "It may be right for the wrong reason."
    )


def shortcuts_section(run: RunFolder) -> Section:
    """Show whether a given nuisance decides the prediction."""
    title, table, groups = "Shortcuts: right for the wrong reason?", run.table(TABLE), run.table(GROUPS)
    if table is None or groups is None:
        return absent("shortcuts", title, "This run has no check for shortcuts.")
    if table.empty:
        return absent("shortcuts", title, "No nuisance was given, so none can be flagged; inputs.nuisance names them.")
    settings = _settings(run)
    blocks: list[Block] = [Text(_sentence(run, table), strong=True), Text(RULE.format(**settings))]
    unjudged = _unjudged(run)
    if unjudged:
        blocks.append(Items(unjudged))
    if (table["measure"] == "insertion").any():
        blocks.append(_picture(table, settings))
    if len(groups):
        blocks.append(_group_table(groups))
    return Section("shortcuts", title, blocks)


@styled
def shortcuts_figure(table: pd.DataFrame, *, enrichment_above: float, effect_above_sd: float) -> Figure:
    """Draw enrichment and insertion effect of every nuisance that was judged, with the thresholds of the rule.

    Parameters
    ----------
    table : DataFrame
        Rows of `shortcuts.tsv`.
    enrichment_above, effect_above_sd : float
        Thresholds (times the average; standard deviations of the prediction).
    """
    judged = table.loc[table["measure"] == "insertion", "nuisance"].tolist()
    figure, axes = panels(width=10, height=1.6 + 0.5 * len(judged), columns=2)
    left, right = axes[0]
    flagged = _flagged(table)
    for height, name in enumerate(judged):
        rows = table[table["nuisance"] == name].set_index("measure")
        _mark(left, rows.loc["enrichment"], height, colour=POSITIVE, mark="o")
        for shift, measure in zip((-0.2, 0, 0.2), EFFECTS, strict=True):
            _mark(right, rows.loc[measure], height + shift, colour=COLOURS[measure], mark=MARKS[measure])
    left.axvline(1, color=NEUTRAL, linewidth=1)
    right.axvline(0, color=NEUTRAL, linewidth=1)
    _thresholds(left, [enrichment_above])
    _thresholds(right, [-effect_above_sd, effect_above_sd])
    for measure, label in EFFECTS.items():
        right.plot([], [], MARKS[measure], color=COLOURS[measure], label=label)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    names = [f"{name} (flagged)" if name in flagged else name for name in judged]
    _finish(left, names, title="saliency on the nuisance", label="saliency per base, over the average base")
    _finish(right, [""] * len(judged), title="nuisance put into other windows", label="change of the prediction (SD)")
    left.set_xlim(left=0)
    return figure


def _mark(axes: Axes, row: Any, height: float, *, colour: str, mark: str) -> None:
    axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=1.4)
    axes.plot([row["value"]], [height], mark, color=colour, markersize=5)


def _thresholds(axes: Axes, places: Sequence[float]) -> None:
    for number, place in enumerate(places):
        label = None if number else "threshold of the rule"
        axes.axvline(place, color=NEGATIVE, linestyle="--", linewidth=1, label=label)


def _finish(axes: Axes, names: list[str], *, title: str, label: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set(xlabel=label, title=title)
    axes.margins(x=0.1)
    light_grid(axes)


def _flagged(table: pd.DataFrame) -> list[str]:
    return table.loc[(table["measure"] == "flagged") & (table["value"] == 1), "nuisance"].astype(str).tolist()


def _sentence(run: RunFolder, table: pd.DataFrame) -> str:
    judged = table.loc[(table["measure"] == "flagged") & table["value"].notna(), "nuisance"].astype(str).tolist()
    if not judged:
        return "No nuisance could be judged: too few held-out windows."
    return shortcut_badge(run) or f"No nuisance is flagged; judged: {', '.join(judged)}."


def _unjudged(run: RunFolder) -> list[str]:
    """Return what the stage says of nuisances it could not judge."""
    checks = run.table(CHECKS)
    if checks is None:
        return []
    rows = checks[checks["check"].str.contains(" is not judged, ", regex=False)]
    return [
        f"{check.removeprefix('shortcuts: ')}: {int(value)}"
        for check, value in zip(rows["check"], rows["value"], strict=True)
    ]


def _settings(run: RunFolder) -> dict[str, float]:
    """Return the thresholds of the rule, from the record of the stage that used them."""
    record = run.provenance().get("shortcuts", {}).get("settings", {})
    names = ("enrichment_above", "effect_above_sd", "beyond_permuted_sd")
    return {name: float(record.get(name, Shortcuts.model_fields[name].default)) for name in names}


def _picture(table: pd.DataFrame, settings: dict[str, float]) -> Picture:
    shown = {name: settings[name] for name in ("enrichment_above", "effect_above_sd")}
    values = table[table["measure"].isin(["enrichment", "insertion"])]
    spoken = "; ".join(f"{row.nuisance}, {row.measure} {row.value:.2f}" for row in values.itertuples())
    return Picture(
        figure_uri(shortcuts_figure(table, **shown)),
        alt=f"Saliency on every nuisance and effect of putting it into other windows: {spoken}.",
        caption=f"Held-out windows with 95% intervals over genome blocks; both controls stand beside. Numbers: {TABLE}",
    )


def _group_table(groups: pd.DataFrame) -> Block:
    labels, held = {0: "inactive", 1: "active"}, {0: "without it", 1: "with it"}
    words = [f"{labels[int(a)]}, {held[int(b)]}" for a, b in zip(groups["label"], groups["with_nuisance"], strict=True)]
    worst = groups.groupby("nuisance", sort=False)["accuracy"].min().dropna()
    lowest = "; ".join(f"{name} {percent(value)}" for name, value in worst.items())
    caption = (
        "Accuracy by label and nuisance, with Wilson's 95% interval; too small groups have none. A shortcut shows "
        "where windows of one label with the nuisance and without it differ."
    )
    return plain_table(
        groups.assign(group=words),
        caption=f"{caption} Worst group: {lowest}. Numbers: {GROUPS}" if lowest else caption,
        headings=GROUP_HEADINGS,
    )
