"""The training loop: one file, top to bottom, resumable after any epoch."""

import copy
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tracklight.core.weights import load_tensors
from tracklight.errors import InputError, complaint
from tracklight.files import whole_file
from tracklight.learning.examples import Examples, predict
from tracklight.learning.losses import LOSSES, check_labels, masked_loss
from tracklight.models.network import Network
from tracklight.progress import log, track
from tracklight.settings import Loop

Row = dict[str, float | int]
WINDOWS_OF_IDENTITY = 64


@dataclass
class Progress:
    """What has been reached so far; it is all that a resumed training needs besides model and optimiser.

    Attributes
    ----------
    epoch : int
        Epochs done.
    best_loss : float
        Lowest validation loss.
    best_weights : dict
        Weights at that epoch.
    rows : list of dict
        One row of metrics per epoch.
    """

    epoch: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def epochs_since_best(self) -> int:
        """Number of epochs since the validation loss was lowest."""
        return self.epoch - int(max((row["epoch"] for row in self.rows if row["best"]), default=0))


class Variation(NamedTuple):
    """How windows vary in training: moved by up to so many positions either way, and read on the other strand."""

    max_shift: int = 0
    flip: bool = False


def fit(
    model: Network,
    examples: Examples,
    rows: dict[str, Tensor],
    settings: Loop,
    *,
    seed: int,
    vary: Variation,
    resume: Path,
) -> Progress:
    """Train a network and return its best state.

    Parameters
    ----------
    model : Module
        With buffers `scale` and `shift` (target,), which are set so that outputs are in units of the targets; for a
        loss on labels they are log-odds.
    examples : Examples
        All windows.
    rows : dict of str to Tensor
        Row numbers of the `train` and `validation` windows.
    settings : Loop
        How to train.
    seed : int
        Of the order of windows and of augmentation; every epoch has a generator of its own.
    vary : Variation
        How windows vary from one epoch to the next.
    resume : Path
        State after the last finished epoch; read when it exists, removed at the end.

    Raises
    ------
    InputError
        When the training targets do not vary or do not suit the loss, or the loss is not finite.
    """
    check_labels(settings.loss, examples.targets)
    standardise(model, examples.targets[rows["train"]], loss=settings.loss)
    steps = settings.epochs * math.ceil(len(rows["train"]) / settings.batch_size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=settings.learning_rate, total_steps=steps)
    parts = {"model": model, "optimiser": optimiser, "schedule": schedule}
    identity = _identity(f"{settings.model_dump_json()} {vary} seed {seed} {model}", examples, rows)
    progress = _resumed(resume, parts, identity=identity)
    epochs = range(progress.epoch, settings.epochs)
    for epoch in track(epochs, what=f"train seed {seed}", total=len(epochs), unit="epoch"):
        if progress.epochs_since_best >= settings.patience_epochs:
            break
        started = time.monotonic()
        with torch.random.fork_rng():
            torch.manual_seed(
                seed * 1_000_003 + epoch
            )  # dropout knows no generator; an epoch's own seed lets it resume
            draw = Augmentation(torch.Generator().manual_seed(torch.initial_seed()), vary)
            train_loss = _epoch(model, examples, rows["train"], settings, draw=draw, step=_stepper(optimiser, schedule))
        _note(progress, model, examples, rows["validation"], settings, train_loss=train_loss)
        progress.rows[-1] |= {"learning_rate": float(schedule.get_last_lr()[0]), "seconds": time.monotonic() - started}
        _save(resume, parts, progress, identity=identity)
    model.load_state_dict(progress.best_weights)
    return progress


@dataclass
class Augmentation:
    """Random order, shifts and strands of one epoch, drawn on the CPU so that every device sees the same."""

    generator: torch.Generator
    vary: Variation

    def order(self, count: int) -> Tensor:
        """Return a random order of `count` rows."""
        return torch.randperm(count, generator=self.generator)

    def __call__(self, count: int, device: torch.device) -> dict[str, Tensor | None]:
        """Return `shift` and `flip` for a batch of `count` windows, as `Examples.x` takes them."""
        most = self.vary.max_shift
        shift = torch.randint(-most, most + 1, (count,), generator=self.generator)
        flip = torch.rand(count, generator=self.generator) < 0.5
        return {"shift": shift.to(device), "flip": flip.to(device) if self.vary.flip else None}


