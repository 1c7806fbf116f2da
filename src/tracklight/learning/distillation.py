"""What a student learns from: the answers of trained networks, as targets for the same training loop.

Of classes the student learns the teacher's probabilities, softened by a temperature (Hinton, Vinyals & Dean 2015,
arXiv:1503.02531); of measurements the mean over the teachers and their spread, one head each. The network that is kept
has the heads of one of the two.
"""

from collections.abc import Callable

import torch
from torch import Tensor

HEAD = ("output.weight", "output.bias", "scale", "shift")  # what a network has once per target
SMALLEST = 1e-12  # of a probability, so that its logarithm is finite


def probabilities(logits: Tensor, *, classes: bool) -> Tensor:
    """Return the mean over networks of their probabilities.

    Parameters
    ----------
    logits : Tensor (network, example, target)
        Log-odds.
    classes : bool
        Whether the targets exclude each other, so that the probabilities of an example sum to 1.

    Returns
    -------
    Tensor of float64 (example, target)
    """
    logits = logits.double()
    return (logits.softmax(-1) if classes else logits.sigmoid()).mean(0)


def softened(probability: Tensor, *, temperature: float, classes: bool) -> Tensor:
    """Return probabilities `(example, target)` whose log-odds are divided by a temperature; 1 leaves them as they are.

    Above 1 the small ones among them weigh more.
    """
    logs = probability.clamp(min=SMALLEST).log()
    if classes:
        return (logs / temperature).softmax(-1)
    return ((logs - (1 - probability).clamp(min=SMALLEST).log()) / temperature).sigmoid()


def hardened(probability: Tensor, generator: torch.Generator) -> Tensor:
    """Return only which class is the most probable, as 1 among 0s `(example, class)`."""
    del generator  # nothing is drawn
    return torch.nn.functional.one_hot(probability.argmax(1), probability.shape[1]).to(probability)


def permuted(probability: Tensor, generator: torch.Generator) -> Tensor:
    """Return the same confidence in the same class, the other probabilities exchanged at random in each example."""
    ranks = torch.rand(probability.shape, generator=generator).to(probability)
    order = probability.argsort(1, descending=True)
    first = torch.arange(probability.shape[1], device=order.device) == 0
    shuffled = torch.where(first, -1.0, ranks).argsort(1)  # the most probable class stays the first
    return torch.empty_like(probability).scatter(1, order, probability.gather(1, order.gather(1, shuffled)))


def levelled(probability: Tensor, generator: torch.Generator) -> Tensor:
    """Return the same confidence in the same class, the rest spread evenly over the others `(example, class)`."""
    del generator  # nothing is drawn
    top = probability.max(1, keepdim=True).values
    others = ((1 - top) / (probability.shape[1] - 1)).expand_as(probability)
    return others.scatter(1, probability.argmax(1, keepdim=True), top)


def soft(probability: Tensor, generator: torch.Generator) -> Tensor:
    """Return the probabilities as they are."""
    del generator  # nothing is drawn
    return probability


# What is left of the teacher's answer: all of it, or one of the controls that show which part of it teaches.
ANSWERS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "soft": soft,
    "hardened": hardened,
    "permuted": permuted,
    "levelled": levelled,
}


def moments(outputs: Tensor) -> Tensor:
    """Return the mean over networks and, of two or more, their standard deviation.

    Parameters
    ----------
    outputs : Tensor (network, example, target)
        In units of the targets.

    Returns
    -------
    Tensor of float32 (example, target) or (example, 2 * target)
        All means, then all standard deviations (n - 1 in the denominator).
    """
    mean = outputs.double().mean(0)
    return (torch.cat([mean, outputs.double().std(0)], 1) if len(outputs) > 1 else mean).float()


def heads(weights: dict[str, Tensor], targets: slice) -> dict[str, Tensor]:
    """Return the state of a network with some of its targets; what lies before the output is shared."""
    return {name: value[targets].clone() if name in HEAD else value for name, value in weights.items()}


def class_log_odds(logits: Tensor) -> Tensor:
    """Return log-odds `(example, class)` of the mean probabilities of networks `(network, example, class)`."""
    return probabilities(logits, classes=True).clamp(min=SMALLEST).log()
