"""What filters let through."""

import numpy as np
import pytest

from tracklight.eeg.pass_band import pass_band

HZ = np.array([0.0, 0.5, 1, 48, 49, 50, 51, 52, 99, 100])


@pytest.mark.parametrize(
    ("facts", "stopped"),
    [
        ({}, []),
        ({"low_hz": None, "high_hz": None, "notch_hz": [], "notch_width_hz": 2.0}, []),
        ({"low_hz": 0.5}, [0]),
        ({"high_hz": 51.0}, [52, 99, 100]),
        ({"notch_hz": [50.0, 100.0], "notch_width_hz": 2.0}, [50, 100]),
        ({"notch_hz": [50.0], "notch_width_hz": 4.0}, [49, 50, 51]),
    ],
)
def test_frequencies_below_above_and_in_a_notch_are_stopped(facts, stopped):
    assert HZ[~pass_band(facts).frequencies(HZ)].tolist() == stopped


@pytest.mark.parametrize(
    ("band", "passes"),
    [((0.0, 0.5), False), ((0.0, 1.0), True), ((30, 45), True), ((40, 50), True), ((45, 60), False),
     ((20, 22), False), ((19, 22), True), ((np.nan, np.nan), True)],
)  # fmt: skip
def test_a_band_passes_where_a_part_of_it_does(band, passes):
    filters = pass_band({"low_hz": 0.5, "high_hz": 45.0, "notch_hz": [21.0], "notch_width_hz": 2.0})
    assert filters.bands(np.array([band], float)).tolist() == [passes]
