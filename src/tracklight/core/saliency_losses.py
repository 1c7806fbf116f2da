"""Losses on saliency maps: functions of tensors that can be differentiated with respect to the weights of the network.

They need a second backward pass. Of a piecewise linear network (ReLU) the curvature in the input is 0, but the mixed
derivative with respect to input and weights is not, so these losses do train it; the biases alone learn nothing from
them. A mass fraction and a cosine do not change when the map is multiplied by a number, so that a network cannot lower
them by shrinking its outputs; the squared forms can be lowered in that way.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tracklight.core.attribution import Model, corrected, evaluating

TINY = 1e-12  # keeps the map of an example without any gradient from dividing by 0; far below any other map


def output_gradient(model: Model, x: Tensor, *, target: int, create_graph: bool) -> Tensor:
    """Return the gradient of one output with respect to the input, itself differentiable in the weights if asked.

    Parameters
    ----------
    model : Module or callable
        Maps `(batch, channel, *space)` to `(batch, target)`; a module is run in evaluation mode, so that batch
        normalisation is frozen, examples do not influence each other and nothing is dropped.
    x : Tensor (batch, channel, *space)
        Input; not modified.
    target : int
        Which output: a standardised value, or log-odds.
    create_graph : bool
        Whether what is made of the gradient is to be differentiated.

    Returns
    -------
    Tensor (batch, channel, *space)
    """
    x = x.detach().requires_grad_()
    with evaluating(model), torch.enable_grad():
        return torch.autograd.grad(model(x)[:, target].sum(), x, create_graph=create_graph)[0]


def saliency(model: Model, x: Tensor, *, target: int, create_graph: bool, correct: bool = True) -> Tensor:
    """Return the signed map `sum over channels of gradient x input`, by default with the corrected gradient.

    Parameters
    ----------
    model, x, target, create_graph
        As in `output_gradient`.
    correct : bool
        Remove the channel mean of the gradient first, as for one-hot bases.

    Returns
    -------
    Tensor (batch, *space)
        Its absolute value is what the losses below weigh.
    """
    found = output_gradient(model, x, target=target, create_graph=create_graph)
    return ((corrected(found) if correct else found) * x).sum(dim=1)


def mass_fraction(s: Tensor, mask: Tensor) -> Tensor:
    """Return the share of a map's absolute mass inside a mask.

    Parameters
    ----------
    s : Tensor (batch, *space)
        Map, signed or not.
    mask : Tensor (batch, *space)
        1 inside, 0 outside; bool or float.

    Returns
    -------
    Tensor (batch,)
        Between 0 and 1; both sums are differentiated.
    """
    size = s.abs()
    return (size * mask).flatten(1).sum(1) / size.flatten(1).sum(1).clamp(min=TINY)


def cosine_distance(first: Tensor, second: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """Return 1 minus the cosine between two maps of each example, where both are valid.

    Parameters
    ----------
    first, second : Tensor (batch, *space)
        Maps on the same positions.
    valid : Tensor (batch, *space), optional
        1 where the maps can be compared.

    Returns
    -------
    Tensor (batch,)
        0 for maps of the same direction, 2 for opposite ones.
    """
    mask = torch.ones_like(first) if valid is None else valid
    return 1 - functional.cosine_similarity((first * mask).flatten(1), (second * mask).flatten(1), dim=1, eps=TINY)


def contrastive(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Return the loss of telling by its map to which example each second map belongs (InfoNCE).

    Parameters
    ----------
    first, second : Tensor (batch, *space)
        Two maps of each example; those of the other examples are what it must differ from, so that the same map for
        every input is no solution.
    temperature : float
        Of the cosines; lower is stricter.

    Returns
    -------
    Tensor (batch,)
        `-log softmax` of the cosine with its own; the logarithm of the batch size when maps tell nothing.

    References
    ----------
    Pillai et al. (2022), CVPR, 10213; van den Oord, Li & Vinyals (2018), arXiv:1807.03748.
    """
    a, b = (functional.normalize(maps.flatten(1), dim=1, eps=TINY) for maps in (first, second))
    own = torch.arange(len(a), device=a.device)
    return functional.cross_entropy(a @ b.T / temperature, own, reduction="none")


def fourier_prior(s: Tensor, *, limit: int, sd: float, softness: float) -> Tensor:
    """Return the share of a map's spectrum at high frequencies: maps of motifs are smoother than noise.

    Parameters
    ----------
    s : Tensor (batch, position)
        Map; its absolute value is smoothed first.
    limit : int
        Whole periods per map below which a frequency counts in full.
    sd : float
        Standard deviation of the smoothing (positions); what is meant to be kept is wider.
    softness : float
        Exponent of the fall beyond: a frequency k counts `1 / (1 + (k - limit)^softness)`.

    Returns
    -------
    Tensor (batch,)
        `1 - sum of weight x share of magnitude` over frequencies from 1 on; 0 when all is below the limit.

    References
    ----------
    Tseng, Shrikumar & Kundaje (2020), NeurIPS 33:1913.
    """
    magnitude = torch.fft.rfft(_smoothed(s.abs(), sd)).abs()[:, 1:]
    share = magnitude / magnitude.sum(1, keepdim=True).clamp(min=TINY)
    beyond = torch.arange(1, share.shape[1] + 1, device=s.device, dtype=s.dtype) - limit
    weight = torch.where(beyond < 0, 1.0, 1 / (1 + beyond.clamp(min=0) ** softness))
    return 1 - (share * weight).sum(1)


def logit_l2(gradient: Tensor, mask: Tensor) -> Tensor:
    """Return the squared gradient of the output inside a mask, summed over channels and positions.

    Parameters
    ----------
    gradient : Tensor (batch, channel, *space)
        As `output_gradient` returns it.
    mask : Tensor (batch, *space)
        1 where the network should not look.

    Returns
    -------
    Tensor (batch,)
        In units of the output squared: it falls when outputs shrink.
    """
    return (mask[:, None] * gradient).square().flatten(1).sum(1)


def right_reasons(model: Model, x: Tensor, mask: Tensor, *, target: int | None = None) -> Tensor:
    """Return the squared gradient of the summed log-probabilities inside a mask, the loss as it was published.

    With two classes the gradient is `(1 - 2p)` times that of the log-odds and vanishes at p = 0.5, so that a network
    escapes by being unsure; there `logit_l2` is the one to take.

    Parameters
    ----------
    model : Module or callable
        Maps `(batch, channel, *space)` to logits `(batch, class)`; run in evaluation mode.
    x : Tensor (batch, channel, *space)
        Input.
    mask : Tensor (batch, *space)
        1 where the network should not look.
    target : int, optional
        The output that holds the log-odds of a binary label; by default outputs are the logits of classes.

    Returns
    -------
    Tensor (batch,)

    References
    ----------
    Ross, Hughes & Doshi-Velez (2017), IJCAI, 2662.
    """

    def log_probabilities(x: Tensor) -> Tensor:
        found = model(x)
        if target is None:
            return functional.log_softmax(found, dim=1).sum(1, keepdim=True)
        logit = found[:, [target]]
        return functional.logsigmoid(logit) + functional.logsigmoid(-logit)

    with evaluating(model):
        return logit_l2(output_gradient(log_probabilities, x, target=0, create_graph=True), mask)


def _smoothed(values: Tensor, sd: float) -> Tensor:
    """Smooth `(batch, position)` by a Gaussian of this width, cut at three standard deviations; zeros beyond ends."""
    reach = int(3 * sd)
    offset = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (offset / sd).square())
    return functional.conv1d(values[:, None], (kernel / kernel.sum())[None, None], padding=reach)[:, 0]
