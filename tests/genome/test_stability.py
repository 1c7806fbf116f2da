import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from tracklight.genome.dataset import open_dataset
from tracklight.genome.fasta import reverse_complement_codes
from tracklight.genome.stability import moved_windows, network_maps, same_bases


@pytest.fixture
def data(simulated_run):
    return open_dataset(simulated_run / "genome", simulated_run / "windows")


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(96, 2))


@pytest.mark.parametrize("by", [-7, 3])
def test_a_moved_window_is_the_stretch_that_far_along_its_strand(data, by):
    rows = np.arange(2, len(data.index), 41)
    codes, inside = moved_windows(data, rows, by=by)
    assert inside.all()
    assert set(data.index["reverse"].iloc[rows]) == {0, 1}
    for row, window in zip(data.index.iloc[rows].itertuples(), codes, strict=True):
        contig = np.asarray(data.tape.contig(row.contig))
        start = row.start - by if row.reverse else row.start + by
        expected = contig[start : start + data.length]
        np.testing.assert_array_equal(window, reverse_complement_codes(expected) if row.reverse else expected)


def test_a_window_that_would_leave_its_contig_stays_and_is_marked(data):
    start = data.index["start"].to_numpy()
    first = np.flatnonzero((start == start.min()) & (data.index["reverse"] == 0))[:1]
    codes, inside = moved_windows(data, first, by=-int(start.min()) - 1)
    assert inside.tolist() == [False]
    np.testing.assert_array_equal(codes, data.codes(first))
    assert moved_windows(data, first, by=-int(start.min()))[1].tolist() == [True]


@pytest.mark.parametrize("by", [-3, 0, 2])
def test_values_of_the_same_bases_are_laid_beside_each_other(by):
    base = torch.arange(100, 120)  # a map that names the base it is of
    here, there = base[5:15][None], base[5 + by : 15 + by][None]
    ours, theirs = same_bases(here, there, by=by, margin=3)
    assert ours.tolist() == theirs.tolist() == [[108, 109, 110, 111]]


def test_maps_of_each_network_are_the_corrected_gradient_times_the_input_summed_over_bases():
    codes = torch.randint(0, 4, (3, 20), generator=torch.Generator().manual_seed(1))
    x = nn.functional.one_hot(codes, 4).transpose(1, 2).float()
    models = [network(seed) for seed in (0, 1)]
    maps = network_maps(models, x, target=1, correct=True)
    for model, found in zip(models, maps, strict=True):
        gradient = captum.attr.Saliency(model).attribute(x.clone().requires_grad_(), target=1, abs=False)
        expected = ((gradient - gradient.mean(1, keepdim=True)) * x).sum(1)
        torch.testing.assert_close(found, expected)
    assert not torch.allclose(maps[0], maps[1])
