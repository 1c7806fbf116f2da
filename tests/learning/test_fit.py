from dataclasses import replace

import numpy as np
import pytest
import torch

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.decode import one_hot
from tracklight.learning import fit as fit_module
from tracklight.learning.examples import Windows, make_examples, predict
from tracklight.learning.fit import fit, standardise
from tracklight.learning.levers import Levers, Variation
from tracklight.learning.losses import masked_loss
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Train

SPEC = ModelSpec(
    "valid_conv",
    4,
    20,
    ("y",),
    {"filters": 8, "kernels": [4], "pools": [4], "hidden": 8, "dropout": 0.1, "batch_norm": False},
)
SETTINGS = Train(epochs=6, batch_size=32, learning_rate=0.01)


@pytest.fixture(scope="module")
def examples():
    """Windows whose value is their share of G: easy to learn."""
    generator = np.random.default_rng(0)
    tape = Tape(generator.integers(0, 4, 4000).astype(np.uint8), ("a",), np.array([0, 4000]))
    starts = np.arange(0, 3960, 10)
    values = np.array([(tape.data[s : s + 20] == 2).mean() for s in starts], np.float32)[:, None]
    windows = Windows(np.full(len(starts), "a", object), starts, np.zeros(len(starts), bool), values)
    return make_examples(tape, windows, length=20, decode=one_hot, device=torch.device("cpu"))


@pytest.fixture
def rows(examples):
    return {"train": torch.arange(0, 300), "validation": torch.arange(300, len(examples))}


def trained(examples, rows, resume, **changes):
    model = build(SPEC, seed=0)
    settings = SETTINGS.model_copy(update=changes)
    progress = fit(model, examples, rows, settings, seed=0, levers=Levers(Variation(1)), resume=resume)
    return model, progress


def test_a_network_learns_what_is_there_to_learn(examples, rows, tmp_path):
    model, progress = trained(examples, rows, tmp_path / "resume.pt", epochs=15)
    prediction = predict(model, examples, rows["validation"])[:, 0].numpy()
    measured = examples.targets[rows["validation"], 0].numpy()
    assert np.corrcoef(prediction, measured)[0, 1] > 0.8
    assert progress.rows[-1]["train_loss"] < progress.rows[0]["train_loss"]


def test_the_best_weights_are_those_of_the_lowest_validation_loss(examples, rows, tmp_path):
    model, progress = trained(examples, rows, tmp_path / "resume.pt")
    prediction = predict(model, examples, rows["validation"])
    loss = masked_loss(
        "mse", model.standardised(prediction), model.standardised(examples.targets[rows["validation"]])
    ).item()
    assert loss == pytest.approx(min(row["validation_loss"] for row in progress.rows), rel=1e-5)


def test_the_same_seed_trains_the_same_network(examples, rows, tmp_path):
    first, _ = trained(examples, rows, tmp_path / "a.pt")
    second, _ = trained(examples, rows, tmp_path / "b.pt")
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_killed_training_goes_on_and_ends_in_the_same_weights(examples, rows, tmp_path, monkeypatch):
    whole, _ = trained(examples, rows, tmp_path / "whole.pt")
    note, calls = fit_module._note, []

    def killed_in_the_fourth_epoch(*arguments, **options):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        note(*arguments, **options)

    monkeypatch.setattr(fit_module, "_note", killed_in_the_fourth_epoch)
    with pytest.raises(KeyboardInterrupt):
        trained(examples, rows, tmp_path / "killed.pt")
    resumed, progress = trained(examples, rows, tmp_path / "killed.pt")
    assert len(calls) == 7  # three epochs, the one that was lost, and only three more
    assert [row["epoch"] for row in progress.rows] == [1, 2, 3, 4, 5, 6]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("changed", ["data", "targets", "start"])
