"""The section of the maps by channel and frequency: attribution, pattern and power, and what may be claimed of them."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tracklight.eeg.claims import CONTENT, INTERACTION, NOT_ROBUST, ROBUST, kinds
from tracklight.report.blocks import Block, Heading, Picture, Section, Text, absent
from tracklight.report.eeg.features import features_table, naive_table, strongest
from tracklight.report.eeg.heat import draw_heat, grid, reach, rows_height
from tracklight.report.eeg.naive import naive_pictures
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import counted, places
from tracklight.report.style import figure_uri, panels, styled

ANCHOR, TITLE = "maps", "Where the evidence lies"
MAPS = {
    "theta_attribution": "A  attribution (SD of the evidence)",
    "pattern": "B  pattern (log power per SD of the evidence)",
    "theta_power": "C  power (natural log)",
}
POWER = "theta_power"  # knows no network, so that no gate stands before it
HOW = (
    "Every map shows a difference between the labels within subject and sleep stage, as a mean over subjects: "
    "(A) of the attribution, what the decoder makes of that frequency; (B) how the log power there goes with the "
    "evidence, the pattern of what the decoder reads (Haufe et al. 2014); (C) of the log power, which knows no "
    "decoder. Attribution is not information: a feature is claimed as content only where A and C are both "
    "significant (family-wise, both directions of the cross-fit), within the bins of every second stratifier too. "
    "A alone is used through interaction with something else; C alone is there and not used."
)
NAIVE = "What other analyses of the same data would have reported"


def maps_section(studies: Sequence[Study], *, top_n: int) -> Section:
    """Show the maps of every study with the claims marked, the strongest features, and what naive tests report."""
    limits = {name: _limit(studies, name) for name in MAPS}
    blocks = [block for study in studies for block in _study(study, limits, top_n=top_n)]
    if not blocks:
        return absent(ANCHOR, TITLE, "This run has no claims, so no map of attribution beside power.")
    return Section(ANCHOR, TITLE, [Text(HOW), *blocks])


def _limit(studies: Sequence[Study], name: str) -> float:
    """Return one scale for all studies: what is nothing in one of them must not look like something.

    Grey maps have their own.
    """
    every = [
        claims[name].to_numpy(float)
        for study in studies
        if (claims := study.claims()) is not None and len(claims) and (name == POWER or not study.unreadable())
    ]
    return max(map(reach, every), default=1.0)


def _study(study: Study, limits: dict[str, float], *, top_n: int) -> list[Block]:
    claims = study.claims()
    if claims is None or claims.empty:
        return []
    blocks: list[Block] = [
        Heading(study.name),
        Text(_sentence(study, claims), strong=True, warn=bool(study.unreadable())),
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
        Value of the full colours, by column; grey maps have their own.
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
        coloured = readable or name == POWER
        limit = limits[name] if coloured else reach(values)
        image = draw_heat(panel, values, rows=channels, ends=ends, limit=limit, readable=coloured)
        _mark(panel, claims, channels, width=(ends[1] - ends[0]) / values.shape[1])
        panel.set_title(title)
        figure.colorbar(image, ax=panel, pad=0.01)
    axes[-1][0].set_xlabel("frequency (Hz)")
    return figure


def _mark(panel: Axes, claims: pd.DataFrame, channels: Sequence[str], *, width: float) -> None:
    """Box what is claimed; dashed what is not robust, dotted what is used through interaction."""
    for claim, dashes, line in ((CONTENT, "-", 1.6), (NOT_ROBUST, "--", 0.9), (INTERACTION, ":", 0.9)):
        for row in claims[kinds(claims["claim"]) == claim].itertuples():
            corner = (float(row.hz) - width / 2, channels.index(str(row.channel)) - 0.5)  # type: ignore[arg-type]
            panel.add_patch(Rectangle(corner, width, 1, fill=False, linewidth=line, linestyle=dashes))


def _sentence(study: Study, claims: pd.DataFrame) -> str:
    if study.unreadable():
        return f"{study.name}: {study.unreadable()}. Numbers below are for the record, and nothing is claimed."
    content, interaction = (claims[claims["claim"] == claim] for claim in (CONTENT, INTERACTION))
    where = f": {places(content)}" if len(content) else ""
    return (
        f"{study.name}: {counted(len(content), 'feature')} of {len(claims)} claimed as content{where}; "
        f"{len(interaction)} used through interaction only.{_robust(claims)}"
    )


def _robust(claims: pd.DataFrame) -> str:
    names = [name.removeprefix(ROBUST) for name in claims.columns if name.startswith(ROBUST)]
    found = kinds(claims["claim"]).value_counts()
    content, lost = (int(found.get(name, 0)) for name in (CONTENT, NOT_ROBUST))
    if not names or content + lost == 0:
        return ""
    return f" {content} of {content + lost} in both maps also hold within bins of {' and '.join(names)}."


def _picture(study: Study, claims: pd.DataFrame, limits: dict[str, float]) -> Picture:
    readable = not study.unreadable()
    top = strongest(claims, "theta_attribution")
    return Picture(
        figure_uri(maps_figure(claims, limits, readable=readable)),
        alt=f"Maps by channel and frequency of {study.name}. {_sentence(study, claims)} The largest difference in "
        f"attribution is at {top['feature']}: {top['theta_attribution']:.3f}.",
        caption=f"{study.name}: {_key(study, readable=readable)} Numbers: claims/claims.tsv",
    )


def _key(study: Study, *, readable: bool) -> str:
    colours = f"orange is more with {study.label()}, blue is less"
    if readable:
        return (
            f"{colours}. Boxes: claimed as content; dashed: not robust within bins; dotted: used through interaction."
        )
    return f"in C {colours}. A and B are grey, each on its own scale of sizes: {study.unreadable()}."
