import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn import functional

from tracklight.errors import InputError
from tracklight.learning.losses import check_labels, constant_prediction, masked_loss

NAN = float("nan")
STEPS = torch.cat([torch.zeros(1, 3), torch.eye(3) / 10, -torch.eye(3) / 10])
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [-2.0, 1.0, 0.0]])
LABELS = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
SOFT = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]])


def test_the_loss_of_classes_is_scikit_learns_cross_entropy():
    witness = log_loss(LABELS.argmax(1), LOGITS.double().softmax(1).numpy(), labels=[0, 1, 2])
    assert masked_loss("ce", LOGITS, LABELS).item() == pytest.approx(witness, rel=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_the_loss_of_soft_classes_is_the_divergence_times_the_squared_temperature(temperature):
    log_q = (LOGITS / temperature).log_softmax(1)
    witness = temperature**2 * functional.kl_div(log_q, SOFT, reduction="batchmean")
    assert masked_loss("soft_ce", LOGITS, SOFT, temperature=temperature).item() == pytest.approx(witness.item(), 1e-6)


def test_the_gradient_of_the_soft_loss_is_the_difference_of_the_probabilities():
    logits = LOGITS.clone().requires_grad_()
    masked_loss("soft_ce", logits, SOFT, temperature=2.0).backward()
    assert torch.allclose(logits.grad, 2 * ((LOGITS / 2).softmax(1) - SOFT) / len(LOGITS), atol=1e-6)


def test_the_soft_loss_of_yes_and_no_is_that_of_two_classes():
    logit, yes = LOGITS[:, :1], SOFT[:, :1]
    two = torch.cat([logit, torch.zeros_like(logit)], 1)
    own = torch.special.entr(torch.cat([yes, 1 - yes], 1)).sum(1).mean()
    divergence = masked_loss("soft_ce", two, torch.cat([yes, 1 - yes], 1), temperature=3.0)
    assert masked_loss("soft_bce", logit, yes, temperature=3.0).item() == pytest.approx((divergence + 9 * own).item())


def test_windows_without_a_class_do_not_count():
    some = torch.cat([LABELS, torch.full((1, 3), NAN)])
    more = torch.cat([LOGITS, torch.ones(1, 3)])
    assert masked_loss("ce", more, some).item() == pytest.approx(masked_loss("ce", LOGITS, LABELS).item())


def test_a_temperature_of_1_changes_no_bit():
    prediction, target = torch.randn(50, 2), torch.randn(50, 2)
    assert torch.equal(masked_loss("mse", prediction, target), functional.mse_loss(prediction, target))


@pytest.mark.parametrize("name", ["ce", "soft_ce"])
def test_the_constant_prediction_of_classes_is_the_best_one(name):
    best = constant_prediction(name, SOFT)
    losses = [masked_loss(name, (best + step).expand_as(SOFT), SOFT).item() for step in STEPS]
    assert losses.index(min(losses)) == 0
    assert best.softmax(0).tolist() == pytest.approx(SOFT.mean(0).tolist())


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        ("ce", [[1.0, 0.0], [0.5, 0.5]], "not the labels .*got 0.5; allowed: 0, 1, or"),
        ("ce", [[1.0, 0.0], [1.0, 1.0]], "not one class of several; got 2.0; allowed: a sum of 1"),
        ("ce", [[1.0, 0.0], [NAN, 1.0]], "not one class of several; got nan; allowed: a sum of 1"),
        ("ce", [[1.0], [0.0]], "not one class of several; got 1.0; allowed: a sum of 1 over two or more"),
        ("soft_ce", [[0.7, 0.2], [0.5, 0.5]], "not one class of several; got 0.9; allowed: a sum of 1"),
        ("soft_bce", [[1.2], [0.5]], "not the probabilities .*got 1.2; allowed: 0 to 1, or"),
    ],
)
def test_targets_that_do_not_suit_a_loss_are_refused(name, targets, message):
    with pytest.raises(InputError, match=rf"train.loss: {name}: targets .*{message}"):
        check_labels(name, torch.tensor(targets))


@pytest.mark.parametrize(
    ("name", "targets"), [("ce", LABELS), ("soft_ce", SOFT), ("soft_bce", SOFT), ("mse", 9 * SOFT)]
)
def test_targets_that_suit_a_loss_are_taken(name, targets):
    check_labels(name, torch.cat([targets, torch.full((1, 3), NAN)]))
