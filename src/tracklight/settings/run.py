"""What the configuration of every run has, whatever its signal."""

from typing import Annotated, Literal

from pydantic import Field

from tracklight.settings.base import SAFE, Settings

Safe = Annotated[str, Field(pattern=SAFE)]  # becomes the name of a folder


class Run(Settings):
    """A run."""

    run: Safe = Field(description="name of the run; results go to results/<run>/")
    fingerprint: Literal["version", "code"] = Field(
        "version",
        description="what of the package re-runs stages when it changes: the version, or any line of code",
    )
