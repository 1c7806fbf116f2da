"""The section about the attribution methods: do they say the same, and what does each cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracklight.report.blocks import Block, Picture, Section, Table, Text, absent, plain_table
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import figure_uri, panels, styled

TITLE = "Do the attribution methods agree?"
TRUTH = "in_silico_mutagenesis"
NAMES = {
    "gradient": "gradient (length)",
    "gradient_x_input_raw": "gradient × input, raw",
    "gradient_x_input_corrected": "gradient × input, corrected",
    "smoothgrad": "SmoothGrad",
    "integrated_gradients": "integrated gradients",
    "deep_lift_shap": "DeepLIFT/SHAP",
    TRUTH: "in-silico mutagenesis",
}  # a method that is not here is shown under its own name
MEASURES = {"pearson": "Pearson r, signs included", "spearman": "Spearman ρ of absolute values"}
COLUMNS = {
    "name": "method",
    "relative_to_gradient": "time, in gradients",
    "milliseconds": "ms per window",
    "forward_per_window": "forward",
    "backward_per_window": "backward",
    "completeness_gap": "completeness gap",
}
HOW = (
    "In-silico mutagenesis puts every other base at every place and asks the networks again: it is the truth about "
    "what single changes do to these networks, not about the cell. The other methods come near it for less. A method "
    "that disagrees is not wrong for that: DeepLIFT/SHAP and integrated gradients explain the difference from other "
    "inputs, and the length of the gradient has no sign, so that only its absolute values compare."
)


def methods_section(run: RunFolder) -> Section:
    """Show how far the methods agree window by window, and what each costs."""
    table, costs = run.table("trust/methods.tsv"), run.table("trust/methods_cost.tsv")
    checks = run.table("trust/methods_checks.tsv")
    if table is None or costs is None or checks is None:
        return absent("methods", TITLE, "This run has no comparison of methods.")
    finding = methods_sentence(table, costs, checks)
    blocks: list[Block] = [Text(finding, strong=True), Text(HOW), _picture(table, finding), _cost_table(costs)]
    return Section("methods", TITLE, blocks)


def methods_sentence(table: pd.DataFrame, costs: pd.DataFrame, checks: pd.DataFrame) -> str:
    """Say in one or two sentences how near the published tracks come to in-silico mutagenesis, and at what cost.

    Parameters
    ----------
    table, costs, checks : DataFrame
        Rows of `methods.tsv`, `methods_cost.tsv` and `methods_checks.tsv`; the check of the saliency comes first.
    """
    saliency, integrated = checks.iloc[0], checks.iloc[1]
    passes = costs.set_index("method")["forward_per_window"]
    return (
        f"In {table['windows'].iloc[0]} held-out active windows saliency agrees with in-silico mutagenesis to "
        f"r = {saliency['value']:.2f} (95% interval {saliency['low']:.2f} to {saliency['high']:.2f}), integrated "
        f"gradients to r = {integrated['value']:.2f} ({integrated['low']:.2f} to {integrated['high']:.2f}); maps of "
        f"untrained networks to {saliency['control']:z.2f} and {integrated['control']:z.2f}. Saliency takes one "
        "evaluation of the networks and its gradient per window, in-silico mutagenesis "
        f"{passes[TRUTH]:,.0f} evaluations."
    )


@styled
def agreement_figure(table: pd.DataFrame) -> Figure:
    """Draw the mean agreement of every pair of methods, one panel per measure.

    Parameters
    ----------
    table : DataFrame
        Rows of `methods.tsv`.
    """
    names = list(dict.fromkeys([*table["method_a"], *table["method_b"]]))
    figure, axes = panels(width=10, height=3.9, columns=len(MEASURES))
    for number, (measure, title) in enumerate(MEASURES.items()):
        panel = axes[0][number]
        _draw(panel, _square(table, names, measure))
        labels = [NAMES.get(name, name) for name in names]
        panel.set_xticks(range(len(names)), labels, rotation=40, ha="right", rotation_mode="anchor")
        panel.set_yticks(range(len(names)), labels if number == 0 else [])
        panel.set_title(title)
    return figure


def _square(table: pd.DataFrame, names: list[str], measure: str) -> NDArray[np.float64]:
    """Lay the pairs out in a square, mirrored, empty on the diagonal."""
    square = np.full((len(names), len(names)), np.nan)
    for a, b, value in zip(table["method_a"], table["method_b"], table[measure], strict=True):
        square[names.index(a), names.index(b)] = square[names.index(b), names.index(a)] = value
    return square


def _draw(panel: Axes, square: NDArray[np.float64]) -> None:
    panel.imshow(square, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(np.isfinite(square)):
        value = square[row, column]
        colour = "black" if value > 0.55 else "white"  # on the lighter and the darker half of the colours
        panel.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    panel.tick_params(length=0)
    for side in panel.spines.values():
        side.set_visible(False)


def _picture(table: pd.DataFrame, finding: str) -> Picture:
    return Picture(
        figure_uri(agreement_figure(table)),
        alt=f"Two squares of correlations between the maps of all methods. {finding}",
        caption="Correlation of the maps of two methods along a window, mean over "
        f"{table['windows'].iloc[0]} held-out active windows, with every number; dark is 0 or less. "
        "Intervals: trust/methods.tsv.",
    )


def _cost_table(costs: pd.DataFrame) -> Table:
    shown = costs.assign(
        name=[NAMES.get(name, name) for name in costs["method"]], milliseconds=1000 * costs["seconds_per_window"]
    )
    return plain_table(
        shown,
        caption="What a window costs: time as measured when this run was made, on its machine; inputs that passed the "
        "networks forwards and backwards, counted exactly; and by which share of the difference in prediction the sum "
        "of the map misses it, for methods that explain a difference (trust/methods_cost.tsv).",
        headings=COLUMNS,
    )
