import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from tracklight.core.agreement import rank_agreement, signed_agreement


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(5, 30), (3, 4, 6)])
def test_both_agree_with_scipy_in_any_number_of_dimensions(shape):
    a, b = drawn(*shape, seed=0), drawn(*shape, seed=1)
    pairs = [(u.numpy().ravel(), v.numpy().ravel()) for u, v in zip(a, b, strict=True)]
    ranks = [spearmanr(abs(u), abs(v)).statistic for u, v in pairs]
    signed = [pearsonr(u.astype(float), v.astype(float)).statistic for u, v in pairs]
    np.testing.assert_allclose(rank_agreement(a, b), ranks, atol=1e-12)
    np.testing.assert_allclose(signed_agreement(a, b), signed, atol=1e-12)


def test_ties_share_their_mean_rank_as_in_scipy():
    a = torch.tensor([[0.0, 0.0, -1.0, 1.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0, 3.0, -4.0]])
    b = torch.tensor([[1.0, 0.0, 0.0, 2.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]])
    expected = [spearmanr(abs(u), abs(v)).statistic for u, v in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(rank_agreement(a, b), expected, atol=1e-12)


def test_turning_signs_leaves_rank_agreement_and_reverses_signed_agreement():
    a = drawn(2, 20, seed=3)
    torch.testing.assert_close(rank_agreement(a, -a), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(signed_agreement(a, -a), -torch.ones(2, dtype=torch.float64))


def test_the_size_of_a_map_does_not_matter():
    a, b = drawn(2, 20, seed=4), drawn(2, 20, seed=5)
    torch.testing.assert_close(rank_agreement(1e-20 * a, b), rank_agreement(a, b))
    torch.testing.assert_close(signed_agreement(1e-20 * a, b), signed_agreement(a, b))


@pytest.mark.parametrize("agreement", [rank_agreement, signed_agreement])
@pytest.mark.parametrize("value", [0.1, float("nan"), float("inf")])
def test_a_constant_map_or_a_value_that_is_not_finite_has_no_agreement_and_spoils_no_other(agreement, value):
    a = torch.stack([torch.full((7,), 0.1), drawn(7, seed=6)])
    a[0, 3] = value
    b = drawn(2, 7, seed=7)
    found, turned = agreement(a, b), agreement(b, a)
    assert found.isnan().tolist() == turned.isnan().tolist() == [True, False]
    torch.testing.assert_close(found[1:], agreement(a[1:], b[1:]))
