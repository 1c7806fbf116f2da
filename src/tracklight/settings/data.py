"""Settings of the stages that make windows: inputs, genome, measured regions."""

from typing import Literal

from pydantic import Field, model_validator

from tracklight.settings.base import Fraction, Name, PathText, Settings, Whole


class Inputs(Settings):
    """Files the run reads; paths are relative to the folder Snakemake is started in."""

    fasta: PathText = Field(description="genome: FASTA, plain, gzip or bgzip")
    regions: PathText = Field(description="measured regions: TSV or BED with a header line, optionally gzip")
    genes: PathText | None = Field(None, description="genes for annotation: BED6 or GFF3/GTF, optionally gzip")
    exclude: list[PathText] = Field([], description="BED files; candidates that overlap one are dropped")
    elements: PathText | None = Field(None, description="known functional elements (BED) to evaluate tracks against")
    nuisance: dict[Name, PathText] = Field(
        {}, description="name and BED file of what must not decide a prediction: repeats, adapters, GC islands"
    )
    marks: PathText | None = Field(
        None, description="bases that people marked as relevant or irrelevant (BED or a table), for the target feedback"
    )


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