def test_a_state_of_another_signal_or_other_measurements_or_windows_is_not_gone_on_with(
    examples, rows, tmp_path, monkeypatch, changed
):
    note, calls = fit_module._note, []

    def killed_in_the_third_epoch(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        note(*arguments, **options)

    monkeypatch.setattr(fit_module, "_note", killed_in_the_third_epoch)
    with pytest.raises(KeyboardInterrupt):
        trained(examples, rows, tmp_path / "killed.pt")
    assert (tmp_path / "killed.pt").is_file()
    others = replace(examples, **{changed: getattr(examples, changed).flip(0)})
    resumed, _ = trained(others, rows, tmp_path / "killed.pt")
    fresh, _ = trained(others, rows, tmp_path / "fresh.pt")
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), resumed.parameters(), strict=True))


def test_a_resume_file_of_other_settings_is_not_used(examples, rows, tmp_path):
    trained(examples, rows, tmp_path / "resume.pt", epochs=2)
    _, progress = trained(examples, rows, tmp_path / "resume.pt", epochs=3)
    assert len(progress.rows) == 3


def test_a_damaged_resume_file_starts_again(examples, rows, tmp_path):
    (tmp_path / "resume.pt").write_bytes(b"half")
    _, progress = trained(examples, rows, tmp_path / "resume.pt", epochs=2)
    assert len(progress.rows) == 2


def test_training_stops_when_validation_does_not_improve(examples, rows, tmp_path):
    _, progress = trained(examples, rows, tmp_path / "resume.pt", epochs=60, patience_epochs=2)
    assert progress.epoch < 60
    assert progress.epochs_since_best == 2


def test_constant_training_targets_are_refused():
    with pytest.raises(InputError, match=r"a target does not vary over the training windows; got 0.0"):
        standardise(build(SPEC, seed=0), torch.ones(5, 1), loss="mse")


def test_a_loss_that_is_not_finite_stops_training(examples, rows, tmp_path):
    with pytest.raises(InputError, match=r"training loss is not finite; lower train.learning_rate"):
        trained(examples, rows, tmp_path / "resume.pt", learning_rate=1e30)


@pytest.mark.parametrize(("name", "expected"), [("mse", (1 + 9) / 2), ("huber", (0.5 + 2.5) / 2)])
def test_missing_targets_do_not_count_in_the_loss(name, expected):
    target = torch.tensor([[1.0, float("nan")], [3.0, float("nan")]])
    prediction = torch.zeros(2, 2, requires_grad=True)
    loss = masked_loss(name, prediction, target)
    loss.backward()
    assert loss.item() == pytest.approx(expected)
    assert prediction.grad[:, 1].tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def labelled(examples):
    """The same windows with a label: 1 where more than a quarter is G; every tenth was not measured."""
    labels = (examples.targets > 0.25).float()
    labels[::10] = float("nan")
    return replace(examples, targets=labels)


def test_a_network_of_labels_predicts_log_odds_and_keeps_the_units_of_its_output(labelled, rows, tmp_path):
    model, progress = trained(labelled, rows, tmp_path / "resume.pt", loss="bce", epochs=15)
    assert (model.scale.item(), model.shift.item()) == (1.0, 0.0)
    logit = predict(model, labelled, rows["validation"])[:, 0].double().numpy()
    label = labelled.targets[rows["validation"], 0].double().numpy()
    measured = np.isfinite(label)
    probability = 1 / (1 + np.exp(-logit[measured]))
    right = np.where(label[measured] == 1, probability, 1 - probability)
    assert min(row["validation_loss"] for row in progress.rows) == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert ((logit[measured] > 0) == (label[measured] == 1)).mean() > 0.85


def test_targets_that_are_no_labels_are_refused_by_a_loss_for_labels(examples, rows, tmp_path):
    with pytest.raises(
        InputError, match=r"train.loss: bce: targets are not the labels .*got 0\.\d+; allowed: 0, 1, or"
    ):
        trained(examples, rows, tmp_path / "resume.pt", loss="bce")


def test_labels_that_are_all_the_same_are_refused(labelled, rows, tmp_path):
    constant = replace(labelled, targets=torch.ones_like(labelled.targets))
    with pytest.raises(InputError, match=r"a target does not vary over the training windows"):
        trained(constant, rows, tmp_path / "resume.pt", loss="bce")
