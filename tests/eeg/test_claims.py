"""The rule of the conjunction written out by hand, and hits counted against a truth."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from tracklight.eeg.claims import (
    Truth,
    claims_table,
    count_hits,
    kinds,
    map_p,
    only_robust,
    read_truth,
    robust,
    with_claims,
)
from tracklight.errors import InputError

AXES = pd.DataFrame({"feature": ["P4:31", "P4:32", "Fz:5", "Fz:6"], "channel": ["P4", "P4", "Fz", "Fz"],
                     "hz": [31, 32, 5, 6]})  # fmt: skip


def strata(p, theta=(1.0, 1.0, -1.0, 1.0), features=AXES["feature"]):
    numbers = dict.fromkeys(("low", "high", "g_z", "z", "pattern"), 0.5)
    return pd.DataFrame({"feature": features, "theta": theta, "p_max": p, **numbers})


P_ATTRIBUTION, P_POWER = [0.01, 0.01, 0.2, 0.05], [0.01, 0.06, 0.01, 0.05]


def test_content_needs_both_maps():
    table = with_claims(claims_table(AXES, strata(P_ATTRIBUTION), strata(P_POWER)), alpha=0.05, may_claim=True)
    assert table["claim"].tolist() == ["content", "used through interaction", "not used", "content"]
    assert table["p_both"].tolist() == [0.01, 0.06, 0.2, 0.05]
    assert table["sign"].tolist() == ["+", "+", "-", "+"]


def test_nothing_is_claimed_without_the_gate_and_numbers_stand():
    table = with_claims(claims_table(AXES, strata(P_ATTRIBUTION), strata(P_POWER)), alpha=0.05, may_claim=False)
    assert set(table["claim"]) == {""}
    assert table["p_both"].notna().all()


def test_a_refused_design_claims_nothing():
    table = with_claims(claims_table(AXES, strata(np.nan), strata(P_POWER)), alpha=0.05, may_claim=True)
    assert table["p_both"].isna().all()
    assert set(table["claim"]) == {""}
    assert robust(table, alpha=0.05).isna().all()


def test_rows_follow_the_axes_whatever_the_order_of_the_maps():
    shuffled = strata(P_POWER).sample(frac=1, random_state=1)
    table = claims_table(AXES, strata(P_ATTRIBUTION), shuffled)
    assert table["feature"].tolist() == AXES["feature"].tolist()
    assert table["p_power"].tolist() == P_POWER


def test_robust_is_the_conjunction_within_bins():
    table = claims_table(AXES, strata(P_ATTRIBUTION), strata(P_POWER))
    assert robust(table, alpha=0.05).tolist() == [True, False, False, True]


def test_content_has_to_hold_within_the_bins_of_every_second_stratifier():
    table = with_claims(claims_table(AXES, strata(P_ATTRIBUTION), strata([0.01] * 4)), alpha=0.05, may_claim=True)
    table = table.assign(**{"robust.depth": [True, False, False, False], "robust.hour": [True, True, True, False]})
    table["robust.depth"] = table["robust.depth"].astype("boolean")
    found = only_robust(table)["claim"]
    assert found.tolist() == ["content", "not robust to depth", "not used", "not robust to depth and hour"]
    assert kinds(found).tolist() == ["content", "not robust", "not used", "not robust"]
    assert only_robust(table.drop(columns=["robust.depth", "robust.hour"]))["claim"].tolist().count("content") == 3


def test_maps_are_adjusted_by_holm():
    tables = {name: pd.DataFrame({"p_both": p}) for name, p in {"a": [0.3, 0.02], "b": [0.03, 1], "c": [0.5]}.items()}
    found = map_p(tables | {"refused": pd.DataFrame({"p_both": [np.nan]})})
    adjusted = multipletests([0.02, 0.03, 0.5], method="holm")[1]
    assert [found[name]["p_holm"] for name in "abc"] == pytest.approx(adjusted.tolist())
    assert found["refused"] == {"smallest_p": None, "p_holm": None}


TRUTH = Truth([("P4", 31.0), ("P4", 32.0), ("P4", 33.0)], [("P4", float(hz)) for hz in range(28, 37)])


def test_hits_are_found_near_or_outside():
    hits = [("P4", 31.0), ("P4", 33.0), ("P4", 29.0), ("P4", 40.0), ("O2", 32.0)]
    assert count_hits(hits, TRUTH) == {"planted": 3, "found": 2, "inside": 2, "near": 1, "outside": 2}


def test_fine_bins_fall_into_those_of_the_truth():
    assert count_hits([("P4", 31.8), ("P4", 32.2)], TRUTH) == {
        "planted": 3, "found": 1, "inside": 2, "near": 0, "outside": 0,
    }  # fmt: skip


def test_where_nothing_was_planted_every_hit_is_outside():
    assert count_hits([("P4", 32.0)], Truth([], [])) == {
        "planted": 0, "found": 0, "inside": 0, "near": 0, "outside": 1,
    }  # fmt: skip


def write_truth(path, *, bursts):
    masks = np.zeros((2, 50), bool), np.zeros((2, 50), bool)
    masks[0][1, 31:34], masks[1][1, 28:37] = True, True
    np.savez(path, channels=np.array(["Fz", "P4"]), frequency_hz=np.arange(50), burst_bins=masks[0],
             near_bins=masks[1], bursts=np.full((1, 2, 4), bursts))  # fmt: skip


def test_the_truth_of_a_study_without_bursts_is_that_nothing_is_there(tmp_path):
    write_truth(tmp_path / "content.npz", bursts=True)
    write_truth(tmp_path / "null.npz", bursts=False)
    assert read_truth(tmp_path / "content.npz", channels=["P4"]) == TRUTH
    assert read_truth(tmp_path / "null.npz", channels=["P4"]) == Truth([], [])


def test_another_file_is_no_truth(tmp_path):
    np.savez(tmp_path / "other.npz", channels=np.zeros(2))
    with pytest.raises(InputError, match=r"not the truth of a simulated study.*frequency_hz"):
        read_truth(tmp_path / "other.npz", channels=["P4"])
