"""Do marks of people make a network right for the right reason? An artefact that goes along with the label, five seeds.

The artefact stands in 95 % of the positive and 5 % of the negative windows, the true motif in 90 % and 10 %; held-out
windows where the artefact tells nothing (half of either label) show what a network knows besides it. Task, training
and epochs of feedback were chosen on simulations of seeds 100 to 102, which are not used here.
"""

import json

import numpy as np
import pandas as pd
import pytest
from tests.science.table import compared, record
from tests.science.table import measured as over_seeds

from tracklight import cli
from tracklight.genome.simulate_labels import LabelRecipe, simulate_labels, write_labels

pytestmark = pytest.mark.slow

EXPERIMENT = "feedback"
SEEDS = range(10, 15)
RECIPE = LabelRecipe(nuisance_consensus="GGGGCGGGGCCG")
WINDOWS = {
    "targets": ["label"],
    "transform": "none",
    "active_above": 0.5,
    "anchor": "five_prime",
    "upstream_bp": 0,
    "downstream_bp": 200,
    "split": {"by": "column", "column": "split", "block_bp": 5000},
}
TRAIN = {
    "architecture": {"name": "global_pool", "filters": 24, "kernels": [11, 7], "pool": "max", "dropout": 0.0},
    "loss": "bce",
    "epochs": 15,
    "batch_size": 32,
    "learning_rate": 0.005,
    "max_shift_bp": 0,
}
MINUS = {"irrelevant_weight": 5, "relevant_weight": 0}
ARMS = {  # what the stage is given: its arm, the marks, the settings
    "no marks": ("none", "marks", {}),
    "random marks": ("random", "marks", MINUS),
    "irrelevant 5": ("marks", "marks", MINUS),
    "irrelevant 5, relevant 1": ("marks", "marks", {"irrelevant_weight": 5, "relevant_weight": 1}),
    "relevant 2": ("marks", "marks", {"irrelevant_weight": 0, "relevant_weight": 2}),
    "irrelevant 5, 10% of windows": ("marks", "tenth", MINUS),
    "logit L2": ("marks", "marks", {"form": "logit_l2", "irrelevant_weight": 1, "relevant_weight": 0}),
}
CORRECTED = [name for name in ARMS if name.startswith("irrelevant")]
MEASURES = {
    "accuracy": ("regions", "accuracy"),
    "deconfounded accuracy": ("deconfounded", "accuracy"),
    "irrelevant mass": ("regions", "mass_irrelevant_where_irrelevant"),
    "relevant mass": ("regions", "mass_relevant_where_relevant"),
    "artefact effect": ("regions", "insertion_irrelevant"),
    "true motif effect": ("regions", "insertion_relevant"),
}


def command(stage, settings, *arguments):
    assert cli.main([stage, "--settings", json.dumps(settings), *map(str, arguments)]) == 0


def write_marks(folder, files, seed):
    """Write all marks, and those of a tenth of the training windows."""
    beds = {"relevant": files["truth"], "irrelevant": files["nuisance"]}
    names = ["chrom", "start", "end", "kind", "score", "strand"]
    marks = pd.concat([pd.read_csv(path, sep="\t", names=names).assign(kind=kind) for kind, path in beds.items()])
    window = marks["start"] // (RECIPE.region_bp + RECIPE.gap_bp)
    some = np.random.default_rng(seed).random(RECIPE.windows["train"]) < 0.1
    tenth = marks[(marks["chrom"] == "train") & some[window.clip(upper=len(some) - 1)]]
    for name, chosen in (("marks", marks), ("tenth", tenth)):
        chosen.to_csv(folder / f"{name}.bed", sep="\t", index=False, header=False)


def measured(folder, seed):
    """Simulate, train, correct in every way; return rows arm, measure, value of one seed."""
    files = write_labels(folder, simulate_labels(np.random.default_rng(seed), RECIPE))
    write_marks(folder, files, seed)
    genome = ["--genome", folder / "genome"]
    command("prepare-genome", {}, "--fasta", files["fasta"], "--out", folder / "genome")
    for name in ("regions", "deconfounded"):
        command("prepare-windows", WINDOWS, *genome, "--regions", files[name], "--out", folder / name)
    data = [*genome, "--windows", folder / "regions"]
    command("train", TRAIN, *data, "--seed", seed, "--out", folder / "before")
    for name, (arm, marks, settings) in ARMS.items():
        given = ["--model", folder / "before" / "model.pt", "--marks", folder / f"{marks}.bed", "--arm", arm]
        command("feedback", {"epochs": 10, **settings}, *data, *given, "--out", folder / name)
    networks = [f"{name}={folder / name / 'model.pt'}" for name in ("before", *ARMS)]
    for name in ("regions", "deconfounded"):
        place = ["--windows", folder / name, "--out", folder / "effects" / name, "--marks", folder / "marks.bed"]
        command("feedback-effects", {"bootstrap": 100}, *genome, *place, "--networks", *networks)
    return found(folder / "effects").assign(seed=seed)


