import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from tracklight.core.attribution import corrected, gradient, gradient_x_input, integrated_gradients
from tracklight.core.projection import (
    Projected,
    average_reference,
    numerical_rank,
    projected,
    row_space,
    second_moment,
)
from tracklight.errors import InputError


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 18, 2)).double()


def signals(count=5, seed=1):
    return torch.randn(count, 4, 20, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def referenced(x):
    return x - x.mean(1, keepdim=True)


def test_the_average_reference_is_the_gradient_correction_of_one_hot_input():
    x = signals()
    torch.testing.assert_close(projected(x, average_reference(4)), corrected(x))


def test_a_projected_model_gives_the_same_outputs_for_referenced_data(model):
    x = referenced(signals())
    torch.testing.assert_close(Projected(model, average_reference(4))(x), model(x))


def test_explaining_the_projected_model_equals_correcting_the_gradient(model):
    x, seen = referenced(signals()), Projected(model, average_reference(4))
    torch.testing.assert_close(gradient(seen, x), corrected(gradient(model, x)))
    torch.testing.assert_close(gradient_x_input(seen, x, correct=False), gradient_x_input(model, x, correct=True))
    options = {"steps": 4, "baseline": 0.0}
    torch.testing.assert_close(
        integrated_gradients(seen, x, correct=False, **options), integrated_gradients(model, x, correct=True, **options)
    )


def test_methods_of_other_libraries_explain_a_projected_model_as_well(model):
    x, seen = referenced(signals()), Projected(model, average_reference(4))
    theirs = captum.attr.InputXGradient(seen).attribute(x.clone().requires_grad_(), target=1)
    torch.testing.assert_close(theirs, gradient_x_input(model, x, target=1, correct=True))


def test_what_a_network_does_off_the_data_does_not_reach_its_map(model):
    """A weight along the mean over channels changes no output on referenced data, but the plain gradient."""
    x, steps = referenced(signals()), torch.linspace(-5, 5, 20, dtype=torch.float64)

    def other(signal):
        return model(signal) + (signal.mean(1) @ steps)[:, None]

    torch.testing.assert_close(other(x), model(x))
    assert (gradient_x_input(other, x, correct=False) - gradient_x_input(model, x, correct=False)).abs().max() > 0.1
    ours = (gradient_x_input(Projected(m, average_reference(4)), x, correct=False) for m in (other, model))
    torch.testing.assert_close(*ours)


def test_the_row_space_of_referenced_data_is_the_average_reference():
    moment = second_moment(referenced(signals(50)))
    assert numerical_rank(moment, tolerance=1e-9) == 3
    torch.testing.assert_close(row_space(moment, rank=3), average_reference(4))


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_row_space_is_the_projection_of_the_pseudo_inverse(rank):
    mixing = torch.randn(4, rank, generator=torch.Generator().manual_seed(rank), dtype=torch.float64)
    x = torch.einsum("cr,brt->bct", mixing, signals(30)[:, :rank])
    moment = second_moment(x)
    assert numerical_rank(moment, tolerance=1e-9) == rank == np.linalg.matrix_rank(moment.numpy())
    data = x.transpose(0, 1).flatten(1).numpy()
    expected = data @ np.linalg.pinv(data, rcond=1e-9)
    np.testing.assert_allclose(row_space(moment, rank=rank), expected, atol=1e-9)
    torch.testing.assert_close(projected(x, row_space(moment, rank=rank)), x)


def test_a_direction_in_which_the_data_stand_still_but_not_at_zero_is_theirs():
    x = torch.zeros(2, 3, 5)
    x[:, 0] = 7.0
    assert row_space(second_moment(x), rank=1).tolist() == torch.diag(torch.tensor([1.0, 0, 0])).tolist()


def test_rounding_to_sixteen_bits_is_not_taken_for_signal():
    """Microvolts in steps of 0.1, as recordings keep them: the removed mean comes back as rounding."""
    x = torch.round(referenced(20 * signals(200)) * 10) / 10
    values = torch.linalg.eigvalsh(second_moment(x))
    assert 0 < values[0] / values[-1] < 1e-5
    assert numerical_rank(second_moment(x), tolerance=1e-5) == 3


@pytest.mark.parametrize("rank", [0, 5])
def test_an_impossible_rank_is_refused(rank):
    with pytest.raises(InputError, match=f"rank of the data is impossible; got {rank}; allowed: 1 to 4"):
        row_space(torch.eye(4), rank=rank)
