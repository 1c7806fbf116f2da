"""The settings of every stage: one frozen model each, and the only home of defaults that can change a result.

What lives here: the pydantic models behind the sections of `config/*.yaml`. May import: errors only.
To add: a field with its unit in the name, bounds and a description; `make docs` refreshes the schema and the table.
"""

from typing import Literal

from pydantic import Field

from tracklight.settings.base import LARGEST, Settings, load, validate
from tracklight.settings.data import Columns, Inputs, PrepareGenome, PrepareWindows, Split
from tracklight.settings.distill import Distill
from tracklight.settings.eeg import EegConfig
from tracklight.settings.feedback import Feedback
from tracklight.settings.learning import Architecture, Evaluate, Loop, Train
from tracklight.settings.run import Run
from tracklight.settings.segment import Segment
from tracklight.settings.strata import Strata
from tracklight.settings.tracks import Attribute, Candidates, EvaluateElements, Logos, Peaks, Report
from tracklight.settings.trust import Deletion, Methods, ReceptiveField, Sanity, Shortcuts

__all__ = [
    "CONFIGS",
    "LARGEST",
    "Architecture",
    "Attribute",
    "Candidates",
    "Columns",
    "Config",
    "Deletion",
    "Distill",
    "EegConfig",
    "Evaluate",
    "EvaluateElements",
    "Feedback",
    "Inputs",
    "Logos",
    "Loop",
    "Methods",
    "Peaks",
    "PrepareGenome",
    "PrepareWindows",
    "ReceptiveField",
    "Report",
    "Sanity",
    "Segment",
    "Settings",
    "Shortcuts",
    "Split",
    "Strata",
    "Train",
    "load",
    "validate",
]


class Config(Run):
    """A whole run: its inputs and one section per stage."""

    modality: Literal["dna"] = Field("dna", description="what the tape holds")
    inputs: Inputs = Field(description="files the run reads")
    prepare_genome: PrepareGenome = Field(default_factory=PrepareGenome, description="stage prepare-genome")
    prepare_windows: PrepareWindows = Field(description="stage prepare-windows")
    train: Train = Field(default_factory=Train, description="stage train")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="stage evaluate")
    attribute: Attribute = Field(default_factory=Attribute, description="stage attribute")
    peaks: Peaks = Field(default_factory=Peaks, description="stage peaks")
    candidates: Candidates = Field(default_factory=Candidates, description="stage candidates")
    logos: Logos = Field(default_factory=Logos, description="stage logos")
    evaluate_elements: EvaluateElements = Field(default_factory=EvaluateElements, description="stage evaluate-elements")
    receptive_field: ReceptiveField = Field(default_factory=ReceptiveField, description="stage receptive-field")
    deletion: Deletion = Field(default_factory=Deletion, description="stage deletion")
    methods: Methods = Field(default_factory=Methods, description="stage methods")
    sanity: Sanity = Field(default_factory=Sanity, description="stage sanity")
    shortcuts: Shortcuts = Field(default_factory=Shortcuts, description="stage shortcuts")
    segment: Segment = Field(default_factory=Segment, description="stage segment")
    feedback: Feedback = Field(default_factory=Feedback, description="stages feedback and feedback-effects")
    distill: Distill = Field(default_factory=Distill, description="stage distill")
    report: Report = Field(default_factory=Report, description="stage report")


CONFIGS: dict[str, type[Run]] = {"dna": Config, "eeg": EegConfig}
