"""Settings of the stage `units-eeg`: one row per report: attribution, power and output of the networks."""

from pydantic import Field

from tracklight.settings.base import Settings


class UnitsEeg(Settings):
    """One row per report: attribution, power and output of the networks."""

    neighbour_deg: float = Field(
        45.0,
        ge=0,
        le=180,
        description="channels are neighbours up to this angle, seen from the middle of the head (degrees): 45 joins "
        "the next of a 10-20 cap along its rows and columns, 22 those of a 10-10 cap",
    )
