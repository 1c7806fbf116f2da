"""The levers of a training of DNA networks, from its settings."""

import torch

from tracklight.errors import complaint
from tracklight.learning.consistency import Consistency, Operator, Smoothness, mutation, reverse_complement, shift
from tracklight.learning.cutout import CutOut, Score, among_least, anywhere, by_share, most_salient
from tracklight.learning.levers import Levers, Term, Variation
from tracklight.learning.losses import LOSSES
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Train

UNTRAINED_SEED = 1_000_000  # of the network that guides as a control: that of no network in training


def levers_of(
    settings: Train, spec: ModelSpec, *, vary: Variation, stranded: bool, seed: int, device: torch.device
) -> Levers:
    """Return the levers that the settings ask for.

    Parameters
    ----------
    settings : Train
        Sections `augment` and `consistency`.
    spec : ModelSpec
        Of the network to train; an untrained guide is built alike.
    vary : Variation
        How windows vary.
    stranded : bool
        Whether the assay tells strands apart.
    seed : int
        Of the network to train.
    device : torch.device
        To train on.

    Returns
    -------
    Levers
        With a lever, the last state is kept: the validation loss prefers the one before the lever acted.

    Raises
    ------
    InputError
        When a lever does not suit the loss, the windows or the assay.
    """
    alter = _cutout(settings, spec, seed=seed, device=device)
    terms = _terms(settings, stranded=stranded)
    guard = settings.consistency.guard if terms else None
    return Levers(vary, alter, terms, keep="last" if alter or terms else "best", guard=guard)


def _cutout(settings: Train, spec: ModelSpec, *, seed: int, device: torch.device) -> CutOut | None:
    how = settings.augment
    if how.cutout == "off":
        return None
    if not _on_labels(settings) and not how.insist:
        raise complaint(
            "CutOut leaves the amount what it was when a part that contributes to it is hidden, and biases the network",
            where="train.augment.cutout", got=f"{how.cutout} with train.loss: {settings.loss}", allowed="off",
            do="train on labels, or set train.augment.insist: true",
        )  # fmt: skip
    if how.width_bp > spec.length:
        raise complaint(
            "the window to hide is longer than the window", where="train.augment.width_bp", got=how.width_bp,
            allowed=f"1 to {spec.length}",
        )  # fmt: skip
    salient: Score = by_share if how.sampled else most_salient
    scores = {"guided": salient, "untrained": salient, "random": anywhere, "keep": among_least(how.keep_below)}
    guide = build(spec, seed=UNTRAINED_SEED + seed).to(device) if how.cutout == "untrained" else None
    return CutOut(
        how=how.model_dump_json(), score=scores[how.cutout], width=how.width_bp, probability=how.probability,
        start=how.warm_up, fill="shuffle", guide=guide,
    )  # fmt: skip


def _terms(settings: Train, *, stranded: bool) -> tuple[Term, ...]:
    how, labels = settings.consistency, _on_labels(settings)
    terms: list[Term] = []
    if how.weight:
        operators = tuple(_operators(settings, stranded=stranded))
        temperature = how.temperature if how.form == "contrastive" else None
        terms.append(Consistency(how.model_dump_json(), how.weight, how.start, operators, temperature, labels))
    if how.fourier_weight:
        limit, sd, softness = how.fourier_limit, how.fourier_smooth_bp, how.fourier_softness
        terms.append(Smoothness(how.fourier_weight, how.start, limit, sd, softness, labels))
    return tuple(terms)


def _operators(settings: Train, *, stranded: bool) -> list[Operator]:
    how = settings.consistency
    if stranded and "reverse_complement" in how.neighbours:
        raise complaint(
            "maps of the two strands differ where the assay tells strands apart",
            where="train.consistency.neighbours", got="reverse_complement", allowed="shift, mutation",
            do="or set prepare_windows.stranded: false",
        )  # fmt: skip
    known = {
        "reverse_complement": reverse_complement,
        "shift": shift(how.max_shift_bp),
        "mutation": mutation(how.mutation_rate),
    }
    return [known[name] for name in how.neighbours]


def _on_labels(settings: Train) -> bool:
    return not LOSSES[settings.loss].standardised
