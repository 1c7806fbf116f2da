"""The table of experiments and the page that shows it."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from tests.science.collect import DOCS, collected, page
from tests.science.table import compared, interval, measured, read, record

VALUES = [0.1, 0.3, 0.2, 0.25, 0.2]


def test_the_page_shows_the_table():
    assert (DOCS / "science.md").read_text() == page(read(DOCS / "science.tsv"))


def test_the_interval_is_scipys():
    witness = ttest_1samp(VALUES, 0).confidence_interval()
    assert interval(VALUES) == pytest.approx((np.mean(VALUES), witness.low, witness.high, 5))
    assert np.isnan(interval([0.1])[1])


@pytest.mark.parametrize(
    ("values", "wanted", "verdict"),
    [
        (VALUES, "", "higher"),
        ([-value for value in VALUES], "", "lower"),
        ([-0.1, 0.1, 0.2], "", "no detectable difference"),
        (VALUES, "mean >= 0.2", "reached: mean >= 0.2"),
        (VALUES, "low >= 0.2", "missed: low >= 0.2"),
        (VALUES, "high <= 0.4", "reached: high <= 0.4"),
    ],
)
def test_the_verdict_follows_from_the_interval(values, wanted, verdict):
    assert compared("e", "a - b", "m", values, wanted=wanted).verdict == verdict


def test_a_row_that_is_measured_again_is_replaced_and_others_stay(tmp_path: Path):
    record([measured("e", "a", "m", [1.0, 2.0]), measured("e", "b", "m", [1.0, 2.0])], tmp_path)
    record([measured("e", "a", "m", [3.0, 5.0]), measured("f", "a", "m", [0.0])], tmp_path)
    assert read(tmp_path / "e.tsv").set_index("arm")["mean"].to_dict() == {"a": 4.0, "b": 1.5}
    whole = collected(tmp_path)
    assert whole["experiment"].tolist() == ["e", "e", "f"]
    (tmp_path / "e.tsv").unlink()
    assert collected(tmp_path, whole)["experiment"].tolist() == ["e", "e", "f"]
    assert "| a | m | 0 |  | 1 | reported |" in page(whole)
