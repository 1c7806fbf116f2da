"""Settings of the stages that train networks and measure their accuracy."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tracklight.settings.base import Device, Fraction, Settings, Whole
from tracklight.settings.levers import Augment, Consistency


class Architecture(Settings):
    """Shape of the network."""

    name: Literal["valid_conv", "residual_dilated", "global_pool"] = Field(
        "valid_conv", description="family of the network"
    )
    filters: Whole = Field(64, ge=1, description="filters per layer")
    kernels: list[Annotated[Whole, Field(ge=1)]] = Field(
        [11, 7, 5],
        min_length=1,
        description="valid_conv, global_pool: kernel of each convolution; residual_dilated: stem, then blocks (bp)",
    )
    pools: list[Annotated[Whole, Field(ge=1)]] = Field(
        [2, 2, 2],
        description="valid_conv: max-pooling after each convolution; their product is the scan stride (bp)",
    )
    blocks: Whole = Field(4, ge=1, description="residual_dilated: number of blocks, dilation doubles in each")
    pool: Literal["max", "mean"] = Field(
        "max", description="global_pool: pooling over all positions; mean is for class activation maps"
    )
    hidden: Whole = Field(64, ge=1, description="valid_conv, residual_dilated: units of the dense layer")
    dropout: Fraction = Field(0.3, description="dropout before the output, in training only")
    batch_norm: bool = Field(True, description="valid_conv: batch normalisation after each convolution")


Seeds = Annotated[list[Annotated[Whole, Field(ge=0)]], Field(min_length=1)]


class Loop(Settings):
    """The training loop, whatever the signal."""

    device: Device = "auto"
    loss: Literal["mse", "huber", "bce", "ce", "soft_bce", "soft_ce"] = Field(
        "mse",
        description="mse, huber: on the transformed targets, standardised on the training windows; "
        "bce: targets are 0 or 1 (transform: none) and the output is the log-odds of 1; "
        "ce: targets are classes, one column each, 1 in one of them and 0 in the others; "
        "soft_bce, soft_ce: the same with probabilities instead of 0 and 1",
    )
    temperature: float = Field(
        1.0, gt=0, le=100, description="soft_bce, soft_ce: log-odds are divided by it before they become probabilities"
    )
    epochs: Whole = Field(12, ge=1, description="passes over the training windows at most")
    batch_size: Whole = Field(128, ge=1, description="windows per step")
    learning_rate: float = Field(3e-3, gt=0, description="peak learning rate of AdamW with a one-cycle schedule")
    weight_decay: float = Field(1e-2, ge=0, description="decoupled weight decay of AdamW")
    patience_epochs: Whole = Field(
        8, ge=1, description="stop when the validation loss has not fallen for this many epochs"
    )

    @model_validator(mode="after")
    def _temperature_of_probabilities(self) -> Self:
        if self.temperature != 1 and not self.loss.startswith("soft"):
            raise ValueError("a temperature other than 1 with loss: soft_bce or soft_ce only")
        return self


class Train(Loop):
    """Training of one network per seed."""

    architecture: Architecture = Field(default_factory=Architecture, description="the network")
    seeds: Seeds = Field([0, 1, 2], description="one network is trained per seed; together they form the ensemble")
    max_shift_bp: Whole = Field(
        2, ge=0, description="augmentation: windows are moved by up to this many bases either way (bp)"
    )
    reverse_complement: Literal["auto", "on", "off"] = Field(
        "auto", description="augmentation; auto: on for assays that do not tell strands apart"
    )
    augment: Augment = Field(default_factory=Augment, description="augmentation: CutOut")
    consistency: Consistency = Field(default_factory=Consistency, description="similar windows, similar maps")

    @field_validator("seeds")
    @classmethod
    def _every_seed_once(cls, seeds: list[int]) -> list[int]:
        return every_seed_once(seeds)


def every_seed_once(seeds: list[int]) -> list[int]:
    """Return the seeds; one that stands twice is a `ValueError`."""
    if len(set(seeds)) < len(seeds):
        raise ValueError("every seed once: equal seeds train equal networks")
    return seeds


class Evaluate(Settings):
    """Held-out accuracy beside its baselines."""

    kmer_lengths: list[Annotated[Whole, Field(ge=1, le=8)]] = Field(
        [3, 4, 5, 6], min_length=1, description="k-mer ridge: k is chosen among these on validation windows"
    )
    ridge_penalties: list[Annotated[float, Field(gt=0)]] = Field(
        [1.0, 10.0, 100.0, 1000.0],
        min_length=1,
        description="k-mer ridge: penalty, chosen on validation windows",
    )
    untrained_seeds: Whole = Field(5, ge=1, description="number of untrained networks")
    device: Device = "auto"
