"""Settings of the stage `claims-eeg`: what may be claimed: the conjunction of attribution and power."""

from pydantic import Field

from tracklight.settings.base import Fraction, Settings


class ClaimsEeg(Settings):
    """What may be claimed: the conjunction of attribution and power, first by frequency and, where any is, by time."""

    naive_q: Fraction = Field(
        0.05,
        gt=0,
        description="false discovery rate at which the wrong analysis, a t-test on pooled epochs, counts a feature: "
        "shown beside the right one, no claim rests on it",
    )
