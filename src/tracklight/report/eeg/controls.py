"""The section of controls: other weights, labels and signals in the place of the true ones, and all verdicts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Heading, Items, Picture, Section, Table, Text, absent, plain_table
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import abreast
from tracklight.report.style import CANDIDATE, NEGATIVE, NEUTRAL, POSITIVE, figure_uri, light_grid, panels, styled
from tracklight.report.trust import check_tables, trust_sentence
from tracklight.settings.controls_eeg import ControlsEeg

ANCHOR, TITLE = "controls", "Would another network, label or signal give the same?"
TABLE = "controls/controls.tsv"
RANDOM, SEEDS, UNTRAINED = "random weights", "two trained networks", "two networks with random weights"
HEADINGS = {
    "control": "control",
    "direction": "networks of half",
    "value": "value",
    "low": "low",
    "high": "high",
    "p": "p",
    "note": "what it is",
}
LEGEND = [
    "pass: as it should be; warn: look before you rely on the map; fail: do not rely on it; info: no threshold",
    "gate: whether anything is decoded within strata, and whether what is no content goes with the label there",
    "controls: whether the map hangs on what was learned, and what labels without meaning give",
    "claims: whether the design can conclude, the attribution sums to the output, and what is claimed holds in bins",
]
AGREEMENTS = {
    "reports_signed": "maps of single reports (Pearson, with sign)",
    "reports_rank": "maps of single reports (Spearman of absolute values)",
    "contrast_signed": "maps of the difference between labels (Pearson, with sign)",
}


def controls_section(studies: Sequence[Study]) -> Section:
    """Show the controls and all verdicts of every study, and how well networks of other seeds agree."""
    blocks = [block for study in studies for block in _study(study)]
    if not blocks:
        return absent(ANCHOR, TITLE, "This run has no controls and no checks.")
    cascades = {study.name: rows for study in studies if len(rows := _cascade(study))}
    below = studies[0].settings("controls-eeg", ControlsEeg())["agreement_below"]
    pictures = [_picture(cascades, below=below)] if cascades else []
    return Section(ANCHOR, TITLE, [Items(LEGEND), *pictures, *blocks])


def _study(study: Study) -> list[Block]:
    controls, trust = study.folder.table(TABLE), study.folder.table("claims/trust.tsv")
    agreement, blocks = _agreement(study), list[Block]()
    if trust is not None and len(trust):
        blocks = [Text(f"{study.name}. {trust_sentence(trust)}", strong=True, warn=bool(study.unreadable()))]
        blocks += check_tables(trust, source=f"{study.name}/claims/trust.tsv")
    blocks += [agreement] if agreement is not None else []
    if controls is not None and len(controls):
        headings = {name: label for name, label in HEADINGS.items() if name in controls}
        caption = f"{study.name}: controls ({TABLE})"
        blocks.append(plain_table(controls, caption=caption, headings=headings, sortable=True))
    return [Heading(study.name), *blocks] if blocks else []


def _agreement(study: Study) -> Table | None:
    """Show how well the maps of networks that differ in the seed alone agree."""
    found = (study.folder.facts(f"units/{study.network}/units.json") or {}).get("seed_agreement") or {}
    rows = [
        {"maps": label, **{half: values.get(name) for half, values in found.items()}}
        for name, label in AGREEMENTS.items()
    ]
    if not any(value is not None for row in rows for name, value in row.items() if name != "maps"):
        return None
    table = pd.DataFrame(rows).astype(dict.fromkeys(found, float))
    caption = f"{study.name}: agreement of two networks that differ in the seed alone, mean over pairs (units.json)"
    return plain_table(table, caption=caption, headings={"maps": "what is compared", **{h: f"half {h}" for h in found}})


def _cascade(study: Study) -> pd.DataFrame:
    table = study.folder.table(TABLE)
    return pd.DataFrame() if table is None else table[table["control"].isin([RANDOM, SEEDS, UNTRAINED])]


@styled
def cascade_figure(cascades: dict[str, pd.DataFrame], *, below: float) -> Figure:
    """Draw how the map loses its likeness to the trained one as layers forget, from the output down.

    Parameters
    ----------
    cascades : dict of str to DataFrame
        By study, the rows of `controls.tsv` about random weights, two trained and two untrained networks.
    below : float
        Agreement that the last step must stay below.
    """
    figure, axes = panels(width=abreast(len(cascades)), height=3.4, columns=len(cascades))
    for panel, (name, table) in zip(axes[0], cascades.items(), strict=True):
        steps = list(dict.fromkeys(table.loc[table["control"] == RANDOM, "note"]))
        names = [step.removesuffix(" and all above") for step in steps]
        for half, colour, mark in (("A", POSITIVE, "o"), ("B", NEGATIVE, "s")):
            _line(panel, table[table["direction"] == half], steps, colour=colour, mark=mark, label=f"half {half}")
        _levels(panel, table[table["direction"] == "both"])
        panel.axhline(below, color="black", linestyle="--", linewidth=0.9, label="to stay below at the end")
        panel.set_xticks(range(len(steps) + 1), ["none", *names])
        panel.set(
            title=name, ylim=(-0.1, 1.05), xlabel="random weights down to", ylabel="agreement with the trained map"
        )
        light_grid(panel, "y")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=3)
    return figure


def _line(panel: Axes, rows: pd.DataFrame, steps: list[str], *, colour: str, mark: str, label: str) -> None:
    found = rows[rows["control"] == RANDOM].set_index("note").reindex(steps)
    values, ends = found["value"].to_numpy(float), found[["low", "high"]].to_numpy(float).T
    spread = np.pad(np.abs(ends - values), ((0, 0), (1, 0)))
    places = np.arange(len(steps) + 1)
    panel.errorbar(places, [1.0, *values], yerr=spread, marker=mark, color=colour, capsize=2, label=label)


def _levels(panel: Axes, rows: pd.DataFrame) -> None:
    for control, dashes, colour in ((SEEDS, ":", CANDIDATE), (UNTRAINED, "-.", NEUTRAL)):
        for value in rows.loc[rows["control"] == control, "value"].dropna():
            panel.axhline(float(value), color=colour, linestyle=dashes, linewidth=1.2, label=control)


def _picture(cascades: dict[str, pd.DataFrame], *, below: float) -> Picture:
    spoken = []
    for name, table in cascades.items():
        values = table.loc[(table["control"] == RANDOM) & (table["direction"] == "both"), "value"]
        spoken += [f"{name}: {values.iloc[-1]:.2f}"] if len(values) else []
    return Picture(
        figure_uri(cascade_figure(cascades, below=below)),
        alt=f"Agreement of the map with itself after all layers were given random weights: {'; '.join(spoken)}.",
        caption="Layers are given random weights from the output down; a map that hangs on what was learned loses its "
        f"likeness. Agreement: Pearson's correlation of maps of single epochs, with 95% intervals. Numbers: {TABLE}",
    )
