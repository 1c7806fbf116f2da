import numpy as np
import pytest
import torch
from torch import nn

from tracklight.core.methods import METHODS, method
from tracklight.genome.decode import one_hot
from tracklight.genome.explainers import baseline_prediction, explainer, shuffled_references
from tracklight.settings import Attribute

SETTINGS = Attribute(correct_gradient=False, steps=3, noise_samples=4, noise_sd=0.2, references=2, seed=9)


def windows(count=3, length=40):
    codes = np.random.default_rng(1).integers(0, 4, (count, length)).astype(np.uint8)
    return one_hot(torch.from_numpy(codes))


def dinucleotides(window):
    codes = window.argmax(0) * 4
    return torch.bincount(codes[:-1] + window.argmax(0)[1:], minlength=16).tolist()


def test_references_keep_dinucleotides_and_ends_and_differ():
    x = windows()
    references = shuffled_references(x, count=5, seed=0)
    assert references.shape == (3, 5, 4, 40)
    assert references.dtype == x.dtype
    for window, shuffles in zip(x, references, strict=True):
        assert all(dinucleotides(shuffle) == dinucleotides(window) for shuffle in shuffles)
        assert all(torch.equal(shuffle[:, [0, -1]], window[:, [0, -1]]) for shuffle in shuffles)
        assert len({tuple(shuffle.argmax(0).tolist()) for shuffle in shuffles}) == 5


def test_references_of_a_window_do_not_depend_on_the_windows_beside_it():
    x = windows()
    together = shuffled_references(x, count=3, seed=4)
    assert torch.equal(shuffled_references(x[[2]], count=3, seed=4), together[[2]])
    assert torch.equal(shuffled_references(x.flip(0), count=3, seed=4), together.flip(0))
    assert not torch.equal(shuffled_references(x, count=3, seed=5), together)


def test_n_stays_n_in_references():
    x = windows()
    x[:, :, 10:13] = 0
    references = shuffled_references(x, count=2, seed=0)
    assert (references[..., 10:13] == 0).all()
    assert (references.sum(2) == x.sum(1)[:, None]).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gradient", {}),
        ("gradient_x_input", {"correct": False}),
        ("smoothgrad", {"correct": False, "samples": 4, "sd": 0.2, "seed": 9}),
        ("integrated_gradients", {"correct": False, "steps": 3, "baseline": 0.25}),
        ("in_silico_mutagenesis", {}),
    ],
)
def test_a_method_gets_the_settings_it_takes_and_no_others(name, expected):
    explain = explainer(name, SETTINGS, target=1)
    assert explain.func is METHODS[name].explain
    assert explain.keywords == {"target": 1} | expected


def test_deep_lift_gets_as_many_shuffles_as_the_settings_say():
    references = explainer("deep_lift_shap", SETTINGS, target=0).keywords["references"]
    assert torch.equal(references(windows()), shuffled_references(windows(), count=2, seed=9))


def test_options_that_are_given_go_before_the_settings():
    assert explainer("integrated_gradients", SETTINGS, target=0, steps=7).keywords["steps"] == 7


@pytest.mark.parametrize("name", ["integrated_gradients", "deep_lift_shap"])
def test_what_is_explained_is_the_difference_to_the_prediction_of_the_baseline(name):
    linear, x = nn.Sequential(nn.Flatten(), nn.Linear(160, 2)), windows()
    explain = explainer(name, SETTINGS, target=1)
    total = method(name).position_map(linear, x, **explain.keywords).sum(1)
    torch.testing.assert_close(total, (linear(x)[:, 1] - baseline_prediction(linear, x, explain)).detach())


def test_a_method_without_baseline_has_no_prediction_of_one():
    assert baseline_prediction(nn.Flatten(), windows(), explainer("gradient", SETTINGS, target=0)) is None
