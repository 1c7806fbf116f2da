"""A run folder as the stages would write it, small and known by heart."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight.report.logos import View, aggregate_figure, candidate_figure, letter_weights
from tracklight.report.style import save
from tracklight.report.trust_figures import maxima_figure

GENERATOR_SEED = 3


@pytest.fixture(scope="session")
def view() -> View:
    """Forty bases of the minus strand of a contig; a candidate at 1010-1030 with its summit at 1020."""
    positions = np.arange(1039, 999, -1)
    codes = np.arange(40, dtype=np.uint8) % 4
    saliency = np.full(40, 0.1, np.float32)
    saliency[19], saliency[5], saliency[0] = 2.0, -1.0, np.nan
    return View(
        title="candidate_1   chr1:1,010-1,030 (-)",
        positions=positions,
        codes=codes,
        saliency=saliency,
        integrated=saliency / 2,
        prediction=np.linspace(-1, 1, 40, dtype=np.float32),
        summit=1020,
        element=(1010, 1030),
    )


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory, view: View) -> Path:
    """A whole run of two candidates that pass, one that does not, and no peak that passes a null; to read only."""
    run = tmp_path_factory.mktemp("results") / "toy"
    for write in (_windows, _training, _evaluation, _peaks, _candidates, _elements, _provenance):
        write(run)
    _logos(run, view)
    return run


@pytest.fixture
def run_folder(whole_run: Path, tmp_path: Path) -> Path:
    """A copy of the whole run that a test may change."""
    return Path(shutil.copytree(whole_run, tmp_path / "results" / "toy"))


def tsv(path: Path, rows: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)


def as_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _windows(run: Path) -> None:
    n = 8
    tsv(
        run / "windows" / "windows.tsv.gz",
        {
            "contig": ["chr1"] * n,
            "start": range(0, 100 * n, 100),
            "reverse": [0, 1] * 4,
            "group": ["a", "a", "b", "b", "c", "c", "d", "d"],
            "split": ["train"] * 4 + ["validation"] * 2 + ["test"] * 2,
            "name": [f"w{i}" for i in range(n)],
            "expression": [1.5, -3.0, 0.5, -2.0, 2.0, -1.0, 1.0, -3.3],
            "expression.active": [1, 0, 1, 0, 1, 0, 1, 0],
        },
    )
    facts = {"length_bp": 40, "targets": ["expression"], "stranded": True}
    as_json(run / "windows" / "windows.json", facts | {"transform": "log2", "floor": 0.1, "active_above": 0.246})
    tsv(
        run / "windows" / "dropped.tsv",
        {"row": [9], "chrom": ["chr1"], "start": [0], "end": [40], "name": ["x"], "reason": ["beyond_contig"]},
    )


def _training(run: Path) -> None:
    for seed in (0, 1):
        tsv(
            run / "model" / f"seed{seed}" / "metrics.tsv",
            {
                "epoch": [1, 2, 3],
                "train_loss": [1.0, 0.7, 0.5],
                "validation_loss": [1.0, 0.8, 0.85],
                "validation_pearson": [0.1, 0.4, 0.38],
                "learning_rate": [1e-3, 5e-4, 1e-4],
                "seconds": [1.0, 1.0, 1.5],
                "best": [0, 1, 0],
            },
        )


def _evaluation(run: Path) -> None:
    scores = {
        "ensemble": [0.55],
        "model": [0.51, 0.53],
        "kmer_ridge": [0.42],
        "at_content": [0.39],
        "untrained": [0.02, -0.03],
    }
    rows = [
        {"target": "expression", "predictor": name, "metric": metric, "value": value}
        | {"seed": i if len(values) > 1 else None}
        for metric in ("pearson", "spearman", "auroc", "auprc")
        for name, values in scores.items()
        for i, value in enumerate(values)
    ]  # fmt: skip
    tsv(run / "evaluation.tsv", pd.DataFrame(rows).to_dict("list"))
    generator = np.random.default_rng(GENERATOR_SEED)
    measured = generator.normal(size=60)
    tsv(
        run / "predictions.tsv.gz",
        {
            "contig": "chr1", "start": range(60), "reverse": 0, "name": "w",
            "split": ["validation"] * 20 + ["test"] * 40, "expression": measured,
            "expression.active": (measured > 0).astype(int),
            "expression.ensemble": measured / 2 + generator.normal(size=60) / 2,
        },
    )  # fmt: skip


def _peaks(run: Path) -> None:
    height = np.linspace(0.1, 3, 50)
    p = np.linspace(0.02, 1, 50)
    tsv(
        run / "peaks" / "peaks.tsv",
        {
            "chrom": "chr1", "start": range(50), "end": range(9, 59), "name": [f"peak_{i}" for i in range(50)],
            "score": height, "strand": "+", "summit": range(4, 54), "height": height, "prediction": 0.5,
            "p_shuffle": p, "q_shuffle": 1.0, "p_inactive": p, "q_inactive": 1.0, "confidence": 0.3,
        },
    )  # fmt: skip
    tsv(
        run / "peaks" / "null.tsv",
        {
            "null": ["shuffle", "inactive"], "n_null": [900, 300], "n_peaks": [50, 50],
            "called_q05": [0, 0], "called_q10": [0, 0], "called_q20": [0, 0],
            "fewest_q20": [12, 30],
            "median_null": [1.4, 1.2], "median_peaks": [1.55, 1.55], "self_check": [0.051, None],
        },
    )  # fmt: skip
    tsv(
        run / "peaks" / "calibration.tsv",
        {
            "bin": [0, 1, 2],
            "n": [30, 20, 10],
            "mean_confidence": [0.1, 0.3, 0.7],
            "fraction_active": [0.08, 0.35, 0.68],
        },
    )
    facts = {"expected_calibration_error": 0.021, "n_windows": 60, "prior_active": 0.15, "score": "both"}
    as_json(run / "peaks" / "calibration.json", facts | {"candidates_of_score": {}})


def _candidates(run: Path) -> None:
    tsv(
        run / "candidates.tsv",
        {
            "chrom": "chr1", "start": [1010, 2000, 3000], "end": [1030, 2050, 3050],
            "name": ["candidate_1", "candidate_2", "candidate_3"], "score": [3.0, 2.0, 1.0], "strand": ["-", "+", "+"],
            "filter": ["PASS", "PASS", "low_confidence;near_tss"], "rank": [1, 2, 3], "confidence": [0.9, 0.7, 0.2],
            "p": [0.02, 0.1, 0.5], "q": [0.4, 0.6, 0.9], "height": [3.0, 2.0, 1.0], "prediction": [2.5, 1.5, 0.0],
            "n_peaks": [2, 1, 1], "summit": [1020, 2020, 3020], "nearest_gene": ["<abcA>", None, "xyz"],
            "gene_strand": ["-", ".", "+"], "tss_distance": [-30, None, 12],
            "class": ["promoter_proximal", "distal", "promoter_proximal"], "gc": [0.4, 0.5, 0.6],
            "softmasked_fraction": [0.0, 0.1, 0.0], "seen_in_training": [True, False, True],
            "held_out": [".", "active", "inactive"],
        },
    )  # fmt: skip
    for name in ("candidates.bed", "tracks/saliency.plus.bw", "tracks/saliency.minus.sd.bw"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(b"x" * 1500)


def _elements(run: Path) -> None:
    scores = {"|saliency|": 0.7, "saliency": 0.55, "at_content": 0.57, "untrained0": 0.5, "untrained1": 0.45}
    rows = [
        {"track": track, "metric": metric, "value": value, "low": value - 0.04, "high": value + 0.04}
        for track, value in scores.items()
        for metric in ("auroc", "auprc", "enrichment")
    ]
    tsv(run / "elements.tsv", pd.DataFrame(rows).assign(n_positive=20, n_negative=180, n_windows=5).to_dict("list"))


def _logos(run: Path, view: View) -> None:
    save(candidate_figure(view, flank=10), run / "logos" / "candidate_1.png")
    position = np.arange(-20, 10)
    n = np.where(position == -10, 40, 2)
    table = pd.DataFrame({"position": position, "n": n, "fraction": n / n.sum(), "expected_by_chance": 1 / 30})
    table.to_csv(run / "logos" / "maxima.tsv", sep="\t", index=False)
    save(maxima_figure(table, expected=(-16, -5), share=0.63, chance=0.4), run / "logos" / "maxima.png")
    weights = letter_weights(np.array([3, 0, 3, 0, 0, 3, 4], np.uint8), np.array([1, 2, 1, 1, 1, 2, 1.0]))
    save(aggregate_figure([("maxima at -16..-5", weights)]), run / "logos" / "aggregate.png")
    maxima = {"n_windows": 98, "n_without_maximum": 2, "expected_from_bp": -16, "expected_to_bp": -5}
    maxima |= {
        "share_expected": 0.63,
        "share_by_chance": 0.4,
        "consensus": {"at -16..-5": "TATAAT", "elsewhere": "TTGACA"},
        "words": {"TATAAT": 9, "TAAAAT": 4},
    }
    drawn = [{"name": "candidate_1", "rank": 1, "file": "candidate_1.png"}]
    as_json(run / "logos" / "logos.json", {"candidates": drawn, "maxima": maxima})


def _provenance(run: Path) -> None:
    shared = {"version": "0.1.0", "python": "3.11.2", "packages": {"torch": "2.6.0"}, "settings": {}}
    for stage, at in (("prepare_genome", "T10:00:00"), ("train_seed0", "T10:02:00"), ("candidates", "T10:05:00")):
        entry = shared | {"stage": stage, "seconds": 12.25, "finished": f"2030-01-01{at}+0000", "device": "cpu"}
        entry["inputs"] = {"fasta": {"path": "genome.fa", "sha256": "ab" * 32}}
        as_json(run / "provenance" / f"{stage}.json", entry)
    record = json.loads((run / "provenance" / "candidates.json").read_text())
    as_json(run / "provenance" / "candidates.json", record | {"settings": {"kind": "candidate promoters"}})
