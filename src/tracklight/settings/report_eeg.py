"""Settings of the page of an EEG run."""

from pydantic import Field

from tracklight.settings.base import Settings, Whole


class ReportEeg(Settings):
    """One self-contained page."""

    title: str = Field("Dream or REM?", min_length=1, description="title of the page")
    about: str = Field("", description="what was done, in a few sentences")
    citation: list[str] = Field([], description="what to cite beside tracklight")
    top_n: Whole = Field(20, ge=1, description="features that the table of each study shows")
    examples_per_half: Whole = Field(
        2, ge=0, description="example epochs shown of each study and half: the highest evidence, the lowest, and so on"
    )
