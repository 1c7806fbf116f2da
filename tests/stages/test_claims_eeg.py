"""The stage on reports made by hand: a channel with content, one that follows REM, one that the networks misuse."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.files import sha256, write_text
from tracklight.stages.checks import Check, write_checks
from tracklight.stages.tables import write_table

CHANNELS, HZ, REPORTS = ("Fz", "P4", "O2"), (31, 32, 33, 34), 24
FEATURES = [f"{channel}:{hz}" for channel in CHANNELS for hz in HZ]
STRATA = {"permutations": 199, "bootstrap": 100, "bca_from_subjects": 5}
GATE = "gate: within-stratum AUC"
PLACEBO = "gate: placebo: REM from eyes and muscle"


def reports(*, content):
    """Return one report per row: Fz follows REM, P4 31-33 the label in both maps, O2 33 and 34 in one of them."""
    rng, rows = np.random.default_rng(1), []
    for subject in range(8):
        for report in range(REPORTS):
            rem, label = report % 2, int(rng.random() < (0.75 if report % 2 else 0.25))
            rows.append({"half": "AB"[subject % 2], "subject": f"s{subject}", "recording": f"s{subject}_n1",
                         "stage": ("N2", "REM")[rem], "report": f"r{report}", "label": label, "order": report,
                         "depth": rng.normal(), "epochs": 1})  # fmt: skip
    head = pd.DataFrame(rows).sort_values(["half", "subject", "order"], ignore_index=True)
    rem, label = (head["stage"] == "REM").to_numpy(float), head["label"].to_numpy(float)
    maps = {}
    for name, misused in {"attribution": (3, -4.0), "power": (2, 4.0)}.items():
        values = rng.normal(size=(len(head), 3, 4))
        values[:, 0] += 2 * rem[:, None]
        values[:, 1, :3] += content * label[:, None]
        values[:, 2, misused[0]] += content / 4 * misused[1] * label
        maps[name] = values
    margin = maps["attribution"].sum((1, 2)) / 4
    return head.assign(margin=margin), maps


def write_units(folder, *, content):
    head, maps = reports(content=content)
    units = folder / "units"
    for kind, values in maps.items():
        table = pd.concat([head, pd.DataFrame(values.reshape(len(head), -1), columns=FEATURES)], axis=1)
        write_table(units / f"{kind}.tsv.gz", table, digits=9)
        later = table.rename(columns={name: f"{name.split(':')[0]}:fast:-{name[-1]}" for name in FEATURES})
        write_table(units / f"{kind}_time.tsv.gz", later, digits=9)
    axes = pd.DataFrame([(name, *name.split(":")) for name in FEATURES], columns=["feature", "channel", "hz"])
    write_table(units / "axes.tsv", axes)
    places = [(f"{channel}:fast:-{str(hz)[-1]}", channel, "fast", -(hz % 10)) for channel in CHANNELS for hz in HZ]
    axes = pd.DataFrame(places, columns=["feature", "channel", "band", "time_s"])
    write_table(units / "axes_time.tsv", axes)
    epochs = head.assign(row=np.arange(len(head)), epoch=0, used=1, scale=2.0)
    write_table(units / "epochs.tsv.gz", epochs)
    facts = {"complete": True, "methods": ["gradient_x_input"], "seed_agreement": {"A": None, "B": None},
             "whole_reports": len(head), "epochs_of_other_stages": 0}  # fmt: skip
    write_text(units / "units.json", json.dumps(facts))
    return head, maps


def write_maps(folder, head, maps):
    for half in "AB":
        rows = np.flatnonzero(head["half"] == half)
        (folder / half).mkdir(parents=True)
        np.savez(
            folder / half / "maps.npz", rows=rows, seeds=np.array([0]), margin=head["margin"].to_numpy()[rows][None],
            frequency=2 * maps["attribution"][rows][None].astype(np.float32), hz=np.array(HZ, float),
            time=np.zeros((len(rows), 3, 1, 1), np.float32), bands=np.array(["fast"]), band_hz=np.array([[30, 35.0]]),
            time_s=np.array([0.5]),
        )  # fmt: skip


def write_strata(folder):
    for kind in ("attribution", "power", "attribution_time", "power_time"):
        axes = folder / "units" / ("axes_time.tsv" if kind.endswith("_time") else "axes.tsv")
        binned = {} if kind.endswith("_time") else {f"{kind}.depth": {"bin_column": "depth", "bins": 2}}
        for name, more in {kind: {}, **binned}.items():
            settings = {**STRATA, "fold": "half", "score": "margin", **more}
            given = ["--table", folder / "units" / f"{kind}.tsv.gz", "--axes", axes, "--out", folder / "strata" / name]
            assert cli.main(["strata", *map(str, given), "--settings", json.dumps(settings)]) == 0


def auc(folder):
    return json.loads((folder / "strata" / "attribution" / "strata.json").read_text())["auc"]["within_strata"]


def write_gate(folder, verdict, *, placebo="warn", name="gate_checks.tsv"):
    """As gate-eeg writes it: the area of the networks is that of the strata."""
    write_checks(folder / name, [Check(GATE, auc(folder), 0.8, 0.95, verdict=verdict),
                                 Check(PLACEBO, 0.6, verdict=placebo)])  # fmt: skip


def write_truth(path, *, bursts):
    masks = np.zeros((2, 3, 50), bool)
    masks[0, 1, 31:34], masks[1, 1, 28:37] = True, True
    np.savez(path, channels=np.array(CHANNELS), frequency_hz=np.arange(50), burst_bins=masks[0], near_bins=masks[1],
             bursts=np.full((8, REPORTS, 1), bursts))  # fmt: skip


def make(folder, *, content, gate="pass"):
    head, maps = write_units(folder, content=content)
    write_maps(folder, head, maps)
    write_strata(folder)
    write_gate(folder, gate)
    write_truth(folder / "truth_maps.npz", bursts=content > 0)
    return folder


MAPS = ("attribution", "power", "attribution_time", "power_time", "attribution.depth", "power.depth")


def words(folder, *, out="claims", maps=MAPS, checks=("gate_checks.tsv",), halves="AB"):
    return ["claims-eeg", "--units", str(folder / "units"), "--maps", *(str(folder / half) for half in halves),
            "--strata", *(name if "=" in name else f"{name}={folder / 'strata' / name}" for name in maps),
            "--checks", *(str(folder / name) for name in checks), "--truth", str(folder / "truth_maps.npz"),
            "--strata-settings", json.dumps(STRATA), "--out", str(folder / out)]  # fmt: skip


def read(folder, out="claims"):
    tables = {path.stem: pd.read_csv(path, sep="\t", keep_default_na=False, na_values={"p_both": [""]})
              for path in (folder / out).glob("*.tsv")}  # fmt: skip
    return tables, json.loads((folder / out / "claims.json").read_text())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("content"), content=4.0)
    assert cli.main(words(folder)) == 0
    return folder


@pytest.fixture(scope="module")
def null(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("null"), content=0.0, gate="fail")
    assert cli.main(words(folder)) == 0
    return folder


def fails(capsys, *given):
    assert cli.main(list(given)) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_content_is_what_both_maps_show(study):
    tables, summary = read(study)
    claim = tables["claims"].set_index("feature")["claim"]
    assert claim[claim != ""].to_dict() == {
        "P4:31": "content", "P4:32": "content", "P4:33": "content",
        "O2:34": "used through interaction", "O2:33": "not used",
    }  # fmt: skip
    assert summary["verdict"] == "content at P4:31, P4:32, P4:33"
    assert summary["claims"] == {"content": 3, "not robust": 0, "used through interaction": 1, "not used": 1}
    assert summary["content"][0] == {"feature": "P4:31", "sign": "+"}
    assert tables["claims"].set_index("feature")["sign"]["O2:34"] == "-"
    assert summary["truth"] == {"planted": 3, "found": 3, "inside": 3, "near": 0, "outside": 0}


def test_columns_are_those_of_strata(study):
    table = read(study)[0]["claims"]
    assert table.columns.tolist() == [
        "feature", "channel", "hz", "theta_attribution", "low", "high", "g_z", "z_attribution", "p_attribution",
        "pattern", "theta_power", "z_power", "p_power", "p_both", "sign", "claim", "robust.depth",
    ]  # fmt: skip
    attribution, power = (pd.read_csv(study / "strata" / name / "strata.tsv", sep="\t") for name in MAPS[:2])
    assert table["theta_attribution"].tolist() == attribution["theta"].tolist()
    assert table["p_both"].tolist() == np.maximum(attribution["p_max"], power["p_max"]).tolist()
    assert table["pattern"].tolist() == power["pattern"].tolist()


def test_robust_is_the_conjunction_within_bins_of_depth(study):
    tables, summary = read(study)
    within = [pd.read_csv(study / "strata" / f"{kind}.depth" / "strata.tsv", sep="\t")["p_max"]
              for kind in ("attribution", "power")]  # fmt: skip
    assert tables["claims"]["robust.depth"].tolist() == (np.maximum(*within) <= 0.05).tolist()
    assert summary["robust"] == {"depth": 3}
    assert summary["robust_to_all"] == 3


def test_claims_over_time_stand_beside(study):
    tables, summary = read(study)
    table = tables["claims_time"].set_index("feature")
    assert table.index[table["claim"] == "content"].tolist() == ["P4:fast:-1", "P4:fast:-2", "P4:fast:-3"]
    assert [row["feature"] for row in summary["content_in_time"]] == ["P4:fast:-1", "P4:fast:-2", "P4:fast:-3"]
    assert summary["maps"]["time"]["p_holm"] == pytest.approx(2 * summary["maps"]["time"]["smallest_p"])


def test_naive_analyses_find_what_only_follows_rem(null):
    tables, summary = read(null)
    rows = tables["naive"].set_index(["analysis", "maps"])
    assert rows["significant"].tolist()[0] >= 4
    assert rows["significant"].tolist()[1] >= 4
    assert rows.loc[("within strata", "attribution and power"), "significant"] == 0
    assert (rows["outside"] == rows["significant"]).all()
    features = tables["naive_features"].set_index("feature")
    assert (features.loc[["Fz:31", "Fz:32", "Fz:33", "Fz:34"], "pooled_q"] < 0.05).all()
    assert summary["confound_share"]["value"] > 0.6


def test_pooled_epochs_are_those_of_the_maps_over_the_subjects_scale(study):
    head, maps = reports(content=4.0)
    label = head["label"].to_numpy() == 1
    flat = maps["attribution"].reshape(len(head), -1)
    found = read(study)[0]["naive_features"]["pooled_difference"]
    assert found.to_numpy() == pytest.approx(flat[label].mean(0) - flat[~label].mean(0), rel=1e-4)


def test_bins_that_filters_stop_are_in_the_maps_and_in_no_claim(study):
    for half in "AB":
        with np.load(study / half / "maps.npz") as stored:
            maps = dict(stored)
        ends = (maps["hz"][:1] - 1, maps["hz"][-1:] + 1)
        wide = np.pad(maps["frequency"], [(0, 0)] * 3 + [(1, 1)], constant_values=7)
        (study / "wide" / half).mkdir(parents=True)
        np.savez(
            study / "wide" / half / "maps.npz",
            **maps | {"frequency": wide, "hz": np.concatenate([ends[0], maps["hz"], ends[1]])},
        )
    assert cli.main(words(study, out="narrow", halves=("wide/A", "wide/B"))) == 0
    for name in ("claims.tsv", "naive_features.tsv"):
        assert (study / "narrow" / name).read_bytes() == (study / "claims" / name).read_bytes()


def test_without_a_passed_gate_nothing_is_claimed(null):
    tables, summary = read(null)
    assert set(tables["claims"]["claim"]) == {""}
    assert summary["verdict"] == "no within-stage decoding; maps not interpretable"
    assert summary["gate"] is False
    assert summary["truth"] == {"planted": 0, "found": 0, "inside": 0, "near": 0, "outside": 0}


def test_a_failed_gate_silences_even_strong_maps(study):
    write_gate(study, "fail", name="failed.tsv")
    assert cli.main(words(study, out="silent", checks=["failed.tsv"])) == 0
    tables, summary = read(study, "silent")
    assert set(tables["claims"]["claim"]) == {""}
    assert (tables["claims"]["p_both"] <= 0.05).sum() == 3
    assert summary["claims"] == dict.fromkeys(("content", "not robust", "used through interaction", "not used"), 0)


def test_the_margin_is_split_as_strata_did(study):
    summary = read(study)[1]
    split = pd.read_csv(study / "strata" / "attribution" / "strata_decomposition.tsv", sep="\t").set_index("feature")
    margin = {name: part["value"] for name, part in summary["margin"].items()}
    assert margin["total"] == pytest.approx(margin["within"] + margin["between"] + margin["rest"], abs=1e-5)
    assert margin["within"] == split.loc["(score)", "within"]
    assert summary["sum_of_features"]["total"]["value"] == split.loc["(sum of features)", "total"]
    assert summary["confound_share"]["value"] == pytest.approx(margin["confound_share"], abs=1e-5)


def test_trust_joins_the_checks_given_and_its_own(study, null):
    checks = read(study)[0]["trust"].set_index("check")
    assert checks.index.tolist()[:2] == [GATE, PLACEBO]
    found = checks.loc["claims: planted bins found (control: planted)"]
    assert (float(found["value"]), float(found["control"]), found["verdict"]) == (3, 3, "pass")
    assert checks.loc["claims: content outside of the planted bins", "verdict"] == "pass"
    assert checks.loc["claims: in both maps within bins of depth too (control: all)", "verdict"] == "pass"
    assert read(study)[1]["cautions"] == [PLACEBO]
    assert read(null)[1]["cautions"] == [GATE, PLACEBO]


def test_undivided_evidence_is_refused_and_the_split_of_the_margin_stands(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "copy")
    facts = json.loads((folder / "units" / "units.json").read_text()) | {"complete": False}
    (folder / "units" / "units.json").write_text(json.dumps(facts))
    assert cli.main(words(folder, out="undivided")) == 0
    tables, summary = read(folder, "undivided")
    assert summary["sum_of_features"] is None
    assert "not divided" in summary["undivided"]
    assert summary["margin"]["within"]["value"] > 0
    assert tables["trust"].set_index("check").loc["claims: attribution sums to the output", "verdict"] == "warn"


def test_a_refused_design_concludes_nothing(study):
    folder = study / "strata" / "refused"
    settings = {**STRATA, "fold": "half", "score": "margin", "alpha": 0.001}  # which 199 labellings cannot reach
    given = ["--table", study / "units" / "power.tsv.gz", "--axes", study / "units" / "axes.tsv", "--out", folder]
    assert cli.main(["strata", *map(str, given), "--settings", json.dumps(settings)]) == 0
    assert cli.main(words(study, out="refused", maps=["attribution", f"power={folder}", *MAPS[2:4]])) == 0
    tables, summary = read(study, "refused")
    assert summary["verdict"].startswith("no conclusion: A: ")
    assert list(summary["refusals"]) == ["power"]
    assert set(tables["claims"]["claim"]) == {""}
    assert summary["robust"] == {}
    assert summary["robust_to_all"] is None


def test_the_same_input_gives_the_same_bytes(study):
    assert cli.main(words(study, out="again")) == 0
    for path in (study / "claims").iterdir():
        assert path.read_bytes() == (study / "again" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("maps", "fault"),
    [
        (MAPS[:3], "a map is missing; got attribution, power, attribution_time; give power_time=FOLDER"),
        (MAPS[:5], "a map is missing; got .*; give power.depth=FOLDER"),
        ((*MAPS, "pattern"), "unknown map; got pattern="),
        ((*MAPS, "power"), "unknown map; got power=.*give each once"),
        ((*MAPS, "power.=x"), "unknown map; got power.=x"),
    ],
)
def test_maps_are_given_once_and_in_pairs(study, capsys, maps, fault):
    assert re.search(fault, fails(capsys, *words(study, out="never", maps=maps)))
    assert not (study / "never").exists()


def test_a_missing_gate_is_refused(study, capsys):
    write_checks(study / "other.tsv", [Check("controls: cascade", 0.1)])
    assert "not one check 'gate: within-stratum AUC'; got 0" in fails(capsys, *words(study, checks=["other.tsv"]))


def test_a_table_of_checks_given_twice_is_refused(study, capsys):
    twice = words(study, checks=["gate_checks.tsv", "gate_checks.tsv"])
    assert "not one check 'gate: within-stratum AUC'; got 2" in fails(capsys, *twice)


def test_maps_of_other_epochs_are_refused(study, capsys):
    assert "maps are not those of the units" in fails(capsys, *words(study, halves="BA"))


def test_strata_without_a_score_are_refused(study, capsys):
    folder = study / "strata" / "plain"
    given = ["--table", study / "units" / "power.tsv.gz", "--axes", study / "units" / "axes.tsv", "--out", folder]
    settings = {**STRATA, "fold": "half"}
    assert cli.main(["strata", *map(str, given), "--settings", json.dumps(settings)]) == 0
    found = fails(capsys, *words(study, maps=["attribution", f"power={folder}", *MAPS[2:4]]))
    assert "not a folder of strata with a score" in found


def table_of(folder, out):
    return read(folder, out)[0]["claims"]


def test_a_placebo_of_eyes_and_muscle_that_fails_blocks_all_claims_and_numbers_stand(study):
    write_gate(study, "pass", placebo="fail", name="coarse.tsv")
    assert cli.main(words(study, out="coarse", checks=["coarse.tsv"])) == 0
    tables, summary = read(study, "coarse")
    assert summary["verdict"] == "no conclusion: strata are too coarse (placebo: REM from eyes and muscle)"
    assert summary["withheld"] == summary["verdict"]
    assert summary["gate"] is True
    assert set(tables["claims"]["claim"]) | set(tables["claims_time"]["claim"]) == {""}
    assert (tables["claims"]["p_both"] <= 0.05).sum() == 3
    assert summary["truth"]["found"] == 0


def binned(folder, name, change):
    """Write the strata of attribution within bins of depth anew, changed, as `name`; return the maps with it."""
    copy = shutil.copytree(folder / "strata" / "attribution.depth", folder / "strata" / name)
    change(copy)
    return (*MAPS[:4], f"attribution.depth={copy}", MAPS[5])


def test_content_that_is_lost_within_bins_is_not_claimed_and_says_of_which(study):
    def lose(copy):
        table = pd.read_csv(copy / "strata.tsv", sep="\t")
        table.loc[table["feature"] == "P4:31", "p_max"] = 0.2
        write_table(copy / "strata.tsv", table)

    assert cli.main(words(study, out="lost", maps=binned(study, "lost", lose))) == 0
    tables, summary = read(study, "lost")
    claim = tables["claims"].set_index("feature")["claim"]
    assert claim[["P4:31", "P4:32", "P4:33"]].tolist() == ["not robust to depth", "content", "content"]
    assert summary["verdict"] == "content at P4:32, P4:33"
    assert summary["claims"]["not robust"] == 1
    assert (summary["robust"], summary["robust_to_all"]) == ({"depth": 2}, 2)
    check = tables["trust"].set_index("check").loc["claims: in both maps within bins of depth too (control: all)"]
    assert (float(check["value"]), float(check["control"]), check["verdict"]) == (2, 3, "warn")


def test_when_no_content_holds_within_bins_nothing_is_claimed_by_time_either(study):
    def lose(copy):
        table = pd.read_csv(copy / "strata.tsv", sep="\t")
        write_table(copy / "strata.tsv", table.assign(p_max=1.0))

    assert cli.main(words(study, out="fragile", maps=binned(study, "fragile", lose))) == 0
    tables, summary = read(study, "fragile")
    assert "does not hold within the bins" in summary["verdict"]
    assert summary["claims"]["content"] == 0
    assert set(tables["claims_time"]["claim"]) == {""}
    assert (tables["claims_time"]["p_both"] <= 0.05).sum() == 3
    assert summary["maps"]["time"]["p_holm"] <= 0.05


def test_a_second_stratifier_whose_design_is_refused_withholds_all_claims(study):
    def refuse(copy):
        facts = json.loads((copy / "strata.json").read_text()) | {"refusals": ["only 0.20 of the rows are in strata"]}
        (copy / "strata.json").write_text(json.dumps(facts))

    assert cli.main(words(study, out="few", maps=binned(study, "few", refuse))) == 0
    tables, summary = read(study, "few")
    assert summary["verdict"] == (
        "no conclusion: within bins of depth nothing can be concluded: take fewer bins"
    )  # fmt: skip
    assert set(tables["claims"]["claim"]) == {""}
    assert tables["trust"].set_index("check").loc["claims: maps refused", "verdict"] == "fail"


@pytest.mark.parametrize(
    ("maps", "fault"),
    [
        (("attribution=power", "power=attribution"), "strata of another table"),
        (("attribution=attribution_time",), "strata of another table"),
        (("attribution.depth=attribution",), "strata within other bins; got no bins; allowed: bins of depth"),
        (("attribution=attribution.depth",), "strata within other bins; got bins of depth; allowed: no bins"),
    ],
)
def test_exchanged_maps_are_refused(study, capsys, maps, fault):
    given = {name: name for name in MAPS} | dict(text.split("=") for text in maps)
    swapped = [f"{name}={study / 'strata' / folder}" for name, folder in given.items()]
    assert fault in fails(capsys, *words(study, out="never", maps=swapped))
    assert not (study / "never").exists()


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another study of the same shape."""
    return make(tmp_path_factory.mktemp("other"), content=3.5)


