"""The training loop: one file, top to bottom, resumable after any epoch."""

import copy
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tracklight.core.weights import load_tensors
from tracklight.errors import InputError, complaint
from tracklight.files import whole_file
from tracklight.learning.examples import Examples, predict
from tracklight.learning.levers import Batch, Levers, Reading, Variation
from tracklight.learning.losses import LOSSES, check_labels, constant_prediction, masked_loss
from tracklight.models.network import Network
from tracklight.progress import log, track
from tracklight.settings import Loop

Row = dict[str, float | int]
WINDOWS_OF_IDENTITY = 64
LEVERS_SEED = 700_001  # less than what lies between the seeds of two networks, more than any number of epochs


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
        One row of metrics per epoch; `best` is 1 where the state of the epoch was the one to keep so far.
    before : dict
        Weights when the first term of the levers began; empty until then, and without a guard.
    began : int
        Epochs done by then.
    limit : float
        Validation loss above which the guard restores them.
    guarded : int
        Epoch after which it did; 0 when it did not.
    """

    epoch: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    before: dict[str, Tensor] = field(default_factory=dict)
    began: int = 0
    limit: float = math.inf
    guarded: int = 0

    @property
    def epochs_since_best(self) -> int:
        """Number of epochs since the validation loss was lowest."""
        return self.epoch - int(max((row["epoch"] for row in self.rows if row["best"]), default=0))


def fit(
    model: Network,
    examples: Examples,
    rows: dict[str, Tensor],
    settings: Loop,
    *,
    seed: int,
    levers: Levers,
    resume: Path,
) -> Progress:
    """Train a network and leave it in the state to keep.

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
    levers : Levers
        What varies, alters the input or is added to the loss, and which state is kept.
    resume : Path
        State after the last finished epoch; read when it exists, removed at the end.

    Raises
    ------
    InputError
        When the training targets do not vary or do not suit the loss, or the loss is not finite.
    """
    check_labels(settings.loss, examples.targets)
    standardise(model, examples.targets[rows["train"]], loss=settings.loss)
    parts = _parts(model, settings, examples=len(rows["train"]))
    identity = _identity(f"{settings.model_dump_json()} {levers} seed {seed} {model}", examples, rows)
    progress = _resumed(resume, parts, identity=identity)
    epochs = range(progress.epoch, settings.epochs)
    for epoch in track(epochs, what=f"train seed {seed}", total=len(epochs), unit="epoch"):
        if progress.guarded or progress.epochs_since_best >= settings.patience_epochs:
            break
        started, acting = time.monotonic(), levers.at(epoch / settings.epochs)
        _remember(progress, model, examples, rows, settings, levers=acting)
        with torch.random.fork_rng():
            # dropout knows no generator; an epoch's own seed lets it resume
            torch.manual_seed(seed * 1_000_003 + epoch)
            draw = Augmentation.seeded(torch.initial_seed(), levers.vary)
            means = _epoch(model, examples, rows["train"], settings, draw=draw, levers=acting, step=_stepper(parts))
        means = dict.fromkeys(["train_loss", *(term.name for term in levers.weighing())], math.nan) | means
        _note(progress, model, examples, rows["validation"], settings, means=means, keep=levers.keep)
        _watch(progress)
        rate = float(parts["schedule"].get_last_lr()[0])
        progress.rows[-1] |= {"learning_rate": rate, "seconds": time.monotonic() - started}
        _save(resume, parts, progress, identity=identity)
    model.load_state_dict(progress.best_weights)
    return progress


@dataclass
class Augmentation:
    """Random order, shifts and strands of one epoch, drawn on the CPU so that every device sees the same.

    Levers draw from a generator of their own, so that these draws are the same with and without them.
    """

    generator: torch.Generator
    vary: Variation
    for_levers: torch.Generator = field(default_factory=torch.Generator)

    @classmethod
    def seeded(cls, seed: int, vary: Variation) -> "Augmentation":
        """Return the draws of one epoch."""
        own, levers = (torch.Generator().manual_seed(number) for number in (seed, seed + LEVERS_SEED))
        return cls(own, vary, levers)

    def order(self, count: int) -> Tensor:
        """Return a random order of `count` rows."""
        return torch.randperm(count, generator=self.generator)

    def __call__(self, count: int, device: torch.device) -> Reading:
        """Return `shift` and `flip` for a batch of `count` windows, as `Examples.x` takes them."""
        most = self.vary.max_shift
        shift = torch.randint(-most, most + 1, (count,), generator=self.generator)
        flip = torch.rand(count, generator=self.generator) < 0.5
        return {"shift": shift.to(device), "flip": flip.to(device) if self.vary.flip else None}

    def batch(self, examples: Examples, rows: Tensor) -> Batch:
        """Read windows in a way that is drawn."""
        how = self(len(rows), rows.device)
        return Batch(examples.x(rows, **how), examples.targets[rows], rows, draw=self.for_levers, **how)


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
    levers: Levers,
    step: Callable[[Tensor], None],
) -> Row:
    """Return the mean loss of the prediction and of each term, before its weight."""
    model.train()
    totals: Row = {}
    order = rows[draw.order(len(rows)).to(rows.device)]
    for number, chosen in enumerate(order.split(settings.batch_size)):
        batch = draw.batch(examples, chosen)
        x = batch.x if levers.alter is None else levers.alter(model, batch)
        loss = _loss(model, model(x), batch.target, settings)
        terms = [(term, term(model, batch)) for term in levers.terms]
        total = sum((term.weight * value for term, value in terms), start=loss)
        if not torch.isfinite(total):
            raise complaint("training loss is not finite", where=f"batch {number}", do="lower train.learning_rate")
        step(total)
        for name, value in [("train_loss", loss), *((term.name, value) for term, value in terms)]:
            totals[name] = totals.get(name, 0.0) + value.item() * len(chosen)
    return {name: value / len(rows) for name, value in totals.items()}


def _loss(model: Network, prediction: Tensor, target: Tensor, settings: Loop) -> Tensor:
    prediction, target = model.standardised(prediction), model.standardised(target)
    return masked_loss(settings.loss, prediction, target, temperature=settings.temperature)


def _parts(model: Network, settings: Loop, *, examples: int) -> dict[str, Any]:
    """Return what has a state while training: `model`, `optimiser` and `schedule`."""
    steps = settings.epochs * math.ceil(examples / settings.batch_size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=settings.learning_rate, total_steps=steps)
    return {"model": model, "optimiser": optimiser, "schedule": schedule}


def _stepper(parts: dict[str, Any]) -> Callable[[Tensor], None]:
    def step(loss: Tensor) -> None:
        parts["optimiser"].zero_grad(set_to_none=True)
        loss.backward()
        parts["optimiser"].step()
        parts["schedule"].step()

    return step


def _note(
    progress: Progress, model: Network, examples: Examples, rows: Tensor, settings: Loop, *, means: Row, keep: str
) -> None:
    prediction = predict(model, examples, rows).to(rows.device)
    target = examples.targets[rows]
    loss = float(_loss(model, prediction, target, settings))
    best = loss < progress.best_loss or keep == "last"
    progress.epoch += 1
    row: Row = {"epoch": progress.epoch, **means, "validation_loss": loss}
    progress.rows.append(row | {"validation_pearson": _pearson(prediction[:, 0], target[:, 0]), "best": int(best)})
    shown = ", ".join(f"{name.removesuffix('_loss')} {value:.4f}" for name, value in list(row.items())[1:])
    log.info("epoch %d: %s%s", progress.epoch, shown, " *" if best else "")
    if best:
        progress.best_loss, progress.best_weights = loss, copy.deepcopy(model.state_dict())


def _remember(
    progress: Progress, model: Network, examples: Examples, rows: dict[str, Tensor], settings: Loop, *, levers: Levers
) -> None:
    """Keep the state in which the terms begin, and set the limit of the guard."""
    if levers.guard is None or not levers.terms or progress.before:
        return
    target = examples.targets[rows["validation"]]
    if levers.guard_against == "constant":
        prediction = constant_prediction(settings.loss, examples.targets[rows["train"]]).expand_as(target)
    else:
        prediction = predict(model, examples, rows["validation"]).to(target.device)
    progress.limit = (1 + levers.guard) * float(_loss(model, prediction, target, settings))
    progress.before, progress.began = copy.deepcopy(model.state_dict()), progress.epoch


def _watch(progress: Progress) -> None:
    """Restore the state in which the terms began when the validation loss is beyond the guard."""
    loss = progress.rows[-1]["validation_loss"]
    if loss <= progress.limit:
        return
    log.warning("validation loss %.4f is above the guard %.4f: back to epoch %d", loss, progress.limit, progress.began)
    progress.guarded, progress.best_weights = progress.epoch, progress.before
    for row in progress.rows[progress.began :]:
        row["best"] = 0


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
