"""The section about the gate: every decoder within sleep stages, beside what it seems to do when they are ignored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Cell, Picture, Section, Table, Text, absent, number, words
from tracklight.report.eeg.study import ENSEMBLE, HALVES, Study
from tracklight.report.eeg.wording import MISSING, abreast, interval_cell, p_cell
from tracklight.report.style import ACCENT, NEUTRAL, POSITIVE, SERIES, figure_uri, light_grid, panels, styled

ANCHOR, TITLE = "gate", "Is anything decoded within sleep stages?"
PROSE = {
    ENSEMBLE: "the trained networks together",
    "band power": "ridge regression on the log power of all channels",
    "eyes and muscle": "the same on eye and muscle channels only",
    "without eyes and muscle": "the same without them",
    "stage": "how often each stage goes with the label in training",
    "stage and covariates": "logistic regression on stage and covariates",
}
COLOURS = dict(zip(HALVES, (POSITIVE, SERIES[1]), strict=True))
MARKS = dict(zip(HALVES, ("o", "s"), strict=True))  # told apart without colour
COMPANY = r"^(?:placebo|covariate): "  # how rows begin that are no decoders of the label
HOW = (
    "AUC: the chance that of two reports with different labels the one with {label} has the higher output; 0.5 is "
    "chance. Within strata only reports of one subject from one sleep stage are compared. Networks of half A of the "
    "subjects are judged on half B and the other way round; p comes from exchanging labels within strata. The gate "
    "is passed when p is small enough in both directions. Without strata, the stage alone makes a decoder look good."
)


def gate_section(studies: Sequence[Study]) -> Section:
    """Show the decoders of every study, within strata and without."""
    tables = {study.name: study.gate() for study in studies}
    found = {name: table for name, table in tables.items() if table is not None and len(table)}
    if not found:
        return absent(ANCHOR, TITLE, "This run has no gate: no decoder was judged.")
    blocks: list[Block] = [Text(HOW.format(label=studies[0].label())), _picture(found)]
    for name, table in found.items():
        blocks += [_table(name, table[_decodes(table)]), *_company(name, table[~_decodes(table)])]
    return Section(ANCHOR, TITLE, blocks)


@styled
def gate_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw within-stratum AUC with intervals, and AUC without strata, of every decoder.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Rows of `gate.tsv` by study.
    """
    tables = {name: table[_decodes(table)] for name, table in tables.items()}
    decoders = list(dict.fromkeys(name for table in tables.values() for name in table["decoder"]))
    figure, axes = panels(width=abreast(len(tables)), height=1.5 + 0.42 * len(decoders), columns=len(tables))
    for column, (name, table) in enumerate(tables.items()):
        panel = axes[0][column]
        for height, decoder in enumerate(decoders):
            _decoder(panel, table[table["decoder"] == decoder], height)
        panel.axvline(0.5, color=NEUTRAL, linewidth=1)
        panel.set_yticks(range(len(decoders)), decoders if column == 0 else [""] * len(decoders))
        panel.set(ylim=(len(decoders) - 0.5, -0.5), title=name, xlabel="AUC (line: chance)")
        light_grid(panel)
    _level(axes[0], tables)
    _legend(figure, axes[0][0])
    return figure


def _decoder(panel: Axes, rows: pd.DataFrame, height: float) -> None:
    for shift, half in zip((-0.15, 0.15), HALVES, strict=True):
        for row in rows[rows["direction"] == half].to_dict("records"):
            colour, mark = COLOURS[half], MARKS[half]
            panel.plot([row["low"], row["high"]], [height + shift] * 2, color=colour, linewidth=1.4)
            panel.plot([row["auc"]], [height + shift], mark, color=colour, markersize=5)
            panel.plot([row["unstratified"]], [height + shift], "D", mfc="none", color=ACCENT, markersize=5)


