import captum.attr
import pytest
import torch
from torch import nn

from tracklight.core.attribution import METHODS, corrected, gradient, gradient_x_input, integrated_gradients, method
from tracklight.errors import InputError


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


@pytest.mark.parametrize("name", METHODS)
def test_every_method_returns_the_shape_and_type_of_its_input_and_is_deterministic(model, name):
    options = {"steps": 3} if name == "integrated_gradients" else {}
    x = windows()
    first, second = (method(name)(model, x, target=1, **options) for _ in range(2))
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert torch.isfinite(first).all()
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_leaves_model_and_input_as_they_were(model, name):
    options = {"steps": 3} if name == "integrated_gradients" else {}
    model.train()
    model[4].eval()
    before = [module.training for module in model.modules()]
    x = windows()
    method(name)(model, x, **options)
    assert [module.training for module in model.modules()] == before
    assert all(weight.grad is None for weight in model.parameters())
    assert not x.requires_grad


def test_methods_take_two_dimensional_inputs():
    image_model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 6 * 6, 1))
    assert gradient_x_input(image_model, torch.rand(2, 1, 8, 8), correct=False).shape == (2, 1, 8, 8)


def test_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown attribution method; got 'saliency'; allowed: gradient_x_input"):
        method("saliency")
