"""The section about where in its window a network looks, and the figure of its law over depth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tracklight.report.blocks import Picture, Section, Text, absent, plain_table
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import CANDIDATE, LIGHT, NEGATIVE, NEUTRAL, POSITIVE, SERIES, figure_uri, panels, styled

PREDICTION = "prediction"
TABLE, PROFILE, CHECKS = (f"trust/receptive_field{part}.tsv" for part in ("", "_profile", "_checks"))
MARKERS = "osD^vP*Xph<>d8"
HOW = (
    "Per base: the squared gradient with respect to the sequence, corrected for one-hot input and averaged over "
    "held-out windows, as a share of the whole. A trained field need not be a Gaussian: it is high where the signals "
    "lie that decide. A unit is the centre of what a convolution gives, its channels mixed at random. "
    "The theoretical field is how far it could see at most. Beside it untrained networks of the same shape: what they "
    "have as well comes from the architecture and not from the data."
)
HEADINGS = {
    "unit": "unit",
    "theoretical_bp": "theoretical field (bp)",
    "sigma": "σ (bp)",
    "sigma_sd": "SD over networks",
    "sigma_untrained": "σ, untrained",
    "ratio": "σ / theoretical",
    "mass_bp": "width of the field (bp)",
    "gaussian_r2": "R² of a Gaussian",
    "kurtosis": "excess kurtosis",
}


def field_section(run: RunFolder) -> Section:
    """Show how much of its window the prediction uses, and what every convolution adds."""
    anchor, title = "receptive-field", "Where in its window the network looks"
    rows, profiles, checks = run.table(TABLE), run.table(PROFILE), run.table(CHECKS)
    if rows is None or profiles is None or checks is None:
        return absent(anchor, title, "This run has no receptive field.")
    length = int(profiles["position"].max()) + 1
    finding = width_sentence(rows, length)
    units = _by_unit(rows)
    caption = (
        "Left: the prediction over the window. Right: the centre unit after every convolution. "
        f"Means over networks; numbers: {PROFILE}."
    )
    return Section(
        anchor,
        title,
        [
            Text(finding, strong=True),
            Text(f"{fit_sentence(*checks['verdict'].iloc[:2])} {training_sentence(units)}"),
            Text(HOW),
            Picture(figure_uri(field_figure(profiles)), alt=finding, caption=caption),
            plain_table(units, caption=f"Fields of the units, means over networks ({TABLE})", headings=HEADINGS),
        ],
    )


def width_sentence(rows: pd.DataFrame, length: int) -> str:
    """Say how much of the window holds the prediction's field.

    Parameters
    ----------
    rows : DataFrame
        `receptive_field.tsv`.
    length : int
        Of the window (bp).
    """
    of = rows[rows["unit"] == PREDICTION]
    trained, untrained = (of.loc[of["trained"] == flag, "mass_bp"] for flag in (1, 0))
    spread = f"mean of {len(trained)} networks, SD {trained.std():.1f}" if len(trained) > 1 else "one network"
    return (
        f"{of['mass'].iloc[0]:.0%} of what moves the prediction lies within {trained.mean():.0f} of the {length} bp of "
        f"the window ({spread}; untrained networks: {untrained.mean():.0f} bp)."
    )


def fit_sentence(used: str, enough: str) -> str:
    """Say whether the window fits the field, from the verdicts on whether it is used and whether it is long enough."""
    if used == "warn":
        return "Most of the window is not used: shorter windows would do, and train faster."
    if enough == "warn":
        return "The field fills the window and may be cut off by it: try longer windows and compare held-out accuracy."
    return "The window is neither mostly unused nor filled to its ends."


def training_sentence(units: pd.DataFrame) -> str:
    """Say whether training widened or narrowed the field of the prediction (rows as in `HEADINGS`)."""
    row = units.set_index("unit").loc[PREDICTION]
    change = row["sigma"] - row["sigma_untrained"]
    if not abs(change) > 2 * row["sigma_sd"]:  # also when there is one network, whose SD is not a number
        return "Training changed its width by no more than networks differ among themselves."
    word = "widened" if change > 0 else "narrowed"
    return f"Training {word} it: σ is {row['sigma']:.1f} bp, in untrained networks {row['sigma_untrained']:.1f} bp."


def _by_unit(rows: pd.DataFrame) -> pd.DataFrame:
    trained, untrained = (rows[rows["trained"] == flag].groupby("unit", sort=False) for flag in (1, 0))
    table = trained[["theoretical_bp", "ratio", "mass_bp", "gaussian_r2", "kurtosis"]].mean()
    sigma = trained["sigma_bp"]
    table = table.assign(sigma=sigma.mean(), sigma_sd=sigma.std(), sigma_untrained=untrained["sigma_bp"].mean())
    return table.reset_index()


@styled
def field_figure(profiles: pd.DataFrame) -> Figure:
    """Draw the profile of the prediction with its Gaussian and its width, and those of the inner units.

    Parameters
    ----------
    profiles : DataFrame
        Rows of `receptive_field_profile.tsv`.
    """
    figure, axes = panels(width=10, height=3.4, columns=2)
    left, right = axes[0]
    _prediction(left, profiles[profiles["unit"] == PREDICTION])
    for colour, (unit, rows) in zip(SERIES, profiles[profiles["unit"] != PREDICTION].groupby("unit"), strict=False):
        _inner(right, rows, str(unit), colour)
    right.plot([], [], color=NEUTRAL, linestyle=":", label="untrained")
    right.set(xlabel="distance from the middle of the field (bp)", ylabel="share of the energy per bp", ylim=(0, None))
    right.set_title("inner units")
    for panel in (left, right):
        panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=1 if panel is left else 0))
        panel.legend(loc="upper left" if panel is left else "upper right")
    return figure


def _prediction(axes: Axes, rows: pd.DataFrame) -> None:
    at, inside = rows["position"], rows.loc[rows["inside"] == 1, "position"]
    if len(inside):
        label = f"width of the field: {len(inside)} bp"
        axes.axvspan(inside.min() - 0.5, inside.max() + 0.5, color=CANDIDATE, alpha=0.12, linewidth=0, label=label)
    axes.plot(at, rows["untrained"], color=LIGHT, linewidth=1.5, label="untrained")
    axes.plot(at, rows["trained"], color=POSITIVE, linewidth=1.5, label="trained")
    axes.plot(at, rows["gaussian"], color=NEGATIVE, linewidth=1.2, linestyle="--", label="Gaussian fit")
    top = 1.4 * float(np.nanmax([0, rows["trained"].max(), rows["untrained"].max()]))  # room for the legend
    axes.set(xlabel="position in the window, 5' to 3' (bp)", ylabel="share of the energy per bp", title=PREDICTION)
    axes.set(xlim=(at.min(), at.max()), ylim=(0, top or 1))


def _inner(axes: Axes, rows: pd.DataFrame, unit: str, colour: str) -> None:
    seen = rows[(rows["trained"] > 0) | (rows["untrained"] > 0)]
    if not len(seen):
        return
    away = seen["position"] - (seen["position"].min() + seen["position"].max()) / 2
    axes.plot(away, seen["untrained"], color=colour, linewidth=1, linestyle=":")
    axes.plot(away, seen["trained"], color=colour, linewidth=1.5, label=unit)


@styled
def law_figure(table: pd.DataFrame, *, lawless: Sequence[str]) -> Figure:
    """Draw sigma against depth for stacks of convolutions: those that follow the law, and those that do not.

    Parameters
    ----------
    table : DataFrame
        One row per `stack` and `depth`: mean `sigma` and `sigma_sd` over seeds, and of the stack the fitted `exponent`,
        `exponent_sd` over seeds and `prefactor`; NaN where no power law is fitted.
    lawless : sequence of str
        The stacks of the second panel.
    """
    figure, axes = panels(width=12.5, height=4.2, columns=2)
    names = list(table["stack"].unique())
    depth = np.array([table["depth"].min(), table["depth"].max()])
    for panel, title, chosen in (
        (axes[0][0], "σ grows with the root of the depth", [name for name in names if name not in lawless]),
        (axes[0][1], "and where it does not", lawless),
    ):
        panel.plot(depth, 1 + 2 * depth, color=LIGHT, linewidth=1.5, label="theoretical field, 1 + 2L")
        panel.plot(depth, np.sqrt(2 / 3 * depth), color=NEUTRAL, linestyle="--", linewidth=1.2, label="law, √(2L/3)")
        for number, name in enumerate(chosen):
            _law(panel, table[table["stack"] == name], number)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log", base=2)
        panel.set(
            xlabel="convolutions of kernel 3, L", ylabel="σ of the field (positions)", title=title, ylim=(0.9, 160)
        )
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter("{x:g}")
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1), title="exponent ± SD over seeds", title_fontsize=8)
    return figure


def _law(axes: Axes, rows: pd.DataFrame, number: int) -> None:
    """Draw one stack: a mark per depth with its spread over seeds, and the fitted line."""
    first = rows.iloc[0]
    colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
    has_law = np.isfinite(first["exponent"])
    fitted = first["prefactor"] * rows["depth"] ** first["exponent"] if has_law else rows["sigma"]
    axes.plot(rows["depth"], fitted, color=colour, linewidth=1)
    exponent = round(first["exponent"], 2) + 0.0  # -0.00 is 0.00
    power = f"{exponent:.2f} ± {first['exponent_sd']:.2f}" if has_law else "no power of L"
    axes.errorbar(
        rows["depth"], rows["sigma"], yerr=rows["sigma_sd"], color=colour, marker=marker, markersize=5, mfc="none",
        linestyle="none", label=f"{first['stack']}: {power}",
    )  # fmt: skip