def found(effects):
    tables = {name: pd.read_csv(effects / name / "feedback.tsv", sep="\t") for name in ("regions", "deconfounded")}
    rows = [
        tables[name].loc[tables[name]["measure"] == column, ["network", "value"]].assign(measure=measure)
        for measure, (name, column) in MEASURES.items()
    ]
    groups = pd.read_csv(effects / "deconfounded" / "feedback_groups.tsv", sep="\t")
    worst = groups.groupby("network", as_index=False)["accuracy"].min().rename(columns={"accuracy": "value"})
    return pd.concat([*rows, worst.assign(measure="worst group")])


def by_seed(rows):
    """Turn rows of all seeds into a table by measure and network, one column per seed."""
    return rows.pivot(index=["measure", "network"], columns="seed", values="value")


def verdict(values, wanted):
    """Say whether the mean over seeds keeps a promise such as `<= 0.1`."""
    sign, limit = wanted.split()
    kept = values.mean() <= float(limit) if sign == "<=" else values.mean() >= float(limit)
    return f"{'reached' if kept else 'missed'}: mean {wanted}"


def report(values):
    """Return the rows of the table of experiments."""
    promises = {("worst group", "before"): "<= 0.1", ("irrelevant mass", "before"): ">= 0.4"}
    promises |= {("irrelevant mass", arm): "<= 0.08" for arm in CORRECTED}
    rows = []
    for place in [(measure, arm) for measure in [*MEASURES, "worst group"] for arm in ("before", *ARMS)]:
        said = {"verdict": verdict(values.loc[place], promises[place])} if place in promises else {}
        rows.append(over_seeds(EXPERIMENT, place[1], place[0], values.loc[place], **said))
    for arm in ARMS:
        gained = values.loc[("deconfounded accuracy", arm)] - values.loc[("deconfounded accuracy", "before")]
        wanted = "mean >= 0.2" if arm in CORRECTED else ""
        rows.append(compared(EXPERIMENT, f"{arm} - before", "deconfounded accuracy", gained, wanted=wanted))
    for arm in CORRECTED:
        left = values.loc[("artefact effect", arm)] / values.loc[("artefact effect", "before")]
        rows.append(over_seeds(EXPERIMENT, arm, "artefact effect, share left", left, verdict=verdict(left, "<= 0.3")))
    return rows


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """Values by measure and network; one column per seed."""
    values = by_seed(pd.concat([measured(tmp_path_factory.mktemp(f"feedback{seed}"), seed) for seed in SEEDS]))
    record(report(values))
    return values


def test_before_the_networks_are_wrong(values):
    # a coin would reach 0.5; whether the promise of 0.1 is kept stands in the table
    assert values.loc[("worst group", "before")].mean() <= 0.25, values.to_string()
    assert values.loc[("irrelevant mass", "before")].mean() >= 0.4, values.to_string()


@pytest.mark.parametrize("arm", CORRECTED)
def test_marks_repair_them(values, arm):
    gain = values.loc[("deconfounded accuracy", arm)] - values.loc[("deconfounded accuracy", "before")]
    assert gain.mean() >= 0.20, values.to_string()
    assert (gain > 0).all(), values.to_string()
    assert values.loc[("irrelevant mass", arm)].mean() <= 0.08, values.to_string()
    left = values.loc[("artefact effect", arm)].mean() / values.loc[("artefact effect", "before")].mean()
    assert left <= 0.3, values.to_string()


@pytest.mark.parametrize("arm", ["no marks", "random marks"])
def test_controls_change_nothing(values, arm):
    gain = values.loc[("deconfounded accuracy", arm)] - values.loc[("deconfounded accuracy", "before")]
    assert abs(gain.mean()) <= 0.05, values.to_string()


def test_accuracy_where_the_artefact_works_falls_as_it_must(values):
    assert (values.loc[("accuracy", "irrelevant 5")] < values.loc[("accuracy", "before")]).all(), values.to_string()
