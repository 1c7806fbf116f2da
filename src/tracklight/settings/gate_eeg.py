"""Settings of the gate: does a decoder tell the labels apart within strata, and what do simpler ones do."""

from typing import Annotated

from pydantic import Field

from tracklight.settings.base import Settings
from tracklight.settings.prepare_eeg import Stage


class PowerRidge(Settings):
    """Baseline of every network: ridge regression on the logarithm of power per channel and band."""

    bin_hz: float = Field(1.0, gt=0, description="width of the bands (Hz)")
    penalties: list[Annotated[float, Field(gt=0)]] = Field(
        [10.0, 100.0, 1000.0, 10000.0], min_length=1, description="ridge penalty, chosen on validation subjects"
    )


class GateEeg(Settings):
    """What has to be passed before any map is interpreted."""

    ridge: PowerRidge = Field(default_factory=PowerRidge, description="the baselines on log power, and the placebo")
    placebo_stage: Stage = Field(
        "REM", description="placebo: a model of this stage must not tell the labels apart within strata"
    )
    night_penalty: float = Field(
        1.0, gt=0, description="stage and covariates: penalty of the logistic regression on standardised columns"
    )
