"""Sections about the model: its data, its accuracy beside the baselines, its training."""

import numpy as np
import pandas as pd

from tracklight.report.blocks import (
    Block,
    Cell,
    Picture,
    Section,
    Table,
    Text,
    absent,
    number,
    percent,
    plain_table,
    words,
)
from tracklight.report.figures import METRICS, PREDICTORS, evaluation_figure, scatter_figure, training_figure
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import figure_uri

SPLITS = ("train", "validation", "test")
PROSE = {
    "ensemble": "the mean of the trained networks",
    "model": "each trained network alone",
    "kmer_ridge": "ridge regression on k-mer counts",
    "at_content": "the share of A and T alone",
    "untrained": "networks of the same shape with random weights",
}


def data_section(run: RunFolder) -> Section:
    """Say what was trained on what: windows and active windows per split, and what was left out."""
    index, facts = run.table("windows/windows.tsv.gz"), run.facts("windows/windows.json")
    assert index is not None, "open_run checked it"
    assert facts is not None, "open_run checked it"
    blocks: list[Block] = [Text(_windows_sentence(facts)), _split_table(index, facts)]
    dropped = run.table("windows/dropped.tsv")
    if dropped is not None and len(dropped):
        counts = dropped["reason"].value_counts().rename_axis("reason").reset_index(name="n")
        headings = {"reason": "reason", "n": "regions"}
        blocks.append(plain_table(counts, caption="Regions of the table that were left out", headings=headings))
    return Section("data", "What was trained on what", blocks)


def _windows_sentence(facts: dict) -> str:
    target = ", ".join(facts["targets"])
    scale = f"{facts['transform']} of the measured value" if facts["transform"] != "none" else "the measured value"
    floor = f", raised to at least {facts['floor']:g}" if facts["transform"] != "none" else ""
    strands = "tells the strands apart" if facts["stranded"] else "does not tell the strands apart"
    return (
        f"Networks read windows of {facts['length_bp']} bp and predict {target} ({scale}{floor}). The assay {strands}. "
        f"A window counts as active when its measured value is above {facts['active_above']:g}. "
        "Networks were fitted on the training windows, stopped and chosen on the validation windows, and every "
        "accuracy on this page is measured on the test windows; a stretch of genome never crosses a split."
    )


def _split_table(index: pd.DataFrame, facts: dict) -> Table:
    rows = []
    for split in SPLITS:
        part = index[index["split"] == split]
        active = [part[f"{target}.active"] for target in facts["targets"]]
        shares = [
            f"{int(column.sum()):,} ({percent(column.mean())})" if column.notna().any() else "–" for column in active
        ]
        groups = number(part["group"].nunique())
        rows.append([words(split), number(len(part)), groups, *(Cell(share, share) for share in shares)])
    columns = ["split", "windows", "groups", *(f"active ({target})" for target in facts["targets"])]
    return Table("Windows per split; a group is a stretch of genome that stays together", columns, rows)


def accuracy_section(run: RunFolder) -> Section:
    """Show held-out accuracy beside its baselines."""
    title, table = "Accuracy on held-out windows", run.table("evaluation.tsv")
    if table is None:
        return absent("accuracy", title, "This run has no evaluation.")
    predictions, blocks = run.table("predictions.tsv.gz"), list[Block]()
    for target in dict.fromkeys(table["target"]):
        rows = table[table["target"] == target]
        blocks += [Text(accuracy_sentence(rows), strong=True), _accuracy_table(rows, str(target)), _chart(rows)]
        if predictions is not None:
            blocks.append(_scatter(predictions, str(target), transform=_transform(run)))
    return Section("accuracy", title, blocks)


def accuracy_sentence(rows: pd.DataFrame) -> str:
    """Compare the ensemble with the best simple baseline, metric by metric, in one sentence."""
    means = rows.groupby(["predictor", "metric"])["value"].mean()
    wins = []
    for metric in [metric for metric in METRICS if ("ensemble", metric) in means]:
        rivals = {name: means[name, metric] for name in ("kmer_ridge", "at_content") if (name, metric) in means}
        best = max(rivals, key=lambda name: rivals[name], default=None)
        beside = f" ({PREDICTORS[best]} {rivals[best]:.3f})" if best else ""
        wins.append(f"{METRICS[metric]} {means['ensemble', metric]:.3f}{beside}")
    return f"Ensemble on test windows, with the best simple baseline in brackets: {', '.join(wins)}." if wins else ""


def _accuracy_table(rows: pd.DataFrame, target: str) -> Table:
    metrics = [metric for metric in METRICS if metric in set(rows["metric"])]
    body = []
    for predictor in [name for name in PREDICTORS if name in set(rows["predictor"])]:
        part = rows[rows["predictor"] == predictor]
        cells = [_mean_and_spread(part.loc[part["metric"] == metric, "value"].to_numpy(float)) for metric in metrics]
        body.append([words(PREDICTORS[predictor]), words(PROSE[predictor]), *cells])
    columns = ["predictor", "what it is", *(METRICS[metric] for metric in metrics)]
    return Table(f"{target}: test windows; mean ± standard deviation where there are several seeds", columns, body)


def _mean_and_spread(values: np.ndarray) -> Cell:
    if len(values) < 2:
        return number(values[0] if len(values) else None)
    return Cell(f"{values.mean():.3f} ± {values.std(ddof=1):.3f}", float(values.mean()))


def _chart(rows: pd.DataFrame) -> Picture:
    return Picture(
        figure_uri(evaluation_figure(rows)),
        alt=f"Accuracy of the networks and of the baselines. {accuracy_sentence(rows)}",
        caption="Diamonds: one predictor. Rings: one per seed, the bar is their mean. Blue: trained networks.",
    )


def _transform(run: RunFolder) -> str:
    name = (run.facts("windows/windows.json") or {}).get("transform", "none")
    return "" if name == "none" else f" ({name})"


def _scatter(predictions: pd.DataFrame, target: str, *, transform: str) -> Picture:
    test = predictions[predictions["split"] == "test"]
    measured, predicted = (test[name].to_numpy(float) for name in (target, f"{target}.ensemble"))
    return Picture(
        figure_uri(scatter_figure(measured, predicted, unit=f"{target}{transform}")),
        alt=f"Predicted against measured {target} of {len(test)} test windows.",
        caption="Every test window; the dashed line is perfect prediction.",
    )


def training_section(run: RunFolder) -> Section:
    """Show the training curves."""
    title, curves = "Training", run.curves()
    if not curves:
        return absent("training", title, "This run has no training curves.")
    rows = [network_row(name, table) for name, table in curves.items()]
    columns = ["network", "epochs", "kept epoch", "validation loss", "validation r", "seconds"]
    picture = Picture(
        figure_uri(training_figure(curves)),
        alt="Loss and validation correlation by epoch of every network.",
        caption="The orange mark is the checkpoint that was kept: the lowest validation loss.",
    )
    return Section("training", title, [Table("Training of each network", columns, rows), picture])


def network_row(name: str, table: pd.DataFrame) -> list[Cell]:
    """Return one network's row of the training table: epochs, the one that was kept, its loss and r, and seconds."""
    best = table[table["best"].astype(bool)].tail(1)
    kept = [best[column].max() for column in ("epoch", "validation_loss", "validation_pearson")]
    return [words(name), number(len(table)), *map(number, kept), number(table["seconds"].sum(), digits=1)]
