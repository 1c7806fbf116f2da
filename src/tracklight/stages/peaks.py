"""`tracklight peaks`: peaks of the integrated-gradients track, with their nulls and their confidence."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from tracklight.core.device import choose_device
from tracklight.errors import complaint
from tracklight.files import write_text
from tracklight.genome.confidence import (
    Calibration,
    best_peak,
    calibrate,
    choose_score,
    measured_windows,
    peaks_inside,
    window_scores,
)
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.null import local_gc, sample_pieces, shuffled_peaks, stratified_p
from tracklight.genome.peaks import peak_table, write_narrowpeak
from tracklight.genome.placement import best_prediction, usual_place
from tracklight.genome.saliency import Scan
from tracklight.genome.shards import Tracks, load_tracks
from tracklight.progress import log
from tracklight.settings import Peaks
from tracklight.stages import door
from tracklight.stages.tables import write_table
from tracklight.stats import CALLED, benjamini_hochberg, empirical_p, fewest_calls, reliability_curve, uniformity_check

INACTIVE_BLOCK_BP = 10_000  # the inactive null is checked on alternate blocks, so that neighbours stay together


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    parser.add_argument("--integrated-gradients", type=Path, nargs="+", required=True, help="attribution shards")
    door.add_attribute_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the peaks")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Call peaks, compare them with both nulls, calibrate their confidence, and write everything."""
    settings = door.stage_settings(arguments, Peaks, section="peaks")
    data = open_dataset(arguments.genome, arguments.windows)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "peaks", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        scan, device = _scan(arguments, settings, data)
        tracks = load_tracks(arguments.integrated_gradients, length=len(data.tape))
        peaks = peak_table(tracks, data.tape, width=settings.width_bp, min_distance=settings.min_distance_bp)
        log.info("%d peaks", len(peaks))
        peaks, place = _predicted(peaks, tracks, data, target=data.targets[scan.target])
        shuffles = _shuffles(data, scan, settings, device)
        peaks, calibration, chosen = _confident(peaks, data, scan, settings)
        peaks, nulls = _tested(peaks, shuffles, data, scan, settings)
        chosen |= {"aligned_from_bp": place[0], "aligned_to_bp": place[1]}
        facts |= {"device": str(device), "peaks": len(peaks)}
        _write(arguments.out, peaks, nulls, calibration, chosen, settings)


def _predicted(
    peaks: pd.DataFrame, tracks: Tracks, data: Dataset, *, target: str
) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Add the highest prediction of all windows with the peak, and of those that have it where it usually lies."""
    train = measured_windows(data, "train", target=target)
    train = train[train["active"] == 1]
    best = best_peak(peaks, train, peaks["height"].to_numpy())
    place = usual_place(peaks, train, best, window_bp=tracks.window_bp, stride_bp=tracks.stride_bp)
    log.info("peaks of active training windows lie %d to %d bp from the 5' end", *place)
    places = {"prediction": (0, tracks.window_bp - 1), "aligned_prediction": place}
    predictions = {name: best_prediction(peaks, tracks, data.tape, place=where) for name, where in places.items()}
    return peaks.assign(**predictions), place


def _scan(arguments: argparse.Namespace, settings: Peaks, data: Dataset) -> tuple[Scan, torch.device]:
    attribute = door.attribute_settings(arguments)
    ensemble = open_ensemble(arguments.models, data=data)
    if settings.null_piece_bp < 2 * data.length:
        raise complaint(
            "shuffled pieces are too short for the windows",
            where="peaks.null_piece_bp",
            got=settings.null_piece_bp,
            allowed=f"{2 * data.length} or more, twice a window",
        )
    device = choose_device(settings.device)
    return Scan(ensemble.to(device), attribute, "integrated_gradients", data.stranded), device


def _shuffles(data: Dataset, scan: Scan, settings: Peaks, device: torch.device) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Peaks of two independent shuffles of the same pieces: the null, and the check that the null is one."""
    generator = np.random.default_rng(settings.seed)
    pieces = sample_pieces(data.tape, total=settings.null_sample_bp, piece=settings.null_piece_bp, generator=generator)
    first, second = (shuffled_peaks(pieces, scan, settings, generator=generator, device=device) for _ in range(2))
    return first, second


