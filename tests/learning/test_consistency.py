import numpy as np
import pytest
import torch

from tracklight.core.attribution import gradient_x_input
from tracklight.core.saliency_losses import contrastive, fourier_prior
from tracklight.learning.consistency import Consistency, Smoothness, mutation, reverse_complement, shift, supporting
from tracklight.learning.levers import Batch
from tracklight.models.spec import ModelSpec, build

OPTIONS = {"filters": 6, "kernels": [5], "pool": "max", "dropout": 0.5}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(seed=0):
    return build(ModelSpec("global_pool", 4, 30, ("y",), OPTIONS), seed=seed)


def windows(count=10, seed=1):
    codes = torch.randint(0, 4, (count, 30), generator=generator(seed))
    return torch.nn.functional.one_hot(codes, 4).movedim(-1, 1).float()


def batch(count=10, labels=None):
    x, rows = windows(count), torch.arange(count)
    target = (torch.ones(count) if labels is None else torch.tensor(labels))[:, None]
    return Batch(x, target, rows, torch.zeros_like(rows), None, generator(2))


def term(*operators, temperature=None, labels=True):
    return Consistency("test", 1.0, 0.0, operators, temperature, labels)


def the_map(model, x):
    return gradient_x_input(model, x).sum(1)


@pytest.mark.parametrize("operator", [reverse_complement, shift(9), mutation(0.2)])
def test_what_is_brought_back_lies_on_its_window_wherever_it_is_valid(operator):
    x = windows()
    for seed in range(6):  # shifts go either way
        near = operator(x, generator(seed))
        content = torch.tensor([1.0, 2.0, 2.0, 1.0])  # the same for both strands
        marks = (near.x * content[:, None]).sum(1)
        own = (x * content[:, None]).sum(1)
        assert torch.equal(near.back(marks) * near.valid, own * near.valid)
        assert near.x.sum(1).eq(1).all()
        assert not torch.equal(near.x, x)


def test_moved_windows_are_compared_where_they_overlap():
    sizes = set()
    for seed in range(40):
        valid = shift(3)(windows(2), generator(seed)).valid
        sizes.add(int(valid[0].sum()) * (1 if valid[0, 0] else -1))
    assert sizes == {29, 28, 27, -29, -28, -27}


def test_mutated_positions_hold_another_base_and_are_left_out():
    x = windows(400)
    near = mutation(0.05)(x, generator())
    changed = (near.x != x).any(1)
    assert torch.equal(changed, near.valid == 0)
    assert changed.float().mean().item() == pytest.approx(0.05, abs=5 * (0.05 * 0.95 / 12_000) ** 0.5)
    before, after = x.argmax(1)[changed], near.x.argmax(1)[changed]
    steps = torch.bincount((after - before) % 4, minlength=4) / len(before)
    assert steps.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3], abs=0.1)


def test_unknown_bases_stay_unknown_when_mutated():
    x = torch.zeros(3, 4, 30)
    assert mutation(1.0)(x, generator()).x.sum() == 0


def test_the_term_is_1_minus_the_mean_cosine_of_the_maps_of_windows_and_neighbours():
    model, drawn = network(), batch()
    found = term(reverse_complement)(model, drawn).item()
    model.eval()
    first, second = the_map(model, drawn.x).numpy(), the_map(model, drawn.x.flip(1, 2)).flip(-1).numpy()
    cosine = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    assert found == pytest.approx(1 - cosine.mean(), rel=1e-5)


def test_the_contrastive_form_tells_the_maps_of_windows_apart():
    model, drawn = network().eval(), batch()
    found = term(reverse_complement, temperature=0.5)(model, drawn).item()
    first, second = the_map(model, drawn.x), the_map(model, drawn.x.flip(1, 2)).flip(-1)
    assert found == pytest.approx(contrastive(first, second, temperature=0.5).mean().item(), rel=1e-5)


def test_only_windows_of_label_1_are_compared_and_of_amounts_all():
    drawn = batch(4, labels=[1.0, 0.0, float("nan"), 1.0])
    assert supporting(drawn, labels=True).tolist() == [0, 3]
    assert supporting(drawn, labels=False).tolist() == [0, 1, 2, 3]
    of_two = drawn._replace(target=torch.zeros(4, 2))
    assert supporting(of_two, labels=True).tolist() == [0, 1, 2, 3]
    alone = batch(4, labels=[1.0, 0.0, 0.0, 1.0])
    both = alone._replace(x=alone.x[[0, 3]], target=alone.target[[0, 3]])
    model = network()
    assert term(reverse_complement)(model, alone).item() == pytest.approx(term(reverse_complement)(model, both).item())


@pytest.mark.parametrize("temperature", [None, 0.5])
@pytest.mark.parametrize("labels", [[0.0, 0.0], [0.0, float("nan")]])
def test_a_batch_without_windows_to_compare_costs_nothing(labels, temperature):
    assert term(reverse_complement, temperature=temperature)(network(), batch(2, labels)).item() == 0
    assert Smoothness(1.0, 0.0, 0.15, 3.0, 0.2, labels=True)(network(), batch(2, labels)).item() == 0


def test_each_step_takes_one_kind_of_neighbour_and_all_come_up():
    seen = []

    def noting(number):
        def operator(x, draw):
            seen.append(number)
            return reverse_complement(x, draw)

        return operator

    drawn = batch()
    for _ in range(40):
        term(noting(0), noting(1))(network(), drawn)
    assert len(seen) == 40
    assert 8 <= sum(seen) <= 32


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_descending_the_term_brings_the_maps_of_neighbours_together(temperature):
    model, drawn = network(), batch(30)
    lever = term(reverse_complement, temperature=temperature)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    before = lever(model, drawn).item()
    for _ in range(30):
        optimiser.zero_grad()
        lever(model, drawn).backward()
        optimiser.step()
    assert lever(model, drawn).item() < 0.8 * before


def test_windows_without_any_gradient_leave_the_weights_finite():
    model, drawn = network(), batch()
    empty = drawn._replace(x=torch.zeros_like(drawn.x))
    for lever in (
        term(mutation(0.1)),
        term(mutation(0.1), temperature=0.5),
        Smoothness(1, 0, 0.15, 3, 0.2, labels=True),
    ):
        model.zero_grad()
        lever(model, empty).backward()
        assert all(weights.grad is None or weights.grad.isfinite().all() for weights in model.parameters())


def test_the_prior_counts_frequencies_in_full_below_its_share_of_one_per_base():
    model, drawn = network().eval(), batch()
    found = Smoothness(1.0, 0.0, 0.2, 2.0, 0.3, labels=True)(model, drawn).item()
    expected = fourier_prior(the_map(model, drawn.x), limit=6, sd=2.0, softness=0.3).mean().item()
    assert found == pytest.approx(expected, rel=1e-5)
