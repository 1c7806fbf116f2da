import pytest
import torch
from torch import nn

from tracklight.models.pooling import RectifiedMaxPool


@pytest.mark.parametrize("pool", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [5, 12, 31])
def test_values_and_gradients_equal_relu_followed_by_max_pooling(pool, length):
    generator = torch.Generator().manual_seed(length)
    x = torch.randn(2, 3, length, generator=generator, requires_grad=True)
    weight = torch.randn(2, 3, length // pool, generator=generator)
    ours, theirs = RectifiedMaxPool(pool)(x), nn.functional.max_pool1d(x.relu(), pool)
    assert torch.equal(ours, theirs)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(gradients[0], gradients[1])


def test_ties_give_the_whole_gradient_to_the_first():
    x = torch.tensor([[2.0, 2.0, 1.0, 3.0, 3.0, 3.0]], requires_grad=True)
    RectifiedMaxPool(3)(x).sum().backward()
    assert x.grad.tolist() == [[1, 0, 0, 1, 0, 0]]


def test_neighbours_that_are_all_negative_pass_no_gradient():
    x = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    pooled = RectifiedMaxPool(2)(x)
    pooled.sum().backward()
    assert pooled.tolist() == [[0]]
    assert x.grad.tolist() == [[0, 0]]


def test_gradients_can_be_differentiated_again():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 2, dtype=torch.float64, requires_grad=True)

    def network(x, weight):
        return RectifiedMaxPool(2)(nn.functional.conv1d(x, weight)).square().sum()

    assert torch.autograd.gradcheck(network, (x, weight))
    assert torch.autograd.gradgradcheck(network, (x, weight))
