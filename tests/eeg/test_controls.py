import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tracklight.core.spectral import bins, frequencies, members
from tracklight.core.tape import Tape
from tracklight.eeg.controls import (
    ALTERED,
    exchanged_within,
    forgetting,
    frequency_maps,
    mean_margins,
    spread,
    with_permuted_labels,
)
from tracklight.eeg.dataset import Epochs

LENGTH = 100
INSIDE = members(frequencies(LENGTH, rate=100), bins(50, width=1))


class Linear(nn.Module):
    """Log-odds `sum(weight * x) + 1`."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, x):
        return (self.weight * x).sum((1, 2))[:, None] + 1


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def test_chosen_rows_are_spread_over_all_and_never_more_than_there_are():
    assert spread(np.arange(10, 110), 4).tolist() == [10, 43, 76, 109]
    assert spread(np.array([3, 5]), 9).tolist() == [3, 5]


def test_maps_of_a_linear_model_sum_to_its_log_odds_without_the_bias():
    x, model = noise(7, 2, LENGTH), Linear(noise(2, LENGTH, seed=1))
    maps = frequency_maps(model, x, inside=INSIDE)
    assert maps.shape == (7, 2, 51)
    torch.testing.assert_close(maps.sum((1, 2)), model(x)[:, 0].detach() - 1, rtol=1e-4, atol=1e-4)


def test_a_wave_is_explained_at_its_frequency():
    wave = torch.sin(2 * torch.pi * 10 * torch.arange(LENGTH) / 100).expand(1, 1, -1)
    maps = frequency_maps(Linear(noise(1, LENGTH)), wave, inside=INSIDE)[0, 0]
    assert maps.abs().argmax() == 10
    assert maps.abs().sum() == pytest.approx(maps[10].abs().item(), rel=1e-4)


def test_a_network_that_forgot_all_layers_has_the_map_of_the_random_one():
    def network(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv1d(2, 3, 5, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 96, 1))

    model, fresh, x = network(0), network(1), noise(4, 2, LENGTH)
    steps = dict(forgetting(model, fresh, x, inside=INSIDE))
    assert list(steps) == ["3", "0"]  # the head first
    torch.testing.assert_close(steps["0"], frequency_maps(fresh, x, inside=INSIDE))
    assert not torch.allclose(steps["3"], steps["0"])


@pytest.fixture
def epochs():
    """Two subjects of eight reports of two epochs; in N2 half of the reports have the label, in REM three of four."""
    labels = [0, 1, 0, 1, 1, 1, 0, 1]
    index = pd.DataFrame(
        [(f"{who}-1", LENGTH * (2 * n + back), who, f"r{n}", 1 - back, "N2" if n < 4 else "REM", labels[n])
         for who in "ab" for n in range(8) for back in (0, 1)],
        columns=["contig", "start", "group", "report", "epoch", "stage", "label"],
    )  # fmt: skip
    index["label"] = index["label"].astype("Int64")
    tape = Tape(noise(2, 3200).numpy(), ("a-1", "b-1"), np.array([0, 1600, 3200]))
    return Epochs(tape, index, {"length": LENGTH, "channels": ["C3", "P4"]}, {})


def test_margins_are_the_mean_over_networks(epochs):
    weights, rows = [noise(2, LENGTH, seed=seed) for seed in (1, 2)], np.arange(5, 20)
    found = mean_margins([Linear(weight) for weight in weights], epochs, rows)
    expected = ((weights[0] + weights[1]) / 2 * torch.from_numpy(epochs.signals(rows))).sum((1, 2)) + 1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_reversed_eeg_is_read_from_its_end(epochs):
    weight, rows = noise(2, LENGTH, seed=1), np.arange(16)
    backwards = mean_margins([Linear(weight)], epochs, rows, signal=ALTERED["EEG reversed in time"])
    np.testing.assert_allclose(backwards, mean_margins([Linear(weight.flip(-1))], epochs, rows), rtol=1e-4, atol=1e-4)


def test_random_phases_keep_what_hangs_on_power_alone_and_repeat_with_the_seed(epochs):
    class Power(Linear):
        def forward(self, x):
            return super().forward(x.square())

    power = Power(torch.ones(2, 1))

    rows, phases = np.arange(16), ALTERED["EEG with random phases"]
    np.testing.assert_allclose(
        mean_margins([power], epochs, rows, signal=phases), mean_margins([power], epochs, rows), rtol=1e-4
    )
    one, again, other = (
        mean_margins([Linear(noise(2, LENGTH))], epochs, rows, signal=phases, seed=s) for s in (0, 0, 1)
    )
    assert one.tolist() == again.tolist() != other.tolist()


def test_permuted_labels_keep_the_counts_of_every_subject_and_stage(epochs):
    before = epochs.index.copy()
    drawn = [with_permuted_labels(epochs, seed=seed).index for seed in range(20)]
    pd.testing.assert_frame_equal(epochs.index, before)
    for index in drawn:
        pd.testing.assert_frame_equal(index.drop(columns="label"), before.drop(columns="label"))
        assert (index.groupby(["contig", "report"])["label"].nunique() == 1).all()
        sums = index.groupby(["group", "stage"])["label"].sum()
        assert sums.to_dict() == before.groupby(["group", "stage"])["label"].sum().to_dict()
    assert len({tuple(index["label"]) for index in drawn}) > 15


def test_exchanged_labels_keep_the_share_of_every_stage_and_move_between_subjects():
    stage, label = np.array(["N2"] * 6 + ["REM"] * 4), np.array([1, 1, 1, 0, 0, 0, 1, 1, 1, 0], bool)
    drawn = np.array([exchanged_within(stage, label, seed=[0, number]) for number in range(400)])
    assert (drawn[:, :6].sum(1) == 3).all()
    assert (drawn[:, 6:].sum(1) == 3).all()
    np.testing.assert_allclose(drawn.mean(0), [0.5] * 6 + [0.75] * 4, atol=0.1)
