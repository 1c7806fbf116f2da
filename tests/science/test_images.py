"""The same levers on images: handwritten digits with a decoy, a hole, and a place to be found; five seeds of each.

The digits are the 8 x 8 images that ship with scikit-learn (Alpaydin & Kaynak 1998, UCI). A pixel has two channels,
ink and no ink, as a base has four.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from tests.science.table import compared, measured, record
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from tracklight.core.cam import NO, YES, at_input, class_activation, seeds
from tracklight.core.overlap import dice
from tracklight.core.saliency_losses import mass_fraction, right_reasons, saliency
from tracklight.learning.cutout import CutOut, anywhere, most_salient, window_mask, window_mass
from tracklight.learning.levers import Batch, evidence
from tracklight.models.network import Network, Shape

pytestmark = pytest.mark.slow

SEEDS = range(5)
SIDE, CORNER, CLASSES, TRAIN = 14, 3, 10, 1000
EPOCHS, FINE_EPOCHS, BATCH, RATE = 15, 8, 50, 3e-3
WEIGHT, REASONS_WEIGHT = 5.0, 0.01  # of the marks; the second loss is no share, its size is that of the gradient
HOLE = 4
Loss = Callable[[Network, Tensor, Tensor, Tensor], Tensor]  # model, x, labels, marks


class Digits(NamedTuple):
    """Images `(image, 2, row, column)`, their classes, and where a decoy lies `(image, row, column)`."""

    x: Tensor
    y: Tensor
    marks: Tensor

    def part(self, rows: slice | Tensor) -> "Digits":
        return Digits(*(values[rows] for values in self))


class Eye(Network):
    """Two convolutions; then all places for a class, or their mean for class activation."""

    def __init__(self, classes: int, *, mean: bool):
        super().__init__(Shape(2, SIDE, classes))
        self.features = nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3, padding=1), nn.ReLU()
        )
        self.pool = nn.AdaptiveAvgPool2d(1) if mean else nn.MaxPool2d(2)
        self.output = nn.Linear(24 if mean else 24 * (SIDE // 2) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.in_units(self.output(self.pool(self.features(x)).flatten(1)))


def ink(values: Tensor) -> Tensor:
    return torch.stack([values, 1 - values], dim=1)


def digits(generator: torch.Generator, *, decoy: str) -> tuple[Digits, Digits]:
    """Return training and test images; the grey of a corner tells the class in training, `telling`, or nothing."""
    found = load_digits()
    order = torch.randperm(len(found.target), generator=generator)
    values = torch.zeros(len(order), SIDE, SIDE)
    values[:, CORNER : CORNER + 8, CORNER : CORNER + 8] = torch.from_numpy(found.images).float()[order] / 16
    y = torch.from_numpy(found.target)[order]
    marks, shade = torch.zeros_like(values), torch.randint(CLASSES, y.shape, generator=generator)
    if decoy == "telling":
        shade[:TRAIN] = y[:TRAIN]
    corner = torch.randint(4, y.shape, generator=generator)
    for number, which in enumerate(corner.tolist()):
        rows = slice(0, CORNER) if which < 2 else slice(SIDE - CORNER, SIDE)
        columns = slice(0, CORNER) if which % 2 else slice(SIDE - CORNER, SIDE)
        marks[number, rows, columns] = 1
        values[number, rows, columns] = (shade[number] + 1) / CLASSES
    whole = Digits(ink(values), y, marks)
    return whole.part(slice(0, TRAIN)), whole.part(slice(TRAIN, None))


def plain(model: Network, x: Tensor, y: Tensor, marks: Tensor) -> Tensor:
    return cross_entropy(model(x), y)


def by_mass(model: Network, x: Tensor, y: Tensor, marks: Tensor) -> Tensor:
    """Add the share of the map inside the marks."""
    target = one_hot(y, CLASSES).float()
    s = saliency(evidence(model, target), x, target=0, create_graph=True)
    return plain(model, x, y, marks) + WEIGHT * mass_fraction(s, marks).mean()


def by_reasons(model: Network, x: Tensor, y: Tensor, marks: Tensor) -> Tensor:
    return plain(model, x, y, marks) + REASONS_WEIGHT * right_reasons(model, x, marks).mean()


def elsewhere(images: Digits, generator: torch.Generator) -> Digits:
    """Return the images with marks of the same size anywhere."""
    first = torch.randint((SIDE - CORNER + 1) ** 2, images.y.shape, generator=generator)
    return images._replace(marks=window_mask(first, (SIDE, SIDE), CORNER).float())


def fitted(model: Network, images: Digits, seed: int, *, loss: Loss = plain, epochs=EPOCHS, alter=None) -> Network:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    steps = epochs * (len(images.y) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=steps)
    for epoch in range(epochs):
        for rows in torch.randperm(len(images.y), generator=generator).split(BATCH):
            x, y, marks = images.part(rows)
            if alter is not None and epoch / epochs >= alter.start:
                target = one_hot(y, CLASSES).float()
                x = alter(model, Batch(x, target, rows, torch.zeros_like(y), None, generator))
            optimiser.zero_grad()
            loss(model, x, y, marks).backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def eye(seed: int, classes: int = CLASSES, *, mean: bool = False) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Eye(classes, mean=mean)


def accuracy(model: Network, images: Digits) -> float:
    with torch.no_grad():
        return (model(images.x).argmax(1) == images.y).double().mean().item()


def marked(model: Network, images: Digits) -> dict[str, float]:
    s = saliency(evidence(model, one_hot(images.y, CLASSES).float()), images.x, target=0, create_graph=False)
    return {"accuracy": accuracy(model, images), "mass_in_marks": mass_fraction(s, images.marks).mean().item()}


def feedback(seed: int) -> dict[str, dict[str, float]]:
    """Return what each arm says of test images whose decoy tells nothing."""

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    train, test = digits(generator(), decoy="telling")
    free, _ = digits(generator(), decoy="random")
    before = fitted(eye(seed), train, seed)
    arms = {"trained on random decoys": fitted(eye(seed), free, seed), "before": before}
    tuned = {
        "no marks": (train, plain),
        "random marks": (elsewhere(train, generator()), by_mass),
        "marks, mass fraction": (train, by_mass),
        "marks, right reasons": (train, by_reasons),
    }
    for name, (images, loss) in tuned.items():
        arms[name] = fitted(copy.deepcopy(before).train(), images, seed, loss=loss, epochs=FINE_EPOCHS)
    return {name: marked(model, test) for name, model in arms.items()}


def holes(seed: int) -> dict[str, dict[str, float]]:
    """Return accuracy on whole images and with the most salient square hidden, each network's own."""
    train, test = digits(torch.Generator().manual_seed(seed), decoy="random")
    found = {}
    for name, score in {"none": None, "random": anywhere, "guided": most_salient}.items():
        alter = score and CutOut(name, score, width=HOLE, probability=0.5, start=0.25, fill="zero")
        model = fitted(eye(seed), train, seed, alter=alter)
        target = one_hot(test.y, CLASSES).float()
        mass = window_mass(saliency(evidence(model, target), test.x, target=0, create_graph=False), HOLE).flatten(1)
        inside = window_mask(mass.argmax(1), (SIDE, SIDE), HOLE)[:, None]
        hidden = test._replace(x=torch.where(inside, 0.0, test.x))
        found[name] = {"clean_accuracy": accuracy(model, test), "masked_accuracy": accuracy(model, hidden)}
    return found


