"""Losses, and the units of the targets they are made for; what was not measured does not count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from tracklight.errors import complaint


@dataclass(frozen=True)
class Loss:
    """A loss and what it asks of the targets.

    Attributes
    ----------
    each : callable
        `each(prediction, target, reduction="none")`, one loss per value.
    standardised : bool
        Whether targets are brought to mean 0 and spread 1 on the training windows; otherwise they stay as they are.
    labels : tuple of float
        The only values a target may have; any when empty. Of labels the network predicts the log-odds.
    probabilities : bool
        Whether targets are probabilities, such as another network's answers: anything from 0 to 1.
    classes : bool
        Whether the targets of an example are the probabilities of classes that exclude each other: they sum to 1.
    """

    each: Callable[..., Tensor]
    standardised: bool
    labels: tuple[float, ...] = ()
    probabilities: bool = False
    classes: bool = False


def class_divergence(prediction: Tensor, target: Tensor, *, reduction: Literal["none"]) -> Tensor:
    """Return what each class adds to the Kullback-Leibler divergence of the predicted from the target distribution.

    Parameters
    ----------
    prediction : Tensor (batch, class)
        Log-odds.
    target : Tensor (batch, class)
        Probabilities; a 1 among 0s is a label, and the divergence is then the cross-entropy.
    reduction : str
        As in `torch.nn.functional`.

    Returns
    -------
    Tensor (batch, class)
        Times the number of classes, so that the mean over classes and examples is the divergence per example.
    """
    assert reduction == "none", "the caller leaves out what was not measured"
    own = torch.special.xlogy(target, target)
    return target.shape[1] * (own - target * functional.log_softmax(prediction, dim=1))


BINARY = functional.binary_cross_entropy_with_logits
LABELS = (0.0, 1.0)
LOSSES: dict[str, Loss] = {
    "mse": Loss(functional.mse_loss, standardised=True),
    "huber": Loss(functional.smooth_l1_loss, standardised=True),
    "bce": Loss(BINARY, standardised=False, labels=LABELS),
    "ce": Loss(class_divergence, standardised=False, labels=LABELS, classes=True),
    "soft_bce": Loss(BINARY, standardised=False, probabilities=True),
    "soft_ce": Loss(class_divergence, standardised=False, probabilities=True, classes=True),
}
SUM_TOLERANCE = 1e-3  # probabilities read from a table are rounded


def masked_loss(name: str, prediction: Tensor, target: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Return the mean loss over measured values of `(batch, target)`; 0 when there are none.

    A temperature divides the prediction, and its square keeps the size of the gradient (Hinton, Vinyals & Dean 2015,
    arXiv:1503.02531); the targets are those of the same temperature.
    """
    measured = ~torch.isnan(target)
    filled = torch.where(measured, target, prediction.detach())
    each = LOSSES[name].each(prediction / temperature, filled, reduction="none")
    return temperature**2 * (each * measured).sum() / measured.sum().clamp(min=1)


def constant_prediction(name: str, targets: Tensor) -> Tensor:
    """Return what `(target,)` a network should say that knows nothing of its input: means, of labels as log-odds.

    `targets` is `(example, target)`, those that are not measured left out.
    """
    loss, mean = LOSSES[name], targets.nanmean(0)
    if loss.classes:
        return mean.log()
    return mean if loss.standardised else torch.logit(mean)


def check_labels(name: str, targets: Tensor) -> None:
    """Raise `InputError` when a loss is for labels or probabilities and the targets (example, target) are none."""
    loss, measured = LOSSES[name], ~torch.isnan(targets)
    labels = torch.tensor(loss.labels, device=targets.device)
    other = targets[measured & ~torch.isin(targets, labels)] if loss.labels else targets[:0]
    _refuse(name, other, "targets are not the labels this loss is for", ", ".join(f"{label:g}" for label in LABELS))
    outside = targets[measured & ((targets < 0) | (targets > 1))] if loss.probabilities else targets[:0]
    _refuse(name, outside, "targets are not the probabilities this loss is for", "0 to 1")
    if loss.classes:
        sums = targets[measured.any(1)].sum(1)  # NaN where only some classes are given
        alone = targets.shape[1] == 1
        off = sums if alone else sums[~((sums - 1).abs() <= SUM_TOLERANCE)]
        _refuse(name, off, "targets of a window are not one class of several", "a sum of 1 over two or more targets")


def _refuse(name: str, values: Tensor, what: str, allowed: str) -> None:
    if not len(values):
        return
    raise complaint(
        what,
        where=f"train.loss: {name}",
        got=round(values.flatten()[0].item(), 6),
        allowed=f"{allowed}, or nothing where not measured",
        do="use prepare_windows.transform: none on columns of labels, or train.loss: mse",
    )