def test_strata_checks_and_maps_of_another_study_are_refused(study, other, capsys):
    strata = [f"{name}={other / 'strata' / name}" for name in MAPS]
    assert "strata of another table" in fails(capsys, *words(study, out="never", maps=strata))
    given = words(study, out="never")
    foreign = [str(other / "gate_checks.tsv") if word == str(study / "gate_checks.tsv") else word for word in given]
    assert "checks of other units than the strata; got an AUC within strata of" in fails(capsys, *foreign)
    write_checks(study / "controls.tsv", [Check("controls: AUC, x (control: the networks)", 0.5, control=0.4)])
    both = words(study, out="never", checks=["gate_checks.tsv", "controls.tsv"])
    assert "checks of other units than the strata; got an AUC within strata of 0.4" in fails(capsys, *both)


def test_maps_of_another_study_are_known_by_the_checksum_that_the_units_keep(study, tmp_path, capsys):
    folder = shutil.copytree(study, tmp_path / "copy")
    facts = json.loads((folder / "units" / "units.json").read_text())
    kept = {half: sha256(folder / half / "maps.npz") for half in "AB"}
    (folder / "units" / "units.json").write_text(json.dumps(facts | {"maps_sha256": kept}))
    assert cli.main(words(folder, out="same")) == 0
    (folder / "units" / "units.json").write_text(json.dumps(facts | {"maps_sha256": kept | {"B": "0" * 64}}))
    assert "maps are not those of the units" in fails(capsys, *words(folder, out="never"))


