import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

from tracklight.learning.distillation import ANSWERS, class_log_odds, heads, moments, probabilities, softened
from tracklight.learning.metrics import class_score
from tracklight.models.spec import ModelSpec, build

LOGITS = torch.tensor([[[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]], [[1.0, 1.0, 0.0], [0.0, -1.0, 1.0]]])  # two networks
PROBABLE = torch.tensor([[0.1, 0.6, 0.25, 0.05], [0.3, 0.3, 0.4, 0.0]], dtype=torch.float64)


def test_networks_answer_with_the_mean_of_their_probabilities():
    witness = softmax(LOGITS.double().numpy(), axis=-1).mean(0)
    assert np.allclose(probabilities(LOGITS, classes=True), witness)
    assert np.allclose(probabilities(LOGITS, classes=False), (1 / (1 + np.exp(-LOGITS.double().numpy()))).mean(0))
    assert np.allclose(class_log_odds(LOGITS).softmax(1), witness)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_softened_answers_of_one_network_are_its_log_odds_over_the_temperature(temperature):
    alone = LOGITS[:1]
    classes = softened(probabilities(alone, classes=True), temperature=temperature, classes=True)
    assert torch.allclose(classes, (alone[0].double() / temperature).softmax(1))
    yes = softened(probabilities(alone, classes=False), temperature=temperature, classes=False)
    assert torch.allclose(yes, (alone[0].double() / temperature).sigmoid())


def test_an_impossible_class_has_a_finite_answer():
    assert torch.isfinite(softened(PROBABLE, temperature=2.0, classes=True)).all()


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_has_the_same_first_class_and_sums_to_1(name):
    answer = ANSWERS[name](PROBABLE, torch.Generator().manual_seed(0))
    assert answer.argmax(1).tolist() == [1, 2]
    assert answer.sum(1).tolist() == pytest.approx([1.0, 1.0])


def test_a_hard_answer_is_the_class_alone():
    assert ANSWERS["hardened"](PROBABLE, torch.Generator()).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]


def test_a_permuted_answer_holds_the_same_probabilities_in_any_order():
    many = PROBABLE[:1].repeat(600, 1)
    answer = ANSWERS["permuted"](many, torch.Generator().manual_seed(0))
    assert torch.equal(answer.sort(1).values, many.sort(1).values)
    assert answer[:, 1].unique().tolist() == [0.6]
    orders, counts = np.unique(answer.numpy(), axis=0, return_counts=True)
    assert len(orders) == 6  # of three classes
    assert counts.min() > 60


def test_a_levelled_answer_says_nothing_of_the_other_classes():
    assert ANSWERS["levelled"](PROBABLE, torch.Generator())[0].tolist() == pytest.approx(
        [0.4 / 3, 0.6, 0.4 / 3, 0.4 / 3]
    )


def test_measurements_are_taught_by_mean_and_spread_and_of_one_network_by_its_mean():
    both = moments(LOGITS)
    assert np.allclose(both[:, :3], LOGITS.numpy().mean(0))
    assert np.allclose(both[:, 3:], LOGITS.numpy().std(0, ddof=1))
    assert torch.equal(moments(LOGITS[:1]), LOGITS[0])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("valid_conv", {"kernels": [3], "pools": [2], "hidden": 4, "batch_norm": True}),
        ("residual_dilated", {"kernels": [3, 3], "blocks": 1, "hidden": 4}),
        ("global_pool", {"kernels": [3], "pool": "max"}),
    ],
)
def test_a_network_with_some_of_its_targets_gives_the_same_outputs(name, options):
    def spec(*targets):
        return ModelSpec(name, 4, 12, targets, {"filters": 4, "dropout": 0.0} | options)

    whole = build(spec("a", "b", "c"), seed=0).eval()
    whole.scale.copy_(torch.tensor([1.0, 2.0, 3.0]))
    part = build(spec("b", "c"), seed=1).eval()
    part.load_state_dict(heads(whole.state_dict(), slice(1, None)))
    x = torch.randn(5, 4, 12)
    assert torch.equal(part(x), whole(x)[:, 1:])


def test_scores_of_classes_are_scikit_learns():
    labels = np.eye(3)[[0, 2, 1, 0]]
    odds = np.array([[2.0, 0, -1], [0, 1, 3], [1, 0, 0], [0, 0, 0.5]])
    found = class_score(np.vstack([odds, [9, 9, 9]]), np.vstack([labels, [np.nan] * 3]))
    assert found["accuracy"] == accuracy_score(labels.argmax(1), odds.argmax(1))
    assert found["nll"] == pytest.approx(log_loss(labels.argmax(1), softmax(odds, axis=1)))


def test_the_calibration_error_of_equal_confidence_is_its_distance_from_the_accuracy():
    odds = np.log(np.tile([0.8, 0.1, 0.1], (10, 1)))
    labels = np.eye(3)[[0] * 6 + [1] * 4]
    assert class_score(odds, labels)["ece"] == pytest.approx(0.2)
