"""The section of the maps by channel and frequency: attribution, pattern and power, and what may be claimed of them."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tracklight.eeg.claims import CONTENT, INTERACTION
from tracklight.report.blocks import Block, Heading, Picture, Section, Text, absent
from tracklight.report.eeg.features import features_table, holds, naive_table, strongest
from tracklight.report.eeg.heat import draw_heat, grid, reach, rows_height
from tracklight.report.eeg.naive import naive_pictures
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import counted, places
from tracklight.report.style import figure_uri, panels, styled

ANCHOR, TITLE = "maps", "Where the evidence lies"
MAPS = {
    "theta_attribution": "A  attribution (SD of the evidence)",
    "pattern": "B  pattern (attribution per unit of evidence)",
    "theta_power": "C  power (natural log)",
}
HOW = (
    "Every map shows a difference between the labels within subject and sleep stage, as a mean over subjects: "
    "(A) of the attribution, what the decoder makes of that frequency; (B) how attribution there goes with the "
    "evidence; (C) of the log power, which knows no decoder. Attribution is not information: a feature is claimed "
    "as content only where A and C are both significant (family-wise, both directions of the cross-fit). A alone "
    "is used through interaction with something else; C alone is there and not used."
)
NAIVE = "What other analyses of the same data would have reported"


def maps_section(studies: Sequence[Study], *, top_n: int) -> Section:
    """Show the maps of every study with the claims marked, the strongest features, and what naive tests report."""
    every = [claims for study in studies if (claims := study.claims()) is not None and len(claims)]
    # One scale for all studies: what is nothing in one of them must not look like something.
    limits = {name: max(reach(table[name].to_numpy(float)) for table in every) for name in MAPS} if every else {}
    blocks = [block for study in studies for block in _study(study, limits, top_n=top_n)]
    if not blocks:
        return absent(ANCHOR, TITLE, "This run has no claims, so no map of attribution beside power.")
    return Section(ANCHOR, TITLE, [Text(HOW), *blocks])


def _study(study: Study, limits: dict[str, float], *, top_n: int) -> list[Block]:
    claims = study.claims()
    if claims is None or claims.empty:
        return []
    blocks: list[Block] = [
        Heading(study.name),
        Text(_sentence(study, claims), strong=True),
        _picture(study, claims, limits),
    ]
    blocks.append(features_table(study, claims, top_n=top_n))
    naive = study.folder.table("claims/naive.tsv")
    if naive is not None and len(naive):
        blocks += naive_pictures(study)
        blocks.append(naive_table(naive, caption=f"{study.name}: {NAIVE[0].lower()}{NAIVE[1:]} (claims/naive.tsv)"))
    return blocks


@styled
def maps_figure(claims: pd.DataFrame, limits: dict[str, float], *, readable: bool) -> Figure:
    """Draw attribution, pattern and power by channel and frequency, with boxes around what is claimed.

    Parameters
    ----------
    claims : DataFrame
        Rows of `claims.tsv`.
    limits : dict of str to float
        Value of the full colours, by column.
    readable : bool
        Whether the gate was passed; otherwise the maps are grey.
    """
    shown = {name: title for name, title in MAPS.items() if name in claims and claims[name].notna().any()}
    channels = list(dict.fromkeys(claims["channel"]))
    height = 0.55 + rows_height(len(channels), each=0.22, most=5.0)
    figure, axes = panels(width=10, height=0.4 + (height + 0.35) * len(shown), ratios=(1,) * len(shown))
    for number, (name, title) in enumerate(shown.items()):
        panel = axes[number][0]
        values, ends = grid(claims, name, channels)
        image = draw_heat(
            panel, values, rows=channels, ends=ends, limit=limits[name], readable=readable or name == "theta_power"
        )
        _mark(panel, claims, channels, width=(ends[1] - ends[0]) / values.shape[1])
        panel.set_title(title)
        figure.colorbar(image, ax=panel, pad=0.01)
    axes[-1][0].set_xlabel("frequency (Hz)")
    return figure


def _mark(panel: Axes, claims: pd.DataFrame, channels: Sequence[str], *, width: float) -> None:
    """Box what is claimed; what is used through interaction gets a dashed box."""
    for claim, dashes, line in ((CONTENT, "-", 1.6), (INTERACTION, ":", 0.9)):
        for row in claims[claims["claim"] == claim].itertuples():
            corner = (float(row.hz) - width / 2, channels.index(str(row.channel)) - 0.5)  # type: ignore[arg-type]
            panel.add_patch(Rectangle(corner, width, 1, fill=False, linewidth=line, linestyle=dashes))


def _sentence(study: Study, claims: pd.DataFrame) -> str:
    if study.unreadable():
        return f"{study.name}: {study.unreadable()}. Numbers below are for the record, and nothing is claimed."
    content, interaction = (claims[claims["claim"] == claim] for claim in (CONTENT, INTERACTION))
    where = f": {places(content)}" if len(content) else ""
    return (
        f"{study.name}: {counted(len(content), 'feature')} of {len(claims)} claimed as content{where}; "
        f"{len(interaction)} used through interaction only.{_robust(content)}"
    )


def _robust(content: pd.DataFrame) -> str:
    columns = [name for name in content.columns if name.startswith("robust.")]
    if not columns or content.empty:
        return ""
    every = int(pd.concat([holds(content[name]) for name in columns], axis=1).all(axis=1).sum())
    names = " and ".join(name.removeprefix("robust.") for name in columns)
    return f" {every} of {len(content)} also hold within bins of {names}."


def _picture(study: Study, claims: pd.DataFrame, limits: dict[str, float]) -> Picture:
    readable = not study.unreadable()
    top = strongest(claims, "theta_attribution")
    return Picture(
        figure_uri(maps_figure(claims, limits, readable=readable)),
        alt=f"Maps by channel and frequency of {study.name}. {_sentence(study, claims)} The largest difference in "
        f"attribution is at {top['feature']}: {top['theta_attribution']:.3f}.",
        caption=f"{study.name}: orange is more with {study.label()}, blue is less. Boxes: claimed as content; dotted: "
        "used through interaction. "
        + ("" if readable else "Attribution is grey because the gate was not passed. ")
        + "Numbers: claims/claims.tsv",
    )
