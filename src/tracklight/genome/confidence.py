"""From the score of a peak to the probability that a measured window there is active."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tracklight.genome.dataset import Dataset
from tracklight.stats import Calibrator, auprc, expected_calibration_error, grouped_out_of_fold, isotonic

Rows = NDArray[np.int64]
FEATURES = ["height", "prediction", "aligned_prediction"]
COMBINED = [("height", "prediction"), ("height", "aligned_prediction")]


@dataclass(frozen=True)
class Score:
    """A rule that ranks peaks: a weighted sum of some of their features.

    Attributes
    ----------
    weights : dict of str to float
        Weight of each feature, columns of the peaks.
    """

    weights: dict[str, float]

    @property
    def name(self) -> str:
        """The features, joined by +."""
        return "+".join(self.weights)

    def __call__(self, peaks: pd.DataFrame) -> NDArray[np.float64]:
        """Return the score of each peak; where a feature is missing it counts as the lowest there is."""
        values = peaks[list(self.weights)].to_numpy(np.float64)
        if not len(values):
            return np.empty(0)
        return np.where(np.isnan(values), np.fmin.reduce(values, axis=0), values) @ np.array(
            list(self.weights.values())
        )


@dataclass(frozen=True)
class Calibration:
    """How well confidence keeps its word.

    Attributes
    ----------
    confidence_of : callable
        From scores to probabilities, fitted on all held-out windows.
    out_of_fold : ndarray of float64 (window,)
        Confidence of each held-out window from a fit without its genome block.
    active : ndarray of float64 (window,)
        What was measured.
    error : float
        Expected calibration error of `out_of_fold`.
    """

    confidence_of: Calibrator
    out_of_fold: NDArray[np.float64]
    active: NDArray[np.float64]
    error: float


def best_peak(peaks: pd.DataFrame, windows: pd.DataFrame, score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return, for each window, the row of its best-scoring peak; -1 where no summit lies in it.

    Parameters
    ----------
    peaks : DataFrame
        `chrom strand summit`; strand `.` counts for both.
    windows : DataFrame
        `contig start end strand` with strand `+`, `-` or `.`.
    score : ndarray of float64 (peak,)
        What is best.

    Returns
    -------
    ndarray of int64 (window,)
    """
    best = np.full(len(windows), -1, np.int64)
    for rows, here in _places(peaks, windows):
        own = here[np.argsort(peaks["summit"].to_numpy()[here], kind="stable")]
        summit = peaks["summit"].to_numpy()[own]
        first = np.searchsorted(summit, windows["start"].to_numpy()[rows])
        last = np.searchsorted(summit, windows["end"].to_numpy()[rows])
        for row, low, high in zip(rows.tolist(), first, last, strict=True):
            if low < high:
                best[row] = own[low + np.argmax(score[own[low:high]])]
    return best


def peaks_inside(peaks: pd.DataFrame, windows: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which peaks have their summit in one of the windows, on its strand; arguments as in `best_peak`."""
    inside = np.zeros(len(peaks), bool)
    for rows, own in _places(peaks, windows):
        summit = peaks["summit"].to_numpy()[own]
        opened = np.searchsorted(np.sort(windows["start"].to_numpy()[rows]), summit, side="right")
        closed = np.searchsorted(np.sort(windows["end"].to_numpy()[rows]), summit, side="right")
        inside[own] = opened > closed
    return inside


def measured_windows(data: Dataset, split: str, *, target: str) -> pd.DataFrame:
    """Return the windows of a split that were measured: `contig start end strand group active`."""
    index = data.index.assign(active=data.active(target))
    index = index[(index["split"] == split) & index["active"].notna()]
    strand = np.where(index["reverse"].to_numpy(bool), "-", "+") if data.stranded else "."
    return index.assign(strand=strand, end=index["start"] + data.length).reset_index(drop=True)


def choose_score(peaks: pd.DataFrame, windows: pd.DataFrame) -> tuple[Score, dict[str, float]]:
    """Choose how peaks are ranked, by the average precision on (validation) windows.

    Parameters
    ----------
    peaks : DataFrame
        Peaks of the genome with the columns `FEATURES`.
    windows : DataFrame
        As `measured_windows` returns them.

    Returns
    -------
    score : Score
        The best of each feature alone and of height with a prediction, weighted by a logistic regression.
    found : dict of str to float
        Average precision of each.
    """
    alone = {feature: Score({feature: 1.0}) for feature in FEATURES}
    together = [_logistic(peaks, windows, features, first=alone[features[1]]) for features in COMBINED]
    options = [*alone.values(), *(score for score in together if score is not None)]
    found = {option.name: auprc(window_scores(peaks, windows, option), windows["active"]) for option in options}
    best = max(options, key=lambda option: np.nan_to_num(found[option.name], nan=-1.0))
    return best, found


def window_scores(peaks: pd.DataFrame, windows: pd.DataFrame, score: Score) -> NDArray[np.float64]:
    """Return the score of the best peak in each window; the lowest of all peaks where there is none."""
    values = score(peaks)
    best = best_peak(peaks, windows, values)
    return np.where(best >= 0, values[best], values.min()) if len(values) else np.zeros(len(windows))


def calibrate(score: NDArray[np.float64], windows: pd.DataFrame, *, folds: int) -> Calibration:
    """Fit the confidence on held-out windows and measure its error on windows not used for the fit.

    Parameters
    ----------
    score : ndarray of float64 (window,)
        From `window_scores`.
    windows : DataFrame
        With `active` and `group`.
    folds : int
        Groups of genome blocks; each is predicted by a fit on the others.
    """
    active = windows["active"].to_numpy(np.float64)
    out_of_fold = grouped_out_of_fold(score, active, windows["group"].to_numpy(str), folds=folds)
    error = expected_calibration_error(out_of_fold, active)
    return Calibration(isotonic(score, active), out_of_fold, active, error)


def _places(peaks: pd.DataFrame, windows: pd.DataFrame) -> Iterator[tuple[Rows, Rows]]:
    """Yield, for each contig and strand, the rows of its windows and of its peaks."""
    by_place = peaks.groupby(["chrom", "strand"], sort=False).indices
    for place, rows in windows.groupby(["contig", "strand"], sort=False).indices.items():
        yield np.asarray(rows), np.asarray(by_place.get(place, np.empty(0, np.int64)))


def _logistic(peaks: pd.DataFrame, windows: pd.DataFrame, features: tuple[str, ...], *, first: Score) -> Score | None:
    """Weigh features so that they tell active windows by their best peak; None where they cannot."""
    best = best_peak(peaks, windows, first(peaks))
    values = peaks[list(features)].to_numpy(np.float64)[best[best >= 0]]
    known = ~np.isnan(values).any(1)
    values, active = values[known], windows["active"].to_numpy()[best >= 0][known]
    spread = values.std(0) if len(values) else np.zeros(len(features))
    if len(np.unique(active)) < 2 or not (spread > 0).all():
        return None
    weights = LogisticRegression().fit(values / spread, active).coef_[0] / spread
    return Score(dict(zip(features, weights.tolist(), strict=True))) if (weights >= 0).all() else None
