"""Maps of what the usual analyses of the same attributions would have reported: a warning, never a result."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tracklight.report.blocks import Picture
from tracklight.report.eeg.heat import draw_heat, grid, reach, rows_height
from tracklight.report.eeg.study import Study
from tracklight.report.style import figure_uri, panels, styled
from tracklight.settings.claims_eeg import ClaimsEeg

FULL = 0.95  # quantile of the differences that gets the full colours: a few large ones would hide all others
ANALYSES = {
    "pooled": ("pooled_difference", "pooled_q", "epochs pooled, t-test"),
    "unstratified": ("unstratified_theta", "unstratified_p", "subjects, stages ignored"),
}


def naive_pictures(study: Study) -> list[Picture]:
    """Return the maps of a study, or none when they were not computed."""
    table = study.folder.table("claims/naive_features.tsv")
    if table is None or table.empty:
        return []
    levels = _levels(study)
    counts = [
        f"{title}: {int((table[p] <= levels[name]).sum())} of {len(table)} features"
        for name, (_, p, title) in ANALYSES.items()
    ]
    return [
        Picture(
            figure_uri(naive_figure(table, levels)),
            alt=f"What other analyses would have reported. {'; '.join(counts)}.",
            caption=f"{study.name}: what the usual analyses of the same attributions would have called significant "
            f"({'; '.join(counts)}). Coloured features are called, grey ones are not. They confuse stage with "
            "content; nothing here rests on them. Numbers: claims/naive_features.tsv",
        )
    ]


@styled
def naive_figure(table: pd.DataFrame, levels: dict[str, float]) -> Figure:
    """Draw the differences that each analysis calls significant.

    Parameters
    ----------
    table : DataFrame
        Rows of `naive_features.tsv`.
    levels : dict of str to float
        Largest p or q that is called, by analysis.
    """
    channels = list(dict.fromkeys(table["channel"]))
    height = 0.9 + rows_height(len(channels), each=0.22, most=5.0)
    figure, axes = panels(width=10, height=0.4 + height * len(ANALYSES), ratios=(1,) * len(ANALYSES))
    for row, (name, (value, p, title)) in enumerate(ANALYSES.items()):
        called = table.assign(shown=table[value].where(table[p] <= levels[name]))
        values, ends = grid(called, "shown", channels)
        sizes = table[value].abs().to_numpy(float)
        limit = reach(np.minimum(sizes, np.quantile(sizes, FULL)))
        image = draw_heat(axes[row][0], values, rows=channels, ends=ends, limit=limit, readable=True)
        axes[row][0].set_title(f"{title}: {int(called['shown'].notna().sum())} of {len(table)} features")
        figure.colorbar(image, ax=axes[row][0], pad=0.01, extend="both")
    axes[-1][0].set_xlabel("frequency (Hz)")
    return figure


def _levels(study: Study) -> dict[str, float]:
    """Return the levels the analyses were counted at: of the stage's record, and of the strata."""
    alpha = (study.strata_facts() or {}).get("alpha", 0.0)
    return {"pooled": study.settings("claims-eeg", ClaimsEeg())["naive_q"], "unstratified": alpha}
