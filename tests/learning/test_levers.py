from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.learning import fit as fit_module
from tracklight.learning.examples import Windows, make_examples, predict
from tracklight.learning.fit import fit
from tracklight.learning.levers import Levers, Variation, standard_output
from tracklight.learning.losses import constant_prediction, masked_loss
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Train

SPEC = ModelSpec(
    "valid_conv",
    4,
    20,
    ("y",),
    {"filters": 8, "kernels": [4], "pools": [4], "hidden": 8, "dropout": 0.1, "batch_norm": True},
)
SETTINGS = Train(epochs=4, batch_size=50, learning_rate=0.01, patience_epochs=1)
ROWS = {"train": torch.arange(0, 300), "validation": torch.arange(300, 396)}


@pytest.fixture(scope="module")
def examples():
    """Windows whose value is their share of G."""
    generator = np.random.default_rng(0)
    tape = Tape(generator.integers(0, 4, 4000).astype(np.uint8), ("a",), np.array([0, 4000]))
    starts = np.arange(0, 3960, 10)
    values = np.array([(tape.data[s : s + 20] == 2).mean() for s in starts], np.float32)[:, None]
    windows = Windows(np.full(len(starts), "a", object), starts, np.zeros(len(starts), bool), values)
    return make_examples(tape, windows, length=20, decode=one_hot, device=torch.device("cpu"))


@dataclass
class Draws:
    """A term that changes nothing and keeps what it saw."""

    name: str = "draws"
    weight: float = 1.0
    start: float = 0.0
    seen: list = field(default_factory=list, repr=False)

    def __call__(self, model, batch):
        self.seen.append((batch, torch.rand(3, generator=batch.draw)))
        return 0.0 * sum(weights.sum() for weights in model.parameters())


@dataclass
class Flatten:
    """A term that drives the output to a constant."""

    value: float = 9.0
    name: str = "flatten"
    weight: float = 100.0
    start: float = 0.5

    def __call__(self, model, batch):
        return (standard_output(model)(batch.x) - self.value).square().mean()


@dataclass
class Erase:
    """Leaves nothing of the input."""

    start: float = 0.0

    def __call__(self, _, batch):
        return torch.zeros_like(batch.x)


def trained(examples, tmp_path, levers, **changes):
    model = build(SPEC, seed=0)
    settings = SETTINGS.model_copy(update=changes)
    progress = fit(model, examples, ROWS, settings, seed=0, levers=levers, resume=tmp_path / "resume.pt")
    (tmp_path / "resume.pt").unlink(missing_ok=True)
    return model, progress


def curve(progress, *left_out):
    return [{name: value for name, value in row.items() if name not in ("seconds", *left_out)} for row in progress.rows]


def test_a_term_of_weight_0_is_never_called_and_the_curve_is_the_same_bit_for_bit(examples, tmp_path):
    term = Draws(weight=0.0)
    with_term, progress = trained(examples, tmp_path, Levers(Variation(2, flip=True), terms=(term,)))
    without, plain = trained(examples, tmp_path, Levers(Variation(2, flip=True)))
    assert term.seen == []
    assert curve(progress) == curve(plain)
    assert all(torch.equal(a, b) for a, b in zip(with_term.parameters(), without.parameters(), strict=True))


def test_a_term_that_draws_leaves_the_plain_draws_alone(examples, tmp_path):
    _, progress = trained(examples, tmp_path, Levers(Variation(2, flip=True), terms=(Draws(),)))
    _, plain = trained(examples, tmp_path, Levers(Variation(2, flip=True)))
    assert curve(progress, "draws") == curve(plain)


def test_a_lever_sees_which_windows_a_step_reads_and_how(examples, tmp_path):
    term = Draws()
    trained(examples, tmp_path, Levers(Variation(2, flip=True), terms=(term,)), epochs=1)
    assert sorted(torch.cat([batch.rows for batch, _ in term.seen]).tolist()) == ROWS["train"].tolist()
    batch = term.seen[2][0]
    assert torch.equal(batch.x, examples.x(batch.rows, shift=batch.shift, flip=batch.flip))
    assert torch.equal(batch.target, examples.targets[batch.rows])
    assert set(batch.shift.tolist()) <= {-2, -1, 0, 1, 2}
    assert 0 < batch.flip.sum() < 50


def test_a_lever_acts_from_its_share_of_the_training_on_and_its_mean_stands_in_the_curve(examples, tmp_path):
    late, early = Draws(name="late", start=0.5), Draws(name="early")
    _, progress = trained(examples, tmp_path, Levers(terms=(late, early), keep="last"))
    assert (len(late.seen), len(early.seen)) == (2 * 6, 4 * 6)
    assert [row["early"] for row in progress.rows] == [0, 0, 0, 0]
    assert np.isnan([row["late"] for row in progress.rows]).tolist() == [True, True, False, False]