def standardise(model: Network, targets: Tensor, *, loss: str) -> None:
    """Set `model.scale` and `model.shift` to the spread and mean of the training targets (example, target).

    A loss on targets as they are leaves them at 1 and 0.
    """
    measured = ~torch.isnan(targets)
    count = measured.sum(0)
    mean = torch.where(measured, targets, 0.0).sum(0) / count
    spread = (torch.where(measured, targets - mean, 0.0).square().sum(0) / count).sqrt()
    if not bool((spread > 0).all()):
        raise complaint("a target does not vary over the training windows", got=spread.tolist(), do="check the table")
    if LOSSES[loss].standardised:
        model.shift.copy_(mean)
        model.scale.copy_(spread)


def _epoch(
    model: Network,
    examples: Examples,
    rows: Tensor,
    settings: Loop,
    *,
    draw: Augmentation,
    step: Callable[[Tensor], None],
) -> float:
    model.train()
    total = 0.0
    order = rows[draw.order(len(rows)).to(rows.device)]
    for number, batch in enumerate(order.split(settings.batch_size)):
        x = examples.x(batch, **draw(len(batch), batch.device))
        loss = _loss(model, model(x), examples.targets[batch], settings)
        if not torch.isfinite(loss):
            raise complaint("training loss is not finite", where=f"batch {number}", do="lower train.learning_rate")
        step(loss)
        total += loss.item() * len(batch)
    return total / len(rows)


def _loss(model: Network, prediction: Tensor, target: Tensor, settings: Loop) -> Tensor:
    return masked_loss(settings.loss, model.standardised(prediction), model.standardised(target))


def _stepper(optimiser: torch.optim.Optimizer, schedule: Any) -> Callable[[Tensor], None]:
    def step(loss: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()

    return step


def _note(
    progress: Progress, model: Network, examples: Examples, rows: Tensor, settings: Loop, *, train_loss: float
) -> None:
    prediction = predict(model, examples, rows).to(rows.device)
    target = examples.targets[rows]
    loss = float(_loss(model, prediction, target, settings))
    best = loss < progress.best_loss
    progress.epoch += 1
    row: Row = {"epoch": progress.epoch, "train_loss": train_loss, "validation_loss": loss}
    progress.rows.append(row | {"validation_pearson": _pearson(prediction[:, 0], target[:, 0]), "best": int(best)})
    log.info("epoch %d: train %.4f, validation %.4f%s", progress.epoch, train_loss, loss, " *" if best else "")
    if best:
        progress.best_loss, progress.best_weights = loss, copy.deepcopy(model.state_dict())


def _pearson(a: Tensor, b: Tensor) -> float:
    measured = ~torch.isnan(b)
    return float(torch.corrcoef(torch.stack([a[measured], b[measured]]))[0, 1])


def _identity(how: str, examples: Examples, rows: dict[str, Tensor]) -> str:
    """Tell what a state belongs to: how it is trained, and the windows and measurements it learns from.

    Of the signal a few windows count: another genome, or epochs filtered otherwise, differ everywhere.
    """
    digest = hashlib.sha256(how.encode())
    for chosen in rows.values():
        spread = chosen[:: max(1, len(chosen) // WINDOWS_OF_IDENTITY)]
        for tensor in (examples.start[chosen], examples.reverse[chosen], examples.targets[chosen], examples.x(spread)):
            digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _save(path: Path, parts: dict[str, Any], progress: Progress, *, identity: str) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    with whole_file(path) as temporary:
        torch.save({**state, "progress": vars(progress), "identity": identity}, temporary)


def _resumed(path: Path, parts: dict[str, Any], *, identity: str) -> Progress:
    if not path.is_file():
        return Progress()
    try:
        state = load_tensors(path, what="training state")
    except InputError as error:
        log.warning("%s: training starts again", error)
        return Progress()
    if state.get("identity") != identity:
        log.info("%s is of other settings: training starts again", path)
        return Progress()
    for name, part in parts.items():
        part.load_state_dict(state[name])
    log.info("resuming after epoch %d", state["progress"]["epoch"])
    return Progress(**state["progress"])
