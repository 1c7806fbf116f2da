import pytest
import torch

from tracklight.core.attribution import gradient, gradient_x_input, integrated_gradients
from tracklight.core.spectral import by_frequency
from tracklight.errors import InputError
from tracklight.models.spec import ModelSpec, build


def network(length=30):
    options = {"filters": 3, "temporal_kernel": 5}
    return build(ModelSpec("square_pool", 2, length, ("y",), options), seed=0).eval().double()


def epochs(length=30):
    return torch.randn(4, 2, length, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def quadratic_form(model, length):
    """The matrix Q for which the output above its bias is x' Q x, built from the weights alone."""
    spatial, temporal = (layer.weight.detach() for layer in model.body)
    places = length - temporal.shape[-1] + 1
    total = torch.zeros(2 * length, 2 * length, dtype=torch.float64)
    for number, weight in enumerate(model.output.weight.detach()[0]):
        for place in range(places):
            seen = torch.zeros(2, length, dtype=torch.float64)
            seen[:, place : place + temporal.shape[-1]] = spatial[number, :, :1] * temporal[number]
            total += weight / places * torch.outer(seen.flatten(), seen.flatten())
    return total


@pytest.mark.parametrize("length", [5, 30, 47])
def test_the_output_is_a_quadratic_form_of_epochs_of_any_length(length):
    model, x = network(), epochs(length)
    flat = x.flatten(1)
    expected = torch.einsum("bi,ij,bj->b", flat, quadratic_form(model, length), flat) + model.output.bias
    torch.testing.assert_close(model(x)[:, 0], expected)


def test_gradient_x_input_sums_to_twice_the_output_above_its_bias():
    model, x = network(), epochs()
    total = gradient_x_input(model, x, correct=False).sum((1, 2))
    torch.testing.assert_close(total, 2 * (model(x) - model.output.bias)[:, 0])


def test_one_step_of_integrated_gradients_is_half_of_that_and_exact():
    model, x = network(), epochs()
    found = integrated_gradients(model, x, steps=1, baseline=0.0, correct=False)
    torch.testing.assert_close(found, gradient_x_input(model, x, correct=False) / 2)
    torch.testing.assert_close(found.sum((1, 2)), (model(x) - model.output.bias)[:, 0])


def test_a_frequency_added_far_away_hardly_changes_what_is_attributed_to_another():
    """20 whole cycles in 400 positions against 80: only the two ends of the epoch couple them."""
    model, time = network(400), torch.arange(400, dtype=torch.float64)
    slow, fast = (torch.cos(2 * torch.pi * cycles / 400 * time).expand(1, 2, -1) for cycles in (20, 80))
    alone, both = (by_frequency(gradient(model, x), x)[0, :, 20] for x in (slow, slow + fast))
    torch.testing.assert_close(alone, both, rtol=0.02, atol=0)


def test_a_kernel_longer_than_the_epoch_is_refused():
    with pytest.raises(InputError, match=r"window is too short for the network; got 4 bp with kernels \[5\]"):
        network(length=4)
