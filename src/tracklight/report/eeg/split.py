"""The section about the split of the evidence: within stages, between stages, and the rest."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Picture, Section, Table, Text, absent, number, percent, words
from tracklight.report.eeg.heat import rows_height
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import abreast, interval_cell, share
from tracklight.report.style import ACCENT, CANDIDATE, NEGATIVE, NEUTRAL, figure_uri, light_grid, panels, styled

ANCHOR, TITLE = "split", "What the evidence is made of"
PARTS = {
    "total": "all of it",
    "within": "within stages: content",
    "between": "between stages: their mix",
    "rest": "stages without both labels",
}
COLOURS = {"total": NEUTRAL, "within": CANDIDATE, "between": NEGATIVE, "rest": ACCENT}
MARKS = {"total": "D", "within": "o", "between": "s", "rest": "^"}
UNIT = "difference of the log-odds between the labels (SD of the subject)"


def split_section(studies: Sequence[Study]) -> Section:
    """Show the parts of the difference in evidence, over subjects and subject by subject."""
    parts = {study.name: table for study in studies if (table := study.strata("strata_decomposition")) is not None}
    if not parts:
        return absent(ANCHOR, TITLE, "This run has no split of the evidence.")
    evidence = {name: table.iloc[-1] for name, table in parts.items()}
    by_subject = {study.name: _subjects(study) for study in studies if study.name in parts}
    finding = " ".join(_sentence(study) for study in studies if study.name in parts)
    blocks: list[Block] = [Text(finding, strong=True), _picture(evidence, by_subject), _parts_table(evidence)]
    blocks += [shown for study in studies if (shown := _stage_table(study)) is not None]
    return Section(ANCHOR, TITLE, blocks)


@styled
def split_figure(evidence: dict[str, pd.Series], subjects: dict[str, pd.DataFrame]) -> Figure:
    """Draw the parts with intervals over subjects, and every subject's own.

    Parameters
    ----------
    evidence : dict of str to Series
        By study, the last row of `strata_decomposition.tsv`.
    subjects : dict of str to DataFrame
        By study, the rows of `strata_subjects.tsv` of the same feature.
    """
    below = max(2.5, rows_height(max(map(len, subjects.values())), each=0.15, most=9.0))
    figure, axes = panels(width=abreast(len(evidence)), height=2.6 + below, ratios=(1.6, below), columns=len(evidence))
    reach = [value for rows in subjects.values() for value in rows[list(PARTS)].to_numpy(float).ravel()]
    reach += [float(row[f"{part}_{end}"]) for row in evidence.values() for part in PARTS for end in ("low", "high")]
    for column, (name, row) in enumerate(evidence.items()):
        _parts(axes[0][column], row, labelled=column == 0)
        axes[0][column].set_title(name)
        _each(axes[1][column], subjects[name])
        for panel in axes[:, column]:
            panel.axvline(0, color=NEUTRAL, linewidth=1)
            panel.set_xlim(np.nanmin([*reach, 0]) - 0.1, np.nanmax([*reach, 0]) + 0.1)
            light_grid(panel)
        axes[1][column].set_xlabel(UNIT if len(evidence) == 1 else "difference of the log-odds (SD)")
    figure.legend(*axes[1][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _parts(panel: Axes, row: pd.Series, *, labelled: bool) -> None:
    for height, part in enumerate(PARTS):
        panel.plot([row[f"{part}_low"], row[f"{part}_high"]], [height] * 2, color=COLOURS[part], linewidth=1.6)
        panel.plot([row[part]], [height], MARKS[part], color=COLOURS[part], markersize=6)
    panel.set_yticks(range(len(PARTS)), list(PARTS.values()) if labelled else [""] * len(PARTS))
    panel.set_ylim(len(PARTS) - 0.5, -0.5)


def _each(panel: Axes, rows: pd.DataFrame) -> None:
    """Draw the subjects, the one with the largest part within stages on top."""
    rows = rows.sort_values("within", ascending=False, kind="stable")
    heights = np.arange(len(rows))
    for part in ("between", "rest", "within"):
        colour, mark = COLOURS[part], MARKS[part]
        panel.plot(rows[part], heights, mark, color=colour, markersize=4, label=PARTS[part])
    panel.set_yticks(heights, rows["subject"], fontsize=min(6.0, 600 / max(1, len(rows))))
    panel.set(ylim=(len(rows) - 0.5, -0.5), ylabel="subject")


def _subjects(study: Study) -> pd.DataFrame:
    table, parts = study.strata("strata_subjects"), study.strata("strata_decomposition")
    assert parts is not None, "the caller looked"
    if table is None:
        return pd.DataFrame(columns=["subject", *PARTS])
    return table[table["feature"] == parts["feature"].iloc[-1]]


def _sentence(study: Study) -> str:
    found = (study.strata_facts() or {}).get("confound_share")
    return f"{study.name}: the mix of stages makes up {share(found)} of the evidence for {study.label()}."


def _picture(evidence: dict[str, pd.Series], subjects: dict[str, pd.DataFrame]) -> Picture:
    spoken = "; ".join(
        f"{name}: " + ", ".join(f"{words} {row[part]:.2f}" for part, words in PARTS.items())
        for name, row in evidence.items()
    )
    return Picture(
        figure_uri(split_figure(evidence, subjects)),
        alt=f"Parts of the evidence, {UNIT}. {spoken}.",
        caption="Above: means over subjects with 95% intervals; total = within + between + rest, exactly. Below: every "
        "subject. Numbers: strata_decomposition.tsv and strata_subjects.tsv of the attribution, last feature",
    )


def _parts_table(evidence: dict[str, pd.Series]) -> Table:
    rows = []
    for part, label in PARTS.items():
        cells = [interval_cell(row[part], row[f"{part}_low"], row[f"{part}_high"]) for row in evidence.values()]
        rows.append([words(f"{label} ({part})"), *cells])
    ends = ("confound_share", "confound_share_low", "confound_share_high")
    rows.append([words("confound share"), *(interval_cell(*(row[end] for end in ends)) for row in evidence.values())])
    return Table(f"The evidence by part: {UNIT}, 95% intervals over subjects", ["part", *evidence], rows)


def _stage_table(study: Study) -> Table | None:
    """Show per stage how many reports there are, and the effect in attribution of what is claimed."""
    effects, facts, claims = study.strata("strata"), study.strata_facts(), study.claims()
    if effects is None or facts is None:
        return None
    claimed = [] if claims is None else claims.loc[claims["claim"] == "content", "feature"].tolist()
    shown = effects[effects["feature"].isin(claimed[:4])]
    rows = []
    for stage in facts["stages"]:
        column = f"theta.{stage['stage']}"
        values = [number(row[column]) for _, row in shown.iterrows()]
        ones = percent(stage["with_label"] / stage["units"]) if stage["units"] else "–"
        counts = [number(stage["units"]), words(ones), number(stage["informative"])]
        rows.append([words(stage["stage"]), *counts, *values])
    columns = ["stage", "reports", study.label(), "in strata with both labels"]
    columns += [f"attribution at {name}" for name in shown["feature"]]
    differs = ", and by how much attribution differs there" if len(shown) else ""
    tested = f"; {_heterogeneity(shown)}" if "p_stages_max" in shown and len(shown) else ""
    return Table(f"{study.name}: reports by stage{differs}{tested}", columns, rows)


def _heterogeneity(shown: pd.DataFrame) -> str:
    found = ", ".join(f"{row.feature} {row.p_stages_max:.2g}" for row in shown.itertuples())
    return f"do stages differ (family-wise p): {found}"
