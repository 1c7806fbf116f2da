import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.genome.placement import best_prediction, usual_place
from tracklight.genome.shards import Tracks

WINDOW = 10


def tracks_of(starts, prediction):
    prediction = np.array(prediction, np.float32)
    mean = np.zeros((len(prediction), 40), np.float32)
    return Tracks(0, mean, mean, np.ones(40, np.int32), np.array(starts, np.int64), prediction, WINDOW, 2)


@given(st.data())
def test_best_prediction_is_the_highest_over_windows_that_have_the_summit_at_the_place(data):
    starts = sorted(data.draw(st.sets(st.integers(0, 30), max_size=12)))
    values = st.lists(st.integers(-9, 9), min_size=len(starts), max_size=len(starts))
    prediction = [data.draw(values), data.draw(values)]
    low = data.draw(st.integers(0, WINDOW - 1))
    high = data.draw(st.integers(low, WINDOW - 1))
    peaks = pd.DataFrame({"chrom": "c", "strand": ["+", "-"] * 20, "summit": range(40)})
    tape = Tape(np.zeros(40, np.uint8), ("c",), np.array([0, 40]))
    found = best_prediction(peaks, tracks_of(starts, prediction), tape, place=(low, high))
    for peak, value in zip(peaks.itertuples(), found, strict=True):
        row = int(peak.strand == "-")
        five_prime = [s + WINDOW - 1 - peak.summit if row else peak.summit - s for s in starts]
        placed = [v for d, v in zip(five_prime, prediction[row], strict=True) if low <= d <= high]
        assert value == max(placed) if placed else np.isnan(value)


def test_the_usual_place_is_the_middle_half_of_the_distances_from_the_five_prime_end():
    peaks = pd.DataFrame({"summit": [104, 205, 306, 391]})
    windows = pd.DataFrame(
        {"start": [100, 200, 300, 390, 500], "end": [110, 210, 310, 400, 510], "strand": ["+", "+", "+", "-", "+"]}
    )
    best = np.array([0, 1, 2, 3, -1])  # distances 4, 5, 6 and, from the right end, 8
    assert usual_place(peaks, windows, best, window_bp=10, stride_bp=1) == (4, 7)


def test_the_usual_place_is_never_narrower_than_a_stride_nor_outside_the_window():
    peaks, windows = pd.DataFrame({"summit": [8]}), pd.DataFrame({"start": [0], "end": [10], "strand": ["+"]})
    assert usual_place(peaks, windows, np.array([0]), window_bp=10, stride_bp=4) == (6, 9)


def test_without_a_peak_to_learn_from_every_window_counts():
    windows = pd.DataFrame({"start": [0], "end": [10], "strand": ["+"]})
    assert usual_place(pd.DataFrame({"summit": []}), windows, np.array([-1]), window_bp=10, stride_bp=4) == (0, 9)