def _level(axes: Sequence[Axes], tables: dict[str, pd.DataFrame]) -> None:
    """Give every panel the same reach."""
    values = pd.concat(tables.values())[["auc", "low", "high", "unstratified"]].to_numpy(float)
    low, high = np.nanmin(values), np.nanmax(values)
    for panel in axes:
        panel.set_xlim(min(0.4, low) - 0.03, max(0.8, high) + 0.03)


def _legend(figure: Figure, panel: Axes) -> None:
    handles: list[Any] = [
        *(panel.plot([], [], MARKS[half], color=COLOURS[half], label=f"within strata, networks of half {half}")[0]
          for half in HALVES),
        panel.plot([], [], "D", mfc="none", color=ACCENT, label="without strata: stages may decide")[0],
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def _picture(tables: dict[str, pd.DataFrame]) -> Picture:
    spoken = []
    for name, table in tables.items():
        rows = table[(table["decoder"] == ENSEMBLE) & table["direction"].isin(HALVES)]
        values = " and ".join(f"{value:.2f}" for value in rows["auc"])
        seeming = " and ".join(f"{value:.2f}" for value in rows["unstratified"])
        spoken.append(f"{name}: networks {values} within strata, {seeming} without")
    return Picture(
        figure_uri(gate_figure(tables)),
        alt=f"AUC of every decoder. {'; '.join(spoken)}.",
        caption="Filled: within subject and sleep stage, with 95% intervals over subjects. Open diamonds: the same "
        "output when stages are ignored; what lies between is company, not content. Numbers: gate/gate.tsv",
    )


def _table(name: str, table: pd.DataFrame) -> Table:
    rows = []
    for decoder in dict.fromkeys(table["decoder"]):
        by_half = {half: _row(table, decoder, half) for half in HALVES}
        cells = [cell for half in HALVES for cell in _numbers(by_half[half])]
        rows.append([words(decoder), words(_prose(str(decoder))), *cells])
    columns = ["decoder", "what it is"]
    for half in HALVES:
        columns += [f"{half}: within-stratum AUC", f"{half}: p", f"{half}: without strata"]
    counts = [f"{half} {row['reports']:.0f} reports of {row['subjects']:.0f} subjects" for half in HALVES
              if (row := _row(table, table["decoder"].iloc[0], half))]  # fmt: skip
    return Table(f"{name}: decoders by direction, networks of that half judged on the other ({', '.join(counts)}); "
                 "95% intervals over subjects", columns, rows)  # fmt: skip


def _decodes(table: pd.DataFrame) -> pd.Series:
    """Tell decoders from what must not tell the labels apart: placebos and covariates."""
    return ~table["decoder"].str.contains(COMPANY)


def _company(name: str, table: pd.DataFrame) -> list[Table]:
    """Show whether what is no content goes with the label within strata."""
    both = table[table["direction"] == "both"]
    rows = [
        [words(row["decoder"]), interval_cell(row["auc"], row["low"], row["high"]), p_cell(row["p"]),
         number(row["unstratified"], digits=2)]
        for row in both.to_dict("records")
    ]  # fmt: skip
    columns = ["what", "within-stratum AUC", "p (either side)", "without strata"]
    caption = f"{name}: what is no content, within strata. A small p warns that strata are too coarse for this label"
    return [Table(caption, columns, rows)] if rows else []


def _prose(decoder: str) -> str:
    if decoder.startswith(f"{ENSEMBLE}.seed"):
        return "one of them alone"
    return PROSE.get(decoder, "another network")


def _row(table: pd.DataFrame, decoder: str, half: str) -> dict[str, Any]:
    rows = table[(table["decoder"] == decoder) & (table["direction"] == half)].to_dict("records")
    return rows[0] if rows else {}  # type: ignore[return-value]


def _numbers(row: dict[str, Any]) -> list[Cell]:
    if not row:
        return [MISSING] * 3
    auc = interval_cell(row["auc"], row["low"], row["high"])
    return [auc, p_cell(row["p"]), number(row["unstratified"], digits=2)]
