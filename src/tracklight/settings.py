"""The settings of every stage: one frozen model each, and the only home of defaults that can change a result.

What lives here: the pydantic models behind the sections of `config/*.yaml`. May import: errors only.
To add: a field with its unit in the name, bounds and a description; `make docs` refreshes the schema and the table.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from tracklight.errors import InputError, complaint

Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    Field(description="auto takes a GPU when there is one and says so; cuda without one is an error"),
]
Fraction = Annotated[float, Field(ge=0, le=1)]
# Longer than any contig, and small enough that sums and products of two fit into 64 bits.
LARGEST = 10**9
Whole = Annotated[int, Field(le=LARGEST)]
PathText = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    """Base of all settings: frozen, unknown keys refused, numbers finite and never written as true or false."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        values = value if isinstance(value, list) else [value]
        if cls.model_fields[str(info.field_name)].annotation is not bool and any(isinstance(v, bool) for v in values):
            raise ValueError("a value other than true and false")
        return value


T = TypeVar("T", bound=Settings)


class Inputs(Settings):
    """Files the run reads; paths are relative to the folder Snakemake is started in."""

    fasta: PathText = Field(description="genome: FASTA, plain, gzip or bgzip")
    regions: PathText = Field(description="measured regions: TSV or BED with a header line, optionally gzip")
    genes: PathText | None = Field(None, description="genes for annotation: BED6 or GFF3/GTF, optionally gzip")
    exclude: list[PathText] = Field([], description="BED files; candidates that overlap one are dropped")
    elements: PathText | None = Field(None, description="known functional elements (BED) to evaluate tracks against")


class PrepareGenome(Settings):
    """FASTA to codes."""

    contigs: list[str] | None = Field(None, description="contigs to keep, in FASTA order; null keeps all")


class Columns(Settings):
    """Names of the columns of the region table; null means the column is absent."""

    chrom: str = Field("chrom", description="contig name")
    start: str = Field("start", description="first base, 0-based")
    end: str | None = Field("end", description="base after the last, 0-based; null: regions are single bases")
    name: str | None = Field("name", description="name of the region")
    strand: str | None = Field("strand", description="+, - or . ; null: all regions are on the + strand")


class Split(Settings):
    """How regions are divided into train, validation and test; a group never crosses a split."""

    by: Literal["column", "chromosome", "block"] = Field("chromosome", description="what decides the split")
    column: str | None = Field(None, description="by column: its name; values train, validation, test")
    validation_chromosomes: list[str] = Field([], description="by chromosome: contigs for validation")
    test_chromosomes: list[str] = Field([], description="by chromosome: contigs for test")
    block_bp: Whole = Field(100_000, gt=0, description="length of the genome blocks that are kept together (bp)")
    validation_fraction: Fraction = Field(
        0.1, description="share of blocks for validation (by block, or by column without validation rows)"
    )
    test_fraction: Fraction = Field(0.2, description="by block: share of blocks for test")
    seed: Whole = Field(0, ge=0, description="seed of the random choice of blocks")


class PrepareWindows(Settings):
    """Region table to model windows with targets and splits."""

    columns: Columns = Field(default_factory=Columns, description="columns of the region table")
    targets: list[str] = Field(["expression"], min_length=1, description="value columns, one model output each")
    transform: Literal["none", "log2", "log10"] = Field("log2", description="applied to every value column")
    floor: float = Field(0.1, gt=0, description="values below are raised to it before a logarithm (raw units)")
    active_above: float = Field(description="a region is active when its raw value is above this (raw units)")
    anchor: Literal["five_prime", "centre", "three_prime"] = Field(
        "centre",
        description="point of the region that upstream_bp and downstream_bp count from, strand-aware",
    )
    upstream_bp: Whole = Field(ge=0, description="window length upstream of the anchor (bp)")
    downstream_bp: Whole = Field(ge=0, description="window length from the anchor on, the anchor base included (bp)")
    stranded: bool = Field(
        True, description="the assay tells the strands apart; false: reverse complements share a value"
    )
    max_n_fraction: Fraction = Field(0.1, description="windows with more N than this are dropped")
    contig_names: dict[str, str] = Field(
        {}, description="maps contig names of the table to those of the FASTA, for example {chrI: I}"
    )
    split: Split = Field(default_factory=Split, description="train, validation and test")

    @model_validator(mode="after")
    def _window_has_length(self) -> "PrepareWindows":
        if self.length_bp < 1:
            raise ValueError("upstream_bp + downstream_bp must be at least 1")
        return self

    @property
    def length_bp(self) -> int:
        """Length of the model window (bp)."""
        return self.upstream_bp + self.downstream_bp


