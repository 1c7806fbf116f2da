"""`tracklight feedback-check`: do marks fit the genome and its windows, or the recordings."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from tracklight.eeg.dataset import open_epochs
from tracklight.eeg.marks import read_epoch_marks, summary_of_epochs
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.marks import BITS, agreement, check_annotators, marked_windows, read_marks
from tracklight.genome.splits import SPLITS
from tracklight.learning.feedback import IRRELEVANT
from tracklight.settings import Settings
from tracklight.stages import door
from tracklight.stages.checks import Check, Verdict, write_checks
from tracklight.stages.contig_names import add_contig_names, given_contig_names
from tracklight.stages.tables import write_table

COLUMNS = ["kind", "split", "windows", "active", "share"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--marks", type=Path, required=True, help="marks: BED or a table, see docs/howto")
    parser.add_argument("--genome", type=Path, help=door.FOLDERS["genome"]["help"])
    parser.add_argument("--windows", type=Path, help=door.FOLDERS["windows"]["help"])
    parser.add_argument("--epochs", type=Path, help="folder written by prepare-eeg, for marks on recordings")
    add_contig_names(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables of this stage")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `marks.tsv`, `marks_summary.tsv` and, of marks on a genome, `marks_{agreement,checks}.tsv`."""
    settings = door.stage_settings(arguments, Settings, section="feedback_check")
    on_genome = arguments.genome is not None and arguments.windows is not None
    if on_genome == (arguments.epochs is not None):
        raise complaint(
            "marks belong to a genome or to recordings", got="both" if on_genome else "neither",
            allowed="--genome with --windows, or --epochs",
        )  # fmt: skip
    (_check_genome if on_genome else _check_epochs)(arguments, settings)


def _check_epochs(arguments: argparse.Namespace, settings: Settings) -> None:
    epochs = open_epochs(arguments.epochs)
    with door.recorded(arguments, "feedback-check", settings, {"marks": arguments.marks, **epochs.inputs}) as facts:
        marks = read_epoch_marks(arguments.marks, epochs)
        write_table(arguments.out / "marks_summary.tsv", summary_of_epochs(marks, epochs))
        write_table(arguments.out / "marks.tsv", marks)
        facts |= {"marks": len(marks)}


def _check_genome(arguments: argparse.Namespace, settings: Settings) -> None:
    data = open_dataset(arguments.genome, arguments.windows)
    with door.recorded(arguments, "feedback-check", settings, {"marks": arguments.marks, **data.inputs}) as facts:
        names = given_contig_names(arguments)
        marks = read_marks(arguments.marks, lengths=data.tape.lengths, contig_names=names)
        check_annotators(marks, data.tape, stranded=data.stranded, where=arguments.marks)
        summary, compared = _summary(marks, data), agreement(marks, data.tape, stranded=data.stranded)
        if not summary.loc[summary["split"] == "train", "windows"].sum():
            raise complaint(
                "no mark lies in a training window", where=arguments.marks, got=f"{len(marks)} marks",
                do="mark bases that networks learn from",
            )  # fmt: skip
        write_table(arguments.out / "marks_agreement.tsv", compared)
        write_table(arguments.out / "marks_summary.tsv", summary)
        write_checks(arguments.out / "marks_checks.tsv", _checks(marks, data, summary, compared))
        write_table(arguments.out / "marks.tsv", marks)
        facts |= {"marks": len(marks), "annotators": sorted(marks["annotator"].unique())}


def _summary(marks: pd.DataFrame, data: Dataset) -> pd.DataFrame:
    """Count, by kind and split, windows that hold marks, the active among them, and the mean share of their bases."""
    active, splits = data.active(data.targets[0]), data.index["split"].to_numpy(str)
    counted = []
    for kind in BITS:
        rows, inside = marked_windows(marks, data, kind)
        for split in SPLITS:
            here = splits[rows] == split
            of = pd.Series(active[rows][here]), pd.Series(inside[here].mean(axis=1))
            counted.append((kind, split, int(here.sum()), of[0].mean(), of[1].mean()))
    return pd.DataFrame(counted, columns=COLUMNS)


def _checks(marks: pd.DataFrame, data: Dataset, summary: pd.DataFrame, compared: pd.DataFrame) -> list[Check]:
    rows, inside = marked_windows(marks, data, IRRELEVANT)
    filled = float(inside.all(axis=1).mean()) if len(rows) else 0.0
    checks = [
        Check(f"marks: number that lie in no window (of {len(marks)})", _outside(marks, data)),
        Check(
            "marks: share of windows with irrelevant marks that are irrelevant from end to end",
            filled,
            verdict="warn" if filled > 0 else "pass",
        ),
    ]
    trained = summary[(summary["split"] == "train") & (summary["kind"] == IRRELEVANT) & (summary["windows"] > 0)]
    for share in trained["active"].dropna():
        # marked in windows of one label only, the mark itself would tell the label
        verdict: Verdict = "warn" if share in (0.0, 1.0) else "pass"
        checks.append(Check("marks: share of active in training windows with irrelevant ones", share, verdict=verdict))
    clash = compared.loc[compared["kind"] == "contradiction", "shared"]
    if len(clash):
        words = "marks: bases on which annotators contradict each other; they count as neither"
        checks.append(Check(words, float(clash.sum()), verdict="warn" if clash.sum() else "pass"))
    return checks


def _outside(marks: pd.DataFrame, data: Dataset) -> int:
    """Return how many marks touch no window; the strand is not looked at."""
    covered = np.zeros(len(data.tape) + 1, np.int64)
    starts = data.tape.on_tape(data.index["contig"].tolist(), data.index["start"].to_numpy(np.int64))
    np.add.at(covered, starts, 1)
    np.add.at(covered, starts + data.length, -1)
    seen = np.concatenate([[0], np.cumsum(covered[:-1].cumsum() > 0)])
    first = data.tape.on_tape(marks["chrom"].tolist(), marks["start"].to_numpy(np.int64))
    last = first + (marks["end"] - marks["start"]).to_numpy(np.int64)
    return int((seen[last] == seen[first]).sum())
