import numpy as np
import pandas as pd
import pytest

from tracklight.genome.confidence import (
    FEATURES,
    Score,
    best_peak,
    calibrate,
    choose_score,
    peaks_inside,
    window_scores,
)

PEAKS = pd.DataFrame(
    {
        "chrom": ["a", "a", "a", "b", "a"],
        "strand": ["+", "+", "-", "+", "+"],
        "summit": [5, 12, 12, 5, 30],
        "height": [1.0, 3.0, 9.0, 7.0, 2.0],
        "prediction": [4.0, 1.0, 2.0, 3.0, np.nan],
        "aligned_prediction": [0.0, 1.0, 2.0, 3.0, np.nan],
    }
)
WINDOWS = pd.DataFrame(
    {
        "contig": ["a", "a", "a", "b", "a"],
        "start": [0, 0, 6, 6, 12],
        "end": [20, 20, 12, 20, 13],
        "strand": ["+", "-", "+", "+", "+"],
        "active": [1.0, 0.0, 0.0, 0.0, 1.0],
        "group": list("pqpqp"),
    }
)


def test_the_best_peak_of_a_window_is_on_its_contig_and_strand_and_inside_it():
    score = PEAKS["height"].to_numpy()
    assert best_peak(PEAKS, WINDOWS, score).tolist() == [1, 2, -1, -1, 1]


def test_peaks_inside_windows_equal_a_search_by_hand():
    generator = np.random.default_rng(0)
    peaks = pd.DataFrame(
        {
            "chrom": generator.choice(["a", "b"], 200),
            "strand": generator.choice(["+", "-"], 200),
            "summit": generator.integers(0, 300, 200),
        }
    )
    start = generator.integers(0, 280, 15)
    windows = pd.DataFrame(
        {
            "contig": generator.choice(["a", "b"], 15),
            "strand": generator.choice(["+", "-"], 15),
            "start": start,
            "end": start + 20,
        }
    )
    expected = [
        any(w.contig == p.chrom and w.strand == p.strand and w.start <= p.summit < w.end for w in windows.itertuples())
        for p in peaks.itertuples()
    ]
    assert peaks_inside(peaks, windows).tolist() == expected


def test_a_window_without_a_peak_gets_the_lowest_score():
    score = Score({"height": 1.0})
    assert window_scores(PEAKS, WINDOWS, score).tolist() == [3.0, 9.0, 1.0, 1.0, 3.0]


def test_a_peak_without_a_prediction_counts_as_the_lowest_prediction():
    assert Score({"prediction": 1.0})(PEAKS).tolist() == [4.0, 1.0, 2.0, 3.0, 1.0]


def simulated(informative, generator, count=400):
    """One peak in each of `count` windows; the named feature tells active from inactive."""
    active = (generator.random(count) < 0.3).astype(float)
    features = {name: generator.normal(0, 1, count) for name in FEATURES}
    features[informative] += 3 * active
    start = 100 * np.arange(count)
    peaks = pd.DataFrame({"chrom": "a", "strand": "+", "summit": start + 50, **features})
    windows = pd.DataFrame({"contig": "a", "strand": "+", "start": start, "end": start + 100, "active": active})
    return peaks, windows.assign(group=(start // 4000).astype(str))


@pytest.mark.parametrize("informative", ["height", "prediction", "aligned_prediction"])
def test_the_chosen_score_leans_on_the_feature_that_tells_active_windows(informative):
    peaks, windows = simulated(informative, np.random.default_rng(0))
    score, found = choose_score(peaks, windows)
    assert found[informative] > 0.8 > max(found[other] for other in FEATURES if other != informative)
    assert score.weights[informative] > 0.75 * sum(score.weights.values())


def test_a_score_adds_its_weighted_features():
    assert Score({"height": 2.0, "prediction": 1.0})(PEAKS).tolist() == [6.0, 7.0, 20.0, 17.0, 5.0]
    assert Score({"height": 2.0, "prediction": 1.0}).name == "height+prediction"


def test_confidence_keeps_its_word_on_windows_not_used_for_the_fit():
    peaks, windows = simulated("height", np.random.default_rng(1), count=2000)
    score = window_scores(peaks, windows, Score({"height": 1.0}))
    calibration = calibrate(score, windows, folds=5)
    assert calibration.error < 0.05
    assert calibration.confidence_of(np.array([-3.0]))[0] < 0.05
    assert calibration.confidence_of(np.array([6.0]))[0] > 0.9
