import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tracklight.core.attribution import gradient, gradient_x_input
from tracklight.core.saliency_losses import (
    contrastive,
    cosine_distance,
    fourier_prior,
    logit_l2,
    mass_fraction,
    output_gradient,
    right_reasons,
    saliency,
)


class Small(nn.Module):
    """A smooth network with batch normalisation and dropout, which must both be frozen in a map."""

    def __init__(self, dimensions=1, outputs=1):
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
        norm = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions]
        self.body = nn.Sequential(convolution(4, 3, 3), norm(3), nn.Softplus(), nn.Dropout(0.5))
        self.output = nn.Linear(3, outputs)

    def forward(self, x):
        return self.output(self.body(x).flatten(2).mean(2))


def small(*, dimensions=1, outputs=1, seed=0):
    torch.manual_seed(seed)
    model = Small(dimensions, outputs).double()
    model(torch.randn(8, 4, *[9] * dimensions, dtype=torch.float64))  # running statistics other than 0 and 1
    return model


def draw(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


MASK = torch.zeros(3, 9, dtype=torch.float64)
MASK[:, 2:5] = 1
LOSSES = {
    "mass fraction": lambda model, x: mass_fraction(saliency(model, x, target=0, create_graph=True), MASK).mean(),
    "cosine": lambda model, x: cosine_distance(
        saliency(model, x, target=0, create_graph=True), saliency(model, x.flip(2), target=0, create_graph=True)
    ).mean(),
    "contrastive": lambda model, x: contrastive(
        saliency(model, x, target=0, create_graph=True),
        saliency(model, x.flip(2), target=0, create_graph=True),
        temperature=0.5,
    ).mean(),
    "fourier": lambda model, x: fourier_prior(
        saliency(model, x, target=0, create_graph=True), limit=2, sd=1.0, softness=0.2
    ).mean(),
    "logit L2": lambda model, x: logit_l2(output_gradient(model, x, target=0, create_graph=True), MASK).mean(),
    "right reasons": lambda model, x: right_reasons(model, x, MASK, target=0).mean(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_the_gradient_in_the_weights_that_finite_differences_have(name):
    model, x = small(), draw(3, 4, 9)
    weights = {key: value.detach().requires_grad_() for key, value in model.named_parameters()}
    names = ("body.0.weight", "output.weight")

    def loss(*values):
        changed = {**weights, **dict(zip(names, values, strict=True))}
        return LOSSES[name](lambda x: torch.func.functional_call(model.eval(), changed, (x,)), x)

    assert torch.autograd.gradcheck(loss, tuple(weights[key] for key in names), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_a_network_in_training_mode_is_read_as_in_evaluation_and_given_back(name):
    model, x = small(), draw(3, 4, 9)
    before = copy.deepcopy(model.state_dict())
    in_training = LOSSES[name](model.train(), x)
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert in_training.item() == LOSSES[name](model.eval(), x).item()


@pytest.mark.parametrize("name", LOSSES)
def test_of_a_relu_network_the_weights_learn_although_its_curvature_is_0(name):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 7, 1)).double()
    LOSSES[name](model, draw(3, 4, 9)).backward()
    assert model[0].weight.grad.abs().sum() > 0


def test_the_map_is_the_corrected_gradient_times_the_input_summed_over_channels():
    model, x = small().eval(), draw(3, 4, 9)
    expected = gradient_x_input(model, x, target=0).sum(1)
    assert torch.allclose(saliency(model, x, target=0, create_graph=False), expected)
    plain = (gradient(model, x) * x).sum(1)
    assert torch.allclose(saliency(model, x, target=0, create_graph=True, correct=False), plain)


def test_of_a_linear_network_the_uncorrected_map_is_the_weighted_input():
    weights, x = draw(1, 8), draw(2, 4, 2, seed=2)
    found = saliency(lambda x: x.flatten(1) @ weights.T, x, target=0, create_graph=False, correct=False)
    assert torch.allclose(found, (x * weights.view(1, 4, 2)).sum(1))


def test_the_mass_fraction_is_the_share_of_the_absolute_map_whatever_its_size():
    s = torch.tensor([[1.0, -3.0, 0.0, 4.0]])
    mask = torch.tensor([[0, 1, 1, 0]], dtype=torch.bool)
    assert mass_fraction(s, mask).tolist() == [3 / 8]
    assert mass_fraction(s * 1e6, mask).tolist() == [3 / 8]
    assert mass_fraction(s, ~mask).tolist() == [5 / 8]
    assert mass_fraction(s * 0, mask).tolist() == [0.0]


def test_losses_of_maps_hold_in_two_dimensions():
    model, x = small(dimensions=2), draw(2, 4, 9, 9)
    s = saliency(model, x, target=0, create_graph=True)
    mask = torch.zeros(2, 9, 9)
    mask[:, :4] = 1
    expected = s[:, :4].abs().sum((1, 2)) / s.abs().sum((1, 2))
    assert torch.allclose(mass_fraction(s, mask), expected)
    assert torch.allclose(cosine_distance(s, -s), torch.full((2,), 2.0, dtype=torch.float64))
    assert logit_l2(output_gradient(model, x, target=0, create_graph=True), mask).shape == (2,)


def test_the_cosine_distance_leaves_out_what_is_not_valid():
    first, second = draw(3, 9), draw(3, 9, seed=2)
    kept = [0, 1, 2, 5, 8]
    valid = torch.zeros(3, 9, dtype=torch.float64)
    valid[:, kept] = 1
    a, b = first[:, kept].numpy(), second[:, kept].numpy()
    expected = 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine_distance(first, second, valid=valid).numpy() == pytest.approx(expected)
    assert cosine_distance(first, 7 * first).tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_maps_that_tell_nothing_of_their_example_cost_the_logarithm_of_the_batch():
    same = torch.ones(5, 9)
    assert contrastive(same, same, temperature=0.5).tolist() == pytest.approx([math.log(5)] * 5)
    own = torch.eye(5, 9)
    expected = -math.log(math.exp(2) / (math.exp(2) + 4))  # cosine 1 with its own, 0 with the four others
    assert contrastive(own, 3 * own, temperature=0.5).tolist() == pytest.approx([expected] * 5)


def test_the_fourier_prior_is_the_published_one():
    s, limit, sd = draw(2, 40), 6, 3.0
    smooth = functional.conv1d(s.abs()[:, None], torch.tensor(_gauss(sd))[None, None], padding=9)[:, 0].numpy()
    for row, found in zip(smooth, fourier_prior(s, limit=limit, sd=sd, softness=0.2).tolist(), strict=True):
        magnitude = [abs(sum(v * np.exp(-2j * np.pi * k * n / 40) for n, v in enumerate(row))) for k in range(1, 21)]
        weight = [1 if k < limit else 1 / (1 + (k - limit) ** 0.2) for k in range(1, 21)]
        expected = 1 - sum(w * m for w, m in zip(weight, magnitude, strict=True)) / sum(magnitude)
        assert found == pytest.approx(expected)


def _gauss(sd):
    kernel = np.exp(-0.5 * (np.arange(-9, 10) / sd) ** 2)
    return kernel / kernel.sum()


def test_a_noisy_map_costs_more_in_the_fourier_prior_than_a_smooth_one():
    place = torch.arange(200.0)
    wide = torch.exp(-0.5 * ((place - 100) / 10) ** 2)[None]
    found = [fourier_prior(s, limit=30, sd=3.0, softness=0.2).item() for s in (wide, draw(1, 200).float())]
    assert found[0] < 1e-3 < found[1]


def test_the_squared_gradient_inside_the_mask_falls_with_the_size_of_the_output():
    g = draw(2, 4, 9)
    mask = MASK[:2]
    expected = (g[:, :, 2:5] ** 2).sum((1, 2))
    assert torch.allclose(logit_l2(g, mask), expected)
    assert torch.allclose(logit_l2(g / 10, mask), expected / 100)


def test_the_published_loss_of_two_classes_vanishes_where_the_network_is_unsure():
    model, x = small().eval(), draw(3, 4, 9)
    probability = torch.sigmoid(model(x))[:, 0].detach()
    plain = logit_l2(output_gradient(model, x, target=0, create_graph=False), MASK)
    assert torch.allclose(right_reasons(model, x, MASK, target=0), (1 - 2 * probability) ** 2 * plain)
    model.output.bias.data -= model(x)[0, 0].detach()  # p = 0.5 for the first example
    assert right_reasons(model, x, MASK, target=0)[0].item() == pytest.approx(0, abs=1e-20)


def test_the_published_loss_of_classes_is_that_of_their_summed_log_probabilities():
    model, x = small(outputs=3).eval(), draw(3, 4, 9)
    step, found = 1e-6, torch.zeros_like(x)
    for place in np.ndindex(x.shape[1:]):
        moved = torch.zeros_like(x)
        moved[(slice(None), *place)] = step
        up, down = (functional.log_softmax(model(x + sign * moved), dim=1).sum(1) for sign in (1, -1))
        found[(slice(None), *place)] = (up - down).detach() / (2 * step)
    assert torch.allclose(right_reasons(model, x, MASK), logit_l2(found, MASK), rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_every_loss_is_the_same_on_a_gpu(name, monkeypatch):
    model, x = small(), draw(3, 4, 9)
    on_cpu = LOSSES[name](model, x).item()
    monkeypatch.setitem(globals(), "MASK", MASK.cuda())
    assert LOSSES[name](model.cuda(), x.cuda()).item() == pytest.approx(on_cpu, rel=1e-9)
