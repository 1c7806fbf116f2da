"""Settings of the stage that trains a small network on the answers of an ensemble."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tracklight.settings.base import Whole
from tracklight.settings.learning import Architecture, Seeds, Train

SMALL = Architecture(filters=24, hidden=24)


class Distill(Train):
    """A student of the ensemble: trained as any network is, on answers instead of measurements.

    `loss` is mse or huber where the ensemble predicts measurements, soft_bce or soft_ce where it was trained on labels.
    """

    architecture: Architecture = Field(SMALL, description="the student")
    seeds: Seeds = Field([0], description="one student is trained per seed")
    answers: Literal["soft", "hardened", "permuted", "levelled"] = Field(
        "soft",
        description="what of the ensemble's answer the student sees: soft, all of it. Controls, with soft_ce only: "
        "hardened, the most probable class alone; permuted, the other probabilities exchanged at random; levelled, "
        "the other probabilities made equal",
    )
    track_windows: Whole = Field(
        500, ge=2, description="held-out windows on which attribution of student and ensemble is compared"
    )
    timed_bp: Whole = Field(
        40_000,
        ge=1,
        description="bases that student and ensemble attribute against the clock, in a genome's first (bp)",
    )

    @model_validator(mode="after")
    def _controls_of_classes(self) -> Self:
        if self.answers != "soft" and self.loss != "soft_ce":
            raise ValueError(f"answers: {self.answers} with loss: soft_ce only")
        if self.answers == "hardened" and self.temperature != 1:
            raise ValueError("answers: hardened with temperature: 1 only, a class alone has nothing to soften")
        return self
