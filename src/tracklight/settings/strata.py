"""Settings of the stratified statistics: which columns mean what, and how labels are exchanged."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tracklight.settings.base import Fraction, Settings, Whole

Column = Annotated[str, Field(min_length=1)]


class Strata(Settings):
    """Is a difference between two labels content, or the company that the labels keep."""

    label: Column = Field("label", description="column with the label, 0 or 1, of each row")
    subject: Column | None = Field(
        "subject", description="column with the subject (or chromosome) that a row belongs to; null: all are one"
    )
    strata: list[Column] = Field(
        ["stage"],
        description="columns whose values must be equal for two rows to be compared (sleep stage, GC quintile)",
    )
    fold: Column | None = Field(
        None, description="column with the direction of the cross-fit; no subject may be in two; null: there is one"
    )
    score: Column | None = Field(
        None, description="column with the output of the model (log-odds) for the gate and the split of its gap"
    )
    features: list[Column] = Field(
        [],
        description="columns to compare; empty: those of the table of axes, or without one all that no other setting "
        "names",
    )
    ignore: list[Column] = Field([], description="columns that are no features")
    bin_column: Column | None = Field(
        None, description="second stratifier (depth of sleep, time of night), cut into bins"
    )
    bins: Whole = Field(8, ge=2, description="number of its bins, of about equal count")
    bin_within: Literal["subject", "table"] = Field(
        "subject", description="where its quantiles are taken: in each subject, or over the table"
    )
    exchange: Literal["permute", "shift"] = Field(
        "permute", description="labels under the null: permuted within strata, or shifted along them (events in time)"
    )
    order: Column | None = Field(None, description="column with the time of each row; needed for shift")
    permutations: Whole = Field(
        5_000, ge=19, description="labellings under the null; all that exist when there are no more"
    )
    parts: Whole = Field(
        1, ge=1, le=10_000, description="how many jobs share the labellings; more than one: each by strata-null"
    )
    alpha: Fraction = Field(0.05, gt=0, description="family-wise error; a design that cannot reach it is refused")
    cluster_z: float = Field(2.0, gt=0, description="a feature joins a cluster above this |z|")
    smallest_overlap: Fraction = Field(
        0.5, description="refuse to conclude when fewer of the rows are in strata with both labels"
    )
    bootstrap: Whole = Field(2_000, ge=100, description="bootstrap samples over subjects")
    bca_from_subjects: Whole = Field(10, ge=3, description="with fewer subjects the interval is Student's")
    seed: Whole = Field(0, ge=0, description="seed of the labellings and of the bootstrap")

    @model_validator(mode="after")
    def _shifts_need_time(self) -> "Strata":
        if self.exchange == "shift" and self.order is None:
            raise ValueError("exchange: shift needs the column `order`")
        return self


class StrataEeg(Strata):
    """Is a difference between two labels content, or the company that the labels keep."""

    fold: Column | None = Field(
        "half", description="column with the direction of the cross-fit; no subject may be in two; null: there is one"
    )
    score: Column | None = Field(
        "margin", description="column with the output of the model (log-odds) for the gate and the split of its gap"
    )
