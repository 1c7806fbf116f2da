"""Settings of the stage `controls-eeg`: controls of the map."""

from tracklight.settings.base import Settings


class ControlsEeg(Settings):
    """Controls of the map."""