class Architecture(Settings):
    """Shape of the network."""

    name: Literal["valid_conv", "residual_dilated"] = Field("valid_conv", description="family of the network")
    filters: Whole = Field(64, ge=1, description="filters per layer")
    kernels: list[Annotated[Whole, Field(ge=1)]] = Field(
        [11, 7, 5],
        min_length=1,
        description="valid_conv: kernel of each convolution; residual_dilated: stem, then blocks (bp)",
    )
    pools: list[Annotated[Whole, Field(ge=1)]] = Field(
        [2, 2, 2],
        description="valid_conv: max-pooling after each convolution; their product is the scan stride (bp)",
    )
    blocks: Whole = Field(4, ge=1, description="residual_dilated: number of blocks, dilation doubles in each")
    hidden: Whole = Field(64, ge=1, description="units of the dense layer")
    dropout: Fraction = Field(0.3, description="dropout before the output, in training only")
    batch_norm: bool = Field(True, description="batch normalisation after each convolution")


class Train(Settings):
    """Training of one network per seed."""

    architecture: Architecture = Field(default_factory=Architecture, description="the network")
    seeds: list[Annotated[Whole, Field(ge=0)]] = Field(
        [0, 1, 2],
        min_length=1,
        description="one network is trained per seed; together they form the ensemble",
    )
    device: Device = "auto"
    loss: Literal["mse", "huber"] = Field(
        "mse", description="loss on the transformed targets, standardised on the training windows"
    )
    epochs: Whole = Field(12, ge=1, description="passes over the training windows at most")
    batch_size: Whole = Field(128, ge=1, description="windows per step")
    learning_rate: float = Field(3e-3, gt=0, description="peak learning rate of AdamW with a one-cycle schedule")
    weight_decay: float = Field(1e-2, ge=0, description="decoupled weight decay of AdamW")
    patience_epochs: Whole = Field(
        8, ge=1, description="stop when the validation loss has not fallen for this many epochs"
    )
    max_shift_bp: Whole = Field(
        2, ge=0, description="augmentation: windows are moved by up to this many bases either way (bp)"
    )
    reverse_complement: Literal["auto", "on", "off"] = Field(
        "auto", description="augmentation; auto: on for assays that do not tell strands apart"
    )

    @field_validator("seeds")
    @classmethod
    def _every_seed_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("every seed once: equal seeds train equal networks")
        return seeds


class Evaluate(Settings):
    """Held-out accuracy beside its baselines."""

    kmer_lengths: list[Annotated[Whole, Field(ge=1, le=8)]] = Field(
        [3, 4, 5, 6], min_length=1, description="k-mer ridge: k is chosen among these on validation windows"
    )
    ridge_penalties: list[Annotated[float, Field(gt=0)]] = Field(
        [1.0, 10.0, 100.0, 1000.0],
        min_length=1,
        description="k-mer ridge: penalty, chosen on validation windows",
    )
    untrained_seeds: Whole = Field(5, ge=1, description="number of untrained networks")
    device: Device = "auto"


