"""Settings of the stage that simulates sleep EEG with a known content and a known confound."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tracklight.settings.base import Fraction, Settings, Whole

Spread = Annotated[float, Field(ge=0, le=5)]
Channel = Literal["Fp1", "Fz", "C3", "P4", "O2", "EOG"]


class Content(Settings):
    """What stands in the signal when the report has the content: a short burst on one channel."""

    amplitude_sd: float = Field(
        0.2, ge=0, le=100, description="peak of the burst in SD of the channel before that awakening; 0: no content"
    )
    probability: Fraction = Field(0.7, description="probability that an epoch of a report with content holds the burst")
    channel: Channel = Field("P4", description="channel of the burst, added after the channels are mixed")
    frequency_hz: float = Field(32.0, gt=0, description="frequency of the burst (Hz)")
    duration_s: float = Field(1.0, gt=0, description="length of its Hann window (s)")
    latency_s: float = Field(5.0, gt=0, description="middle of the burst, before the end of its epoch (s)")


class Confound(Settings):
    """What the label hangs on besides content: log-odds b + rem([REM] - 1/2) + depth z + time(night - 1/2)."""

    rem: float = Field(2.0, ge=-20, le=20, description="log-odds of the label in REM sleep above other stages (k)")
    depth: float = Field(0.0, ge=-20, le=20, description="log-odds per SD of the depth within a stage (r)")
    time: float = Field(0.0, ge=-20, le=20, description="log-odds from sleep onset to the end of the night (t)")
    subject_sd: Spread = Field(0.3, description="SD of the subjects' own log-odds (b)")


class SubjectEffects(Settings):
    """How subjects differ."""

    gain_sd: Spread = Field(0.2, description="SD of the log amplitude")
    exponent_sd: Spread = Field(0.15, description="SD of the exponent of the 1/f background")
    alpha_sd_hz: Spread = Field(0.7, description="SD of the peak frequency of alpha, around 10 Hz")


class ReportEffects(Settings):
    """How the stretches before awakenings differ within a subject; without it epochs are too independent."""

    gain_sd: Spread = Field(0.1, description="SD of the log amplitude")
    exponent_sd: Spread = Field(0.08, description="SD of the exponent of the 1/f background")
    muscle_sd: Spread = Field(0.25, description="SD of the log amplitude of muscle activity")


class Depth(Settings):
    """How deep within its stage sleep is: a first-order autoregressive course over the night with mean 0 and SD 1."""

    memory: float = Field(0.95, ge=0, lt=1, description="correlation of neighbouring 30-s epochs")
    on_signal: Spread = Field(
        0.0, description="per SD of depth: log amplitude of a stage's oscillations up, exponent of the background down"
    )
    proxy_correlation: Fraction = Field(
        0.9, description="correlation of the column depth_proxy of the reports with the depth"
    )


class SimulateEeg(Settings):
    """Stretches of sleep EEG before awakenings, each with a report, over the stages of real nights."""

    subjects: Whole = Field(20, ge=2, le=999, description="simulated subjects, each with the stages of one night")
    reports: Whole = Field(20, ge=2, le=999, description="awakenings with a report per subject")
    epochs: Whole = Field(4, ge=1, le=100, description="epochs before each awakening")
    epoch_s: Whole = Field(10, ge=1, le=300, description="length of an epoch (s)")
    rate_hz: Whole = Field(100, ge=64, le=1000, description="sampling rate (Hz)")
    rem_share: Fraction = Field(
        0.45, description="share of a subject's reports from REM sleep, rounded to whole reports"
    )
    other_stages: list[Literal["W", "N1", "N2", "N3"]] = Field(
        ["N2", "N3"], min_length=1, description="stages of the other reports, as often as the night offers them"
    )
    content: Content = Field(default_factory=Content, description="the planted signal")
    confound: Confound = Field(default_factory=Confound, description="what else the label hangs on")
    subject_effects: SubjectEffects = Field(default_factory=SubjectEffects, description="differences of subjects")
    report_effects: ReportEffects = Field(default_factory=ReportEffects, description="differences of awakenings")
    depth: Depth = Field(default_factory=Depth, description="the course of depth within stages")
    suppressor_sd: float = Field(
        0.0, ge=0, le=100,
        description="noise in the band of the burst, shared by its channel and the nearest one, in SD of that channel",
    )  # fmt: skip
    ocular_leak: Fraction = Field(0.3, description="share of eye movements that reaches Fp1; farther channels get less")
    # At 1 a burst of 0.2 SD lost one of its three bins in one of eight studies of the default size, at 0.7 in none.
    muscle: float = Field(0.7, ge=0, le=100, description="factor on the muscle activity of every stage")
    stage_names: Literal["rk", "aasm"] = Field(
        "rk", description="stages in the hypnograms: Rechtschaffen & Kales (Sleep stage 3) or AASM (Sleep stage N3)"
    )
    seed: Whole = Field(0, ge=0, description="seed of everything; arms that differ in content share all random numbers")

    @model_validator(mode="after")
    def _burst_fits(self) -> "SimulateEeg":
        half, late = self.content.duration_s / 2, self.content.latency_s
        if late - half < 0 or late + half > self.epoch_s:
            raise ValueError("content.latency_s and content.duration_s that keep the burst inside its epoch")
        if self.content.frequency_hz + 2 / self.content.duration_s > self.rate_hz / 2:
            raise ValueError("content.frequency_hz below half of rate_hz, by two over content.duration_s at least")
        return self
