"""The section about time: where before the awakening the evidence lies, by channel and band."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tracklight.report.blocks import Block, Heading, Picture, Section, Table, Text, absent, number, words
from tracklight.report.eeg.features import strongest
from tracklight.report.eeg.heat import Floats, draw_heat, reach, rows_height
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.wording import p_cell
from tracklight.report.style import figure_uri, panels, styled
from tracklight.settings.eeg_learning import AttributeEeg

ANCHOR, TITLE = "time", "When before the awakening"
MAP = "attribution_time"
CAUTION = (
    "A cluster's p says that the labels differ somewhere in it; it does not say that every feature or moment of the "
    "cluster does, nor where it begins or ends (Sassenhagen and Draschkow 2019). This map was declared second: of it "
    "something is claimed only where the map by frequency has content (fixed sequence)."
)
MOST_CLUSTERS = 12


def awakening_section(studies: Sequence[Study]) -> Section:
    """Show attribution by band and time to the awakening, and its clusters."""
    blocks = [block for study in studies for block in _study(study)]
    if not blocks:
        return absent(ANCHOR, TITLE, "This run has no map by time to the awakening.")
    return Section(ANCHOR, TITLE, [*blocks, Text(CAUTION)])


def _study(study: Study) -> list[Block]:
    effects, axes = study.strata("strata", of=MAP), study.folder.table(f"units/{study.network}/axes_time.tsv")
    if effects is None or axes is None:
        return []
    placed = in_order(study, axes.merge(effects, on="feature", how="inner", validate="one_to_one"))
    if placed.empty:
        return []
    blocks: list[Block] = [Heading(study.name), Text(_sentence(study, placed)), _picture(study, placed)]
    clusters = study.strata("strata_clusters", of=MAP)
    return blocks if clusters is None or clusters.empty else [*blocks, _clusters(study, clusters)]


def in_order(study: Study, placed: pd.DataFrame) -> pd.DataFrame:
    """Put bands in the order of their frequencies, and name those as well.

    Parameters
    ----------
    study : Study
        Whose bands.
    placed : DataFrame
        Rows with `band`.
    """
    limits = study.settings("attribute-eeg", AttributeEeg())["bands"]
    low = placed["band"].map(lambda band: limits.get(band, [np.inf])[0])
    named = {band: f"{band}, {ends[0]:g}–{ends[1]:g} Hz" for band, ends in limits.items()}
    ordered = placed.assign(low=low).sort_values("low", kind="stable")
    return ordered.assign(band=ordered["band"].map(lambda band: named.get(band, band)))


@styled
def awakening_figure(placed: pd.DataFrame, *, readable: bool) -> Figure:
    """Draw z by channel and time to the awakening, one panel per band.

    Parameters
    ----------
    placed : DataFrame
        Rows with `channel band time_s z`.
    readable : bool
        Whether the gate was passed.
    """
    bands, channels = (list(dict.fromkeys(placed[name])) for name in ("band", "channel"))
    height = 0.45 + rows_height(len(channels), each=0.14, most=3.0)
    figure, axes = panels(width=10, height=0.5 + len(bands) * height, ratios=(1,) * len(bands))
    limit = reach(placed["z"].to_numpy(float))
    for number_of, band in enumerate(bands):
        panel = axes[number_of][0]
        values, ends = _by_time(placed[placed["band"] == band], channels)
        image = draw_heat(panel, values, rows=channels, ends=ends, limit=limit, readable=readable)
        panel.tick_params(axis="x", labelbottom=number_of == len(bands) - 1)
        panel.set_title(str(band))
    axes[-1][0].set_xlabel("time to the awakening (s)")
    figure.colorbar(image, ax=axes[:, 0].tolist(), label="z" if readable else "size of z", pad=0.01, aspect=40)
    return figure


def _by_time(table: pd.DataFrame, channels: Sequence[str]) -> tuple[Floats, tuple[float, float]]:
    times = np.unique(table["time_s"].to_numpy(float))
    step = float(np.diff(times).min()) if len(times) > 1 else 1.0
    columns = np.round((table["time_s"].to_numpy(float) - times[0]) / step).astype(int)
    values = np.full((len(channels), columns.max() + 1), np.nan)
    values[[channels.index(channel) for channel in table["channel"]], columns] = table["z"].to_numpy(float)
    return values, (times[0] - step / 2, times[-1] + step / 2)


def _sentence(study: Study, placed: pd.DataFrame) -> str:
    facts = study.strata_facts(of=MAP) or {}
    found = int(facts.get("significant") or 0)
    if study.unreadable():
        return f"{study.name}: {study.unreadable()}."
    top = strongest(placed, "z")
    return (
        f"{study.name}: attribution differs between the labels within strata in {found} of {len(placed)} combinations "
        f"of channel, band and time (family-wise); most at {top['channel']}, {top['band']}, "
        f"{abs(top['time_s']):g} s before the awakening.{_claimed(study)}"
    )


def _claimed(study: Study) -> str:
    """Say in how many places both maps by time differ, and that these are claimed."""
    found = study.folder.facts("claims/claims.json")
    return "" if found is None else f" Claimed as content, with power too: {len(found.get('content_in_time', []))}."


def _picture(study: Study, placed: pd.DataFrame) -> Picture:
    blind = study.unreadable()
    key = f"grey, since {blind}" if blind else f"orange is more with {study.label()}"
    return Picture(
        figure_uri(awakening_figure(placed, readable=not blind)),
        alt=f"Attribution by channel, band and time to the awakening. {_sentence(study, placed)}",
        caption=f"{study.name}: difference in attribution between the labels, over its standard deviation when labels "
        f"are exchanged within strata; {key}. Numbers: strata.tsv of attribution_time",
    )


def _clusters(study: Study, clusters: pd.DataFrame) -> Table:
    first = clusters.assign(number=clusters["features"].str.count(";") + 1, weak=-clusters["mass"].abs())
    first = first.sort_values(["p", "weak"], kind="stable").head(MOST_CLUSTERS)
    rows = [
        [words(f"{row.fold}, {row.cluster}"), number(row.number), words(row.peak), number(row.mass, digits=1),  # type: ignore[arg-type]
         p_cell(row.p)]  # type: ignore[arg-type]
        for row in first.itertuples()
    ]  # fmt: skip
    caption = (
        f"{study.name}: {len(rows)} of {len(clusters)} clusters, smallest p first; each p is of one direction of the "
        "cross-fit alone, not of both (strata_clusters.tsv)"
    )
    columns = ["networks of half, cluster", "features", "peak", "mass (sum of z)", "p of this direction"]
    return Table(caption, columns, rows)
