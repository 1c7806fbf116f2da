"""A whole run on sleep EEG: its studies and one section per stage."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tracklight.settings.base import PathText, Settings, Whole, validate
from tracklight.settings.claims_eeg import ClaimsEeg
from tracklight.settings.controls_eeg import ControlsEeg
from tracklight.settings.eeg_learning import AttributeEeg, TrainEeg, Whiten
from tracklight.settings.gate_eeg import GateEeg
from tracklight.settings.prepare_eeg import PrepareEeg
from tracklight.settings.report_eeg import ReportEeg
from tracklight.settings.run import Run, Safe
from tracklight.settings.simulate_eeg import SimulateEeg
from tracklight.settings.strata import StrataEeg
from tracklight.settings.units_eeg import UnitsEeg


class InputsEeg(Settings):
    """Files the run reads."""

    recordings: dict[Safe, PathText] = Field(
        {}, description="studies: table of recordings (TSV) or BIDS folder, by the name of the study"
    )
    hypnograms: PathText | None = Field(None, description="folder of hypnograms of real nights, for simulated studies")


class EegConfig(Run):
    """A whole run on sleep EEG: its studies and one section per stage."""

    modality: Literal["eeg"] = Field(description="what the tape holds")
    inputs: InputsEeg = Field(description="files the run reads")
    simulate_eeg: dict[Safe, SimulateEeg] = Field(
        {}, description="stage simulate-eeg: studies to simulate, by name; each takes the keys of this section"
    )
    prepare_eeg: PrepareEeg = Field(default_factory=PrepareEeg, description="stage prepare-eeg, for all studies")
    studies: dict[Safe, dict[str, Any]] = Field(
        {},
        description="keys of prepare_eeg that are others for one study, by its name: columns and split are laid over "
        "key by key, any other key is replaced as a whole",
    )
    whiten_eeg: Whiten = Field(default_factory=Whiten, description="stage whiten-eeg")
    train_eeg: dict[Safe, TrainEeg] = Field(
        {"eeg_conv": TrainEeg()},
        min_length=1,
        description="stage train-eeg: networks by name; claims rest on the first, the others stand beside it",
    )
    attribute_eeg: AttributeEeg = Field(default_factory=AttributeEeg, description="stage attribute-eeg")
    units_eeg: UnitsEeg = Field(default_factory=UnitsEeg, description="stage units-eeg")
    strata: StrataEeg = Field(default_factory=StrataEeg, description="stage strata, for every map")
    second_stratifiers: dict[Safe, Annotated[Whole, Field(ge=2)]] = Field(
        {},
        description="columns of the reports (depth, time of night) and into how many bins each is cut: "
        "every contrast is repeated within their bins, one column at a time",
    )
    gate_eeg: GateEeg = Field(default_factory=GateEeg, description="stage gate-eeg")
    controls_eeg: ControlsEeg = Field(default_factory=ControlsEeg, description="stage controls-eeg")
    claims_eeg: ClaimsEeg = Field(default_factory=ClaimsEeg, description="stage claims-eeg")
    report_eeg: ReportEeg = Field(default_factory=ReportEeg, description="stage report-eeg")

    @model_validator(mode="after")
    def _there_is_a_study(self) -> "EegConfig":
        both = self.inputs.recordings.keys() & self.simulate_eeg.keys()
        if both:
            raise ValueError(f"every study once: {sorted(both)[0]} is in inputs.recordings and in simulate_eeg")
        if not self.study_names:
            raise ValueError("a study: inputs.recordings, or simulate_eeg with inputs.hypnograms")
        if self.simulate_eeg and self.inputs.hypnograms is None:
            raise ValueError("inputs.hypnograms, which simulated studies are driven by")
        return self

    @model_validator(mode="after")
    def _every_study_can_be_prepared(self) -> "EegConfig":
        for name in self.studies:
            if name not in self.study_names:
                raise ValueError(f"names of studies in studies ({', '.join(self.study_names)}), not {name}")
            self.prepared(name)
        return self

    @property
    def study_names(self) -> list[str]:
        """Names of the studies, given and simulated."""
        return [*self.inputs.recordings, *self.simulate_eeg]

    def prepared(self, study: str) -> PrepareEeg:
        """Return how the recordings of a study are prepared: the common section with its own keys laid over it."""
        values = self.prepare_eeg.model_dump(exclude_unset=True)
        for key, own in self.studies.get(study, {}).items():
            inner = isinstance(getattr(self.prepare_eeg, key, None), Settings) and isinstance(own, dict)
            values[key] = values.get(key, {}) | own if inner else own
        return validate(PrepareEeg, values, where=f"config.studies.{study}")