def _confident(
    peaks: pd.DataFrame, data: Dataset, scan: Scan, settings: Peaks
) -> tuple[pd.DataFrame, Calibration, dict[str, Any]]:
    target = data.targets[scan.target]
    validation, test = (measured_windows(data, split, target=target) for split in ("validation", "test"))
    score, found = choose_score(peaks, validation)
    calibration = calibrate(window_scores(peaks, test, score), test, folds=settings.calibration_folds)
    values = score(peaks)
    chosen = {
        "expected_calibration_error": calibration.error,
        "n_windows": len(test),
        "prior_active": float(calibration.active.mean()),
        "score": score.name,
        "score_weights": score.weights,
        "validation_average_precision": found,
    }
    log.info("confidence: score %s, calibration error %.3f on windows not fitted", score.name, calibration.error)
    return peaks.assign(score=values, confidence=calibration.confidence_of(values)), calibration, chosen


def _tested(
    peaks: pd.DataFrame, shuffles: tuple[pd.DataFrame, pd.DataFrame], data: Dataset, scan: Scan, settings: Peaks
) -> tuple[pd.DataFrame, pd.DataFrame]:
    first, second = shuffles
    gc = local_gc(data.tape, peaks, radius=settings.null_piece_bp // 2)
    height = peaks["height"].to_numpy()
    quiet = _inactive(peaks, data, scan)
    halves = [quiet.loc[quiet["half"] == half, "height"].to_numpy() for half in (0, 1)]
    p = {
        "shuffle": stratified_p(height, gc, first, strata=settings.gc_strata),
        "inactive": empirical_p(height, quiet["height"].to_numpy()),
    }
    checks = {
        "shuffle": stratified_p(second["height"].to_numpy(), second["gc"].to_numpy(), first, strata=settings.gc_strata),
        "inactive": empirical_p(halves[1], halves[0]),
    }
    nulls = {"shuffle": first["height"].to_numpy(), "inactive": quiet["height"].to_numpy()}
    strata = {"shuffle": settings.gc_strata, "inactive": 1}
    rows = []
    for name, values in p.items():
        q = benjamini_hochberg(values)
        peaks = peaks.assign(**{f"p_{name}": values, f"q_{name}": q})
        rows.append(_summary(name, nulls[name], height, q, check=uniformity_check(checks[name]), strata=strata[name]))
    return peaks, pd.DataFrame(rows)


def _inactive(peaks: pd.DataFrame, data: Dataset, scan: Scan) -> pd.DataFrame:
    """Peaks in held-out windows measured inactive, and in no active one, with the half of the genome they are in."""
    windows = measured_windows(data, "test", target=data.targets[scan.target])
    quiet, active = windows[windows["active"] == 0], windows[windows["active"] == 1]
    found = peaks[peaks_inside(peaks, quiet) & ~peaks_inside(peaks, active)]
    block = found["summit"] // INACTIVE_BLOCK_BP
    return found.assign(half=block.to_numpy() % 2)


def _summary(
    name: str, null: np.ndarray, height: np.ndarray, q: np.ndarray, *, check: float, strata: int
) -> dict[str, Any]:
    called = {column: int((q <= level).sum()) for column, level in CALLED.items()}
    log.info("null %s: %d null peaks, %s, self-check P(p < .05) = %.3f", name, len(null), called, check)
    return {
        "null": name,
        "n_null": len(null),
        "n_peaks": len(height),
        **called,
        "fewest_q20": fewest_calls(len(null) / strata, len(height), level=max(CALLED.values())),
        "median_null": float(np.median(null)) if len(null) else float("nan"),
        "median_peaks": float(np.median(height)) if len(height) else float("nan"),
        "self_check": check,
    }


def _write(
    out: Path,
    peaks: pd.DataFrame,
    nulls: pd.DataFrame,
    calibration: Calibration,
    chosen: dict[str, Any],
    settings: Peaks,
) -> None:
    order = peaks["score"].rank(method="first", ascending=False).astype(int)
    peaks = peaks.assign(name="peak_" + order.astype(str))
    columns = ["chrom", "start", "end", "name", "score", "strand", "summit", "height", "prediction"]
    columns += ["aligned_prediction"]
    columns += ["p_shuffle", "q_shuffle", "p_inactive", "q_inactive", "confidence"]
    curve = pd.DataFrame(reliability_curve(calibration.out_of_fold, calibration.active))
    for name, table in {"peaks.tsv": peaks[columns], "null.tsv": nulls, "calibration.tsv": curve}.items():
        write_table(out / name, table)
    write_text(out / "calibration.json", json.dumps(chosen, indent=2) + "\n")
    write_narrowpeak(out / "peaks.narrowPeak", peaks, null=settings.null)
