from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tracklight.report.eeg import topography
from tracklight.report.eeg.examples import chosen, epoch_figure
from tracklight.report.eeg.features import strongest
from tracklight.report.eeg.heat import PALE, diverging, grid
from tracklight.report.eeg.maps import maps_figure
from tracklight.report.eeg.study import Study
from tracklight.report.eeg.topography import at_strongest, head_figure, positions
from tracklight.report.eeg.verdict import truth_words
from tracklight.report.eeg.wording import counted, interval, p_value, places, share
from tracklight.report.style import encoded

TEN = ["Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2"]


def test_lightness_of_the_colours_falls_evenly_from_the_middle_to_both_ends() -> None:
    linear = np.asarray(diverging()(np.linspace(0, 1, 256)))[:, :3]
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]  # luminance, from which CIELAB's lightness follows
    lightness = 116 * np.cbrt(y) - 16
    steps = np.diff(lightness)
    assert (steps[:126] > 0).all()
    assert (steps[129:] < 0).all()
    np.testing.assert_allclose(steps[:126], steps[:126].mean(), rtol=0.1)
    np.testing.assert_allclose(lightness[[0, -1]], 36, atol=1)


def test_map_is_laid_out_by_channel_and_frequency_and_missing_bins_stay_empty() -> None:
    table = pd.DataFrame({"channel": ["P4", "P4", "O2"], "hz": [31.0, 33.0, 32.0], "z": [1.0, 2.0, 3.0]})
    values, ends = grid(table, "z", ["P4", "O2"])
    np.testing.assert_array_equal(values, [[1, np.nan, 2], [np.nan, 3, np.nan]])
    assert ends == (30.5, 33.5)


def test_map_of_a_study_that_failed_the_gate_is_grey_but_power_is_not(studies: list[Study]) -> None:
    claims = studies[0].claims()
    limits = {"theta_attribution": 1.0, "pattern": 1.0, "theta_power": 1.0}
    maps = {readable: maps_figure(claims, limits, readable=readable) for readable in (True, False)}
    largest = claims["theta_attribution"].abs().max()
    assert maps[True].axes[0].images[0].get_clim() == (-1, 1)
    assert maps[False].axes[0].images[0].get_clim() == (0, pytest.approx(PALE * largest))
    colours = {
        key: [axes.images[0].get_cmap().name for axes in figure.axes if axes.images] for key, figure in maps.items()
    }
    assert colours[True] == ["tracklight_diverging"] * 3
    assert colours[False] == ["Greys", "Greys", "tracklight_diverging"]


def test_boxes_stand_around_what_is_claimed(studies: list[Study]) -> None:
    claims = studies[0].claims()
    figure = maps_figure(claims, dict.fromkeys(("theta_attribution", "pattern", "theta_power"), 1.0), readable=True)
    boxes = [patch.get_xy() for patch in figure.axes[0].patches]
    assert boxes == [(30.5, -0.5), (31.5, -0.5), (32.5, -0.5)]


def test_channels_with_runs_of_frequencies_are_worded_as_ranges() -> None:
    table = pd.DataFrame({"channel": ["P4", "O2", "P4", "P4", "P4"], "hz": [32, 10, 31, 33, 40]})
    assert places(table) == "O2 10 Hz, P4 31–33, 40 Hz"


def test_words_for_numbers() -> None:
    assert interval(0.5, 0.25, 0.75) == "0.50 (0.25 to 0.75)"
    assert interval(0.5, float("nan"), float("nan")) == "0.50"
    assert share({"value": 0.238, "low": None, "high": None}) == "23.8% (too few subjects for an interval)"
    assert share(None) == "an unknown share"
    assert p_value(0.00039992) == "0.0004"
    assert [counted(number, "claim") for number in (0, 1, 2)] == ["no claims", "1 claim", "2 claims"]
    assert truth_words({"planted": 3, "found": 2, "outside": 1}) == "2 of 3 planted bins found, 1 claim outside"
    assert truth_words({"planted": 0, "found": 0, "outside": 0}) == "nothing planted, no claims"


