from dataclasses import replace

import numpy as np
import pytest
import torch

from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.genome.marks import decode_marks
from tracklight.learning.examples import Windows, make_examples
from tracklight.learning.feedback import Feedback, constant_loss, held_mean, turned
from tracklight.learning.fit import fit, standardise
from tracklight.learning.levers import Batch, Levers, Variation
from tracklight.models.network import Network, Shape
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Train

LENGTH, COUNT = 12, 40
CPU = torch.device("cpu")
SPEC = ModelSpec("global_pool", 4, LENGTH, ("y",), {"filters": 4, "kernels": [3], "pool": "mean", "dropout": 0.0})


class Linear(Network):
    """Output: a weight times the number of A in each position; its saliency is known by heart."""

    def __init__(self, weights, outputs=1):
        super().__init__(Shape(4, len(weights), outputs))
        self.weights = torch.nn.Parameter(torch.tensor(weights))
        self.outputs = outputs

    def forward(self, x):
        return (x[:, 0] * self.weights).sum(1, keepdim=True) * torch.arange(1.0, self.outputs + 1)


@pytest.fixture
def examples():
    """Forty windows of random bases; every other one is read on the minus strand."""
    tape = Tape(np.random.default_rng(0).integers(0, 4, 600).astype(np.uint8), ("c",), np.array([0, 600]))
    starts = np.arange(COUNT) * 14 + 5
    values = np.random.default_rng(1).normal(size=(COUNT, 1)).astype(np.float32)
    windows = Windows(np.full(COUNT, "c", object), starts, np.arange(COUNT) % 2 == 1, values)
    return make_examples(tape, windows, length=LENGTH, decode=one_hot, device=CPU)


def marked(examples, bits):
    return replace(examples, data=bits, decode=decode_marks)


def batch_of(examples, rows, shift=None, flip=None):
    shift = torch.zeros_like(rows) if shift is None else shift
    x = examples.x(rows, shift=shift, flip=flip)
    return Batch(x, examples.targets[rows], rows, shift=shift, flip=flip, draw=torch.Generator())


def test_masks_follow_their_windows_through_shift_and_flip(examples):
    wanted = (examples.data == 2).to(torch.uint8) * (1 + 4) + (examples.data == 1).to(torch.uint8) * (2 + 8)
    rows, shift, flip = torch.arange(20), torch.arange(20) % 7 - 3, torch.arange(20) % 3 == 0
    batch = batch_of(examples, rows, shift, flip)
    masks = Feedback(marked(examples, wanted), "mass", 1.0, 1.0).masks(batch)
    reverse = examples.reverse[rows] ^ flip
    # where the strand is the other one, a base that is G on the tape is read as C
    assert torch.equal(masks[~reverse, 0], batch.x[~reverse, 2])
    assert torch.equal(masks[reverse, 0], batch.x[reverse, 1])
    assert torch.equal(masks[~reverse, 1], batch.x[~reverse, 1])


def test_the_mass_of_a_linear_network_is_that_of_its_weights():
    weights = [1.0, 2.0, 3.0, 4.0]
    tape = Tape(np.zeros(8, np.uint8), ("c",), np.array([0, 8]))
    windows = Windows(np.array(["c", "c"], object), np.array([0, 4]), np.zeros(2, bool), np.zeros((2, 1), np.float32))
    examples = make_examples(tape, windows, length=4, decode=one_hot, device=CPU)
    bits = torch.tensor([2, 2, 0, 1, 0, 0, 0, 1], dtype=torch.uint8)
    batch, model = batch_of(examples, torch.arange(2)), Linear(weights)
    both = Feedback(marked(examples, bits), "mass", 5.0, 2.0)
    assert both(model, batch).item() == pytest.approx(5 * (1 + 2) / 10 + 2 * (1 - 4 / 10), rel=1e-5)
    square = Feedback(marked(examples, bits), "logit_l2", 3.0, 0.0)
    assert square(model, batch).item() == pytest.approx(3 * (1 + 4), rel=1e-5)


def test_right_reasons_is_the_squared_gradient_of_the_summed_log_probabilities():
    tape = Tape(np.zeros(4, np.uint8), ("c",), np.array([0, 4]))
    windows = Windows(np.array(["c"], object), np.array([0]), np.zeros(1, bool), np.zeros((1, 3), np.float32))
    examples = make_examples(tape, windows, length=4, decode=one_hot, device=CPU)
    term = Feedback(marked(examples, torch.tensor([2, 0, 0, 0], dtype=torch.uint8)), "right_reasons", 1.0, 0.0)
    model, batch = Linear([0.1, 0.2, 0.3, 0.4], outputs=3), batch_of(examples, torch.arange(1))
    step, sums = 0.02, []
    for sign in (-1, 1):
        x = batch.x.clone()
        x[0, 0, 0] += sign * step
        sums.append(torch.log_softmax(model(x).double(), dim=1).sum().item())
    assert term(model, batch).item() == pytest.approx(((sums[1] - sums[0]) / (2 * step)) ** 2, rel=1e-3)


