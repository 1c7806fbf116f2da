import numpy as np
import pytest
import torch

from tracklight.core.attribution import gradient_x_input
from tracklight.core.saliency_losses import saliency
from tracklight.learning.cutout import CutOut, among_least, anywhere, by_share, most_salient, window_mask, window_mass
from tracklight.learning.levers import Batch, evidence
from tracklight.models.spec import ModelSpec, build

OPTIONS = {"filters": 6, "kernels": [5], "pool": "max", "dropout": 0.5}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(targets=1, seed=0):
    return build(ModelSpec("global_pool", 4, 30, tuple("abc"[:targets]), OPTIONS), seed=seed)


def one_hot_batch(count=40, targets=1):
    codes = torch.randint(0, 4, (count, 30), generator=generator(1))
    x = torch.nn.functional.one_hot(codes, 4).movedim(-1, 1).float()
    target = torch.nn.functional.one_hot(torch.arange(count) % 3, 3).float() if targets == 3 else torch.ones(count, 1)
    rows = torch.arange(count)
    return Batch(x, target, rows, torch.zeros_like(rows), None, generator(2))


def cutout(how=most_salient, **changes):
    options = {"how": "test", "score": how, "width": 6, "probability": 1.0, "start": 0.0, "fill": "zero"}
    return CutOut(**options | changes)


def holes(before, after):
    return (before != after).any(1)


def test_the_mass_of_windows_is_that_of_brute_force_in_two_dimensions():
    s = torch.randn(2, 5, 7, generator=generator())
    found = window_mass(s, 3)
    assert found.shape == (2, 3, 5)
    for n, i, j in np.ndindex(2, 3, 5):
        assert found[n, i, j].item() == pytest.approx(s[n, i : i + 3, j : j + 3].abs().sum().item())


def test_a_window_lies_where_its_number_says_in_one_two_and_three_dimensions():
    assert window_mask(torch.tensor([2]), (6,), 3)[0].tolist() == [False, False, True, True, True, False]
    image = window_mask(torch.tensor([0, 7]), (4, 5), 2)  # starts are 3 x 4: number 7 is row 1, column 3
    assert image[0].nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert image[1].nonzero().tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert window_mask(torch.tensor([0, 5]), (4, 4, 4), 3).sum((1, 2, 3)).tolist() == [27, 27]


def test_of_an_image_the_brightest_square_of_the_map_is_hidden():
    x = torch.ones(3, 2, 8, 8)
    s = torch.zeros(3, 8, 8)
    for number, (row, column) in enumerate([(0, 0), (3, 4), (5, 5)]):
        s[number, row : row + 3, column : column + 3] = -1.0  # what speaks against the label is salient too
    after = cutout(width=3).hide(x, s, draw=generator())
    assert torch.equal(holes(x, after), s != 0)
    assert after[holes(x, after)[:, None].expand_as(after)].abs().sum() == 0


def test_guided_cutout_hides_the_window_of_the_corrected_map_of_the_network_itself():
    model, batch = network(), one_hot_batch()
    after = cutout()(model, batch)
    mass = gradient_x_input(model, batch.x).sum(1).abs().unfold(1, 6, 1).sum(-1)
    first = mass.argmax(1)
    expected = torch.zeros(40, 30, dtype=torch.bool)
    for row, start in enumerate(first.tolist()):
        expected[row, start : start + 6] = True
    assert torch.equal(holes(batch.x, after), expected)


def test_the_network_is_read_without_dropout_and_stays_in_training_without_gradients():
    model, batch = network().train(), one_hot_batch()
    state = torch.random.get_rng_state()
    cutout()(model, batch)
    assert torch.equal(state, torch.random.get_rng_state())  # dropout draws nothing
    assert model.training
    assert all(weights.grad is None for weights in model.parameters())


def test_a_guide_decides_in_place_of_the_network():
    model, guide = network(), network(seed=1)
    by_guide = cutout(guide=guide)(model, one_hot_batch())
    assert torch.equal(by_guide, cutout()(guide, one_hot_batch()))
    assert not torch.equal(by_guide, cutout()(model, one_hot_batch()))


def test_the_share_of_examples_that_are_cut_is_the_probability_and_the_others_are_left():
    batch = one_hot_batch(count=2000)
    after = cutout(probability=0.3)(network(), batch)
    cut = holes(batch.x, after).sum(1)
    assert set(cut.tolist()) == {0, 6}
    assert (cut > 0).float().mean().item() == pytest.approx(0.3, abs=5 * (0.21 / 2000) ** 0.5)
    assert torch.equal(cutout(probability=1e-9)(network(), batch), batch.x)


def test_bases_are_filled_with_the_composition_of_their_own_sequence():
    codes = torch.tensor([0, 1])[torch.randint(0, 2, (200, 30), generator=generator())]  # A and C alone
    x = torch.nn.functional.one_hot(codes, 4).movedim(-1, 1).float()
    after = cutout(fill="shuffle").hide(x, torch.rand(200, 30, generator=generator()), draw=generator())
    assert torch.equal(after.sum(1), torch.ones(200, 30))
    assert after[:, 2:].sum() == 0
    changed = holes(x, after).sum().item() / (200 * 6)
    assert changed == pytest.approx(0.5, abs=5 * (0.25 / 1200) ** 0.5)  # another base in half of the places


MASS = torch.tensor([[1.0, 2.0, 3.0, 4.0, 0.0]]).expand(20_000, 5)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (most_salient, [0, 0, 0, 1, 0]),
        (by_share, [0.1, 0.2, 0.3, 0.4, 0]),
        (anywhere, [0.2] * 5),
        (among_least(0.4), [0.5, 0, 0, 0, 0.5]),
    ],
)
def test_windows_are_drawn_as_each_way_says(score, expected):
    draw = torch.rand(MASS.shape, generator=generator())
    found = torch.bincount(score(MASS, draw).argmax(1), minlength=5) / len(MASS)
    assert found.tolist() == pytest.approx(expected, abs=5 * 0.5 / len(MASS) ** 0.5)


def test_a_map_of_nothing_still_draws_a_window():
    draw = torch.rand((4, 5), generator=generator())
    for score in (most_salient, by_share, anywhere, among_least(0.4)):
        first = score(torch.zeros(4, 5), draw).argmax(1)
        assert ((first >= 0) & (first < 5)).all()


def test_of_classes_the_logit_of_the_right_one_is_explained_against_the_mean():
    model, batch = network(targets=3).eval(), one_hot_batch(count=6, targets=3)
    found = saliency(evidence(model, batch.target), batch.x, target=0, create_graph=False)
    for row in range(6):
        x = batch.x[[row]]
        label = row % 3
        expected = gradient_x_input(lambda x, label=label: model(x)[:, [label]] - model(x).mean(1, keepdim=True), x)
        assert torch.allclose(found[row], expected.sum(1)[0], atol=1e-6)


def test_the_same_draws_hide_the_same_windows():
    first, second = (cutout(by_share, fill="shuffle", probability=0.5)(network(), one_hot_batch()) for _ in range(2))
    assert torch.equal(first, second)
