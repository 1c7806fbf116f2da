"""Settings of the stage that turns window labels into elements at base resolution."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tracklight.settings.base import Device, Fraction, Settings, Whole

Strength = Annotated[float, Field(ge=0)]


class Affinity(Settings):
    """Affinities of pairs of bases, learned from the seeds."""

    radius_bp: Whole = Field(5, ge=1, description="pairs are at most this far apart (bp)")
    units: Whole = Field(8, ge=1, description="length of the embedding")
    training_steps: Whole = Field(100, ge=1, description="steps of Adam on all pairs at once")
    learning_rate: float = Field(0.01, gt=0, description="of Adam")
    windows: Whole = Field(200, ge=1, description="training windows whose pairs are learned from")
    power: float = Field(8.0, gt=0, description="exponent of the affinities in the walk")
    walk_steps: list[Annotated[Whole, Field(ge=1)]] = Field(
        [16, 64, 256], min_length=1, description="lengths of the walk that are tried"
    )


class Segment(Settings):
    """Window labels to elements at base resolution."""

    refinement: Literal["best", "threshold", "smooth", "tv", "potts", "walker", "affinity", "hmm"] = Field(
        "best",
        description="what the elements are cut with; best: the one of the highest Dice on the annotated windows; hmm "
        "is learned without any annotation and has no threshold",
    )
    gate: Literal["label", "prediction"] = Field(
        "label", description="which windows may hold elements: those measured active, or those predicted active"
    )
    annotated_windows: Whole = Field(
        40, ge=1, description="active validation windows with known elements that everything is chosen on, at most"
    )
    background_windows: Whole = Field(
        1_000, ge=1, description="inactive training windows whose level and spread are the zero and unit of the maps"
    )
    training_windows: Whole = Field(1_000, ge=1, description="active training windows that the HMM is learned from")
    sure_yes: Fraction = Field(0.6, description="seeds: bases above this share of the window's highest score")
    sure_no: Fraction = Field(0.1, description="seeds: bases below this share of the window's highest score")
    thresholds: Whole = Field(19, ge=1, description="thresholds that are tried: quantiles of the annotated windows")
    smooth_bp: list[Annotated[Whole, Field(ge=1)]] = Field(
        [9, 15, 25, 41, 61, 81], min_length=1, description="widths of the box that are tried (bp)"
    )
    tv_weights: list[Strength] = Field(
        [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        min_length=1,
        description="total variation: weights that are tried (SD times bp)",
    )
    potts_betas: list[Strength] = Field(
        [0.5, 1.0, 2.0, 4.0, 8.0, 16.0], min_length=1, description="Potts: prices of a change that are tried (log-odds)"
    )
    walker_betas: list[Strength] = Field(
        [0.1, 0.3, 1.0, 3.0, 10.0], min_length=1, description="random walker: what crossing one squared SD costs"
    )
    affinity: Affinity = Field(default_factory=Affinity, description="AffinityNet-style pairs")
    bootstrap: Whole = Field(1_000, ge=100, description="bootstrap samples over genome blocks")
    seed: Whole = Field(0, ge=0, description="seed of the windows drawn, of the affinities and of the bootstrap")
    device: Device = "auto"

    @model_validator(mode="after")
    def _seeds_leave_room(self) -> "Segment":
        if self.sure_no >= self.sure_yes:
            raise ValueError("sure_no must be below sure_yes")
        return self
