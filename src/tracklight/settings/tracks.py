"""Settings of the stages that make tracks, peaks, candidates and the page."""

from typing import Literal

from pydantic import Field, model_validator

from tracklight.settings.base import LARGEST, Device, Fraction, Settings, Whole


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
    halo_bp: Whole | None = Field(
        None,
        ge=0,
        description="window-by-window path: bases at either end of a window count for little in the track, since the "
        "network sees them with less context; null: half the measured field; at most what the stride leaves. The "
        "convolutional path sums all windows and needs none (bp)",
    )
    max_n_fraction: Fraction = Field(0.1, description="windows with more N than this are not scanned")
    steps: Whole = Field(
        8, ge=1, description="integrated gradients: midpoint steps from the uniform baseline (0.25 each)"
    )
    noise_samples: Whole = Field(25, ge=1, description="SmoothGrad: noisy copies")
    noise_sd: float = Field(0.1, gt=0, description="SmoothGrad: standard deviation of the noise (one-hot units)")
    references: Whole = Field(10, ge=1, description="DeepLIFT/SHAP: dinucleotide shuffles per window")
    seed: Whole = Field(0, ge=0, description="seed of the noise and of the shuffles")
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