class Attribute(Settings):
    """Per-base attribution along the genome."""

    target: str | None = Field(None, description="target to explain; null takes the first")
    correct_gradient: bool = Field(
        True,
        description="remove the mean over the four bases from the gradient before multiplying by the input",
    )
    stride_bp: Whole | None = Field(
        None,
        ge=1,
        description="distance between windows (bp); null: the model's own stride, else half a window",
    )
    max_n_fraction: Fraction = Field(0.1, description="windows with more N than this are not scanned")
    steps: Whole = Field(
        8, ge=1, description="integrated gradients: midpoint steps from the uniform baseline (0.25 each)"
    )
    shards: Whole = Field(4, ge=1, description="the genome is attributed in this many independent pieces")
    segment_bp: Whole = Field(16_384, ge=256, description="convolutional path: bases handled in one pass (bp)")
    device: Device = "auto"


class Peaks(Settings):
    """Peaks of the integrated-gradients track, their null and their confidence."""

    width_bp: Whole = Field(9, ge=1, description="box smoothing of the positive part, and width of a peak (bp)")
    min_distance_bp: Whole = Field(25, ge=1, description="a peak is the highest this near on its strand (bp)")
    null: Literal["shuffle", "inactive"] = Field(
        "shuffle",
        description="null behind p and q in peaks.narrowPeak: dinucleotide shuffles, or windows measured inactive",
    )
    null_sample_bp: Whole = Field(
        300_000, ge=1_000, description="bases of the genome that are shuffled for the null (bp)"
    )
    null_piece_bp: Whole = Field(1_000, ge=100, description="length of a shuffled piece (bp)")
    gc_strata: Whole = Field(
        5, ge=1, description="peaks are compared with shuffles of similar local GC, in this many strata"
    )
    seed: Whole = Field(0, ge=0, description="seed of the shuffles and of the sample")
    calibration_folds: Whole = Field(
        5,
        ge=2,
        description="parts the held-out windows are divided into, by genome block, to measure the calibration error",
    )
    device: Device = "auto"


class Candidates(Settings):
    """Peaks merged to ranked candidate elements."""

    kind: str = Field("candidate regulatory elements", description="what the list is called in reports")
    pool_size: Whole = Field(5_000, ge=1, description="this many best peaks are merged to elements")
    merge_distance_bp: Whole = Field(
        50, ge=0, description="peaks of one strand at most this far apart become one element (bp)"
    )
    flank_bp: Whole = Field(50, ge=0, description="bases added on both sides of the outermost peaks (bp)")
    min_confidence: Fraction = Field(0.5, description="elements below are kept in the table, marked low_confidence")
    max_q: Fraction = Field(1.0, description="elements above are kept in the table, marked high_q")
    top_n: Whole = Field(500, ge=1, description="elements beyond this rank are kept in the table, marked beyond_top_n")
    min_tss_distance_bp: Whole = Field(
        0, ge=0, description="elements nearer to a gene start are marked near_tss (bp); 0 keeps all"
    )
    proximal_tss_bp: Whole = Field(
        200, ge=0, description="class promoter_proximal up to this distance from a gene start (bp)"
    )
    distal_tss_bp: Whole = Field(2_000, ge=0, description="class proximal up to this distance, distal beyond (bp)")


class Logos(Settings):
    """Sequence logos of candidates, and where in measured windows the light falls."""

    top_n: Whole = Field(12, ge=1, description="candidates drawn")
    flank_bp: Whole = Field(30, ge=5, description="bases drawn on both sides of the summit (bp)")
    smoothing_bp: Whole = Field(
        6, ge=1, description="box smoothing before the maximum of a measured window is taken (bp)"
    )
    aggregate_flank_bp: Whole = Field(
        12, ge=3, description="bases on both sides of the maxima in the aggregated logo (bp)"
    )
    origin_bp: Whole = Field(
        0,
        ge=0,
        description="position of the reference point (for example the TSS) in the window, from its 5' end (bp)",
    )
    expected_from_bp: Whole = Field(
        -16, ge=-LARGEST, description="first base, relative to the reference point, where maxima are expected"
    )
    expected_to_bp: Whole = Field(
        -5, ge=-LARGEST, description="last base, relative to the reference point, where maxima are expected"
    )

    @model_validator(mode="after")
    def _expected_place_has_length(self) -> "Logos":
        if self.expected_from_bp > self.expected_to_bp:
            raise ValueError("expected_from_bp must not be above expected_to_bp")
        return self


