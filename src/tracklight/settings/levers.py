"""Settings of the levers on training: what is hidden from a network, and how much its maps must hold still."""

from typing import Annotated, Literal

from pydantic import Field

from tracklight.settings.base import Fraction, Settings, Whole


class Augment(Settings):
    """CutOut: a window is hidden, so that the network learns to use the rest."""

    cutout: Literal["off", "guided", "random", "untrained", "keep"] = Field(
        "off",
        description="which window is hidden: guided: the most salient one; random: any; untrained: the most salient "
        "one of an untrained network (control); keep: one of the least salient; off: none",
    )
    width_bp: Whole = Field(12, ge=1, description="length of the window; about 1.5 motifs (bp)")
    probability: Fraction = Field(0.5, gt=0, description="share of windows that are cut in a step")
    warm_up: Fraction = Field(0.25, description="share of the training without it")
    sampled: bool = Field(
        False,
        description="guided, untrained: draw the window in proportion to its saliency instead of taking the highest",
    )
    keep_below: Fraction = Field(
        0.4, gt=0, description="keep: the window is drawn among this share of all, the least salient ones"
    )
    insist: bool = Field(
        False,
        description="allow it with a loss for amounts (mse, huber): the amount is not changed when an element that "
        "contributes to it is hidden, and accuracy falls",
    )


class Consistency(Settings):
    """Similar windows should have similar maps: a term of the loss, and a prior on the spectrum of maps."""

    weight: float = Field(0.0, ge=0, description="weight in the loss; 0 is off")
    form: Literal["cosine", "contrastive"] = Field(
        "cosine",
        description="cosine: 1 minus the cosine of the two maps; contrastive: telling the maps of windows apart as "
        "well, so that one map for all is no solution",
    )
    neighbours: list[Literal["reverse_complement", "shift", "mutation"]] = Field(
        ["shift", "mutation"],
        min_length=1,
        description="what is similar to a window; each step takes one of them at random. reverse_complement: for "
        "assays that do not tell strands apart",
    )
    mutation_rate: Fraction = Field(0.04, gt=0, description="mutation: share of bases replaced by another base")
    max_shift_bp: Whole = Field(10, ge=1, description="shift: windows are moved by up to this many bases (bp)")
    temperature: float = Field(0.5, gt=0, description="contrastive: of the cosines")
    fourier_weight: float = Field(0.0, ge=0, description="weight of the share of high frequencies in the map; 0 is off")
    fourier_smooth_bp: float = Field(3.0, gt=0, description="prior: standard deviation of the smoothing of maps (bp)")
    fourier_limit: Fraction = Field(
        0.15, gt=0, description="prior: frequencies count in full below this share of one per base (1/bp)"
    )
    fourier_softness: float = Field(0.2, gt=0, description="prior: exponent of the fall beyond the limit")
    start: Fraction = Field(
        0.5, description="share of the training after which the terms act; started early they freeze networks at chance"
    )
    guard: Annotated[float, Field(gt=0)] | None = Field(
        0.1,
        description="share by which the validation loss may exceed that before the terms; above it, that state is kept "
        "and the training ends. null: no guard",
    )
