import captum.metrics
import numpy as np
import pytest
import torch
from torch import nn

from tracklight.core.attribution import gradient_x_input
from tracklight.core.faithfulness import (
    infidelity,
    max_sensitivity,
    point_mutations,
    random_subsets,
    sensitivity_n,
    subset_effects,
    subset_sums,
    unexplained,
)

LENGTH, WINDOWS, SETS = 12, 5, 7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def windows() -> torch.Tensor:
    codes = torch.randint(0, 4, (WINDOWS, LENGTH), generator=generator(1))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 10, 1)).eval()


def own_map(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return gradient_x_input(model, x, correct=False).sum(1)


@pytest.fixture
def measured(model):
    """Windows, their map, random sets, and effects of replacing these sets by zero."""
    x = windows()
    scores = own_map(model, x)
    subsets = random_subsets(scores, generator(), size=4, count=SETS)
    effects = subset_effects(lambda x: model(x)[:, 0], x, torch.zeros_like(x), subsets=subsets, batch_size=8)
    return x, scores, subsets, effects


def test_random_sets_have_their_size_and_hold_every_position_equally_often():
    subsets = random_subsets(torch.zeros(3, 2, 5), generator(), size=4, count=2000)
    assert subsets.shape == (3, 2000, 2, 5)
    assert (subsets.sum((2, 3)) == 4).all()
    assert ((subsets.float().mean(1) - 0.4).abs() < 5 * (0.4 * 0.6 / 2000) ** 0.5).all()


def test_effects_are_those_of_replacing_one_set_at_a_time(model, measured):
    x, _, subsets, effects = measured
    for row in range(WINDOWS):
        for number in range(SETS):
            changed = x[row].clone()
            changed[:, subsets[row, number]] = 0
            with torch.no_grad():
                expected = model(x[row][None]) - model(changed[None])
            assert effects[row, number].item() == pytest.approx(expected.item(), abs=1e-5)


def test_infidelity_equals_captum_with_its_scale(model, measured):
    x, scores, subsets, effects = measured

    def perturb(inputs):
        masks = subsets.flatten(0, 1)[:, None].expand_as(inputs).float()
        return masks, inputs * (1 - masks)

    gradient = gradient_x_input(model, x, correct=False)
    theirs = captum.metrics.infidelity(model, perturb, x, gradient, target=0, n_perturb_samples=SETS, normalize=True)
    ours = infidelity(subset_sums(scores, subsets=subsets), effects)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_linear_model_is_explained_without_rest_and_at_any_scale():
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 1))
    x = windows()
    subsets = random_subsets(x[:, 0], generator(), size=3, count=SETS)
    effects = subset_effects(lambda x: linear(x)[:, 0], x, torch.zeros_like(x), subsets=subsets, batch_size=4)
    sums = subset_sums(7.5 * own_map(linear, x), subsets=subsets)
    assert infidelity(sums, effects).abs().max() < 1e-9
    assert unexplained(sums, effects).abs().max() < 1e-6
    torch.testing.assert_close(sensitivity_n(sums, effects), torch.ones(WINDOWS))


def test_a_map_of_zeros_explains_nothing(measured):
    effects = measured[-1]
    nothing = torch.zeros_like(effects)
    torch.testing.assert_close(infidelity(nothing, effects), effects.square().mean(1))
    torch.testing.assert_close(unexplained(nothing, effects), torch.ones(WINDOWS))
    assert sensitivity_n(nothing, effects).isnan().all()


def test_sensitivity_n_is_the_correlation_of_numpy(measured):
    _, scores, subsets, effects = measured
    sums = subset_sums(scores, subsets=subsets)
    expected = [np.corrcoef(said, done)[0, 1] for said, done in zip(sums.numpy(), effects.numpy(), strict=True)]
    assert sensitivity_n(sums, effects).tolist() == pytest.approx(expected, abs=1e-5)


def test_point_mutations_change_so_many_bases_each_to_another_one():
    x = windows()
    mutated = point_mutations(x, generator(), count=3)
    assert ((mutated.argmax(1) != x.argmax(1)).sum(1) == 3).all()
    assert torch.equal(mutated.sum(1), torch.ones(WINDOWS, LENGTH))


def test_point_mutations_reach_every_other_base_alike_and_leave_unknown_bases():
    x = nn.functional.one_hot(torch.full((3000, 1), 2), 4).transpose(1, 2).float()
    counts = point_mutations(x, generator(), count=1).sum((0, 2))
    assert counts[2] == 0
    assert ((counts[[0, 1, 3]] - 1000).abs() < 150).all()
    assert not point_mutations(torch.zeros(2, 4, 3), generator(), count=3).any()


def test_max_sensitivity_equals_captum_for_the_same_perturbed_copies(model):
    x = windows()
    draws = generator(7)
    copies = [point_mutations(x, draws, count=2) for _ in range(6)]
    stack = iter(copies)
    ours = max_sensitivity(lambda x: own_map(model, x), x, perturb=lambda _: next(stack), copies=6)
    theirs = captum.metrics.sensitivity_max(
        lambda x: (own_map(model, x[0]),) if isinstance(x, tuple) else own_map(model, x),
        x,
        perturb_func=lambda _: torch.stack(copies, dim=1).flatten(0, 1),
        n_perturb_samples=6,
        norm_ord=2,
    )
    torch.testing.assert_close(ours, theirs)


def test_max_sensitivity_is_the_largest_of_the_changes_over_the_size_of_the_map():
    steps = iter([torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[3.0, 9.0]]])])
    found = max_sensitivity(lambda x: x[:, 0], torch.tensor([[[3.0, 4.0]]]), perturb=lambda _: next(steps), copies=2)
    assert found.tolist() == [1.0]