def test_a_term_is_added_with_its_weight(examples, tmp_path):
    pulled, _ = trained(examples, tmp_path, Levers(terms=(Flatten(value=2.0, start=0.0),), keep="last"))
    free, _ = trained(examples, tmp_path, Levers(keep="last"))
    means = [standard_output(m.eval())(examples.x(ROWS["train"])).mean().item() for m in (pulled, free)]
    assert means[0] == pytest.approx(2.0 * 100 / 101, abs=0.4)
    assert means[1] == pytest.approx(0.0, abs=0.4)


def test_an_altered_input_is_what_the_network_learns_from_and_terms_see_the_windows_as_they_were(examples, tmp_path):
    term = Draws()
    model, _ = trained(examples, tmp_path, Levers(alter=Erase(), terms=(term,), keep="last"))
    assert all(batch.x.sum() > 0 for batch, _ in term.seen)
    prediction = predict(model, examples, ROWS["validation"])[:, 0].numpy()
    measured = examples.targets[ROWS["validation"], 0].numpy()
    assert abs(np.corrcoef(prediction, measured)[0, 1]) < 0.5
    plain = predict(trained(examples, tmp_path, Levers(keep="last"))[0], examples, ROWS["validation"])[:, 0].numpy()
    assert np.corrcoef(plain, measured)[0, 1] > 0.6


def test_the_last_state_is_kept_whatever_the_validation_loss_says(examples, tmp_path):
    term = Flatten(value=3.0, start=0.5)
    model, progress = trained(examples, tmp_path, Levers(terms=(term,), keep="last"))
    assert [row["best"] for row in progress.rows] == [1, 1, 1, 1]
    assert progress.rows[-1]["validation_loss"] > 2 * progress.rows[1]["validation_loss"]
    prediction = model.standardised(predict(model, examples, ROWS["validation"]))
    loss = masked_loss("mse", prediction, model.standardised(examples.targets[ROWS["validation"]])).item()
    assert loss == pytest.approx(progress.rows[-1]["validation_loss"], rel=1e-5)


def test_the_guard_restores_the_state_in_which_the_terms_began(examples, tmp_path, caplog):
    model, progress = trained(examples, tmp_path, Levers(terms=(Flatten(),), keep="last", guard=0.1))
    assert (progress.epoch, progress.guarded) == (3, 3)
    assert [row["best"] for row in progress.rows] == [1, 1, 0]
    prediction = model.standardised(predict(model, examples, ROWS["validation"]))
    loss = masked_loss("mse", prediction, model.standardised(examples.targets[ROWS["validation"]])).item()
    assert loss == pytest.approx(progress.rows[1]["validation_loss"], rel=1e-5)
    assert progress.limit == pytest.approx(1.1 * loss, rel=1e-5)


def test_a_guard_that_is_not_reached_changes_nothing(examples, tmp_path):
    _, guarded = trained(examples, tmp_path, Levers(terms=(Draws(start=0.5),), keep="last", guard=9.0))
    _, plain = trained(examples, tmp_path, Levers(terms=(Draws(start=0.5),), keep="last"))
    assert guarded.guarded == 0
    assert curve(guarded)[2:] == curve(plain)[2:]


def test_the_guard_of_terms_that_raise_the_loss_is_what_a_constant_says(examples, tmp_path):
    levers = Levers(terms=(Draws(),), keep="last", guard=0.2, guard_against="constant")
    _, progress = trained(examples, tmp_path, levers, epochs=1)
    train, validation = (examples.targets[ROWS[name], 0].double() for name in ("train", "validation"))
    expected = ((validation - train.mean()).square().mean() / train.var(correction=0)).item()
    assert progress.limit == pytest.approx(1.2 * expected, rel=1e-4)


def test_of_labels_the_constant_is_the_log_odds_of_their_share():
    targets = torch.tensor([[1.0], [0.0], [0.0], [0.0], [float("nan")]])
    constant = constant_prediction("bce", targets)
    assert constant.item() == pytest.approx(np.log(0.25 / 0.75), rel=1e-6)
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert masked_loss("bce", constant.expand(5, 1), targets).item() == pytest.approx(entropy, rel=1e-6)


def test_a_killed_training_with_levers_goes_on_and_ends_in_the_same_state(examples, tmp_path, monkeypatch):
    levers = Levers(Variation(1), terms=(Flatten(value=1.0, weight=0.1, start=0.25),), keep="last", guard=5.0)
    whole, _ = trained(examples, tmp_path, levers)
    note, calls = fit_module._note, []

    def killed_in_the_third_epoch(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        note(*arguments, **options)

    monkeypatch.setattr(fit_module, "_note", killed_in_the_third_epoch)
    with pytest.raises(KeyboardInterrupt):
        trained(examples, tmp_path, levers)
    resumed, _ = trained(examples, tmp_path, levers)
    assert len(calls) == 5
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_state_of_other_levers_is_not_gone_on_with(examples, tmp_path):
    model = build(SPEC, seed=0)
    levers = Levers(terms=(Flatten(value=1.0),))
    fit(model, examples, ROWS, SETTINGS, seed=0, levers=levers, resume=tmp_path / "resume.pt")
    other = replace(levers, terms=(Flatten(value=2.0),))
    _, progress = trained(examples, tmp_path, other)
    _, fresh = trained(examples, tmp_path, other)
    assert curve(progress) == curve(fresh)
