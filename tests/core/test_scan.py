import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tracklight.core.attribution import gradient_x_input, integrated_gradients
from tracklight.core.scan import HALO_WEIGHT, Segment, coverage, keep_windows, plan, scan_segment, weight
from tracklight.models.network import Shape
from tracklight.models.valid_conv import ValidConv, pooled_length


class WindowByWindow(torch.nn.Module):
    """The same network with its `scan` hidden, so that the general path is taken."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


@st.composite
def valid_networks(draw):
    layers = draw(st.integers(1, 3))
    kernels = draw(st.lists(st.integers(1, 5), min_size=layers, max_size=layers))
    pools = draw(st.lists(st.integers(1, 3), min_size=layers, max_size=layers))
    length = draw(st.integers(8, 60))
    while length - sum(kernels) < 1 or _left(length, kernels, pools) < 1:
        length += 8
    torch.manual_seed(draw(st.integers(0, 100)))
    options = {"filters": 4, "hidden": 3, "dropout": 0.0, "batch_norm": draw(st.booleans())}
    return ValidConv(Shape(4, length, 2), kernels=kernels, pools=pools, **options).double().eval()


def _left(length, kernels, pools):
    for kernel, pool in zip(kernels, pools, strict=True):
        length = (length - kernel + 1) // pool
    return length


def one_hot(codes):
    return torch.nn.functional.one_hot(torch.as_tensor(codes).long(), 5)[..., :4].transpose(-1, -2).double()


@settings(max_examples=60, deadline=None)
@given(valid_networks(), st.integers(1, 9), st.integers(1, 2), st.integers(0, 2**16))
def test_one_pass_over_a_segment_equals_every_window_alone(network, count, every, seed):
    window, stride = network.shape.length, network.stride * every
    generator = np.random.default_rng(seed)
    codes = generator.choice(5, size=(2, (count - 1) * stride + window), p=[0.24, 0.24, 0.24, 0.24, 0.04])
    x, keep = one_hot(codes), torch.as_tensor(generator.random((2, count)) < 0.8)

    def explain(model, batch):
        return gradient_x_input(model, batch, target=1)

    options = {"window": window, "stride": stride, "explain": explain, "halo": 0}
    whole, prediction = scan_segment(network, x, keep, **options)
    single, alone = scan_segment(WindowByWindow(network), x, keep, **options)
    torch.testing.assert_close(whole, single, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(prediction, alone, rtol=1e-9, atol=1e-9)


def test_one_pass_equals_every_window_alone_for_integrated_gradients_in_single_precision():
    torch.manual_seed(3)
    options = {"filters": 16, "kernels": [7, 5], "pools": [2, 2], "hidden": 8, "dropout": 0.3, "batch_norm": False}
    network = ValidConv(Shape(4, 50, 1), **options).eval()
    x = one_hot(np.random.default_rng(0).integers(0, 4, (1, 50 + 4 * 30))).float()
    keep = torch.ones(1, 31, dtype=torch.bool)

    def explain(model, batch):
        return integrated_gradients(model, batch, steps=8)

    found = [
        scan_segment(model, x, keep, window=50, stride=4, halo=0, explain=explain)[0]
        for model in (network, WindowByWindow(network))
    ]
    assert (found[0] - found[1]).abs().max() < 1e-4 * found[1].abs().max()


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 15), st.integers(1, 120), st.integers(0, 300), st.data())
def test_segments_hold_each_window_that_sees_an_owned_base_exactly_once(length, window, stride, longest, start, data):
    start = min(start, length - 1)
    end = data.draw(st.integers(start + 1, length))
    expected = {s for s in range(0, length - window + 1, stride) if s < end and s + window > start}
    if length >= window and length - window < end:
        expected |= {length - window}
    found = [
        segment.start + number * stride
        for segment in plan(length, (start, end), window=window, stride=stride, longest=longest)
        for number in range(segment.windows)
    ]
    assert sorted(found) == sorted(expected)


def test_segments_are_no_longer_than_asked():
    segments = list(plan(1000, (0, 1000), window=100, stride=10, longest=300))
    assert segments[0] == Segment(0, 21)
    assert all(end - start <= 300 for start, end in (s.span(window=100, stride=10) for s in segments))


def test_last_bases_of_a_contig_are_seen_by_a_window_flush_with_its_end():
    segments = list(plan(107, (100, 107), window=50, stride=10, longest=1000))
    assert segments == [Segment(0, 6), Segment(57, 1)] or segments[-1] == Segment(57, 1)


def test_contig_shorter_than_a_window_has_no_segments():
    assert list(plan(49, (0, 49), window=50, stride=10, longest=1000)) == []


def test_windows_with_too_many_unknown_bases_are_left_out():
    unusable = np.array([0, 0, 1, 1, 0, 0, 0, 0], bool)
    keep = keep_windows(unusable, window=4, stride=2, max_fraction=0.25)
    assert keep.tolist() == [False, False, True]


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 10), st.integers(1, 6))
def test_coverage_counts_the_kept_windows_over_each_position(keep, window, stride):
    expected = np.zeros((len(keep) - 1) * stride + window, int)
    for number, kept in enumerate(keep):
        if kept:
            expected[number * stride : number * stride + window] += 1
    assert coverage(np.array(keep), window=window, stride=stride).tolist() == expected.tolist()


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 12), st.integers(1, 6), st.integers(0, 5))
def test_weights_are_those_of_the_kept_windows_over_each_position_summed(keep, window, stride, halo):
    halo = min(halo, (window - 1) // 2)
    expected = np.zeros((len(keep) - 1) * stride + window)
    for number, kept in enumerate(keep):
        for place in range(window):
            in_halo = place < halo or place >= window - halo
            expected[number * stride + place] += kept * (HALO_WEIGHT if in_halo else 1)
    found = weight(np.array(keep), window=window, stride=stride, halo=halo)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if halo == 0:
        assert (found == coverage(np.array(keep), window=window, stride=stride)).all()  # to the last bit


def test_windows_count_little_at_their_ends_when_they_have_a_halo():
    torch.manual_seed(0)
    options = {"filters": 4, "hidden": 3, "dropout": 0.0, "batch_norm": False}
    network = WindowByWindow(ValidConv(Shape(4, 20, 1), kernels=[3], pools=[2], **options).double().eval())
    x, keep = one_hot(np.random.default_rng(0).integers(0, 4, (1, 36))), torch.tensor([[True, False, True]])
    sums = scan_segment(network, x, keep, window=20, stride=8, halo=6, explain=gradient_x_input)[0]
    expected = torch.zeros_like(x)
    for start in (0, 16):
        alone = gradient_x_input(network, x[..., start : start + 20])
        expected[..., start : start + 20] += HALO_WEIGHT * alone
        expected[..., start + 6 : start + 14] += (1 - HALO_WEIGHT) * alone[..., 6:14]
    torch.testing.assert_close(sums, expected, rtol=1e-9, atol=1e-12)


def test_pooled_length_follows_valid_convolutions_and_flooring_pools():
    assert pooled_length(150, [11, 7, 5], [2, 2, 2]) == 14


def test_windows_must_be_long_enough_for_the_kernels():
    from tracklight.errors import InputError

    with pytest.raises(InputError, match="window is too short for the network; got 20 bp"):
        pooled_length(20, [11, 7, 5], [2, 2, 2])
