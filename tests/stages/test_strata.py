"""The stage on tables whose answer is known: sleep with a confound, a genome with GC content, and mistakes."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.settings import Strata
from tracklight.stages.strata_tables import split_table, stage_table
from tracklight.stages.units import read_units

STAGES = ("N2", "REM")


def sleep(rng, *, subjects=12, reports=20, content=0.0, confound=2.0):
    """Six features: 0 and 1 follow REM, 2 and 3 the label, 4 and 5 nothing; `margin` is their sum."""
    rows = []
    for subject in range(subjects):
        rem = np.arange(reports) % 2
        label = (rng.random(reports) < np.where(rem, 0.7, 0.3)).astype(int)
        values = rng.normal(size=(reports, 6))
        values[:, :2] += confound * rem[:, None]
        values[:, 2:4] += content * label[:, None]
        table = pd.DataFrame(values, columns=[f"{channel}_{hz}" for channel in ("C3", "P4", "Oz") for hz in (8, 9)])
        head = {
            "subject": f"s{subject:02d}",
            "direction": "AB"[subject % 2],
            "stage": np.take(STAGES, rem),
            "label": label,
        }
        rows.append(pd.DataFrame(head).join(table.assign(margin=values.sum(1), minute=np.arange(reports))))
    return pd.concat(rows, ignore_index=True)


SLEEP = {"score": "margin", "ignore": ["direction", "minute"], "permutations": 499, "bootstrap": 200}


def words(folder, table, *more, settings):
    path = folder / "units.tsv"
    table.to_csv(path, sep="\t", index=False, float_format="%.9g")
    given = ["strata", "--table", path, "--settings", json.dumps(settings), "--out", folder / "out", *more]
    return [str(word) for word in given]


def run(folder, table, *more, settings):
    assert cli.main(words(folder, table, *more, settings=settings)) == 0
    names = ("strata", "strata_subjects", "strata_decomposition", "strata_clusters")
    tables = [pd.read_csv(folder / "out" / f"{name}.tsv", sep="\t") for name in names]
    return *tables, json.loads((folder / "out" / "strata.json").read_text())


def fails(capsys, folder, table, *more, settings):
    assert cli.main(words(folder, table, *more, settings=settings)) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_what_follows_the_stage_is_not_found_and_what_follows_the_label_is(tmp_path):
    effects, _, split, _, summary = run(tmp_path, sleep(np.random.default_rng(0), content=1.5), settings=SLEEP)
    found = effects.set_index("feature")["p_max"]
    assert (found[["P4_8", "P4_9"]] == 1 / 500).all()
    assert (found.drop(["P4_8", "P4_9"]) > 0.05).all()
    share = split.set_index("feature")["confound_share"]
    assert (share[["C3_8", "C3_9"]] > 0.7).all()
    assert (share[["P4_8", "P4_9"]] < 0.2).all()
    assert summary["significant"] == 2
    assert summary["auc"]["decodes"]
    assert summary["refusals"] == summary["warnings"] == []


def test_estimates_equal_those_of_a_pandas_table_written_out(tmp_path):
    table = sleep(np.random.default_rng(1), content=0.5)
    effects, subjects, _, _, summary = run(tmp_path, table, settings=SLEEP)
    by_subject = []
    for _, rows in table.groupby("subject"):
        parts = [(len(one) * len(zero) / (len(one) + len(zero)), one.mean() - zero.mean())
                 for _, cell in rows.groupby("stage")["P4_8"]
                 for label in [rows.loc[cell.index, "label"]]
                 for one, zero in [(cell[label == 1], cell[label == 0])] if len(one) and len(zero)]  # fmt: skip
        weights, differences = zip(*parts, strict=True)
        by_subject.append(np.average(differences, weights=weights))
    row = effects.set_index("feature").loc["P4_8"]
    assert row["theta"] == pytest.approx(np.mean(by_subject), rel=1e-5)
    assert row["low"] < row["theta"] < row["high"]
    assert row["subjects"] == 12
    assert row["same_sign"] == np.sum(np.sign(by_subject) == np.sign(np.mean(by_subject)))
    listed = subjects[subjects["feature"] == "P4_8"]
    np.testing.assert_allclose(listed["effect"], by_subject, rtol=1e-5)
    np.testing.assert_allclose(listed["total"], listed[["within", "between", "rest"]].sum(axis=1), atol=1e-4)
    assert listed["units"].tolist() == [20] * 12
    assert [stage["units"] for stage in summary["stages"]] == [120, 120]


def test_evidence_of_stages_sums_to_the_parts_of_the_score_and_counts_are_those_of_the_table(tmp_path):
    table = sleep(np.random.default_rng(8), content=0.7)
    run(tmp_path, table, settings=SLEEP)
    settings = Strata(**SLEEP)
    units = read_units(tmp_path / "units.tsv", settings, axes=None)
    whole, stages = split_table(units, settings, divided=True).iloc[-1], stage_table(units)
    parts = ["total", "within", "between", "rest"]
    np.testing.assert_allclose(stages[parts].sum(), whole[parts].astype(float), atol=1e-9)
    np.testing.assert_allclose(stages["total"], stages["within"] + stages["between"] + stages["rest"], atol=1e-9)
    written = pd.read_csv(tmp_path / "out" / "strata_stages.tsv", sep="\t").set_index("stage")
    assert written["units"].to_dict() == table["stage"].value_counts().to_dict()
    assert written["with_label"].to_dict() == table.groupby("stage")["label"].sum().to_dict()
    np.testing.assert_allclose(written[parts], stages[parts], rtol=1e-5)


@pytest.mark.parametrize(("complete", "features"), [(True, 8), (False, 1)])
def test_features_are_split_only_where_the_attribution_sums_to_the_output(tmp_path, complete, features):
    (tmp_path / "units.json").write_text(json.dumps({"complete": complete}))
    table = sleep(np.random.default_rng(0))
    _, subjects, split, _, summary = run(
        tmp_path, table, "--units-facts", tmp_path / "units.json", settings=SLEEP | {"permutations": 99}
    )
    assert len(split) == len(subjects) / 12 == features
    assert split["feature"].iloc[-1] == "(score)"
    assert (summary["undivided"] is None) is complete
    assert summary["confound_share"]["value"] == pytest.approx(split["confound_share"].iloc[-1], rel=1e-5)


@pytest.mark.parametrize(
    ("facts", "settings", "message"),
    [
        ("{", SLEEP, "no facts of units-eeg"),
        ("[]", SLEEP, "no facts of units-eeg"),
        ('{"complete": false}', {"ignore": ["direction", "minute", "margin"]}, "set strata.score"),
    ],
)
def test_facts_that_do_not_fit_are_one_line(tmp_path, capsys, facts, settings, message):
    (tmp_path / "units.json").write_text(facts)
    table = sleep(np.random.default_rng(0), subjects=4)
    assert message in fails(capsys, tmp_path, table, "--units-facts", tmp_path / "units.json", settings=settings)


def test_directions_are_tested_apart_and_joined(tmp_path):
    settings = SLEEP | {"fold": "direction", "ignore": ["minute"]}
    effects, _, _, _, summary = run(tmp_path, sleep(np.random.default_rng(2), content=1.5), settings=settings)
    both = effects[["p_max.A", "p_max.B"]]
    np.testing.assert_allclose(effects["p_max"], np.minimum(1, 2 * both.min(axis=1)), rtol=1e-4)
    np.testing.assert_allclose(effects["p_max.every"], both.max(axis=1))
    assert [direction["fold"] for direction in summary["directions"]] == ["A", "B"]
    assert [direction["subjects"] for direction in summary["directions"]] == [6, 6]


def test_one_feature_strong_everywhere_is_one_cluster_with_its_neighbours(tmp_path):
    table = sleep(np.random.default_rng(3), content=1.5)
    axes = pd.DataFrame(
        [(f"{c}_{hz}", c, hz) for c in ("C3", "P4", "Oz") for hz in (8, 9)], columns=["feature", "channel", "hz"]
    )
    axes.to_csv(tmp_path / "axes.tsv", sep="\t", index=False)
    (tmp_path / "neighbours.tsv").write_text("one\tother\nC3\tP4\nP4\tOz\nP4\tFz\n")
    more = ["--axes", tmp_path / "axes.tsv", "--neighbours", tmp_path / "neighbours.tsv"]
    effects, _, _, clusters, _ = run(tmp_path, table, *more, settings=SLEEP)
    strongest = clusters.loc[clusters["mass"].idxmax()]
    assert strongest["features"] == "P4_8;P4_9"
    z = effects.set_index("feature")["z"]
    assert strongest["mass"] == pytest.approx(z["P4_8"] + z["P4_9"], rel=1e-5)
    assert (effects.set_index("feature")["p_cluster"][["P4_8", "P4_9"]] == strongest["p"]).all()


def test_a_genome_is_compared_within_chromosomes_and_gc_quintiles(tmp_path):
    rng = np.random.default_rng(4)
    gc = rng.normal(0.5, 0.1, 1500)
    label = (rng.random(1500) < 1 / (1 + np.exp(-15 * (gc - 0.5)))).astype(int)
    table = pd.DataFrame({"chromosome": rng.choice(["I", "II", "III"], 1500), "gc": gc, "label": label})
    table["follows_gc"] = np.round(gc * 10) + rng.normal(size=1500)
    table["follows_label"] = label + rng.normal(size=1500)
    plain = {"subject": None, "strata": ["chromosome"], "permutations": 499, "bootstrap": 200}
    naive = run(tmp_path, table, settings=plain | {"ignore": ["gc"]})[0].set_index("feature")
    assert (naive["p_max"] == 1 / 500).all()
    binned = plain | {"bin_column": "gc", "bins": 20, "bin_within": "table"}
    effects, _, _, _, summary = run(tmp_path, table, settings=binned)
    effects = effects.set_index("feature")
    assert effects["p_max"]["follows_gc"] > 0.05
    assert effects["p_max"]["follows_label"] == 1 / 500
    assert effects["low"].isna().all()
    assert "collider" in summary["warnings"][0]


def test_events_in_time_are_shifted_and_not_permuted(tmp_path):
    rng = np.random.default_rng(5)
    label = np.repeat(rng.random(20) < 0.5, 10).astype(int)
    table = pd.DataFrame(
        {"subject": np.repeat(["a", "b"], 100), "stage": "N2", "minute": np.arange(200), "label": label}
    )
    table["slow"] = (
        np.concatenate([np.sin(np.arange(100) / 9), np.cos(np.arange(100) / 9)]) + rng.normal(size=200) * 0.1
    )
    settings = {"exchange": "shift", "order": "minute", "permutations": 20_000, "bootstrap": 200}
    shuffled = table.sample(frac=1, random_state=0)
    summary = run(tmp_path, shuffled, settings=settings)[-1]
    assert summary["directions"][0]["exact"]
    assert summary["directions"][0]["distinct_labellings"] == 100 * 100


def test_a_design_without_overlap_keeps_its_estimates_and_gets_no_p(tmp_path):
    table = pd.DataFrame(
        {"subject": list("aaabbb"), "stage": list("xxyxxy"), "label": [1, 0, 1, 1, 0, 0], "f": range(6)}
    )
    effects, _, _, _, summary = run(tmp_path, table, settings={"smallest_overlap": 0.9})
    assert effects["theta"].tolist() == [-1.0]
    assert effects[["p", "p_max", "q"]].isna().all(axis=None)
    assert "only 0.67 of the rows are in strata with both labels; 0.9 or more" in summary["refusals"][0]
    assert "cannot reach alpha; got 4 distinct labellings, p at least 0.5; allowed: p of 0.05" in summary["refusals"][1]
    assert summary["significant"] == 0


def test_a_feature_without_variation_is_named_and_never_found(tmp_path):
    effects, _, _, _, summary = run(
        tmp_path, sleep(np.random.default_rng(6)).assign(flat=0.0), settings=SLEEP | {"permutations": 99}
    )
    assert effects.set_index("feature")["p"]["flat"] == 1
    assert any("flat within strata, never found: flat" in warning for warning in summary["warnings"])
    assert any("no decoding within strata" in warning for warning in summary["warnings"])


def test_the_same_seed_writes_the_same_bytes_and_another_draws_anew(tmp_path):
    table, written = sleep(np.random.default_rng(7)), []
    for seed in (1, 1, 2):
        run(tmp_path, table, settings=SLEEP | {"seed": seed})
        written.append((tmp_path / "out" / "strata.tsv").read_bytes())
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"strata": ["depth"]}, "no such column; got depth; allowed: subject, direction, stage"),
        ({"label": 2}, {}, "line 2: unknown label; got '2'; allowed: 0 or 1"),
        ({"label": 1}, {}, "no stratum has both labels; got 40 rows in 4 strata"),
        ({"subject": "one"}, {}, "statements about subjects need several; got one"),
        ({"subject": ""}, {}, "line 2: subject is missing"),
        ({"C3_8": "NaN"}, {}, "line 2: C3_8 is missing; got 'NaN'; allowed: a finite number"),
        ({"C3_8": "much"}, {}, "line 2: C3_8 is not a number; got 'much'"),
        (
            {"direction": ["A", "B"] * 20},
            {"fold": "direction"},
            "a subject is in two directions of the cross-fit; got s00",
        ),
        ({}, {"exchange": "shift"}, "exchange: shift needs the column `order`"),
        ({}, {"permutations": 3}, "strata.permutations: setting is not allowed; got 3"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, change, settings, message):
    table = sleep(np.random.default_rng(8), subjects=2).assign(**change)
    assert message in fails(capsys, tmp_path, table, settings={"ignore": ["minute", "direction"]} | settings)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("feature\thz\nC3_8\t8\n", "unknown feature in the table of axes; got 'C3_9'"),
        ("feature\thz\nC3_8\t8\nC3_9\t8\n", "two features have one place; got C3_8, C3_9"),
        ("feature\n", "not a table with a header and rows"),
    ],
)
def test_a_mistake_in_the_places_of_features_is_one_line(tmp_path, capsys, axes, message):
    (tmp_path / "axes.tsv").write_text(axes)
    table = sleep(np.random.default_rng(9), subjects=2)
    settings = {"features": ["C3_8", "C3_9"]}
    assert message in fails(capsys, tmp_path, table, "--axes", tmp_path / "axes.tsv", settings=settings)


def test_neighbours_of_one_column_are_one_line(tmp_path, capsys):
    pd.DataFrame({"feature": ["C3_8"], "channel": ["C3"]}).to_csv(tmp_path / "axes.tsv", sep="\t", index=False)
    (tmp_path / "neighbours.tsv").write_text("one\nC3\n")
    more = ["--axes", tmp_path / "axes.tsv", "--neighbours", tmp_path / "neighbours.tsv"]
    found = fails(capsys, tmp_path, sleep(np.random.default_rng(0), subjects=4), *more, settings=SLEEP)
    assert "neighbours.tsv: not pairs of names; got one; allowed: two columns" in found


def test_the_summary_says_what_table_it_is_of_and_within_what_bins(tmp_path):
    settings = SLEEP | {"permutations": 99, "bin_column": "minute", "bins": 2}
    *_, summary = run(tmp_path, sleep(np.random.default_rng(0)), settings=settings)
    assert summary["table_sha256"] == hashlib.sha256((tmp_path / "units.tsv").read_bytes()).hexdigest()
    assert (summary["bin_column"], summary["bins"]) == ("minute", 2)
