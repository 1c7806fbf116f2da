import warnings

import captum.attr
import numpy as np
import pytest
import quantus
import torch
from tangermeme.saliency import saliency
from torch import nn

from tracklight.core.attribution import (
    completeness_gap,
    corrected,
    gradient,
    gradient_x_input,
    integrated_gradients,
    smoothgrad,
)
from tracklight.core.counting import Counted
from tracklight.core.methods import METHODS, length, method, summed
from tracklight.errors import InputError


def turned_round(x: torch.Tensor) -> torch.Tensor:
    """Two references for every example, made of it alone."""
    return torch.stack([x.flip(-1), x.roll(3, -1)], dim=1)


OPTIONS = {
    "smoothgrad": {"samples": 4, "sd": 0.1, "seed": 3},
    "integrated_gradients": {"steps": 3},
    "deep_lift_shap": {"references": turned_round},
}
every_method = pytest.mark.parametrize("name", METHODS)


def small_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(6, 5, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )


def windows(count: int = 3, length: int = 20) -> torch.Tensor:
    codes = torch.randint(0, 4, (count, length), generator=torch.Generator().manual_seed(1))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


@pytest.fixture
def model() -> nn.Module:
    network = small_network()
    network(windows())  # gives the lazy layer its size
    return network


def test_uncorrected_gradient_x_input_equals_captum(model):
    x = windows()
    ours = gradient_x_input(model, x, target=1, correct=False)
    theirs = captum.attr.InputXGradient(model).attribute(x.clone().requires_grad_(), target=1)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_uncorrected_integrated_gradients_equal_captum_with_the_midpoint_rule(model):
    x = windows()
    ours = integrated_gradients(model, x, target=0, steps=8, correct=False)
    theirs = captum.attr.IntegratedGradients(model).attribute(
        x, baselines=0.25, target=0, n_steps=8, method="riemann_middle"
    )
    torch.testing.assert_close(ours, theirs.float(), rtol=0, atol=1e-5)


def test_gradient_equals_central_finite_differences_in_double_precision(model):
    model, x = model.double(), windows(1).double() + 0.01 * torch.rand(1, 4, 20, dtype=torch.float64)
    found = gradient(model, x, target=0)
    step = 1e-6
    with torch.no_grad():
        for channel, position in [(0, 0), (1, 7), (2, 13), (3, 19)]:
            nudge = torch.zeros_like(x)
            nudge[0, channel, position] = step
            slope = (model(x + nudge)[0, 0] - model(x - nudge)[0, 0]) / (2 * step)
            assert found[0, channel, position].item() == pytest.approx(slope.item(), abs=1e-7)


def test_gradient_x_input_of_a_linear_model_sums_to_output_minus_bias():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(80, 1))
    x = windows()
    total = gradient_x_input(linear, x, correct=False).sum((1, 2))
    torch.testing.assert_close(total, linear(x)[:, 0] - linear[1].bias)


def test_integrated_gradients_are_complete_on_a_linear_model():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(80, 1))
    x = windows()
    total = integrated_gradients(linear, x, steps=1, correct=False).sum((1, 2))
    torch.testing.assert_close(total, (linear(x) - linear(torch.full_like(x, 0.25)))[:, 0])


def test_corrected_integrated_gradients_spread_differently_but_sum_alike_where_one_base_is_set(model):
    x = windows()
    raw, centred = (integrated_gradients(model, x, steps=4, correct=flag).sum(1) for flag in (False, True))
    torch.testing.assert_close(raw, centred)