def test_a_truth_of_other_channels_is_refused(study, tmp_path, capsys):
    with np.load(study / "truth_maps.npz") as file:
        truth = dict(file)
    folder = shutil.copytree(study, tmp_path / "copy")
    np.savez(folder / "truth_maps.npz", **truth | {"channels": np.array(["Fz", "C4", "O2"])})
    assert "truth of another study; got no channel P4" in fails(capsys, *words(folder, out="never"))
    np.savez(folder / "truth_maps.npz", **truth | {"burst_bins": truth["burst_bins"][:2]})
    assert "not the truth of a simulated study" in fails(capsys, *words(folder, out="never"))


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda _: b"hello\tworld\n1\t2\n",
    "binary": lambda _: bytes(range(128, 256)) * 3,
}
READ = ["units/units.json", "units/axes.tsv", "units/axes_time.tsv", "units/epochs.tsv.gz", "units/attribution.tsv.gz",
        "strata/attribution/strata.tsv", "strata/power/strata.json", "strata/power/strata_decomposition.tsv",
        "gate_checks.tsv", "A/maps.npz", "truth_maps.npz"]  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_damaged_input_is_one_line_that_names_it(study, tmp_path, capsys, name):
    folder = shutil.copytree(study, tmp_path / "copy", ignore=shutil.ignore_patterns("claims*"))
    path, whole = folder / name, (folder / name).read_bytes()
    for damage in DAMAGES.values():
        path.write_bytes(damage(whole))
        assert cli.main(words(folder, out="never")) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert path.name in error or path.parent.name in error
    assert not (folder / "never").exists()
