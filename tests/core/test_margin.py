import pytest
import torch
from torch import nn

from tracklight.core.attribution import gradient
from tracklight.core.margin import Margin, margin
from tracklight.errors import InputError


def test_the_margin_of_two_classes_is_the_log_odds():
    logits = torch.tensor([[0.5, 2.0], [1.0, -3.0]])
    probability = logits.softmax(1)
    torch.testing.assert_close(margin(logits, label=1)[:, 0], torch.logit(probability[:, 1]))
    torch.testing.assert_close(margin(logits, label=0)[:, 0], torch.logit(probability[:, 0]))


def test_the_margin_of_three_classes_is_the_logit_over_the_mean_of_the_others():
    logits = torch.tensor([[1.0, 2.0, 6.0]])
    assert [margin(logits, label=label).item() for label in range(3)] == [-3.0, -1.5, 4.5]


def test_the_margin_is_that_of_the_log_softmax():
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(margin(logits.log_softmax(1), label=2), margin(logits, label=2))


def test_one_logit_is_the_log_odds_of_label_one():
    logits = torch.tensor([[0.5], [-2.0]])
    assert margin(logits, label=1).tolist() == [[0.5], [-2.0]]
    assert margin(logits, label=0).tolist() == [[-0.5], [2.0]]


def test_a_model_with_two_classes_is_explained_by_the_difference_of_its_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(6, 4, 9), nn.ELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2))
    x = torch.randn(3, 6, 50)
    wrapped = Margin(model, label=1)
    assert wrapped(x).shape == (3, 1)
    difference = gradient(model, x, target=1) - gradient(model, x, target=0)
    torch.testing.assert_close(gradient(wrapped, x), difference)


def test_a_model_in_training_is_given_back_in_training():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(12, 2))
    x = torch.randn(3, 2, 6)
    first, second = (gradient(Margin(model, label=1), x) for _ in range(2))
    torch.testing.assert_close(first, second)
    assert model[1].training


@pytest.mark.parametrize(("classes", "label"), [(2, 2), (1, 2), (3, -1)])
def test_an_unknown_class_is_refused(classes, label):
    with pytest.raises(InputError, match=f"model has no such class; got {label}; allowed: 0 to"):
        margin(torch.zeros(1, classes), label=label)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 7), (3, 0)])
def test_outputs_that_are_no_logits_are_refused(shape):
    with pytest.raises(InputError, match=r"model does not give logits; got shape \(3,"):
        margin(torch.zeros(shape), label=0)
