"""The section over the head: one frequency by channel, as a topography where there are channels enough."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tracklight.eeg.montage import position
from tracklight.report.blocks import Block, Picture, Section, Text, absent
from tracklight.report.eeg.features import strongest
from tracklight.report.eeg.heat import diverging, reach
from tracklight.report.eeg.study import Study
from tracklight.report.style import CANDIDATE, NEUTRAL, POSITIVE, figure_uri, light_grid, panels, styled

ANCHOR, TITLE = "head", "Over the head"
FEWEST = 8  # with fewer channels the interpolation between them shows itself, not the data
HEAD_M = 0.095  # radius of the head that the drawing assumes
MAPS = {"theta_attribution": "attribution (SD of the evidence)", "theta_power": "power (natural log)"}
HALO = withStroke(linewidth=2.5, foreground="white")  # names stay readable on dark colours
INSTALL = "Bars instead of topographies: install tracklight[mne] for those."


def topography_section(studies: Sequence[Study]) -> Section:
    """Show attribution and power by channel at the strongest frequency of every study."""
    tables = {study.name: claims for study in studies if (claims := study.claims()) is not None and len(claims)}
    if not tables:
        return absent(ANCHOR, TITLE, "This run has no claims, so no map over the head.")
    channels = list(dict.fromkeys(name for table in tables.values() for name in table["channel"]))
    placed, reason = positions(channels)
    shown = {name: at_strongest(table) for name, table in tables.items()}
    blind = {study.name: why for study in studies if study.name in shown and (why := study.unreadable())}
    blocks: list[Block] = [Text(reason)] if reason else []
    blocks += [Text(f"{name}: {why}.") for name, why in blind.items()]
    return Section(ANCHOR, TITLE, [*blocks, _picture(shown, placed, list(blind))])


def positions(channels: Sequence[str]) -> tuple[Any, str]:
    """Find channels on the head.

    Parameters
    ----------
    channels : sequence of str
        Names; those of the 10-10 system are known.

    Returns
    -------
    mne.Info or None
        The channels that are known, with places; None where bars are shown.
    str
        Why bars are shown; empty otherwise.
    """
    try:
        mne = import_module("mne")
    except ImportError:
        return None, INSTALL
    places = {name: HEAD_M * place for name in channels if (place := position(name)) is not None}
    if len(places) < FEWEST:
        return None, (
            f"Bars instead of topographies: {len(places)} channels have a known place on the head, and between fewer "
            f"than {FEWEST} a topography would show mostly its own interpolation."
        )
    info = mne.create_info(list(places), 1.0, "eeg")
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="error")
    return info, ""


def at_strongest(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the frequency of the strongest feature: a claimed one where there is any."""
    claimed = claims[claims["claim"] == "content"]
    among = claimed if len(claimed) else claims
    return claims[claims["hz"] == strongest(among, "z_attribution")["hz"]]


@styled
def head_figure(shown: dict[str, pd.DataFrame], info: Any, *, blind: Sequence[str]) -> Figure:
    """Draw attribution and power at one frequency by channel, studies below each other.

    Parameters
    ----------
    shown : dict of str to DataFrame
        Rows of `claims.tsv` of one frequency, by study.
    info : mne.Info or None
        Channels with places; None draws bars.
    blind : sequence of str
        Studies whose attribution may not be interpreted: drawn in grey.
    """
    height = 3.0 if info is not None else 2.4
    figure, axes = panels(width=9, height=height * len(shown), ratios=(1,) * len(shown), columns=len(MAPS))
    for row, (name, table) in enumerate(shown.items()):
        for column, (value, title) in enumerate(MAPS.items()):
            panel, grey = axes[row][column], name in blind and value == "theta_attribution"
            panel.set_title(f"{name}, {table['hz'].iloc[0]:g} Hz: {title}", fontsize=9)
            if info is None:
                _bars(panel, table, value, grey=grey)
            else:
                _head(panel, table.set_index("channel")[value], info, grey=grey)
    if info is None:
        _level([axes[row][0] for row, name in enumerate(shown) if name not in blind])
        _level([row[1] for row in axes])
    return figure


def _level(panels_of: Sequence[Axes]) -> None:
    """Give panels one scale: what is nothing in one study must not look like something; grey ones have their own."""
    for panel in panels_of[1:]:
        panel.sharey(panels_of[0])


def _bars(panel: Axes, table: pd.DataFrame, value: str, *, grey: bool) -> None:
    places, colour = np.arange(len(table)), CANDIDATE if value == "theta_attribution" else POSITIVE
    panel.bar(places, table[value], color=NEUTRAL if grey else colour, alpha=0.8)
    if value == "theta_attribution":
        panel.vlines(places, table["low"], table["high"], color="black", linewidth=1.2)
    panel.axhline(0, color=NEUTRAL, linewidth=0.8)
    panel.set_xticks(places, table["channel"], rotation=90 if len(places) > FEWEST else 0)
    light_grid(panel, "y")


def _head(panel: Axes, values: pd.Series, info: Any, *, grey: bool) -> None:
    mne = import_module("mne")
    at = values.reindex(info.ch_names).to_numpy(float)
    limit = reach(at)
    # sensors=" " draws no dots: they would lie on the names
    image, _ = mne.viz.plot_topomap(
        np.abs(at) if grey else at, info, axes=panel, show=False, contours=4, names=info.ch_names, sensors=" ",
        vlim=(0 if grey else -limit, limit), cmap="Greys" if grey else diverging(),
    )  # fmt: skip
    for name in panel.texts:
        name.set(fontsize=7, ha="center", va="center", path_effects=[HALO])
    panel.figure.colorbar(image, ax=panel, shrink=0.8)


def _picture(shown: dict[str, pd.DataFrame], info: Any, blind: Sequence[str]) -> Picture:
    spoken = []
    for name, table in shown.items():
        top = strongest(table, "theta_attribution")
        spoken.append(f"{name}: at {top['hz']:g} Hz most at {top['channel']} ({top['theta_attribution']:.3f})")
    shape = "" if info is not None else " Lines: 95% intervals over subjects."
    return Picture(
        figure_uri(head_figure(shown, info, blind=blind)),
        alt=f"Attribution and power by channel. {'; '.join(spoken)}.",
        caption="Differences between the labels within strata at the frequency of the strongest feature of the study, "
        f"by channel; grey: the gate was not passed.{shape} Numbers: claims/claims.tsv",
    )