def scattered(seed: int) -> tuple[Digits, np.ndarray]:
    """Return images of a digit somewhere (1) or of its pixels strewn about (0), and where its ink is."""
    rng, found = np.random.default_rng(seed), load_digits()
    order = rng.permutation(len(found.target))
    values = np.zeros((len(order), SIDE, SIDE), np.float32)
    y = rng.permutation(len(order)) % 2
    for number, image in enumerate(found.images[order] / 16):
        row, column = rng.integers(SIDE - 8 + 1, size=2)
        values[number, row : row + 8, column : column + 8] = image
        if not y[number]:
            values[number] = rng.permutation(values[number].ravel()).reshape(SIDE, SIDE)
    truth = (values > 0.25) & (y == 1)[:, None, None]
    return Digits(ink(torch.from_numpy(values)), torch.from_numpy(y), torch.zeros(len(y), SIDE, SIDE)), truth


def activation(seed: int) -> dict[str, dict[str, float]]:
    """Return how well maps of a network that learned only whether there is a digit find its ink."""
    images, truth = scattered(seed)
    model = fitted(eye(seed, 2, mean=True), images.part(slice(0, TRAIN)), seed)
    positive = (images.y == 1).nonzero()[:, 0]
    tune, test = positive[positive < TRAIN][:40], positive[positive >= TRAIN]
    maps = {"class activation": activations(model, images.x), "gradient x input": attributions(model, images.x)}
    found = {name: {"dice": tuned_dice(s, truth, tune, test)} for name, s in maps.items()}
    found["everything"] = {"dice": dice(np.ones_like(truth[test]), truth[test]).mean()}
    sure = seeds(maps["class activation"][test], sure_yes=0.5, sure_no=0.1)
    found["class activation"] |= {
        "accuracy": accuracy(model, images.part(slice(TRAIN, None))),
        "sure_yes_on_ink": truth[test][sure == YES].mean(),
        "sure_no_off_ink": 1 - truth[test][sure == NO].mean(),
        "base_rate": truth[test].mean(),
    }
    return found


