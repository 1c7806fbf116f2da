"""Settings of feedback: a trained network is corrected by marks, and what that changed is measured."""

from typing import Literal

from pydantic import Field

from tracklight.settings.base import Device, Settings, Whole


class Feedback(Settings):
    """Fine-tuning by marks, and its measurement on held-out windows."""

    form: Literal["mass", "logit_l2", "right_reasons"] = Field(
        "mass",
        description="mass: share of a window's saliency in its marks; logit_l2: squared gradient of the output in "
        "irrelevant marks; right_reasons: the same of the summed log-probabilities, for three or more classes only",
    )
    irrelevant_weight: float = Field(
        5.0, ge=0, description="weight of the term that removes saliency from irrelevant marks; 0 leaves it out"
    )
    relevant_weight: float = Field(
        1.0, ge=0, description="mass only: weight of the term that draws saliency to relevant marks; 0 leaves it out"
    )
    epochs: Whole = Field(5, ge=1, description="passes over the training windows")
    learning_rate: float | None = Field(
        None, gt=0, description="peak learning rate of the new one-cycle schedule; null: as the network was trained"
    )
    windows: Whole = Field(500, ge=8, description="measurement: held-out windows per kind of mark")
    smallest_group: Whole = Field(
        10, ge=2, description="measurement: fewer held-out windows than this get no accuracy, share or effect"
    )
    bootstrap: Whole = Field(1_000, ge=100, description="measurement: bootstrap samples over genome blocks")
    seed: Whole = Field(0, ge=0, description="seed of the control marks, of the choice of windows and of the bootstrap")
    device: Device = "auto"
