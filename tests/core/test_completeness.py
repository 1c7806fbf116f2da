import captum.attr
import pytest
import torch
from torch import nn

from tracklight.core.attribution import mean_gradient
from tracklight.core.completeness import choose_method, completeness_error
from tracklight.errors import InputError

RULE = {"target": 0, "steps": 8, "tolerance": 0.01, "batch_size": 7}


class Pooled(nn.Module):
    """Convolution, then a function of the mean square of each filter, then a linear output."""

    def __init__(self, then):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.then, self.output = nn.Conv1d(3, 5, 7, bias=False), then, nn.Linear(5, 1)

    def forward(self, x):
        return self.output(self.then(self.conv(x).square().mean(-1)))


def rectified(*, bias, seed=0):
    torch.manual_seed(seed)
    conv = nn.Conv1d(3, 5, 7, bias=bias)
    if bias:
        nn.init.constant_(conv.bias, 1.0)
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(5, 1))


def epochs(count=20):
    generator = torch.Generator().manual_seed(1)
    loudness = torch.exp(0.5 * torch.randn(count, 1, 1, generator=generator))
    return loudness * torch.randn(count, 3, 60, generator=generator)


@pytest.mark.parametrize("model", [rectified(bias=False), Pooled(torch.sqrt)], ids=["rectified", "root mean square"])
def test_a_model_that_grows_with_its_input_is_explained_by_gradient_x_input(model):
    choice = choose_method(model, epochs(), **RULE)
    assert (choice.method, choice.points, choice.complete) == ("gradient_x_input", (1.0,), True)
    assert choice.errors["gradient_x_input"] < 1e-5
    choice.check()


@pytest.mark.parametrize(
    "model", [Pooled(torch.log1p), Pooled(nn.Identity()), rectified(bias=True)], ids=["log1p", "square", "biases"]
)
def test_another_model_is_explained_by_integrated_gradients(model):
    choice = choose_method(model, epochs(), **RULE | {"steps": 32})
    assert choice.method == "integrated_gradients"
    assert choice.errors["gradient_x_input"] > 0.1 > 0.01 > choice.errors["integrated_gradients"]


def test_gradient_x_input_of_a_quadratic_form_misses_by_the_output_itself():
    """Its values sum to twice the output above that of 0: the error is the mean of that output over its spread."""
    model, x = Pooled(nn.Identity()), epochs()
    above = (model(x) - model.output.bias).detach()[:, 0]
    error = choose_method(model, x, **RULE).errors["gradient_x_input"]
    assert error == pytest.approx((above.abs().mean() / above.std(correction=0)).item(), rel=1e-4)


def test_a_logarithm_of_power_is_refused():
    """Its gradient x input sums to the same number for every input, so nothing would be left to divide."""
    model, x = Pooled(lambda power: torch.log(power + 1e-6)), epochs()
    totals = (mean_gradient(model, x, target=0, baseline=0.0, points=(1.0,)) * x).sum((1, 2))
    assert totals.std() < 1e-3 * model(x).std()
    choice = choose_method(model, x, **RULE)
    assert not choice.complete
    assert choice.errors["integrated_gradients"] > 1
    with pytest.raises(InputError, match=r"evidence cannot be divided; got errors gradient_x_input [\d.]+, integrated"):
        choice.check()


def test_the_error_is_measured_on_all_examples_whatever_the_batch():
    model, x = rectified(bias=True), epochs()
    whole, parts = (choose_method(model, x, **RULE | {"batch_size": size}).errors for size in (20, 3))
    assert whole == pytest.approx(parts, rel=1e-4)
    ours = captum.attr.IntegratedGradients(model).attribute(
        x, baselines=0.0, target=0, n_steps=8, method="riemann_middle"
    )
    outputs = model(x)[:, 0].detach()
    gap = (ours.sum((1, 2)) - (outputs - model(0 * x[:1])[0, 0])).abs().mean() / outputs.std(correction=0)
    assert whole["integrated_gradients"] == pytest.approx(gap.item(), rel=1e-4)


def test_errors_are_in_standard_deviations_of_the_output():
    totals, outputs = torch.tensor([1.0, 3.5]), torch.tensor([2.0, 4.0])
    assert completeness_error(totals, outputs, torch.tensor(0.5)) == pytest.approx((0.5 + 0.0) / 2 / 1.0)


def test_an_output_that_does_not_vary_is_refused():
    with pytest.raises(InputError, match=r"output does not vary over the examples; got 2\.0"):
        completeness_error(torch.zeros(3), torch.full((3,), 2.0), torch.tensor(0.0))
