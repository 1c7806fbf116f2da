"""The page of a correction: what was marked, where the saliency went, what that cost and what it gained."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Heading, Items, Picture, Section, Table, Text, absent, plain_table
from tracklight.report.document import document
from tracklight.report.origins import provenance_section
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import ACCENT, LIGHT, NEGATIVE, POSITIVE, SERIES, figure_uri, light_grid, panels, styled
from tracklight.settings import Report

BEFORE, AFTER = "before", "marks"
NETWORKS = {
    BEFORE: "before",
    AFTER: "after: corrected by the marks",
    "random": "control: the same marks in wrong places",
    "none": "control: trained on without marks",
}
MEASURES = {
    "accuracy": "accuracy on held-out windows",
    "deconfounded_accuracy": "accuracy if marks told nothing of the label",
    "auroc": "AUROC on held-out windows",
    "pearson": "correlation with the measured value (r)",
    "mass_irrelevant_where_irrelevant": "saliency in irrelevant marks (share, windows with some)",
    "mass_relevant_where_relevant": "saliency in relevant marks (share, windows with some)",
    "insertion_irrelevant": "effect of putting irrelevant marks into windows without (SD of the prediction)",
    "permuted_irrelevant": "the same bases in random order (SD)",
    "insertion_relevant": "effect of putting relevant marks into windows without (SD)",
    "permuted_relevant": "those bases in random order (SD)",
}
PLACES = {"irrelevant": NEGATIVE, "relevant": POSITIVE, "elsewhere": LIGHT}
EXPECTED = (
    "Where a shortcut works, accuracy must fall when it is given up: that is expected, and no failure. A correction is "
    "judged by the effect of inserting what was marked, and by the accuracy that would be measured if the marks told "
    "nothing of the label; the share of the saliency alone can be moved without a change of reasons. The two controls "
    "show what training longer does, and what marks of the same size in wrong places do."
)


def render_feedback(run: RunFolder, settings: Report) -> str:
    """Render the page of a correction.

    Parameters
    ----------
    run : RunFolder
        What the stages wrote, files below `feedback/`.
    settings : Report
        Title of the run.

    Returns
    -------
    str
        HTML that makes no request.
    """
    return document(
        f"{settings.title}: corrected by marks",
        "Networks were trained on with marks of people: bases that should not count (irrelevant) and bases that "
        "should (relevant).",
        badge=None,
        summary=[],
        sections=[
            _change_section(run.table("feedback/feedback.tsv"), rolled_back=rolled_back(run)),
            _marks_section(run),
            _groups_section(run),
            _profile_section(run),
            _tracks_section(run),
            provenance_section(run.provenance()),
        ],
    )


def rolled_back(run: RunFolder) -> list[str]:
    """Return the records of networks that stayed as they were: they had become worse than a constant prediction."""
    return sorted(name for name, record in run.provenance().items() if record.get("rolled_back"))


def feedback_sentences(table: pd.DataFrame, *, rolled_back: Iterable[str]) -> list[str]:
    """Say in a few sentences what the correction changed."""
    lines = []
    for measure in ("mass_irrelevant_where_irrelevant", "insertion_irrelevant", "deconfounded_accuracy", "accuracy"):
        part = table[table["measure"] == measure].set_index("network")
        if AFTER in part.index:
            before, after = part["value"][[BEFORE, AFTER]]
            change, low, high = part.loc[AFTER, ["change", "change_low", "change_high"]].astype(float)
            words = f"{before:.3f} before, {after:.3f} after (change {change:+.3f}, {low:+.3f} to {high:+.3f})"
            lines.append(f"{MEASURES[measure][0].upper()}{MEASURES[measure][1:]}: {words}.")
    stayed = list(rolled_back)
    if stayed:
        lines.append(
            f"Worse than a constant prediction after the correction, and left as they were: {', '.join(stayed)}."
        )
    return lines


@styled
def places_figure(table: pd.DataFrame) -> Figure:
    """Draw where the saliency of windows with irrelevant marks lies, and the effects of inserting marks.

    Parameters
    ----------
    table : DataFrame
        Rows of `feedback.tsv`.
    """
    names = [name for name in NETWORKS if name in set(table["network"])]
    rows = table.set_index(["measure", "network"])["value"]
    figure, axes = panels(width=10, height=1.4 + 0.45 * len(names), columns=2)
    left, right = axes[0]
    reached = np.zeros(len(names))
    for place, colour in PLACES.items():
        share = np.array([rows.get((f"mass_{place}_where_irrelevant", name), 0.0) for name in names])
        left.barh(names, share, left=reached, color=colour, label=place)
        reached += share
    left.set(xlabel="share of the saliency, windows with irrelevant marks", xlim=(0, 1))
    left.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3)
    for kind, mark, colour in (("irrelevant", "o", NEGATIVE), ("relevant", "s", POSITIVE)):
        part = table[table["measure"] == f"insertion_{kind}"].set_index("network").reindex(names)
        error = [part["value"] - part["low"], part["high"] - part["value"]]
        right.errorbar(part["value"], names, xerr=error, fmt=mark, color=colour, label=f"{kind} marks", capsize=2)
    right.axvline(0, color=ACCENT, linewidth=1)
    right.set(xlabel="effect of inserting marks (SD of the prediction)")
    right.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)
    for panel in (left, right):
        panel.invert_yaxis()
        light_grid(panel)
    return figure


@styled
def profile_figure(table: pd.DataFrame) -> Figure:
    """Draw the mean share of the saliency by position in active windows; rows of `feedback_profile.tsv`."""
    figure, axes = panels(width=10, height=2.8)
    for colour, name in zip(SERIES, [name for name in NETWORKS if name in set(table["network"])], strict=False):
        part = table[table["network"] == name]
        axes[0][0].plot(part["position"], part["share"], color=colour, label=NETWORKS[name], linewidth=1.2)
    axes[0][0].set(xlabel="position in the window (bp from its 5' end)", ylabel="share of the saliency")
    axes[0][0].legend()
    return figure


def _marks_section(run: RunFolder) -> Section:
    title, summary, checks = "Marks", run.table("feedback/marks_summary.tsv"), run.table("feedback/marks_checks.tsv")
    if summary is None or checks is None:
        return absent("marks", title, "This run has no marks.")
    headings = {
        "kind": "kind",
        "split": "split",
        "windows": "windows with some",
        "active": "share of active among them",
    }
    blocks: list[Block] = [
        plain_table(summary, caption="Windows with marks", headings=headings | {"share": "share of their bases"}),
        plain_table(
            checks, caption="Checks of the marks", headings={"check": "check", "value": "value", "verdict": ""}
        ),
    ]
    agreement = run.table("feedback/marks_agreement.tsv")
    if agreement is not None and len(agreement):
        columns = {name: name for name in agreement.columns}
        blocks.append(
            plain_table(agreement, caption="Agreement of annotators (bases, either strand)", headings=columns)
        )
    return Section("marks", title, blocks)


def _change_section(table: pd.DataFrame | None, *, rolled_back: list[str]) -> Section:
    title = "What changed"
    if table is None or table.empty:
        return absent("change", title, "This run has no comparison of networks before and after.")
    sentences = feedback_sentences(table, rolled_back=rolled_back)
    picture = Picture(
        figure_uri(places_figure(table)),
        alt=" ".join(sentences),
        caption="Held-out windows. Left: where the saliency lies. Right: 95% intervals over genome blocks. Numbers: "
        "feedback/feedback.tsv.",
    )
    findings = [Text(sentence, strong=True) for sentence in sentences]
    return Section("change", title, [*findings, Text(EXPECTED), picture, _change_table(table)])


def _change_table(table: pd.DataFrame) -> Table:
    shown = table[table["measure"].isin(list(MEASURES))].copy()
    numbers = shown[["value", "low", "high"]].to_numpy(np.float64).tolist()
    shown["cell"] = [
        f"{value:.3f}" + (f" ({low:.3f} to {high:.3f})" if low == low else "") for value, low, high in numbers
    ]
    wide = shown.pivot(index="measure", columns="network", values="cell").reindex(
        [measure for measure in MEASURES if measure in set(shown["measure"])]
    )
    wide.insert(0, "words", [MEASURES[str(measure)] for measure in wide.index])
    headings = {"words": "measure", **{name: words for name, words in NETWORKS.items() if name in wide}}
    return plain_table(wide, caption="Held-out windows; 95% intervals over genome blocks", headings=headings)


def _groups_section(run: RunFolder) -> Section:
    title, groups = "Accuracy by label and irrelevant mark", run.table("feedback/feedback_groups.tsv")
    if groups is None or groups["accuracy"].isna().all():
        return absent("groups", title, "Too few held-out windows by label and mark to tell an accuracy.")
    named = groups.assign(
        network=groups["network"].map(NETWORKS),
        windows=[
            f"{'active' if row.label else 'inactive'}, {'with' if row.with_mark else 'without'}"
            for row in groups.itertuples()
        ],
    )
    worst = groups.dropna(subset=["accuracy"]).groupby("network")["accuracy"].min()
    items = [f"Worst group, {words}: {worst[name]:.3f}." for name, words in NETWORKS.items() if name in worst]
    headings = {"network": "network", "windows": "windows, irrelevant marks", "n": "number", "accuracy": "accuracy"}
    table = plain_table(
        named, caption="Held-out windows; Wilson 95% intervals", headings=headings | {"low": "low", "high": "high"}
    )
    return Section("groups", title, [Items(items), table])


def _profile_section(run: RunFolder) -> Section:
    title, table = "Where in the window", run.table("feedback/feedback_profile.tsv")
    if table is None or table.empty:
        return absent("profile", title, "This run has no profile of the saliency.")
    picture = Picture(
        figure_uri(profile_figure(table)),
        alt="Mean share of the saliency by position in active held-out windows, before and after.",
        caption="Active held-out windows, each read from its 5' end. Numbers: feedback/feedback_profile.tsv.",
    )
    return Section("profile", title, [picture])


def _tracks_section(run: RunFolder) -> Section:
    names = run.matching("feedback/tracks/*.bw")
    if not names:
        return absent("tracks", "Tracks", "This run has no tracks of the correction.")
    correlation = run.provenance().get("feedback_tracks", {}).get("correlation")
    blocks: list[Block] = [Items([Path(name).name for name in names])]
    if correlation is not None:
        blocks.insert(
            0, Text(f"Over the whole genome the map after correlates with the map before by r = {correlation:.3f}.")
        )
    return Section("tracks", "Tracks", [Heading("bigWig files in feedback/tracks"), *blocks])
