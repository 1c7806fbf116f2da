"""The section about the split of the evidence: within stages, between stages, and the rest."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.eeg.claims import CONTENT
from tracklight.report.blocks import Block, Cell, Picture, Section, Table, Text, absent, number, percent, words
from tracklight.report.eeg.evidence import share_cell, share_sentence, split_of
from tracklight.report.eeg.heat import rows_height
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import MISSING, abreast, interval_cell, p_cell
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
MOST_CLAIMED = 4  # features whose attribution the table of stages shows
UNIT = "difference of the log-odds between the labels (SD of the subject)"


def split_section(studies: Sequence[Study]) -> Section:
    """Show the parts of the difference in evidence, over subjects and subject by subject."""
    whole = {study.name: row for study in studies if (row := split_of(study)) is not None}
    if not whole:
        return absent(ANCHOR, TITLE, "This run has no split of the evidence.")
    by_subject = {study.name: _subjects(study) for study in studies if study.name in whole}
    blocks: list[Block] = [
        Text(f"{study.name}: {share_sentence(study)}", strong=True, warn=bool(study.unreadable()))
        for study in studies
        if study.name in whole
    ]
    blocks += [_picture(whole, by_subject), _parts_table(whole)]
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
    table, row = study.strata("strata_subjects"), split_of(study)
    if table is None or row is None:
        return pd.DataFrame(columns=["subject", *PARTS])
    return table[table["feature"] == row["feature"]]


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
    rows.append([words("confound share"), *map(share_cell, evidence.values())])
    return Table(f"The evidence by part: {UNIT}, 95% intervals over subjects", ["part", *evidence], rows)


def _stage_table(study: Study) -> Table | None:
    """Show per stage the reports, the parts of the evidence, and the attribution of what is claimed."""
    stages, effects, claims = study.strata("strata_stages"), study.strata("strata"), study.claims()
    if stages is None:
        return None
    claimed = [] if claims is None else claims.loc[claims["claim"] == CONTENT, "feature"].tolist()[:MOST_CLAIMED]
    shown = pd.DataFrame() if effects is None or not claimed else effects[effects["feature"].isin(claimed)]
    rows = [_stage_row(stage, shown) for stage in stages.to_dict("records")]
    if "p_stages_max" in shown:
        cells = [p_cell(p) for p in shown["p_stages_max"]]
        rows.append([words("do stages differ: p"), *[MISSING] * (3 + len(PARTS)), *cells])
    columns = ["stage", "reports", study.label(), "in strata with both labels", *map(_short, PARTS.values())]
    columns += [f"attribution at {name}" for name in shown.get("feature", [])]
    caption = (
        f"{study.name}: reports and evidence by stage. Over the stages the parts sum to those above (SD, means over "
        "subjects; strata_stages.tsv)"
    )
    differs = "; attribution: the difference within strata of that stage; p: family-wise" if len(shown) else ""
    return Table(caption + differs, columns, rows)


def _stage_row(stage: Mapping[Hashable, Any], shown: pd.DataFrame) -> list[Cell]:
    ones = percent(stage["with_label"] / stage["units"]) if stage["units"] else "–"
    counts = [number(stage["units"]), words(ones), number(stage["informative"])]
    parts = [number(stage[part], digits=2) for part in PARTS]
    values = [number(row[f"theta.{stage['stage']}"]) for _, row in shown.iterrows()]
    return [words(stage["stage"]), *counts, *parts, *values]


def _short(part: str) -> str:
    return f"evidence: {part.partition(':')[0]}"