class EvaluateElements(Settings):
    """Tracks against known elements."""

    smoothing_bp: Whole = Field(6, ge=1, description="box smoothing of every track before it is scored (bp)")
    untrained_seeds: Whole = Field(5, ge=5, description="number of untrained networks")
    bootstrap: Whole = Field(1_000, ge=100, description="bootstrap samples over windows")
    top_fraction: float = Field(
        0.05, gt=0, le=1, description="enrichment is measured among this share of the highest-scoring bases"
    )
    seed: Whole = Field(0, ge=0, description="seed of the bootstrap")


class Report(Settings):
    """The HTML page."""

    title: str = Field("tracklight run", description="title of the page")
    about: str = Field("", description="what was trained on what, one or two sentences")
    citation: list[str] = Field([], description="works to cite wherever the data are shown")
    top_n: Whole = Field(100, ge=1, description="rows of the candidate table in the page")


class Config(Settings):
    """A whole run: its inputs and one section per stage."""

    run: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the run; results go to results/<run>/"
    )
    fingerprint: Literal["version", "code"] = Field(
        "version",
        description="what of the package re-runs stages when it changes: the version, or any line of code",
    )
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
    report: Report = Field(default_factory=Report, description="stage report")


def load(model: type[T], source: str | None, *, section: str) -> T:
    """Read settings of type `model` from inline JSON or from a YAML/JSON file; None gives the defaults."""
    values = {} if source is None else _mapping(source, section=section)
    return validate(model, values, where=section)


def validate(model: type[T], values: dict[str, Any], *, where: str) -> T:
    """Check `values` against `model`; the first fault becomes one line that names the key's path."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _first_fault(model, error, where=where) from None


def _mapping(source: str, *, section: str) -> dict[str, Any]:
    text = source if source.lstrip().startswith("{") else _read(source, section=section)
    try:
        values = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise complaint("settings are neither JSON nor YAML", where=section, got=error) from None
    if not isinstance(values, dict):
        raise complaint("settings must be a mapping of keys to values", where=section, got=type(values).__name__)
    return values


def _read(path: str, *, section: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise complaint(
            "cannot read the settings file", where=f"{section}: {path}", got=error.strerror,
            do="check its name and permissions, or give the settings as JSON in braces",
        ) from None  # fmt: skip
    except ValueError as error:
        where = f"{section}: {path}"
        raise complaint("settings file is not text", where=where, got=error, allowed="UTF-8 text") from None


def _first_fault(model: type[Settings], error: ValidationError, *, where: str) -> InputError:
    # A misspelt key is often the missing one too: the unknown name says more.
    fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    path = ".".join([where, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        allowed = _keys(model, fault["loc"][:-1])
        return complaint("unknown setting", where=path, allowed=allowed, do="remove it or correct its name")
    if fault["type"] == "missing":
        return complaint("setting is missing", where=path, do="add it to the configuration")
    allowed = fault["msg"].removeprefix("Value error, ")
    return complaint("setting is not allowed", where=path, got=repr(fault["input"]), allowed=allowed)


def _keys(model: type[Settings], path: tuple[int | str, ...]) -> str:
    for key in path:
        inner = model.model_fields[str(key)].annotation
        if not (isinstance(inner, type) and issubclass(inner, Settings)):
            break
        model = inner
    return ", ".join(model.model_fields)