def test_windows_without_a_mark_take_no_part(examples):
    bits = torch.zeros_like(examples.data)
    term = Feedback(marked(examples, bits), "mass", 1.0, 1.0)
    model = build(SPEC, seed=0)
    assert term(model, batch_of(examples, torch.arange(5))).item() == 0
    bits[int(examples.start[0]) + 2] = 2
    one = term(model, batch_of(examples, torch.arange(5))).item()
    assert one == pytest.approx(term(model, batch_of(examples, torch.arange(1))).item())


def test_the_weight_is_zero_when_there_is_nothing_to_add(examples):
    marks = marked(examples, torch.zeros_like(examples.data))
    assert Feedback(marks, "mass", 0.0, 0.0).weight == 0
    assert Feedback(marks, "logit_l2", 0.0, 1.0).weight == 0
    assert Feedback(marks, "mass", 0.0, 2.0).weight == 1


def test_turned_masks_are_as_large_as_before_and_elsewhere():
    masks = torch.zeros(2, 2, 6)
    masks[0, 1, [1, 5]] = 1
    masks[1, 0, 2] = 1
    found = turned(masks, torch.tensor([2, 3]))
    assert found[0, 1].tolist() == [0, 1, 0, 1, 0, 0]
    assert found[1, 0].tolist() == [0, 0, 0, 0, 0, 1]
    assert torch.equal(found.sum(-1), masks.sum(-1))


def test_the_mean_is_over_examples_that_hold_the_mark():
    assert held_mean(torch.tensor([1.0, 5.0, 9.0]), torch.tensor([[1, 0], [0, 0], [0, 1]])) == 5
    assert held_mean(torch.tensor([1.0]), torch.zeros(1, 3)) == 0
    assert held_mean(torch.tensor([1.0, 5.0]), torch.tensor([[1, 0], [1, 1]]), partly=True) == 1


def test_the_term_takes_saliency_out_of_irrelevant_marks(examples, tmp_path):
    rows = {"train": torch.arange(30), "validation": torch.arange(30, COUNT)}
    bits = (torch.arange(len(examples.data)) % 3 == 0).to(torch.uint8) * (2 + 8)
    settings = Train(epochs=15, batch_size=10, learning_rate=0.02, weight_decay=0.0)
    shares = {}
    for weight in (0.0, 5.0):
        model, term = build(SPEC, seed=0), Feedback(marked(examples, bits), "mass", weight, 0.0)
        levers = Levers(Variation(2), terms=(term,), keep="last")
        fit(model, examples, rows, settings, seed=0, levers=levers, resume=tmp_path / f"{weight}.pt")
        shares[weight] = Feedback(marked(examples, bits), "mass", 1.0, 0.0)(model, batch_of(examples, rows["train"]))
    assert shares[5.0].item() < 0.7 * shares[0.0].item()


def test_terms_of_other_marks_or_weights_are_told_apart(examples):
    marks = marked(examples, torch.zeros_like(examples.data))
    other = marked(examples, torch.ones_like(examples.data))
    terms = [Feedback(marks, "mass", 5.0, 1.0), Feedback(other, "mass", 5.0, 1.0), Feedback(marks, "mass", 4.0, 1.0)]
    terms.append(replace(terms[0], turn=torch.ones(COUNT, dtype=torch.int64)))
    assert len({repr(term) for term in terms}) == 4
    assert repr(replace(terms[0])) == repr(terms[0])


def test_the_loss_of_a_constant_is_the_entropy_of_labels_and_the_variance_of_values(examples):
    labels = torch.tensor([[1.0], [1.0], [1.0], [0.0], [1.0], [0.0]])
    rows = {"train": torch.arange(4), "validation": torch.tensor([4, 5])}
    model = build(SPEC, seed=0)
    cross = -(np.log(0.75) + np.log(0.25)) / 2
    assert constant_loss(model, labels, rows, settings=Train(loss="bce")) == pytest.approx(cross, rel=1e-5)
    values = torch.tensor([[2.0], [4.0], [6.0], [8.0], [5.0], [9.0]])
    standardise(model, values[:4], loss="mse")
    squared = ((5 - 5) ** 2 + (9 - 5) ** 2) / 2 / 5.0
    assert constant_loss(model, values, rows, settings=Train(loss="mse")) == pytest.approx(squared, rel=1e-5)
