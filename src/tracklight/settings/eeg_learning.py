"""Settings of what is made of epochs of EEG: whitening, networks, attribution."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tracklight.settings.base import CLASS, NO_COLON, Device, Fraction, Settings, Whole
from tracklight.settings.learning import Loop, Seeds, every_seed_once

Plain = bool | int | float | str | None
PEAK_LEARNING_RATES = {"eeg_conv": 5e-3, "square_pool": 2e-2, "external": 1e-3}  # few weights want a higher rate

Edge = Annotated[float, Field(ge=0)]
BandName = Annotated[str, Field(pattern=NO_COLON)]  # part of the names of features


class Whiten(Settings):
    """Filter per subject and channel that gives every frequency the same mean amplitude."""

    smooth_hz: float = Field(1.0, gt=0, description="width over which the mean amplitude spectrum is averaged (Hz)")
    floor: Fraction = Field(
        1e-4,
        description="amplitudes below this share of the largest of the channel count as this share: "
        "what a filter has removed stays small",
    )


class EegArchitecture(Settings):
    """Shape of a network on epochs `(channel, position)`."""

    name: Literal["eeg_conv", "square_pool", "external"] = Field(
        "eeg_conv",
        description="family of the network; square_pool: a weighted sum of band powers; external: a class of another "
        "package",
    )
    filters: Whole = Field(16, ge=1, description="spatial filters, and filters of every later layer")
    temporal_kernel: Whole = Field(25, ge=1, description="width of the temporal filters (samples)")
    pool: Whole = Field(5, ge=1, description="eeg_conv: mean-pooling between the convolutions (samples)")
    mixing_kernel: Whole = Field(9, ge=1, description="eeg_conv: width of the second convolution (pooled samples)")
    dropout: Fraction = Field(0.25, description="eeg_conv: dropout before the output, in training only")

    module: str | None = Field(
        None,
        pattern=CLASS,
        description="external: a class of torch.nn.Module as `package.module:Class` that turns (batch, channel, "
        "position) into one logit, or into two, of label 0 and label 1",
    )
    arguments: dict[str, Plain | list[Plain]] = Field(
        {},
        description="external: keyword arguments of the class; $channels, $length (samples of a crop), $targets and "
        "$rate_hz stand for what the data give",
    )

    @model_validator(mode="after")
    def _external_has_a_module(self) -> "EegArchitecture":
        if (self.name == "external") != (self.module is not None):
            raise ValueError("module: a class for name: external, and for no other name")
        if self.arguments and self.module is None:
            raise ValueError("arguments: for name: external only")
        return self

    def options(self) -> dict[str, Any]:
        """Return what the constructor of this architecture takes."""
        names = {
            "eeg_conv": {"filters", "temporal_kernel", "pool", "mixing_kernel", "dropout"},
            "square_pool": {"filters", "temporal_kernel"},
            "external": {"module", "arguments"},
        }
        return self.model_dump(include=names[self.name])


class TrainEeg(Settings):
    """Training of one network per seed and half of the subjects, on random crops of epochs."""

    architecture: EegArchitecture = Field(default_factory=EegArchitecture, description="the network")
    seeds: Seeds = Field(
        [0, 1, 2], description="one network is trained per seed and half; together they form the ensemble"
    )
    device: Device = "auto"
    steps: Whole = Field(500, ge=1, description="optimiser steps; the state with the lowest validation loss is kept")
    batch_size: Whole = Field(64, ge=1, description="epochs per step")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="peak learning rate of AdamW with a one-cycle schedule; null: as suits the architecture ("
        + ", ".join(f"{name} {rate:g}" for name, rate in PEAK_LEARNING_RATES.items())
        + ")",
    )
    weight_decay: float = Field(1e-3, ge=0, description="decoupled weight decay of AdamW")
    crop_share: Fraction = Field(
        0.8, gt=0, description="share of an epoch that a training crop takes, at a random place; 1: whole epochs"
    )

    @field_validator("seeds")
    @classmethod
    def _every_seed_once(cls, seeds: list[int]) -> list[int]:
        return every_seed_once(seeds)

    def crop(self, length: int) -> int:
        """Return the length of a training crop of epochs of this length (samples)."""
        return max(round(self.crop_share * length), 1)

    def loop(self, examples: int) -> Loop:
        """Return the passes over so many training epochs that come nearest to the steps; none ends it early."""
        passes = max(round(self.steps / math.ceil(examples / self.batch_size)), 1)
        return Loop(
            device=self.device,
            loss="bce",
            epochs=passes,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate or PEAK_LEARNING_RATES[self.architecture.name],
            weight_decay=self.weight_decay,
            patience_epochs=passes,
        )


class AttributeEeg(Settings):
    """Attribution on held-out subjects."""

    device: Device = "auto"
    completeness_sd: float = Field(
        0.01,
        gt=0,
        description="gradient x input is taken when its values sum to the margin up to this error, else integrated "
        "gradients; above it in both no evidence is divided (standard deviations of the margin)",
    )
    completeness_epochs: Whole = Field(
        256, ge=2, description="epochs on which this error is measured, evenly spread over all that are explained"
    )
    integrated_steps: Whole = Field(8, ge=1, description="integrated gradients: steps, at the midpoints")
    rank_tolerance: Fraction = Field(
        1e-5,
        description="channels' second moment: eigenvalues below this share of the largest are rounding, no signal",
    )
    bin_hz: float = Field(1.0, gt=0, description="width of the bins of frequency (Hz)")
    bands: dict[BandName, tuple[Edge, Edge]] = Field(
        {
            "delta": (0.5, 4.0),
            "theta": (4.0, 8.0),
            "alpha": (8.0, 12.0),
            "sigma": (12.0, 16.0),
            "beta": (16.0, 30.0),
            "gamma": (30.0, 45.0),
        },
        min_length=1,
        description="bands of the form by time and frequency: lowest frequency, which belongs to it, and its end, "
        "which does not (Hz); what is left over is one more, named rest",
    )
    frame_s: float = Field(1.0, gt=0, description="frames of the form by time and frequency (s)")
    time_bin_s: float = Field(2.0, gt=0, description="bins of time of that form (s)")
    examples: Whole = Field(4, ge=0, description="epochs kept as examples, of the highest and the lowest margins")
    batch_size: Whole = Field(256, ge=1, description="epochs explained at once")

    @field_validator("bands")
    @classmethod
    def _bands_apart(cls, bands: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        if "rest" in bands:
            raise ValueError("names other than rest, which is what no band holds")
        edges = [edge for band in sorted(bands.values()) for edge in band]
        if edges != sorted(edges) or any(low == end for low, end in bands.values()):
            raise ValueError("bands that end above their start and do not overlap")
        return bands
