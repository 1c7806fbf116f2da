"""Does hiding what a network looks at make it learn the rest? Two redundant motifs, one of them clean; five seeds.

Positive windows hold both motifs, A as it is and B with 15 % of its bases replaced; negative windows hold none. A
network can do with A alone. Every arm begins with the same weights, sees the same windows in the same order and takes
as many steps.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.science import planted
from tests.science.table import compared, measured, record
from torch import Tensor

from tracklight.core.masking import shuffle
from tracklight.learning.cutout import window_mask, window_mass
from tracklight.models.network import Network
from tracklight.settings import Train

pytestmark = pytest.mark.slow

EXPERIMENT = "cutout"
SEEDS = range(5)
TRAIN, VALIDATION, TEST, WIDTH = 2000, 200, 1000, 12
MOTIFS = [(planted.A, 0.0), (planted.B, 0.15)]
SETTINGS = {
    "architecture": {"name": "global_pool", "filters": 24, "kernels": [11, 7], "pool": "max", "dropout": 0.0},
    "device": "cpu",
    "loss": "bce",
    "epochs": 12,
    "batch_size": 64,
    "learning_rate": 0.005,
    "patience_epochs": 1000,
    "max_shift_bp": 0,
}
ARMS = {
    "none": {},
    "random": {"cutout": "random"},
    "untrained": {"cutout": "untrained"},
    "keep": {"cutout": "keep"},
    "guided": {"cutout": "guided"},
    "guided, sampled": {"cutout": "guided", "sampled": True},
    "guided, a quarter": {"cutout": "guided", "probability": 0.25},
    "random, 60 bp, all": {"cutout": "random", "width_bp": 60, "probability": 1.0},
}
MASKED, HIDDEN, CLEAN = "own_window_masked_accuracy", "hidden_motif_accuracy", "clean_accuracy"
PAIRS = [
    ("guided", "random"),
    ("guided", "none"),
    ("guided", "untrained"),
    ("guided", "keep"),
    ("guided, a quarter", "random, 60 bp, all"),
    ("random", "none"),
]
PROMISED = {MASKED: "mean >= 0.1", HIDDEN: "mean >= 0.08"}  # guided - random


def windows(seed: int, part: int, count: int, *, only_b: bool = False) -> tuple[planted.Planted, np.ndarray]:
    """Return windows of which every other one is positive, and their labels."""
    rng, labels = np.random.default_rng([seed, part]), np.arange(count) % 2
    holds = np.stack([labels * (not only_b), labels], axis=1)
    return planted.plant(rng, holds, MOTIFS), labels


def hidden(x: Tensor, inside: Tensor, seed: int) -> Tensor:
    """Return windows whose bases inside are those of the shuffled window."""
    return torch.where(inside[:, None], shuffle(x, torch.Generator().manual_seed(seed)), x)


def scores(model: Network, seed: int) -> dict[str, float]:
    (test, labels), (other, other_labels) = windows(seed, 1, TEST), windows(seed, 2, TEST, only_b=True)
    x, first = planted.bases(test.codes), {}
    s = planted.maps(model, x).abs()
    for width in (WIDTH, 20):
        first[width] = window_mask(window_mass(s, width).argmax(1), (planted.LENGTH,), width)
    somewhere = torch.randint(planted.LENGTH - WIDTH + 1, (TEST,), generator=torch.Generator().manual_seed(seed))
    top = torch.zeros_like(s, dtype=torch.bool).scatter_(1, s.topk(8).indices, True)
    attacks = {
        MASKED: first[WIDTH],
        "own_20_bp_masked_accuracy": first[20],
        "random_window_masked_accuracy": window_mask(somewhere, (planted.LENGTH,), WIDTH),
        "own_scattered_8_masked_accuracy": top,
    }
    found = {name: planted.accuracy(model, hidden(x, inside, seed), labels) for name, inside in attacks.items()}
    share = (s / s.sum(1, keepdim=True)).numpy()[labels == 1]
    mass = {f"mass_{name}": (share * test.truth[n][labels == 1]).sum(1).mean() for n, name in enumerate("ab")}
    clean = planted.accuracy(model, x, labels)
    return {CLEAN: clean, HIDDEN: planted.accuracy(model, planted.bases(other.codes), other_labels)} | found | mass


def one_seed(seed: int, folder: Path) -> dict[str, dict[str, float]]:
    task, labels = windows(seed, 0, TRAIN + VALIDATION)
    examples, found = planted.examples_of(task.codes, labels), {}
    for arm, augment in ARMS.items():
        settings = Train.model_validate(SETTINGS | {"augment": augment})
        model, _ = planted.trained(examples, settings, seed=seed, folder=folder, held_out=VALIDATION)
        found[arm] = scores(model, seed)
    return found


def rows_of(table: pd.DataFrame) -> list:
    rows = [measured(EXPERIMENT, arm, metric, values) for (arm, metric), values in table.items()]
    for one, other in PAIRS:
        for metric in table[one]:
            wanted = PROMISED.get(metric, "") if (one, other) == ("guided", "random") else ""
            if (one, other, metric) == ("guided", "none", CLEAN):
                wanted = "mean >= -0.08"
            difference = table[one, metric] - table[other, metric]
            rows.append(compared(EXPERIMENT, f"({one}) - ({other})", metric, difference, wanted=wanted))
    return rows


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """One row per seed, one column per arm and metric."""
    folder = tmp_path_factory.mktemp("cutout")
    found = [pd.DataFrame(one_seed(seed, folder)).T.stack() for seed in SEEDS]
    table = pd.DataFrame(found, index=list(SEEDS))
    record(rows_of(table))
    return table


def test_guided_holes_make_a_network_withstand_the_loss_of_its_best_window(table):
    difference = table["guided", MASKED] - table["random", MASKED]
    assert difference.mean() >= 0.10, difference
    assert (difference > 0).all(), difference


def test_guided_holes_teach_the_motif_that_a_network_could_do_without(table):
    difference = table["guided", HIDDEN] - table["random", HIDDEN]
    assert difference.mean() >= 0.08, difference
    assert (difference > 0).all(), difference


def test_guided_holes_cost_at_most_eight_hundredths_of_the_accuracy_on_whole_windows(table):
    assert (table["none", CLEAN] - table["guided", CLEAN]).mean() <= 0.08, table


def test_it_is_the_learned_map_that_helps(table):
    difference = table["guided", MASKED] - table["untrained", MASKED]
    assert difference.mean() >= 0.10, difference