def test_examples_are_the_most_decided_by_turns() -> None:
    margin = np.array([0.1, 3.0, -2.0, 1.0, -5.0])
    assert chosen(margin, most=3) == [1, 4, 3]
    assert chosen(margin, most=9) == [1, 4, 3, 2, 0]


def test_epoch_of_zeros_is_drawn_without_a_fault() -> None:
    zeros = np.zeros((2, 50), np.float32)
    figure = epoch_figure(zeros, zeros, channels=["P4", "O2"], rate_hz=50.0, readable=True)
    assert encoded(figure, "png").startswith(b"\x89PNG")


def test_every_trace_stays_inside_its_axes_and_has_no_colours_when_the_gate_was_not_passed() -> None:
    signal = np.zeros((3, 200))
    signal[2, 7], signal[0, 9] = -1.0, 2.0  # alone, far beyond the quantile that sets the distance of channels
    signal[1] = np.linspace(-1e-2, 1e-2, 200)
    for readable in (True, False):
        panel = epoch_figure(signal, signal, channels=list("abc"), rate_hz=50, readable=readable).axes[0]
        low, high = panel.get_ylim()
        values = np.concatenate([line.get_ydata() for line in panel.lines])
        assert low < values.min()
        assert values.max() < high
        assert len(panel.collections) == 3 * readable


def test_strongest_is_the_largest_size_and_missing_ones_never_are() -> None:
    table = pd.DataFrame({"feature": list("abc"), "z": [np.nan, -3.0, 2.0]})
    assert strongest(table, "z")["feature"] == "b"


def test_a_claimed_frequency_goes_before_a_stronger_one_that_is_not() -> None:
    rows = {"channel": ["P4", "O2", "P4"], "hz": [32, 10, 10], "z_attribution": [3.0, 9.0, 1.0]}
    table = pd.DataFrame(rows | {"claim": ["content", "used through interaction", ""]})
    assert at_strongest(table)["hz"].tolist() == [32]
    assert at_strongest(table.assign(claim=""))["hz"].tolist() == [10, 10]


def test_bars_are_drawn_with_fewer_than_eight_known_channels() -> None:
    pytest.importorskip("mne")
    info, why = positions(["Fp1", "Fz", "C3", "P4", "O2", "EOG"])
    assert info is None
    assert why.startswith("Bars instead of topographies: 5 channels have a known place")


def test_without_mne_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(topography, "import_module", refuse)
    assert positions(TEN) == (None, "Bars instead of topographies: install tracklight[mne] for those.")


@pytest.mark.skipif(find_spec("mne") is None, reason="needs the extra mne")
def test_topography_of_ten_channels_puts_the_largest_value_where_its_channel_is() -> None:
    info, why = positions([*TEN, "EOG"])
    assert why == ""
    assert info.ch_names == TEN
    rows = {"channel": [*TEN, "EOG"], "hz": 32.0, "theta_attribution": 0.0, "theta_power": 0.1, "low": 0.0, "high": 0.0}
    table = pd.DataFrame(rows)
    table.loc[table["channel"] == "P4", "theta_attribution"] = 1.0
    figure = head_figure({"content": table}, info, blind=[])
    names = [text for text in figure.axes[0].texts if text.get_path_effects()]
    assert [name.get_text() for name in names] == TEN
    image = figure.axes[0].images[0]
    values, (left, right, bottom, top) = np.asarray(image.get_array()), image.get_extent()
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    x, y = (
        left + (column + 0.5) / values.shape[1] * (right - left),
        bottom + (row + 0.5) / values.shape[0] * (top - bottom),
    )
    assert x > 0.02  # on the right
    assert y < -0.02  # at the back
    assert isinstance(figure, Figure)
    assert encoded(figure, "svg") == encoded(head_figure({"content": table}, info, blind=[]), "svg")
