"""Settings of the stage that turns sleep recordings into epochs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tracklight.settings.base import Name, Settings, Whole

Microvolts = Annotated[float, Field(gt=0)]
Hertz = Annotated[float, Field(gt=0)]
Stage = Literal["W", "N1", "N2", "N3", "REM"]


class ReportColumns(Settings):
    """Names of the columns of report tables and of BIDS events; null means the column is absent."""

    report: str = Field("report", description="name of the report, unique within its recording")
    time: str = Field("time_s", description="awakening, from the start of the recording (s); in BIDS events: onset")
    label: str = Field("label", description="what was reported, a key of labels")
    order: str | None = Field(
        None,
        description="number of the awakening in the night; null: the column order if there is one, or by time",
    )
    stage: str = Field("stage", description="sleep stage, in BIDS events and where a recording has no hypnogram")


class SubjectSplit(Settings):
    """How subjects are divided for two-way cross-fitting; all recordings of a subject stay together."""

    by: Literal["halves", "column"] = Field("halves", description="halves drawn at random, or a column decides")
    column: str | None = Field(
        None, description="by column: its name in the recordings table; values A, A_validation, B, B_validation"
    )
    validation_subjects: Whole = Field(2, ge=1, description="subjects of each half that decide when training stops")
    seed: Whole = Field(0, ge=0, description="seed of the random choice of halves and validation subjects")

    @model_validator(mode="after")
    def _column_is_named(self) -> "SubjectSplit":
        if (self.by == "column") != (self.column is not None):
            raise ValueError("a column when split.by is column, and only then")
        return self


class PrepareEeg(Settings):
    """Sleep recordings to a tape in volts and an index of epochs."""

    channels: dict[Name, str | list[str]] = Field(
        {},
        description="new name of each channel and its label in the recordings, or labels of which the first that is "
        "there counts; empty keeps all channels of the first recording",
    )
    units: dict[Name, str] = Field(
        {},
        description="unit of channels by their label in the recordings, where the file does not tell (V, mV, uV, nV)",
    )
    rate_hz: Hertz | None = Field(None, description="sampling rate of the tape (Hz); null: that of the recordings")
    low_hz: Hertz | None = Field(None, description="lower edge of the pass band (Hz); null: no high-pass filter")
    high_hz: Hertz | None = Field(None, description="upper edge of the pass band (Hz); null: no low-pass filter")
    filter_order: Whole = Field(4, ge=1, le=10, description="order of the Butterworth filters, which run both ways")
    notch_hz: list[Hertz] = Field([], description="mains frequency and its multiples, to be filtered out (Hz)")
    notch_width_hz: Hertz = Field(2.0, description="width of the band that is stopped around each of them (Hz)")
    not_brain: list[Annotated[str, Field(min_length=1)]] = Field(
        ["*EOG*", "*EMG*", "*ECG*"],
        description="names of channels that are not of the brain (eyes, muscles, heart), with * and ? for any letters; "
        "capitals do not count. They are no part of the reference, and gate-eeg sets decoders on them alone beside the "
        "networks",
    )
    reference: str = Field(
        "none",
        description="none, average of the channels of the brain, or the label of a channel; it is subtracted from the "
        "channels of the brain, those of not_brain are left as they are",
    )
    columns: ReportColumns = Field(default_factory=ReportColumns, description="columns of report tables")
    labels: dict[str, Annotated[Whole, Field(ge=0, le=1)]] = Field(
        {"0": 0, "1": 1}, min_length=2, description="what the label column may say, and which of it counts as 1"
    )
    covariates: list[str] | dict[Name, str] | None = Field(
        None,
        description="further columns of the report tables to keep beside the epochs, or the new name of each and its "
        "column; null keeps all",
    )
    epochs: Literal["reports", "sleep"] = Field(
        "reports", description="epochs that end at awakenings, or all from the first to the last epoch of sleep"
    )
    epoch_s: float = Field(10.0, gt=0, description="length of an epoch (s)")
    before_s: float = Field(40.0, gt=0, description="stretch before each awakening that is cut into whole epochs (s)")
    stages: list[Stage] = Field(["N1", "N2", "N3", "REM"], min_length=1, description="stages whose epochs are kept")
    hypnogram_tolerance_s: float = Field(
        30.0, ge=0, description="how much longer or shorter than its recording a hypnogram may be (s)"
    )
    peak_to_peak_above_uv: Microvolts | None = Field(
        500.0, description="bad epoch: a channel spans more than this (µV); null: no such rule"
    )
    flat_below_uv: float = Field(0.5, ge=0, description="bad epoch: a channel spans less than this (µV)")
    clipped_samples: Whole = Field(
        3, ge=2, description="bad epoch: this many samples in a row at an end of the recorder's range"
    )
    split: SubjectSplit = Field(default_factory=SubjectSplit, description="subjects for cross-fitting")

    @model_validator(mode="after")
    def _whole_epochs(self) -> "PrepareEeg":
        if self.epochs == "reports" and self.before_s < self.epoch_s:
            raise ValueError("before_s of at least epoch_s")
        return self

    @model_validator(mode="after")
    def _edges_in_order(self) -> "PrepareEeg":
        if self.low_hz is not None and self.high_hz is not None and self.low_hz >= self.high_hz:
            raise ValueError("low_hz below high_hz")
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> "PrepareEeg":
        if set(self.labels.values()) != {0, 1}:
            raise ValueError("labels with both values, 0 and 1")
        return self
