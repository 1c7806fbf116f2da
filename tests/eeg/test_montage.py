"""Positions by definition against MNE's measured head."""

import warnings

import mne
import numpy as np
import pytest
from scipy.stats import spearmanr

from tracklight.eeg.montage import angle_deg, neighbours, position

TEN_TWENTY = [
    "Fp1",
    "Fp2",
    "F7",
    "F3",
    "Fz",
    "F4",
    "F8",
    "T7",
    "C3",
    "Cz",
    "C4",
    "T8",
    "P7",
    "P3",
    "Pz",
    "P4",
    "P8",
    "O1",
    "O2",
]


@pytest.fixture(scope="module")
def head() -> dict[str, np.ndarray]:
    """Positions on a real head, from the centre of the sphere that fits them best, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = mne.channels.make_standard_montage("standard_1020").get_positions()["ch_pos"]
    names = [name for name in places if position(name) is not None]
    points = np.array([places[name] for name in names])
    fit = np.linalg.lstsq(np.c_[2 * points, np.ones(len(points))], (points**2).sum(1), rcond=None)[0]
    return dict(zip(names, points - fit[:3], strict=True))


def angles(places):
    unit = np.array([place / np.linalg.norm(place) for place in places])
    return np.degrees(np.arccos(np.clip(unit @ unit.T, -1, 1)))


def test_nearly_all_names_of_the_ten_ten_system_have_a_place(head):
    assert len(head) >= 90


def test_sites_are_on_the_unit_sphere_and_mirrored_left_to_right(head):
    for name in head:
        assert np.linalg.norm(position(name)) == pytest.approx(1)
    for left, right in (("F3", "F4"), ("PO7", "PO8"), ("TP9", "TP10"), ("Fp1", "Fp2")):
        assert position(left) * [-1, 1, 1] == pytest.approx(position(right))


def test_angles_rank_as_on_a_real_head(head):
    ours = angles([position(name) for name in head])
    rows, columns = np.triu_indices(len(head), 1)
    assert spearmanr(ours[rows, columns], angles(head.values())[rows, columns]).statistic > 0.97


@pytest.mark.parametrize("names", [TEN_TWENTY, None])
def test_the_nearest_channel_is_among_the_four_nearest_of_a_real_head(head, names):
    names = names or [name for name in head if name not in ("T3", "T4", "T5", "T6", "A1", "A2", "M1", "M2")]
    ours, theirs = angles([position(name) for name in names]), angles([head[name] for name in names])
    nearest, order = ours.argsort(1)[:, 1], theirs.argsort(1)
    for row, name in enumerate(names):
        assert nearest[row] in order[row, 1:5], f"{name} and {names[nearest[row]]}"


def test_neighbours_of_a_ten_twenty_cap_are_next_along_rows_and_columns():
    pairs = {frozenset(pair) for pair in neighbours(TEN_TWENTY, within_deg=45)}
    around = {name for pair in pairs if "C3" in pair for name in pair} - {"C3"}
    assert around == {"F3", "P3", "T7", "Cz"}
    assert {name for pair in pairs if "Cz" in pair for name in pair} - {"Cz"} == {"Fz", "Pz", "C3", "C4"}


def test_neighbours_keep_the_order_of_channels_and_leave_out_what_has_no_place():
    assert neighbours(["O2", "EOG", "P4", "Fp1"], within_deg=45) == [("O2", "P4")]
    assert neighbours(["EOG", "Fpz-Cz"], within_deg=180) == []


@pytest.mark.parametrize("name", ["EOG", "Fpz-Cz", "EEG C3", "X1", "FC7", "FT3", "C9", "Fp3", "F11", "F0", ""])
def test_other_names_have_no_place(name):
    assert position(name) is None


def test_old_names_and_capitals_mean_the_same_sites():
    assert position("T5") == pytest.approx(position("P7"))
    assert position(" fpZ ") == pytest.approx(position("Fpz"))


def test_angles_follow_from_the_definition():
    assert angle_deg(position("Fz"), position("Cz")) == pytest.approx(36)
    assert angle_deg(position("T7"), position("C3")) == pytest.approx(36)
    assert angle_deg(position("Fpz"), position("Oz")) == pytest.approx(144)
    assert angle_deg(position("F7"), position("F3")) == pytest.approx(angle_deg(position("F3"), position("Fz")))
