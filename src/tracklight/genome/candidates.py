"""Candidates: peaks merged to elements, annotated, filtered and written."""

from collections.abc import Mapping
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

import bioframe
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.core.tape import Tape
from tracklight.errors import complaint
from tracklight.files import whole_file
from tracklight.genome.annotate import covered_fraction, gc_fraction, measured_at, nearest_gene, overlaps, tss_class
from tracklight.genome.indexed import fetch
from tracklight.settings import Candidates

COLOUR = "0,158,115"  # bluish green, safe for colour-blind readers
PEAK_TEXT = ["chrom", "name", "strand"]
PEAK_INTEGERS = ["start", "end", "summit"]
PEAK_NUMBERS = ["score", "height", "prediction", "confidence"]
NARROWPEAK = ["chrom", "start", "end", "name", "score", "strand", "signal", "p", "q", "offset"]
COLUMNS = [
    *["chrom", "start", "end", "name", "score", "strand", "filter", "rank", "confidence", "p", "q"],
    *["height", "prediction", "n_peaks", "summit", "nearest_gene", "gene_strand", "tss_distance", "class"],
    *["gc", "softmasked_fraction", "seen_in_training", "held_out"],
]


def read_peaks(folder: str | Path) -> pd.DataFrame:
    """Read what the stage `peaks` wrote.

    Parameters
    ----------
    folder : str or Path
        Holds `peaks.tsv` and `peaks.narrowPeak`.

    Returns
    -------
    DataFrame
        `chrom start end name score strand summit height prediction confidence p q`; p and q are those of the
        narrowPeak file, against the null chosen in the settings of the peaks, to 6 digits, NaN where there is none.

    Raises
    ------
    InputError
        When a file is missing, damaged, or the two do not hold the same peaks.
    """
    table_path, narrow_path = Path(folder) / "peaks.tsv", Path(folder) / "peaks.narrowPeak"
    peaks = _read(table_path, columns=[*PEAK_TEXT, *PEAK_INTEGERS, *PEAK_NUMBERS])
    narrow = _read(narrow_path, columns=["name", "p", "q"], header=NARROWPEAK)
    if narrow["name"].tolist() != peaks["name"].tolist():
        raise complaint(
            "peaks.narrowPeak and peaks.tsv hold different peaks", where=folder, got=f"{len(narrow)} peaks",
            allowed=f"the {len(peaks)} peaks of peaks.tsv, in their order", do="run peaks again",
        )  # fmt: skip
    return peaks.assign(p=_from_log(narrow["p"]), q=_from_log(narrow["q"]))


def merge_peaks(peaks: pd.DataFrame, *, lengths: Mapping[str, int], settings: Candidates) -> pd.DataFrame:
    """Merge the best peaks to elements, each strand for itself.

    Parameters
    ----------
    peaks : DataFrame
        As `read_peaks` gives it.
    lengths : mapping of str to int
        Length of each contig (bp); elements are clipped to it.
    settings : Candidates
        `pool_size`, `merge_distance_bp`, `flank_bp`.

    Returns
    -------
    DataFrame
        Columns of `peaks` and `rank n_peaks`, best first. `start` and `end` are the element's, flanks included; `name`
        is `candidate_<rank>`; all else is that of its best peak (of equal scores, the first).
    """
    pool = peaks.sort_values("score", ascending=False, kind="stable").head(settings.pool_size)
    clusters = _clusters(pool.reset_index(drop=True), settings.merge_distance_bp)
    elements = clusters.drop_duplicates("cluster").reset_index(drop=True)
    rank = np.arange(1, len(elements) + 1)
    return elements.assign(
        start=np.maximum(elements["cluster_start"] - settings.flank_bp, 0),
        end=np.minimum(
            elements["cluster_end"] + settings.flank_bp, elements["chrom"].map(dict(lengths)).astype("int64")
        ),
        name=[f"candidate_{n}" for n in rank],
        rank=rank,
        n_peaks=elements["cluster"].map(clusters["cluster"].value_counts()).astype("int64"),
    )[[*peaks.columns, "rank", "n_peaks"]]


def annotate(
    elements: pd.DataFrame,
    tape: Tape,
    *,
    genes: pd.DataFrame,
    softmasked: pd.DataFrame,
    windows: pd.DataFrame,
    settings: Candidates,
) -> pd.DataFrame:
    """Add what lies at each element.

    Parameters
    ----------
    elements : DataFrame
        As `merge_peaks` gives it.
    tape : Tape
        The genome.
    genes : DataFrame
        `chrom start end name strand`; no rows when there is no annotation.
    softmasked : DataFrame
        `chrom start end`, disjoint: lower-case intervals of the FASTA.
    windows : DataFrame
        `chrom start end strand split active`: measured windows, `active` 1 or 0.
    settings : Candidates
        `proximal_tss_bp`, `distal_tss_bp`.

    Returns
    -------
    DataFrame
        `elements` with `nearest_gene gene_strand tss_distance class gc softmasked_fraction seen_in_training held_out`.
    """
    near = nearest_gene(elements, genes)
    kind = tss_class(near["tss_distance"], proximal_bp=settings.proximal_tss_bp, distal_bp=settings.distal_tss_bp)
    return pd.concat([elements, near], axis=1).assign(
        **{"class": kind},
        gc=gc_fraction(elements, tape),
        softmasked_fraction=covered_fraction(elements, softmasked),
        seen_in_training=overlaps(elements, windows[windows["split"] == "train"]),
        held_out=measured_at(elements, windows[windows["split"] == "test"]),
    )