def activations(model: Network, x: Tensor) -> np.ndarray:
    with torch.no_grad():
        weight, bias = (values[1] - values[0] for values in (model.output.weight, model.output.bias))
        cam = class_activation(model.features(x), weight, bias)
        return at_input(cam[:, None], (SIDE, SIDE))[:, 0].numpy()


def attributions(model: Network, x: Tensor) -> np.ndarray:
    target = torch.tensor([[0.0, 1.0]]).expand(len(x), -1)
    return saliency(evidence(model, target), x, target=0, create_graph=False).detach().abs().numpy()


def tuned_dice(s: np.ndarray, truth: np.ndarray, tune: Tensor, test: Tensor) -> float:
    """Return Dice at the threshold, the same for all images, that does best on forty annotated ones."""
    limits = np.quantile(s[tune], np.linspace(0.02, 0.98, 49))
    best = max(limits, key=lambda limit: dice(s[tune] > limit, truth[tune]).mean())
    return float(dice(s[test] > best, truth[test]).mean())


def run(experiment: Callable[[int], dict[str, dict[str, float]]]) -> pd.DataFrame:
    """Return one row per seed, one column per arm and metric."""
    found = [pd.DataFrame(experiment(seed)).T.stack().dropna() for seed in SEEDS]
    return pd.DataFrame(found, index=list(SEEDS))


def rows_of(name: str, table: pd.DataFrame, *differences: tuple[str, str, str, str]) -> list:
    rows = [measured(name, arm, metric, values.dropna()) for (arm, metric), values in table.items()]
    for one, other, metric, wanted in differences:
        difference = table[one, metric] - table[other, metric]
        rows.append(compared(name, f"({one}) - ({other})", metric, difference, wanted=wanted))
    return rows


def test_marks_bring_back_the_accuracy_of_training_without_a_telling_decoy():
    table = run(feedback)
    free, mass = "trained on random decoys", "marks, mass fraction"
    differences = [(mass, "before", "accuracy", ""), (mass, free, "accuracy", "mean >= -0.05")]
    differences += [("no marks", "before", "accuracy", ""), ("random marks", "before", "accuracy", "")]
    record(rows_of("images_feedback", table, *differences))
    mean = table.mean()
    assert mean[mass, "accuracy"] > mean["before", "accuracy"] + 0.1, mean
    assert mean[mass, "accuracy"] > mean[free, "accuracy"] - 0.05, mean
    assert mean[mass, "mass_in_marks"] < 0.08, mean


def test_guided_holes_protect_from_the_loss_of_what_matters_most():
    table = run(holes)
    differences = [("guided", "random", metric, "") for metric in ("masked_accuracy", "clean_accuracy")]
    differences += [("guided", "none", metric, "") for metric in ("masked_accuracy", "clean_accuracy")]
    record(rows_of("images_cutout", table, *differences))
    mean = table.mean()
    assert mean["guided", "masked_accuracy"] > mean["none", "masked_accuracy"], mean
    assert mean["guided", "clean_accuracy"] > mean["none", "clean_accuracy"] - 0.08, mean


def test_class_activation_finds_a_digit_that_only_the_image_was_labelled_for():
    table = run(activation)
    differences = [("class activation", other, "dice", "") for other in ("gradient x input", "everything")]
    record(rows_of("images_activation", table, *differences))
    mean = table.mean()
    assert mean["class activation", "dice"] > mean["everything", "dice"], mean
    assert mean["class activation", "sure_yes_on_ink"] > mean["class activation", "base_rate"], mean
