"""Sections about what was found: confidence, peaks and their nulls, candidates, maxima, known elements."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from tracklight.report.blocks import Block, Cell, Items, Picture, Section, Text, absent, percent, plain_table
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import figure_uri
from tracklight.report.trust_figures import (
    CONTROLS,
    ELEMENT_METRICS,
    NULLS,
    elements_figure,
    null_figure,
    reliability_figure,
)
from tracklight.stats import CALLED

CANDIDATE_COLUMNS = {
    "rank": "rank",
    "name": "name",
    "place": "place",
    "strand": "strand",
    "confidence": "confidence",
    "q": "q",
    "height": "height",
    "prediction": "prediction",
    "nearest_gene": "nearest gene",
    "tss_distance": "TSS distance (bp)",
    "class": "class",
    "gc": "GC",
    "softmasked_fraction": "soft-masked",
    "seen_in_training": "seen in training",
    "held_out": "held-out measurement",
}
WHY_Q = (
    "A q-value here answers one question: is this peak higher than chance sequence would give? Where sequence of the "
    "same composition often holds such maxima by chance, few or no peaks can pass, whether they work or not. "
    "The confidence answers another question: of held-out windows that scored like this, how many were measured "
    "active? The candidate list relies on that."
)


def confidence_section(run: RunFolder) -> Section:
    """Show whether the stated confidence can be believed."""
    title, table, facts = "Confidence", run.table("peaks/calibration.tsv"), run.facts("peaks/calibration.json")
    if table is None or facts is None:
        return absent("confidence", title, "This run has no calibration.")
    prior = float(facts["prior_active"])
    error = f"{facts['expected_calibration_error']:.3f}"
    return Section(
        "confidence",
        title,
        [
            Text(
                f"On {facts['n_windows']:,} held-out windows, each judged by a fit without its stretch of genome, the "
                f"stated confidence was off by {error} on average (expected calibration error).",
                strong=True,
            ),
            Text(
                f"Confidence is the probability that a window like this measures active. {percent(prior)} of the "
                "windows behind it are active: they were chosen by the experiment. Elsewhere in the genome active "
                "places are likely rarer, and the same score then means less."
            ),
            Picture(
                figure_uri(reliability_figure(table, prior=prior)),
                alt=f"Reliability curve over {len(table)} bins of confidence; expected calibration error {error}.",
                caption="Held-out windows in bins of confidence; the area of a mark is the number of windows.",
            ),
        ],
    )


def peaks_section(run: RunFolder) -> Section:
    """Say how many peaks pass each null, and whether the null itself can be trusted."""
    title, nulls, peaks = "Peaks against chance", run.table("peaks/null.tsv"), run.table("peaks/peaks.tsv")
    if nulls is None or peaks is None:
        return absent("peaks", title, "This run has no peaks.")
    blocks: list[Block] = [Text(null_sentence(nulls, len(peaks)), strong=True), Text(WHY_Q)]
    shown = nulls.assign(null=[NULLS.get(str(name), str(name)) for name in nulls["null"]])
    headings = {"null": "null", "n_null": "null peaks", "n_peaks": "peaks"}
    headings |= {column: f"q ≤ {limit:.2f}" for column, limit in CALLED.items()}
    headings |= {
        "median_null": "median height, null",
        "median_peaks": "median height, peaks",
        "self_check": "self-check",
    }
    blocks.append(plain_table(shown, caption="Peaks that pass each null", headings=headings))
    rows = nulls.to_dict("records")
    blocks.append(Items([*filter(None, map(_self_check, rows)), *map(_resolution, rows)]))
    if len(peaks):
        blocks.append(
            Picture(
                figure_uri(null_figure(peaks, nulls)),
                alt=f"Heights and p-values of {len(peaks):,} peaks. {null_sentence(nulls, len(peaks))}",
                caption="Left: heights, with medians. Right: p-values; a flat line at 1 is what chance looks like.",
            )
        )
    return Section("peaks", title, blocks)


def null_sentence(nulls: pd.DataFrame, n_peaks: int) -> str:
    """Say in words how many peaks pass; when none does, say so plainly."""
    if not n_peaks:
        return "No peak was found."
    if not nulls[list(CALLED)].to_numpy().any():
        names = " or ".join(NULLS.get(str(name), str(name)) for name in nulls["null"])
        return f"None of the {n_peaks:,} peaks passes q ≤ {max(CALLED.values()):.2f} against {names}."
    parts = []
    for row in nulls.to_dict("records"):
        counts = ", ".join(f"{int(row[column]):,} at q ≤ {limit:.2f}" for column, limit in CALLED.items())
        parts.append(f"against {NULLS.get(str(row['null']), row['null'])} {counts}")
    return f"Peaks that pass, of {n_peaks:,}: {'; '.join(parts)}."


def _resolution(row: dict[Any, Any]) -> str:
    name = NULLS.get(str(row["null"]), row["null"])
    return (
        f"With {int(row['n_null']):,} null peaks from {name}, {int(row['fewest_q20']):,} peaks would have to be higher "
        "than all of them (of similar GC, for shuffles) before any could pass q ≤ 0.20."
    )


def _self_check(row: dict[Any, Any]) -> str:
    if not np.isfinite(row["self_check"]):
        return ""
    name = NULLS.get(str(row["null"]), row["null"])
    return (
        f"Self-check against {name}: a second draw of the null, tested against the first, has p < 0.05 in "
        f"{percent(row['self_check'])} of its peaks; 5% is expected when the p-values are calibrated."
    )


def candidates_section(run: RunFolder, *, top_n: int, kind: str) -> Section:
    """List the top candidates, with what the list promises."""
    table = run.table("candidates.tsv")
    if table is None:
        return absent("candidates", _title(kind), "This run has no candidate list.")
    passed = table[table["filter"] == "PASS"].sort_values("rank", kind="stable")
    blocks: list[Block] = [Text(promise_sentence(table), strong=True), Text(held_out_sentence(table))]
    if len(passed) < len(table):
        blocks.append(Items(_reasons(table)))
    if len(passed):
        shown = passed.head(top_n)
        place = [f"{row.chrom}:{row.start:,}-{row.end:,}" for row in shown.itertuples()]
        body = plain_table(
            shown.assign(place=place),
            caption=f"Top {len(shown)} of {len(passed):,} {kind}; 0-based, half-open; headings sort",
            headings={name: heading for name, heading in CANDIDATE_COLUMNS.items() if name in [*shown, "place"]},
            sortable=True,
        )
        _link_names(body.rows, run)
        blocks.append(body)
    return Section("candidates", _title(kind), blocks)


def promise_sentence(table: pd.DataFrame) -> str:
    """State the expected precision of the list: the mean confidence of the rows that pass."""
    passed = table[table["filter"] == "PASS"]
    if not len(passed):
        return f"None of {len(table):,} elements passes the filters, so the list is empty. The reasons are below."
    precision = passed["confidence"].mean()
    return (
        f"{len(passed):,} of {len(table):,} elements pass the filters. Expected precision of the list: "
        f"{percent(precision)} (the mean of their confidences, so about {round(precision * len(passed)):,} of them)."
    )


def held_out_sentence(table: pd.DataFrame) -> str:
    """Compare what the list promises with what was measured where the networks were not trained."""
    passed = table[table["filter"] == "PASS"]
    known = passed[passed["held_out"].isin(["active", "inactive"])]
    seen = int(passed["seen_in_training"].sum())
    where = (
        f"{seen:,} of them overlap training windows, where networks look better than they are; {len(known):,} have "
        "their summit in held-out measured windows of their strand; the others lie where nothing was measured or on "
        "the other strand, and there active places are likely rarer."
    )
    if not len(known):
        return where
    active = known["held_out"] == "active"
    low, high = binomtest(int(active.sum()), len(known)).proportion_ci(method="wilson")
    return (
        f"{where} Of the held-out ones {percent(active.mean())} measured active (95% interval {percent(low)} to "
        f"{percent(high)}; stated {percent(known['confidence'].mean())}). The confidence was fitted on all held-out "
        "windows, so this checks the list, not the networks alone."
    )


def _reasons(table: pd.DataFrame) -> list[str]:
    reasons = table.loc[table["filter"] != "PASS", "filter"].str.split(";").explode().value_counts()
    return [f"{n:,} marked {reason}" for reason, n in reasons.items()]


def _link_names(rows: list[list[Cell]], run: RunFolder) -> None:
    """Let the names of the candidates that are drawn lead to their picture."""
    drawn = {entry["name"] for entry in (run.facts("logos/logos.json") or {}).get("candidates", [])}
    at = list(CANDIDATE_COLUMNS).index("name")
    for row in rows:
        if row[at].text in drawn:
            row[at] = Cell(row[at].text, row[at].value, href=f"#logo-{row[at].text}")


def _title(kind: str) -> str:
    return kind[:1].upper() + kind[1:]


def logos_section(run: RunFolder) -> Section:
    """Show letters and tracks of the top candidates."""
    title, facts = "Tracks and letters of the top candidates", run.facts("logos/logos.json")
    drawn = [] if facts is None else facts["candidates"]
    pictures = [
        run.picture(
            f"logos/{entry['file']}",
            alt=f"Letters and tracks of {entry['name']}, rank {entry['rank']}.",
            caption=f"{entry['name']}, rank {entry['rank']}",
            anchor=f"logo-{entry['name']}",
        )
        for entry in drawn
    ]
    if not any(pictures):
        return absent("logos", title, "No candidate is drawn.")
    how = (
        "Each candidate is read 5' to 3' on its own strand, so positions fall along the axis on the minus strand. "
        "Letters: gradient x input around the summit (dotted line); upward letters speak for activity, downward "
        "letters against it. Below: the same track as bars, and the prediction of the window centred there. The green "
        "area is the candidate, the dotted lines mark the stretch drawn as letters. Scales differ between candidates."
    )
    return Section("logos", title, [Text(how), *filter(None, pictures)])


def maxima_section(run: RunFolder) -> Section:
    """Show where in measured windows the light falls."""
    title = "Where the light falls in measured windows"
    found = (run.facts("logos/logos.json") or {}).get("maxima")
    if not found or not found["n_windows"]:
        return absent("maxima", title, "No held-out active window has a saliency maximum.")
    where = f"{found['expected_from_bp']}..{found['expected_to_bp']}"
    finding = (
        f"In {percent(found['share_expected'])} of {found['n_windows']:,} held-out active windows the saliency is "
        f"highest at {where} of the reference point; a uniform choice would put {percent(found['share_by_chance'])} "
        "there."
    )
    spelled = ", ".join(f"{word} ({n})" for word, n in found["words"].items())
    read = " and ".join(f"{word} {place}" for place, word in found["consensus"].items())
    blocks: list[Block] = [
        Text(finding, strong=True),
        Text(f"The letters around the maxima read {read}. The most frequent words there: {spelled}."),
    ]
    pictures = [
        run.picture("logos/maxima.png", alt=finding, caption="Centre base of the highest smoothed box, by window."),
        run.picture(
            "logos/aggregate.png",
            alt=f"Aggregated logos, reading {read}.",
            caption="Mean of one-hot times saliency around the maxima.",
        ),
    ]
    return Section("maxima", title, [*blocks, *filter(None, pictures)])


def elements_section(run: RunFolder) -> Section:
    """Show how well tracks and lists find known elements."""
    title, table = "Known elements", run.table("elements.tsv")
    if table is None:
        return absent("elements", title, "No known elements were given to compare with.")
    first = table.iloc[0]
    rate = first["n_positive"] / (first["n_positive"] + first["n_negative"])
    about = (
        f"Every base of the {int(first['n_windows']):,} test windows that overlap a known element is scored; "
        f"{percent(rate)} of these bases lie inside one. |name| is the absolute value of a track. Controls: AT "
        "content, the position in the window alone, and untrained networks. Windows that are aligned to a reference "
        "point make position alone a strong rival, so a track is worth what it adds beside it."
    )
    wide = _wide(table)
    headings = {"track": "track", **{name: heading for name, heading in ELEMENT_METRICS.items() if name in wide}}
    return Section(
        "elements",
        title,
        [
            Text(about),
            plain_table(wide, caption="With 95% bootstrap intervals over windows", headings=headings),
            Picture(
                figure_uri(elements_figure(table)),
                alt="AUROC, AUPRC and enrichment of every track and control; the numbers are in the table above.",
                caption="Grey: controls. Dashed: chance. Each untrained network is one ring.",
            ),
        ],
    )


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    shown = [f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in table.itertuples()]
    columns = table.assign(shown=shown).set_index(["track", "metric"])["shown"].unstack(sort=False)
    return columns.rename(index=CONTROLS).reset_index()