def filter_reasons(elements: pd.DataFrame, *, excluded: NDArray[np.bool_], settings: Candidates) -> list[str]:
    """Return `PASS`, or the reasons against each element joined by `;`.

    Parameters
    ----------
    elements : DataFrame
        As `annotate` gives it, by rank. One without confidence is `low_confidence`; one without q is not `high_q`.
    excluded : ndarray of bool (element,)
        Whether it overlaps an interval to be left out.
    settings : Candidates
        The limits.
    """
    distance = elements["tss_distance"].abs().lt(settings.min_tss_distance_bp).fillna(value=False)
    against = {
        "low_confidence": ~(elements["confidence"] >= settings.min_confidence),
        "high_q": elements["q"] > settings.max_q,
        "near_tss": distance,
        "excluded": excluded,
    }
    standing = ~np.any([np.asarray(flags, dtype=bool) for flags in against.values()], axis=0)
    against["beyond_top_n"] = standing & (np.cumsum(standing) > settings.top_n)
    rows = zip(*(np.asarray(flags, dtype=bool).tolist() for flags in against.values()), strict=True)
    return [";".join(reason for reason, flag in zip(against, row, strict=True) if flag) or "PASS" for row in rows]


def write_candidates(folder: str | Path, elements: pd.DataFrame, tape: Tape, *, fasta: Path) -> None:
    """Write `candidates.tsv` (all, by rank), and of those that pass `candidates.bed` (along the genome) and `.fa`.

    Parameters
    ----------
    folder : str or Path
        Where the files go.
    elements : DataFrame
        The columns of `docs/formats.md`.
    tape : Tape
        The genome.
    fasta : Path
        The same genome as indexed FASTA, which keeps soft-masked bases in lower case.
    """
    passing = elements[elements["filter"] == "PASS"]
    contents = {
        "candidates.tsv": elements[COLUMNS].to_csv(sep="\t", index=False, float_format="%.6g"),
        "candidates.bed": _bed9(passing, tape).to_csv(sep="\t", index=False, header=False),
        "candidates.fa": _fasta(passing, fasta),
    }
    with ExitStack() as files:  # no file takes its name before all are written
        for name, text in contents.items():
            files.enter_context(whole_file(Path(folder) / name)).write_text(text, encoding="utf-8")


def _clusters(pool: pd.DataFrame, distance: int) -> pd.DataFrame:
    if pool.empty:  # bioframe refuses a table without rows
        return pool.assign(cluster=0, cluster_start=pool["start"], cluster_end=pool["end"])
    return bioframe.cluster(pool, min_dist=distance, on=["strand"])


def _bed9(passing: pd.DataFrame, tape: Tape) -> pd.DataFrame:
    bed = passing[["chrom", "start", "end", "name"]].assign(
        score=(passing["confidence"] * 1000).round().astype("int64"),
        strand=passing["strand"],
        thick_start=passing["summit"],
        thick_end=passing["summit"] + 1,
        colour=COLOUR,
    )
    contig = bed["chrom"].map({name: row for row, name in enumerate(tape.names)})
    return bed.assign(contig=contig).sort_values(["contig", "start", "end"], kind="stable").drop(columns="contig")


def _fasta(passing: pd.DataFrame, genome: Path) -> str:
    rows = list(passing[["chrom", "start", "end", "strand"]].itertuples(index=False, name=None))
    headers = [
        f">{name} {chrom}:{start}-{end}({strand})"
        for name, (chrom, start, end, strand) in zip(passing["name"], rows, strict=True)
    ]
    return "".join(f"{header}\n{letters}\n" for header, letters in zip(headers, fetch(genome, rows), strict=True))


def _read(path: Path, *, columns: list[str], header: list[str] | None = None) -> pd.DataFrame:
    """Read columns of a table that is ours; text stays as it stands ("NA" is a name), only numbers may be missing."""
    types = {name: str if name in PEAK_TEXT else "int64" if name in PEAK_INTEGERS else "float64" for name in columns}
    missing = {name: ["", "nan"] for name, kind in types.items() if kind == "float64"}
    first_line = "" if header is None else "\t".join(header) + "\n"
    try:
        text = StringIO(first_line + path.read_text())
        return pd.read_csv(text, sep="\t", usecols=columns, dtype=types, keep_default_na=False, na_values=missing)[
            columns
        ]
    except (OSError, ValueError) as error:
        raise complaint("not peaks", where=path, got=error, do="run peaks") from None


def _from_log(minus_log10: pd.Series) -> NDArray[np.float64]:
    """Undo -log10; rounded to 6 digits, so that a limit equal to a q-value means that q-value."""
    value = minus_log10.to_numpy(np.float64)
    return np.array([float(f"{10.0**-x:.6g}") if x >= 0 else np.nan for x in value])