def test_corrected_gradient_has_no_component_off_the_simplex():
    values = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [5.0, 2.0], [7.0, 2.0]]])
    expected = torch.tensor([[[-3.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [3.0, 0.0]]])
    torch.testing.assert_close(corrected(values), expected)


@pytest.mark.parametrize("correct", [True, False])
def test_gradient_x_input_equals_tangermeme(model, correct):
    x = windows()
    theirs = saliency(model, x, target=1, gradient_correction=correct, device="cpu")
    torch.testing.assert_close(gradient_x_input(model, x, target=1, correct=correct), theirs, rtol=0, atol=1e-5)


def test_smoothgrad_is_the_mean_gradient_of_the_noise_tunnel_of_captum(model):
    """The two draw other noise: on 4,000 draws the means agree to what is left of their spread."""
    x, sd = windows(1), 1.0
    ours = smoothgrad(model, x, samples=4000, sd=sd, seed=0, correct=False)
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum speaks of requires_grad
        theirs = captum.attr.NoiseTunnel(captum.attr.Saliency(model)).attribute(
            x, nt_type="smoothgrad", nt_samples=4000, nt_samples_batch_size=500, stdevs=sd, target=0, abs=False
        )
    plain = gradient_x_input(model, x, correct=False)
    torch.testing.assert_close(ours, theirs * x, rtol=0, atol=0.003)
    assert (plain - ours).abs().max() > 0.01  # the noise does something


def test_smoothgrad_of_a_parabola_is_its_slope_at_the_mean_of_the_noisy_inputs():
    def parabola(x):
        return x.square().flatten(1).sum(1, keepdim=True)

    x, sd, samples = windows(2), 0.5, 6
    generator = torch.Generator().manual_seed(7)
    noise = torch.stack([torch.randn(x.shape[1:], generator=generator) for _ in range(samples)]).mean(0)
    found = smoothgrad(parabola, x, samples=samples, sd=sd, seed=7, correct=False)
    torch.testing.assert_close(found, 2 * (x + sd * noise) * x)


def test_another_seed_gives_other_noise(model):
    x = windows()
    first, second = (smoothgrad(model, x, samples=2, sd=0.5, seed=seed) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_integrated_gradients_from_black_are_complete_in_the_sense_of_quantus():
    """Quantus asks for equality to the last bit, so the weights are small whole numbers."""
    linear = nn.Sequential(nn.Flatten(), nn.Linear(80, 2))
    with torch.no_grad():
        linear[1].weight.copy_(torch.randint(-4, 5, (2, 80), generator=torch.Generator().manual_seed(0)))
    x = windows()
    found = integrated_gradients(linear, x, target=1, steps=1, baseline=0.0, correct=False)
    with torch.no_grad():
        linear[1].bias.zero_()
    for factor, complete in ((1, True), (2, False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            metric = quantus.Completeness(abs=False, normalise=False, disable_warnings=True)
            images = {"x_batch": x[:, None].numpy(), "a_batch": factor * found[:, None].numpy()}
            told = metric(model=linear.eval(), y_batch=np.ones(3, int), softmax=False, **images)
        assert told == [complete] * 3


def test_the_completeness_gap_is_the_miss_over_the_mean_difference():
    attribution = torch.tensor([[[1.0, 2.0]], [[-1.0, 0.0]], [[0.0, 0.5]]])  # sums 3, -1, 0.5
    gap = completeness_gap(attribution, torch.tensor([4.0, -1.0, 1.0]))
    torch.testing.assert_close(gap, torch.tensor([0.5, 0.0, 0.25]))


def test_the_completeness_gap_of_integrated_gradients_closes_with_the_steps(model):
    x = windows()
    with torch.no_grad():
        difference = (model(x) - model(torch.full_like(x, 0.25)))[:, 0]
    gaps = [completeness_gap(integrated_gradients(model, x, steps=n), difference).mean().item() for n in (1, 8, 512)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-2


def explained(name: str, model, x: torch.Tensor, **options) -> torch.Tensor:
    return method(name).explain(model, x, **OPTIONS.get(name, {}) | options)


@every_method
def test_every_method_returns_the_shape_and_type_of_its_input_and_is_deterministic(model, name):
    x = windows()
    first, second = (explained(name, model, x, target=1) for _ in range(2))
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert torch.isfinite(first).all()
    assert torch.equal(first, second)
    assert not first.requires_grad


@every_method
def test_every_method_works_in_double_precision(model, name):
    x = windows().double()
    assert explained(name, model.double(), x).dtype == torch.float64


@every_method
def test_every_method_leaves_model_and_input_as_they_were(model, name):
    model.train()
    model[4].eval()
    modes = [module.training for module in model.modules()]
    needs = [weight.requires_grad for weight in model.parameters()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    x = windows()
    before = x.clone()
    explained(name, model, x)
    assert [module.training for module in model.modules()] == modes
    assert [weight.requires_grad for weight in model.parameters()] == needs
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert torch.equal(x, before)
    assert not x.requires_grad


@every_method
def test_every_method_explains_each_example_as_if_it_were_alone(model, name):
    x = windows()
    alone = torch.cat([explained(name, model, one) for one in x.split(1)])
    torch.testing.assert_close(explained(name, model, x), alone, rtol=0, atol=1e-5)


@every_method
def test_every_method_explains_the_output_it_is_asked_for(model, name):
    x = windows()

    def other_order(batch):
        return model(batch).flip(1)

    flipped = nn.Sequential(model, Flipped()) if name == "deep_lift_shap" else other_order
    torch.testing.assert_close(
        explained(name, model, x, target=1), explained(name, flipped, x, target=0), rtol=0, atol=1e-5
    )


class Flipped(nn.Module):
    def forward(self, x):
        return x.flip(1)


def linear_truth(name: str, weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """What a method has to say of `sum(weight * x) + bias`."""
    if name == "gradient":
        return weight.expand(x.shape)
    if name == "integrated_gradients":
        return (weight - weight.mean(0)) * (x - 0.25)
    if name == "deep_lift_shap":
        return weight * (x - turned_round(x).mean(1))
    return (weight - weight.mean(0)) * x


@every_method
@pytest.mark.parametrize("space", [(20,), (4, 5)])
def test_every_method_tells_the_truth_on_a_linear_model_of_one_or_two_dimensions_of_space(name, space):
    torch.manual_seed(0)
    linear, x = nn.Sequential(nn.Flatten(), nn.Linear(80, 1)), windows().unflatten(-1, space)
    truth = linear_truth(name, linear[1].weight.detach().reshape(4, *space), x)
    torch.testing.assert_close(explained(name, linear, x), truth, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.whole_segments])
def test_methods_that_take_whole_segments_are_additive_in_the_output(model, name):
    x = windows()
    both = explained(name, lambda batch: model(batch).sum(1, keepdim=True), x)
    parts = explained(name, model, x, target=0) + explained(name, model, x, target=1)
    torch.testing.assert_close(both, parts, rtol=0, atol=1e-5)


def test_a_map_is_the_sum_over_channels_or_for_plain_gradients_their_euclidean_length(model):
    values = torch.tensor([[[3.0, 1.0], [-4.0, 1.0]]])
    assert summed(values).tolist() == [[-1.0, 2.0]]
    torch.testing.assert_close(length(values), torch.tensor([[5.0, 2**0.5]]))
    x = windows()
    gradients = method("gradient").position_map(model, x, target=1)
    torch.testing.assert_close(gradients, gradient(model, x, target=1).square().sum(1).sqrt())
    light = method("gradient_x_input").position_map(model, x, target=1, correct=False)
    torch.testing.assert_close(light, gradient_x_input(model, x, target=1, correct=False).sum(1))


def test_counting_changes_nothing_and_counts_inputs_both_ways(model):
    x, counted = windows(), Counted(model)
    assert torch.equal(integrated_gradients(counted, x, steps=5), integrated_gradients(model, x, steps=5))
    assert (counted.passes.forward, counted.passes.backward) == (15, 15)
    with torch.no_grad():
        counted(x)
    assert (counted.passes.forward, counted.passes.backward) == (18, 15)


def test_counting_keeps_the_mode_of_the_model(model):
    assert [Counted(model.train(mode)).training for mode in (True, False)] == [True, False]


def test_methods_take_images_of_one_channel():
    image_model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 6 * 6, 1))
    assert gradient_x_input(image_model, torch.rand(2, 1, 8, 8), correct=False).shape == (2, 1, 8, 8)


def test_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown attribution method; got 'saliency'; allowed: gradient, gradient_x_"):
        method("saliency")
