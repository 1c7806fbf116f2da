"""The effective receptive field against closed forms, Jacobians, finite differences and brute force."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress
from torch import nn

from tracklight.core.receptive import (
    CentreUnit,
    centre_units,
    energies,
    energy,
    extent,
    luo_size,
    profile,
    reach,
    shape,
    shortest_stretch,
)
from tracklight.core.receptive_stacks import (
    LINEAR,
    RELU,
    STACKS,
    UNIFORM,
    ConvolutionStack,
    power_law,
    stack_profile,
    stack_signal,
)
from tracklight.models.network import Shape
from tracklight.models.residual_dilated import ResidualDilated
from tracklight.models.valid_conv import ValidConv

SMALL = {"draws": 2, "channels": 2}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv1d(4, 6, 5), nn.Tanh(), nn.Conv1d(6, 5, 3), nn.Tanh())
    return nn.Sequential(body, nn.Flatten(), nn.Linear(5 * 14, 2)).double()


def windows(count=3, length=20, seed=0):
    codes = torch.randint(4, (count, length), generator=seeded(seed))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).double()


def jacobian(function, x):
    """The derivative of every output of one example (output, channel, position)."""
    return torch.autograd.functional.jacobian(lambda one: function(one)[0].flatten(), x[None])[:, 0]


def test_the_energy_is_the_mean_squared_change_of_the_output_per_change_of_the_input():
    network, x, step = small_network(), windows(), 1e-6
    expected = np.zeros(20)
    for example in x:
        for channel in range(4):
            for position in range(20):
                change = torch.zeros_like(example)
                change[channel, position] = step
                up, down = (network((example + sign * change)[None])[0, 1].item() for sign in (1, -1))
                expected[position] += ((up - down) / (2 * step)) ** 2 / len(x)
    np.testing.assert_allclose(energy(network, x, target=1, power=2, correct=False), expected, rtol=1e-6)


def test_powers_asked_for_together_are_those_of_the_same_gradients():
    network, x = small_network(), windows(70)  # more than one batch
    slopes = torch.stack([jacobian(network, one)[1] for one in x])  # (example, channel, position)
    absolute, squared = energies(network, x, target=1, powers=[1, 2], correct=False)
    np.testing.assert_allclose(absolute, slopes.abs().sum(1).mean(0), rtol=1e-10)
    np.testing.assert_allclose(squared, slopes.pow(2).sum(1).mean(0), rtol=1e-10)


def test_powers_are_of_one_mix_of_channels_where_a_unit_draws_anew():
    unit = CentreUnit(nn.Conv1d(1, 3, 5).double(), "", seeded())
    absolute, squared = energies(unit, torch.ones(1, 1, 9).double(), target=0, powers=[1, 2], correct=False)
    np.testing.assert_allclose(absolute**2, squared, rtol=1e-10)  # one example, one channel
    assert squared.max() > 0


def test_the_corrected_energy_counts_what_another_letter_would_change():
    network, x = small_network(), windows()
    slopes = torch.stack([jacobian(network, one)[0] for one in x])  # (example, channel, position)
    expected = 4 * slopes.var(1, correction=0)  # the sum of squares about the mean of the four letters
    found = energy(network, x, target=0, power=2, correct=True)
    np.testing.assert_allclose(found, expected.mean(0), rtol=1e-10)


def test_a_constant_added_to_the_slope_of_all_letters_does_not_count():
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4 * 20, 1)).double()
    tilted = nn.Sequential(nn.Flatten(), nn.Linear(4 * 20, 1)).double()
    tilted.load_state_dict(plain.state_dict())
    with torch.no_grad():
        tilted[1].weight += torch.linspace(-3, 5, 20).repeat(4)
    first, second = (energy(one, windows(), target=0, power=2, correct=True) for one in (plain, tilted))
    np.testing.assert_allclose(first, second, rtol=1e-10)


def test_the_mix_of_channels_estimates_the_squared_slopes_of_all_channels_summed():
    network = small_network()
    unit = CentreUnit(network, "0.2", seeded())
    x = windows(1).repeat(4000, 1, 1)
    squares = jacobian(lambda one: network[0][:3](one)[:, :, 7], x[0]).pow(2).sum((0, 1))
    found = energy(unit, x, target=0, power=2, correct=False)
    np.testing.assert_allclose(found, squares, rtol=0.15, atol=1e-12)
    assert found[:4].max() == 0
    assert found[14:].max() == 0  # the unit sees 7 positions, from 4 + 2 + 1 on


def test_the_centre_units_are_those_of_convolutions_that_keep_more_than_one_position():
    options = {"filters": 3, "kernels": [5, 3], "pools": [2, 2], "hidden": 3, "dropout": 0.0, "batch_norm": True}
    network = ValidConv(Shape(4, 40, 1), **options).eval()
    assert list(centre_units(network, windows(1, 40).float(), seeded())) == ["body.0", "body.3"]


@pytest.mark.parametrize(
    ("kernels", "pools"), [([11, 7, 5], [2, 2, 2]), ([4], [1]), ([3, 3], [3, 1]), ([1, 6], [1, 2])]
)
def test_a_unit_reaches_as_far_as_kernels_and_strides_say(kernels, pools):
    options = {"filters": 4, "kernels": kernels, "pools": pools, "hidden": 3, "dropout": 0.0, "batch_norm": True}
    network = ValidConv(Shape(4, 150, 1), **options).for_inference()
    x = windows(2, 150).float()
    field, stride, expected = 1, 1, []
    for kernel, pool in zip(kernels, pools, strict=True):
        field += (kernel - 1) * stride
        expected.append(field)
        field += (pool - 1) * stride
        stride *= pool
    found = [extent(reach(unit, x), 0) for unit in centre_units(network, x, seeded()).values()]
    assert found == expected


def test_a_prediction_of_a_dense_head_or_of_a_mean_over_positions_reaches_the_whole_window():
    dilated = ResidualDilated(Shape(4, 30, 1), filters=2, kernels=[3, 3], blocks=1, hidden=2, dropout=0.0)
    assert reach(dilated, windows(1, 30).float()).all()
    assert reach(small_network(), windows()).all()


def test_the_reach_is_that_of_the_gradient_where_nothing_is_rectified_in_two_dimensions():
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(1, 2, (3, 5), stride=2), nn.Conv2d(2, 2, 3, dilation=(1, 2))).double()
    unit = CentreUnit(network, "1", seeded())
    x = torch.randn(1, 1, 21, 33, generator=seeded()).double()
    mask = reach(unit, x)
    assert (extent(mask, 0), extent(mask, 1)) == (3 + 2 * 2, 5 + 2 * 2 * 2)
    assert (mask == (energy(unit, x, target=0, power=2, correct=False) > 0)).all()


def test_measuring_leaves_mode_weights_and_hooks_as_they_were():
    network = nn.Sequential(nn.Conv1d(4, 3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Conv1d(3, 2, 3)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = windows().float()
    unit = CentreUnit(network, "3", seeded())
    energy(unit, x, target=0, power=2, correct=True)
    reach(unit, x)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    assert network[0].weight.grad is None


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    network, x = small_network(), windows()
    first, same, other = (
        energy(CentreUnit(network, "0.0", seeded(seed)), x, target=0, power=2, correct=True) for seed in (3, 3, 4)
    )
    assert first.tobytes() == same.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_sampled_gaussian_is_described_by_its_own_numbers():
    at = np.arange(201)
    curve = np.exp(-((at - 90) ** 2) / (2 * 8.0**2))
    found = shape(curve / curve.sum(), mass=0.95)
    assert found.sigma == pytest.approx(8.0, rel=1e-6)
    assert found.width == 32  # 1.96 sigma to either side is 31.4
    assert found.kurtosis == pytest.approx(0, abs=1e-6)
    assert found.gaussian_r2 == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(found.gaussian, curve / curve.sum(), atol=1e-9)


def test_two_heaps_are_no_gaussian():
    shares = np.zeros(101)
    shares[[20, 80]] = 0.5
    found = shape(shares, mass=0.95)
    assert found.sigma == pytest.approx(30)
    assert (found.start, found.width) == (20, 61)
    assert found.kurtosis == pytest.approx(-2)  # the lowest there is
    assert found.gaussian_r2 < 0.55


def test_a_flat_profile_has_the_sigma_of_a_uniform_choice_and_no_gaussian_to_speak_of():
    found = shape(np.full(150, 1 / 150), mass=0.95)
    assert found.sigma == pytest.approx(np.sqrt((150**2 - 1) / 12))
    assert found.width == 143
    assert np.isnan(found.gaussian_r2)


def test_a_network_that_answers_the_same_to_everything_has_no_field():
    constant = nn.Sequential(nn.Flatten(), nn.Linear(80, 1)).double()
    nn.init.zeros_(constant[1].weight)
    found = shape(profile(energy(constant, windows(), target=0, power=2, correct=True), 0), mass=0.95)
    assert np.isnan([found.sigma, found.kurtosis, found.gaussian_r2]).all()
    assert found.width == 0


def test_the_profile_of_a_plane_is_its_sum_over_the_other_axis():
    plane = np.array([[1.0, 0, 1], [2, 0, 4]])
    assert profile(plane, 0).tolist() == [0.25, 0.75]
    assert profile(plane, 1).tolist() == [0.375, 0, 0.625]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_shortest_stretch_is_that_of_trying_all(counts, mass):
    shares = np.array(counts) / sum(counts)
    tried = [
        (end - start, start)
        for start in range(len(shares))
        for end in range(start + 1, len(shares) + 1)
        if sum(counts[start:end]) >= mass * sum(counts) - 1e-9
    ]
    width, start = min(tried)
    assert shortest_stretch(shares, mass=mass) == (start, width)


@pytest.mark.parametrize("sigma", [3.0, 8.0, 20.0])
def test_the_published_size_of_a_gaussian_is_its_stretch_or_the_root_of_its_disc(sigma):
    away = np.arange(-100, 101)
    line = np.exp(-(away**2) / (2 * sigma**2))
    radius = sigma * np.sqrt(2 * np.log(1 / 0.0455))
    assert luo_size(7 * line) == 2 * np.floor(radius) + 1
    assert luo_size(np.outer(line, line)) == pytest.approx(np.sqrt(np.pi) * radius, rel=0.02)


def test_the_published_size_leaves_out_what_is_on_the_threshold_gaps_and_a_map_of_zeros():
    assert luo_size(np.array([1, 0, 0.0455, 0.046])) == 2
    assert luo_size(np.diag([1.0, 1, 1, 1])) == 2  # four positions of a plane
    assert luo_size(np.zeros((3, 3))) == 0


@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_the_field_of_equal_weights_is_the_multinomial_law(depth):
    expected = np.ones(1)
    for _ in range(depth):
        expected = np.convolve(expected, np.ones(3) / 3)
    found = stack_profile(UNIFORM, depth=depth, **SMALL, generator=seeded())
    np.testing.assert_allclose(found, np.pad(expected, 1), atol=1e-12)
    assert shape(found, mass=0.95).sigma == pytest.approx(np.sqrt(2 * depth / 3))
    assert shape(found, mass=0.95).kurtosis == pytest.approx(-1.5 / depth)


@pytest.mark.parametrize(("name", "depths"), [("uniform", [4, 8, 16, 32, 64]), ("2-D uniform", [4, 8, 16, 32])])
def test_the_field_of_equal_weights_grows_with_the_root_of_the_depth_and_the_theoretical_one_with_the_depth(
    name, depths
):
    stack = STACKS[name]
    sigmas = [
        shape(stack_profile(stack, depth=depth, **SMALL, generator=seeded()), mass=0.95).sigma for depth in depths
    ]
    limits = [stack.theoretical(depth) for depth in depths]
    assert power_law(depths, sigmas).exponent == pytest.approx(0.5, abs=1e-6)
    assert power_law(depths, sigmas).prefactor == pytest.approx(np.sqrt(2 / 3), abs=1e-6)
    assert 0.94 < power_law(depths, limits).exponent < 1
    assert (np.diff(np.array(sigmas) / limits) < 0).all()


def test_doubling_dilation_doubles_the_field_with_every_layer():
    stack = replace(UNIFORM, dilation="doubling")
    sigmas = [
        shape(stack_profile(stack, depth=depth, **SMALL, generator=seeded()), mass=0.95).sigma for depth in range(2, 7)
    ]
    # variances of independent steps add up: 2/3 (1 + 4 + 16 + ...)
    expected = [np.sqrt(2 / 3 * (4**depth - 1) / 3) for depth in range(2, 7)]
    np.testing.assert_allclose(sigmas, expected, rtol=1e-9)
    assert np.array(sigmas[1:]) / sigmas[:-1] == pytest.approx(2, rel=0.1)


def test_the_theoretical_field_is_what_the_unit_reaches():
    for stack in (
        LINEAR,
        replace(LINEAR, dilation="two"),
        replace(RELU, dilation="doubling"),
        STACKS["2-D ReLU, noise"],
    ):
        network = ConvolutionStack(stack, depth=3, **SMALL, generator=seeded())
        x = stack_signal(stack, stack.theoretical(3) + 2, **SMALL, generator=seeded())
        unit = CentreUnit(network, "", None)
        mask = energy(unit, x, target=0, power=2, correct=False) > 0
        assert extent(mask, 0) <= stack.theoretical(3)
        linear = ConvolutionStack(replace(stack, activation="none"), depth=3, **SMALL, generator=seeded())
        reached = energy(CentreUnit(linear, "", None), x, target=0, power=2, correct=False) > 0
        assert extent(reached, stack.dimension - 1) == stack.theoretical(3)


def test_a_larger_input_changes_nothing():
    network = ConvolutionStack(RELU, depth=6, **SMALL, generator=seeded())
    small = stack_signal(RELU, 15, **SMALL, generator=seeded(1))
    large = stack_signal(RELU, 31, **SMALL, generator=seeded(2))
    large[..., 8:23] = small
    fields = [
        profile(energy(CentreUnit(network, "", seeded(5)), x, target=0, power=2, correct=False), 0)
        for x in (small, large)
    ]
    np.testing.assert_allclose(fields[1][8:23], fields[0], rtol=1e-9)
    assert shape(fields[1], mass=0.95).sigma == pytest.approx(shape(fields[0], mass=0.95).sigma)


def test_permuted_positions_spread_the_field_over_the_whole_input():
    found = stack_profile(UNIFORM, depth=64, **SMALL, generator=seeded())
    permuted = np.random.default_rng(0).permuted(np.tile(found, (400, 1)), axis=1).mean(0)
    assert shape(permuted, mass=0.95).sigma == pytest.approx(len(found) / np.sqrt(12), rel=0.02)
    assert shape(found, mass=0.95).sigma < 0.2 * len(found) / np.sqrt(12)


def test_an_impulse_on_nothing_leaves_a_rectified_stack_without_biases_blind():
    many = {"draws": 20, "channels": 8}
    blind, seeing = (
        shape(stack_profile(STACKS[name], depth=16, **many, generator=seeded()), mass=0.95).sigma
        for name in ("ReLU, impulse, no biases", "ReLU, impulse + noise")
    )
    assert blind < 1.5
    assert seeing > 2 * blind


def test_a_power_law_is_the_line_in_logarithms():
    x, y = [4, 8, 16, 32], [1.7, 2.2, 3.4, 4.4]
    line = linregress(np.log(x), np.log(y))
    found = power_law(x, y)
    assert found.exponent == pytest.approx(line.slope)
    assert found.error == pytest.approx(line.stderr)
    assert found.prefactor == pytest.approx(np.exp(line.intercept))
