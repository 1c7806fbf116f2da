import itertools
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from tracklight.core.deletion import area, normalised, rank_positions, rank_stretches, replacement_curve


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def greedy_stretches(scores: list[float], width: int) -> list[set[int]]:
    """Stretches by brute force: the highest sum that overlaps none taken before."""
    sums = {start: sum(scores[start : start + width]) for start in range(len(scores) - width + 1)}
    taken: list[set[int]] = []
    for start in sorted(sums, key=lambda at: -sums[at]):
        stretch = set(range(start, start + width))
        if not any(stretch & other for other in taken):
            taken.append(stretch)
    return taken


def test_the_highest_score_comes_first():
    ranks = rank_positions(torch.tensor([[0.5, -1.0, 3.0, 0.0]]), generator())
    assert ranks.tolist() == [[1, 3, 0, 2]]


def test_ties_fall_at_random_and_a_flat_map_gives_every_order():
    ranks = rank_positions(torch.zeros(6000, 3), generator())
    found, counts = ranks.unique(dim=0, return_counts=True)
    assert sorted(map(tuple, found.tolist())) == list(itertools.permutations(range(3)))
    assert ((counts - 1000).abs() < 150).all()


def test_ranks_keep_the_shape_of_a_plane():
    ranks = rank_positions(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), generator())
    assert ranks.tolist() == [[[3, 0], [1, 2]]]


@pytest.mark.parametrize("seed", range(5))
def test_stretches_are_those_of_a_greedy_choice_by_hand(seed):
    scores = torch.randn(1, 23, generator=generator(seed), dtype=torch.float64)
    ranks = rank_stretches(scores, generator(), width=4)[0]
    expected = greedy_stretches(scores[0].tolist(), 4)
    for number, stretch in enumerate(expected):
        here = (ranks >= 4 * number) & (ranks < 4 * (number + 1))
        assert set(torch.nonzero(here)[:, 0].tolist()) == stretch
    assert sorted(ranks.tolist()) == list(range(23))


def test_stretches_of_a_flat_map_begin_anywhere():
    ranks = rank_stretches(torch.zeros(4000, 10), generator(), width=3)
    starts = (ranks < 3).float().argmax(1)
    counts = torch.bincount(starts, minlength=8)
    assert len(counts) == 8
    assert ((counts - 500).abs() < 5 * (4000 / 8) ** 0.5).all()


def test_stretches_of_a_plane_are_squares():
    scores = torch.zeros(1, 5, 6)
    scores[0, 2:4, 3:5] = 1.0
    ranks = rank_stretches(scores, generator(), width=2)[0]
    assert torch.equal(ranks < 4, scores[0] > 0)
    assert sorted(ranks.flatten().tolist()) == list(range(30))


def test_the_curve_of_a_linear_model_is_its_closed_form():
    weight = torch.tensor([[1.0, -2.0, 0.5, 4.0], [0.0, 1.0, 3.0, -1.0]])
    x, filler = torch.ones(1, 2, 4), torch.zeros(1, 2, 4)
    ranks = torch.tensor([[2, 1, 0, 3]])
    found = replacement_curve(
        lambda x: (x * weight).sum((1, 2)) + 5, x, filler, ranks=ranks, counts=[0, 1, 2, 3, 4], batch_size=7
    )
    lost = torch.cumsum(torch.tensor([0.0, 3.5, -1.0, 1.0, 3.0]), 0)  # column sums in the order of the ranks
    assert torch.allclose(found[0], 5 + weight.sum() - lost)


def test_insertion_is_deletion_with_example_and_filler_exchanged():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 1))
    x, filler = torch.rand(3, 4, 5), torch.rand(3, 4, 5)
    ranks = rank_positions(torch.rand(3, 5), generator())
    score = lambda x: model(x)[:, 0]  # noqa: E731
    kept = replacement_curve(score, filler, x, ranks=ranks, counts=[2], batch_size=2)
    lost = replacement_curve(score, x, filler, ranks=4 - ranks, counts=[3], batch_size=64)
    assert torch.allclose(kept, lost)


def test_the_curve_equals_pixel_flipping_of_quantus():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import quantus

        torch.manual_seed(1)
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 2)).eval()
        x, scores = torch.rand(4, 1, 6, 6), torch.rand(4, 6, 6)
        metric = quantus.PixelFlipping(
            features_in_step=4, perturb_baseline="black", normalise=False, abs=False, disable_warnings=True
        )
        flipped = metric(
            model=model, x_batch=x.numpy(), y_batch=np.ones(4, int), a_batch=scores[:, None].numpy(), softmax=False
        )
    ranks = rank_positions(scores, generator())
    black = x.amin((1, 2, 3), keepdim=True).expand_as(x)  # "black" is the darkest value of the example
    ours = replacement_curve(lambda x: model(x)[:, 1], x, black, ranks=ranks, counts=range(4, 37, 4), batch_size=3)
    assert np.allclose(ours.numpy(), np.array(flipped), atol=1e-5)


def test_the_area_of_a_broken_line_is_that_of_its_trapezoids():
    fractions = torch.tensor([0.0, 0.1, 0.5, 1.0])
    values = torch.tensor([[1.0, 0.5, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert area(fractions, values).tolist() == pytest.approx([0.075 + 0.1, 1.0])


def test_a_normalised_curve_runs_from_one_at_the_example_to_nought_at_the_filler():
    found = normalised(torch.tensor([[3.0, 2.0, -1.0, -2.0]]), whole=torch.tensor([3.0]), null=torch.tensor([-1.0]))
    assert found.tolist() == [[1.0, 0.75, 0.0, -0.25]]
