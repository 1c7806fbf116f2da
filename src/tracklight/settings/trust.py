"""Settings of the stages that measure whether the map can be trusted."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tracklight.settings.base import Device, Fraction, Settings, Whole


class ReceptiveField(Settings):
    """Where in its window a network looks: the effective receptive field."""

    windows: Whole = Field(256, ge=8, description="held-out windows over which squared gradients are averaged")
    mass: float = Field(
        0.95, gt=0, lt=1, description="the width of the field is the shortest stretch with this share of its mass"
    )
    wasted_below: Fraction = Field(
        0.5, description="warn when the width is less than this share of the window: most of the window is not used"
    )
    too_short_above: Fraction = Field(
        0.9, description="warn when the width is more than this share of the window: the network may want more context"
    )
    seed: Whole = Field(0, ge=0, description="seed of the choice of windows and of the mix of channels")
    device: Device = "auto"


class Deletion(Settings):
    """Deletion and insertion: whether the prediction hangs on the bases the map points at."""

    windows: Whole = Field(100, ge=8, description="held-out active windows")
    fillers: list[Literal["shuffle", "dinucleotide", "background", "neutral", "zero"]] = Field(
        ["shuffle", "dinucleotide", "background", "neutral", "zero"],
        min_length=1,
        description="what replaced bases become; the verdict, windowed masks and insertion use the first",
    )
    fractions: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.02, 0.04, 0.08, 0.16, 0.32, 0.64], min_length=2, description="shares of the bases that are replaced"
    )
    verdict_fraction: float = Field(
        0.04, gt=0, lt=1, description="share of replaced bases at which the gap to random order is judged"
    )
    width_bp: Whole = Field(12, ge=1, description="length of the stretches that windowed masks replace (bp)")
    draws: Whole = Field(3, ge=1, description="random fillers, random orders and untrained networks per window")
    subset_sizes: list[Annotated[Whole, Field(ge=1)]] = Field(
        [1, 2, 4, 8, 16, 32, 64],
        min_length=1,
        description="infidelity and sensitivity-n: sizes of the random sets of bases, those shorter than a window (bp)",
    )
    subsets: Whole = Field(32, ge=10, description="infidelity and sensitivity-n: random sets per window and size")
    mutations: Whole = Field(3, ge=1, description="max-sensitivity: point mutations per perturbed window (bp)")
    perturbations: Whole = Field(10, ge=1, description="max-sensitivity: perturbed copies per window")
    bootstrap: Whole = Field(1_000, ge=100, description="bootstrap samples over genome blocks")
    seed: Whole = Field(0, ge=0, description="seed of windows, fillers, orders, sets and bootstrap")
    device: Device = "auto"


class Methods(Settings):
    """Attribution methods, as the section `attribute` sets them, beside each other and beside in-silico mutagenesis."""

    windows: Whole = Field(64, ge=4, description="held-out active windows")
    untrained_seeds: Whole = Field(3, ge=1, description="number of untrained networks whose maps are the control")
    agree_above: Fraction = Field(
        0.5, description="pass when a map agrees at least this much with in-silico mutagenesis (Pearson r per window)"
    )
    gap_below: Fraction = Field(
        0.05, description="pass when the sum of a map misses the difference in prediction by at most this share"
    )
    bootstrap: Whole = Field(1_000, ge=100, description="bootstrap samples over genome blocks")
    seed: Whole = Field(0, ge=0, description="seed of the choice of windows and of the bootstrap")
    device: Device = "auto"


class Sanity(Settings):
    """Whether the map depends on what was learned, and whether it is stable."""

    windows: Whole = Field(200, ge=8, description="held-out active windows")
    draws: Whole = Field(3, ge=1, description="networks with random weights, each set against every trained network")
    margin: Fraction = Field(
        0.1, description="the map of a randomised network must agree this much less than that of another seed"
    )
    seeds_above: Fraction = Field(0.3, description="warn when the maps of two seeds agree less than this")
    shifts_bp: list[Annotated[Whole, Field(ge=1)]] = Field(
        [1, 4, 8], min_length=1, description="stability: the window is moved by this much either way (bp)"
    )
    stable_above: Fraction = Field(
        0.5, description="warn when the map of a moved window, or of the other strand, agrees less than this"
    )
    shuffled_epochs: Whole = Field(
        4, ge=0, description="epochs of the network trained on shuffled labels; 0 leaves it out"
    )
    shuffled_r_below: Fraction = Field(
        0.1, description="warn when the network trained on shuffled labels has a larger held-out |r| than this"
    )
    bootstrap: Whole = Field(1_000, ge=100, description="bootstrap samples over genome blocks")
    seed: Whole = Field(0, ge=0, description="seed of windows, random weights and shuffled labels")
    device: Device = "auto"


class Shortcuts(Settings):
    """Whether the model is right for the wrong reason."""

    window_regions: dict[str, Annotated[list[Annotated[Whole, Field(ge=0)]], Field(min_length=2, max_length=2)]] = (
        Field({}, description="name and [first, last-plus-one] base of a part of every window, from its 5' end (bp)")
    )
    windows: Whole = Field(500, ge=8, description="held-out windows per nuisance, with it and without it each")
    enrichment_above: float = Field(
        3.0, gt=0, description="flag rule: saliency per base of the nuisance, over the average"
    )
    effect_above_sd: float = Field(
        1.0, gt=0, description="flag rule: effect of inserting the nuisance (standard deviations of the prediction)"
    )
    beyond_permuted_sd: float = Field(
        0.5, gt=0, description="flag rule: how much more than its permuted bases the nuisance must do (the same unit)"
    )
    smallest_group: Whole = Field(
        10, ge=2, description="fewer held-out windows than this say nothing: no accuracy, no verdict"
    )
    bootstrap: Whole = Field(1_000, ge=100, description="bootstrap samples over genome blocks")
    seed: Whole = Field(0, ge=0, description="seed of windows, insertions and permutations")
    device: Device = "auto"

    @field_validator("window_regions")
    @classmethod
    def _every_region_has_length(cls, regions: dict[str, list[int]]) -> dict[str, list[int]]:
        if any(first >= last for first, last in regions.values()):
            raise ValueError("[first, last-plus-one] with the first below the last")
        return regions
