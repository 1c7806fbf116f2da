"""Settings of the stage `units-eeg`: one row per report: attribution, power and output of the networks."""

from tracklight.settings.base import Settings


class UnitsEeg(Settings):
    """One row per report: attribution, power and output of the networks."""
