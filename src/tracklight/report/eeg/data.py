"""Sections about the data of every study and the training of its networks."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tracklight.report.blocks import (
    Block,
    Cell,
    Heading,
    Picture,
    Section,
    Table,
    Text,
    absent,
    number,
    percent,
    plain_table,
    words,
)
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import abreast
from tracklight.report.sections import network_row
from tracklight.report.style import NEUTRAL, SERIES, figure_uri, light_grid, panels, styled

REASONS = {
    "no_label": "the report has no label",
    "before_recording": "begins before the recording",
    "before_earlier_awakening": "reaches past an earlier awakening",
    "unscored": "not scored",
    "stage_not_kept": "stage not kept",
    "bad_channel": "channel marked bad",
    "nan": "missing values",
    "flat": "flat channel",
    "peak_to_peak": "amplitude too large",
    "clipped": "clipped",
}
DASHES = ("-", "--", ":", "-.")


def data_section(studies: Sequence[Study]) -> Section:
    """Say what every study consists of, and what was left out."""
    blocks = [block for study in studies for block in _study(study)]
    return Section("data", "Recordings, reports and epochs", blocks)


def _study(study: Study) -> list[Block]:
    counts, facts = study.folder.table(f"units/{study.network}/counts.tsv"), study.facts()
    dropped = study.folder.table("epochs/dropped.tsv")
    blocks: list[Block] = [Heading(study.name), Text(_sentence(study, facts))]
    if counts is not None:
        blocks.append(_counts(study, counts))
    if dropped is not None and len(dropped):
        reasons = dropped["reason"].map(lambda reason: REASONS.get(reason, reason)).value_counts()
        table = reasons.rename_axis("reason").reset_index(name="n")
        headings = {"reason": "reason", "n": "epochs"}
        blocks.append(
            plain_table(table, caption=f"{study.name}: epochs left out (epochs/dropped.tsv)", headings=headings)
        )
    directions = (study.strata_facts() or {}).get("directions") or []
    return [*blocks, _labellings(study, directions)] if directions else blocks


def _sentence(study: Study, facts: dict[str, Any]) -> str:
    overlap = (study.strata_facts() or {}).get("overlap")
    seconds = facts["length"] / facts["rate_hz"]
    reference = facts.get("reference", "none")
    kept = "" if overlap is None else (
        f" {percent(overlap)} of the reports are in a stratum (subject and stage) with both labels; the others carry "
        "no information about content."
    )  # fmt: skip
    return (
        f"Epochs of {seconds:g} s, {len(facts['channels'])} channels ({', '.join(facts['channels'])}) at "
        f"{facts['rate_hz']:g} Hz, reference: {reference}. The unit of a report is its awakening: all its epochs "
        f"share one label, and labels are exchanged report by report.{kept}"
    )


def _counts(study: Study, counts: pd.DataFrame) -> Table:
    rows = []
    for row in counts.to_dict("records"):
        name = f"half {row['half_of_subjects']}" + ("" if row["stage"] == "all" else f", {row['stage']}")
        ones = Cell(f"{row['with_label']} ({percent(row['with_label'] / row['reports'])})", row["with_label"])
        rows.append([words(name), number(row["subjects"]), number(row["reports"]), ones, number(row["epochs"])])
    caption = f"{study.name}: what there is, by half of the subjects and stage of the epochs (counts.tsv of the units)"
    return Table(caption, ["", "subjects", "reports", f"with {study.label()}", "epochs"], rows)


def _labellings(study: Study, directions: list[dict[str, Any]]) -> Table:
    rows = [
        [
            words(f"networks of half {each['fold']}"),
            number(each["units"]),
            number(each["subjects"]),
            words(percent(each["overlap"])),
            number(each["labellings"]),
            words("all there are" if each["exact"] else f"about 10^{each['log10_distinct_labellings']:.0f}"),
            number(each["smallest_p"]),
        ]
        for each in directions
    ]
    columns = ["direction", "reports", "subjects", "overlap", "labellings drawn", "distinct labellings", "smallest p"]
    return Table(f"{study.name}: labels exchanged within strata (strata.json of the attribution)", columns, rows)


def training_section(studies: Sequence[Study]) -> Section:
    """Show the training curves of every network."""
    curves = {study.name: found for study in studies if (found := _curves(study))}
    if not curves:
        return absent("training", "Training", "This run has no training curves.")
    rows = [
        network_row(f"{name}: {network}", table) for name, found in curves.items() for network, table in found.items()
    ]
    columns = ["network", "rounds", "kept round", "validation loss", "validation r", "seconds"]
    picture = Picture(
        figure_uri(training_figure(curves)),
        alt="Validation loss by round of every network.",
        caption="Loss on the validation subjects of the half, which decide what state is kept. Numbers: metrics.tsv",
    )
    return Section("training", "Training", [picture, Table("Training of each network", columns, rows, sortable=True)])


def _curves(study: Study) -> dict[str, pd.DataFrame]:
    """Read the curves, keyed `network, half, seed`."""
    names = study.folder.matching("model/*/*/*/metrics.tsv")
    keyed = {", ".join(PurePosixPath(name).parts[1:4]): study.folder.table(name) for name in names}
    return {key: table for key, table in keyed.items() if table is not None}


@styled
def training_figure(curves: dict[str, dict[str, pd.DataFrame]]) -> Figure:
    """Draw the validation loss of every network, one panel per study.

    Parameters
    ----------
    curves : dict of str to dict of str to DataFrame
        Rows of `metrics.tsv` by study and by `network, half, seed`.
    """
    figure, axes = panels(width=abreast(len(curves)), height=3.2, columns=len(curves))
    families = list(dict.fromkeys(_family(key) for found in curves.values() for key in found))
    for panel, (name, found) in zip(axes[0], curves.items(), strict=True):
        for key, table in found.items():
            _curve(panel, table, families.index(_family(key)))
        panel.set(title=name, xlabel="round", ylabel="validation loss")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        light_grid(panel, "y")
    handles = [axes[0][0].plot([], [], **_look(place), label=family)[0] for place, family in enumerate(families)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _curve(panel: Axes, table: pd.DataFrame, place: int) -> None:
    panel.plot(table["epoch"], table["validation_loss"], alpha=0.8, **_look(place))
    best = table[table["best"].astype(bool)].tail(1)
    panel.plot(best["epoch"], best["validation_loss"], "o", mfc="none", color=NEUTRAL, markersize=5)


def _look(place: int) -> dict[str, Any]:
    return {"color": SERIES[place % len(SERIES)], "linestyle": DASHES[place % len(DASHES)], "linewidth": 1.2}


def _family(key: str) -> str:
    network, half, _ = key.split(", ")
    return f"{network}, half {half}"
