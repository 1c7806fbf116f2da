import numpy as np
import pytest
import torch

from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.learning.examples import Windows, make_examples, predict
from tracklight.learning.shuffled import learn_by_heart, shuffle_targets
from tracklight.models.spec import ModelSpec
from tracklight.settings import Train

SPEC = ModelSpec(
    "valid_conv",
    4,
    20,
    ("y",),
    {"filters": 16, "kernels": [6], "pools": [3], "hidden": 16, "dropout": 0.5, "batch_norm": True},
)
SETTINGS = Train(epochs=40, batch_size=16, learning_rate=0.02, weight_decay=10.0, max_shift_bp=4, patience_epochs=1)
ROWS = torch.arange(5, 65)


@pytest.fixture(scope="module")
def examples():
    """Windows of random bases with random values: nothing to learn but by heart."""
    generator = np.random.default_rng(0)
    tape = Tape(generator.integers(0, 4, 2000).astype(np.uint8), ("a",), np.array([0, 2000]))
    starts = np.arange(0, 1600, 20)
    values = generator.normal(size=(len(starts), 1)).astype(np.float32)
    windows = Windows(np.full(len(starts), "a", object), starts, np.zeros(len(starts), bool), values)
    return make_examples(tape, windows, length=20, decode=one_hot, device=torch.device("cpu"))


def test_targets_are_exchanged_among_the_rows_and_nowhere_else():
    targets = torch.stack([torch.arange(80.0), 100 + torch.arange(80.0)], dim=1)
    before = targets.clone()
    changed = shuffle_targets(targets, ROWS, generator=torch.Generator().manual_seed(0))
    others = torch.ones(80, dtype=torch.bool)
    others[ROWS] = False
    assert torch.equal(targets, before)
    assert torch.equal(changed[others], targets[others])
    assert sorted(changed[ROWS, 0].tolist()) == targets[ROWS, 0].tolist()
    assert torch.equal(changed[:, 1], changed[:, 0] + 100)  # the targets of an example stay together
    assert (changed[ROWS, 0] == targets[ROWS, 0]).sum() < 10


def test_the_same_seed_shuffles_alike_and_another_differently():
    targets = torch.arange(80.0)[:, None]
    first, again, other = (
        shuffle_targets(targets, ROWS, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_labels_without_meaning_are_learned_by_heart_whatever_held_the_other_networks_back(examples, tmp_path):
    network = learn_by_heart(SPEC, examples, ROWS, settings=SETTINGS, seed=1, resume=tmp_path / "resume.pt")
    predicted = predict(network, examples, ROWS)[:, 0].numpy()
    assert np.corrcoef(predicted, examples.targets[ROWS, 0].numpy())[0, 1] > 0.9
    assert not network.training
    others = torch.arange(65, 80)
    unseen = predict(network, examples, others)[:, 0].numpy()
    assert abs(np.corrcoef(unseen, examples.targets[others, 0].numpy())[0, 1]) < 0.7  # 15 windows: p < .01 at .64
