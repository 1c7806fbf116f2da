"""Settings of the stage `claims-eeg`: what may be claimed: the conjunction of attribution and power."""

from tracklight.settings.base import Settings


class ClaimsEeg(Settings):
    """What may be claimed: the conjunction of attribution and power."""
