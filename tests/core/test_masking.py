import pytest
import torch

from tracklight.core.masking import FILLERS, neutral, phase_randomised, shuffle, zero


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signals(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(3), dtype=torch.float64)


def test_a_shuffle_moves_whole_positions_and_loses_none():
    x = torch.arange(24.0).view(2, 3, 4)
    shuffled = shuffle(x, generator())
    assert not torch.equal(shuffled, x)
    for before, after in zip(x, shuffled, strict=True):
        columns = sorted(tuple(column) for column in after.T.tolist())
        assert columns == sorted(tuple(column) for column in before.T.tolist())


def test_all_orders_of_three_positions_are_equally_likely_under_a_shuffle():
    x = torch.tensor([0.0, 1.0, 2.0]).expand(6000, 1, 3)
    codes = (shuffle(x, generator())[:, 0] * torch.tensor([9.0, 3.0, 1.0])).sum(1)
    _, counts = codes.unique(return_counts=True)
    assert len(counts) == 6
    assert ((counts - 1000).abs() < 5 * (6000 * 1 / 6 * 5 / 6) ** 0.5).all()


def test_neutral_and_zero_fillers_hold_their_value_everywhere():
    x = signals(2, 4, 5)
    assert torch.equal(neutral(x, generator()), torch.full_like(x, 0.25))
    assert torch.equal(neutral(x[:, :2], generator()), torch.full_like(x[:, :2], 0.5))
    assert torch.equal(zero(x, generator()), x * 0)


@pytest.mark.parametrize("shape", [(3, 2, 16), (3, 2, 15), (2, 3, 6, 8), (2, 3, 7, 5)])
def test_randomised_phases_keep_the_power_spectrum_the_mean_and_the_cross_spectra_of_channels(shape):
    x = signals(*shape) + 2
    surrogate = phase_randomised(x, generator())
    axes = tuple(range(2, x.ndim))
    before, after = (torch.fft.fftn(values, dim=axes) for values in (x, surrogate))
    torch.testing.assert_close(after.abs(), before.abs())
    torch.testing.assert_close(surrogate.mean(axes), x.mean(axes))
    cross = [spectrum[:, 0] * spectrum[:, 1].conj() for spectrum in (before, after)]
    torch.testing.assert_close(cross[1], cross[0])
    assert (surrogate - x).abs().max() > 0.1


def test_randomised_phases_are_spread_over_the_whole_circle():
    x = torch.zeros(2000, 1, 8, dtype=torch.float64)
    x[:, :, 0] = 1.0  # an impulse: all phases are 0
    angles = torch.fft.rfft(phase_randomised(x, generator()))[:, 0, 1].angle()
    assert torch.stack([angles.cos(), angles.sin()]).mean(1).norm() < 0.1
    assert torch.fft.rfft(x)[:, 0, 1].angle().abs().max() < 1e-12


@pytest.mark.parametrize("name", FILLERS)
def test_every_filler_gives_the_same_for_the_same_seed_and_leaves_its_input_alone(name):
    x = signals(2, 4, 12)
    before = x.clone()
    first, second = (FILLERS[name](x, generator(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(x, before)
    assert (first.shape, first.dtype) == (x.shape, x.dtype)
