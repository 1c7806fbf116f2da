"""The stage on networks of a simulated genome, and on networks whose answers are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from tracklight import cli
from tracklight.genome.dataset import open_dataset
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.probes import choose_probes
from tracklight.genome.saliency import window_saliency
from tracklight.models.spec import build
from tracklight.stages.checks import read_checks
from tracklight.stages.sanity import falls

TRAIN = {
    "architecture": {
        "filters": 16, "kernels": [11, 5], "pools": [2, 2], "hidden": 16, "dropout": 0.0, "batch_norm": True,
    },
    "epochs": 25, "batch_size": 32, "learning_rate": 0.01,
}  # fmt: skip
SANITY = {"windows": 40, "draws": 2, "shifts_bp": [1, 4], "shuffled_epochs": 3, "bootstrap": 200, "seed": 3}
SANITY |= {"margin": 0.05}  # small networks on few windows agree little with each other
STEPS = ["untouched", "output", "dense.0", "body.2", "body.0"]


def sanity(folders, models, out: Path, **changes) -> int:
    words = ["sanity", "--settings", json.dumps(SANITY | changes), *folders, "--models", *map(str, models)]
    return cli.main([*words, "--out", str(out), "--provenance", str(out / "provenance.json")])


@pytest.fixture(scope="module")
def folders(simulated_run: Path) -> list[str]:
    return ["--genome", str(simulated_run / "genome"), "--windows", str(simulated_run / "windows")]


@pytest.fixture(scope="module")
def models(folders, tmp_path_factory) -> list[Path]:
    """Checkpoints of two networks."""
    out = tmp_path_factory.mktemp("models")
    for seed in (0, 1):
        words = ["train", "--settings", json.dumps(TRAIN), *folders, "--seed", str(seed), "--out", str(out / str(seed))]
        assert cli.main(words) == 0
    return [out / str(seed) / "model.pt" for seed in (0, 1)]


@pytest.fixture(scope="module")
def run(folders, models, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sanity")
    assert sanity(folders, models, out) == 0
    return out


@pytest.fixture
def table(run) -> pd.DataFrame:
    return pd.read_csv(run / "sanity.tsv", sep="\t").set_index(["check", "variant", "what"])


@pytest.fixture
def found(run) -> pd.DataFrame:
    return read_checks(run / "sanity_checks.tsv").set_index("check")


@pytest.fixture
def maps(simulated_run, models):
    """Maps of both trained networks and of their random ones, made another way; and the windows."""
    data = open_dataset(simulated_run / "genome", simulated_run / "windows")
    probes = choose_probes(data, target="expression", active=True, most=40, seed=3)
    trained = open_ensemble(models, data=data)
    random = [build(trained.spec, seed=seed).for_inference() for seed in (2 + 9, 3 + 9)]
    explained = [window_saliency([model], probes.codes, target=0, correct=True) for model in (*trained.models, *random)]
    return explained[:2], explained[2:]


def mean_spearman(pairs) -> float:
    return float(np.mean([[spearmanr(abs(u), abs(v)).statistic for u, v in zip(a, b, strict=True)] for a, b in pairs]))


def test_only_the_two_tables_and_the_provenance_are_left(run):
    assert sorted(path.name for path in run.iterdir()) == ["provenance.json", "sanity.tsv", "sanity_checks.tsv"]
    facts = json.loads((run / "provenance.json").read_text())
    assert facts["windows"] == 40
    assert facts["random_seeds"] == [11, 12, 13]  # after the seeds 0 and 1 of the ensemble, three for each seed


def test_the_cascade_goes_from_the_untouched_network_down_to_its_first_layer(table):
    cascade = table.xs("agreement", level="what").loc["cascade"]
    assert cascade.index.tolist() == STEPS
    assert cascade.loc["untouched", "value"] == 1
    assert cascade["value"].iloc[1:].max() < 1
    assert table.xs("agreement", level="what").loc["one layer"].index.tolist() == STEPS[1:]


def test_agreement_of_seeds_and_with_all_layers_randomised_are_those_computed_by_hand(table, maps):
    trained, random = maps
    assert table.loc[("seeds", "1 pairs", "agreement"), "value"] == pytest.approx(mean_spearman([trained]), rel=1e-4)
    pairs = [(a, b) for a in trained for b in random]
    assert table.loc[("cascade", "body.0", "agreement"), "value"] == pytest.approx(mean_spearman(pairs), rel=1e-4)
    spread = np.std([mean_spearman([pair]) for pair in pairs], ddof=1)
    assert table.loc[("cascade", "body.0", "agreement"), "spread"] == pytest.approx(spread, rel=1e-3)


def test_trained_networks_pass_the_cascade_and_shuffled_labels_teach_nothing(table, found):
    assert found.loc["sanity: map agreement with all layers randomised (control: two seeds)", "verdict"] == "pass"
    assert (
        found.loc["sanity: map agreement with a network trained on shuffled labels (control: two seeds)", "verdict"]
        == "pass"
    )
    true = table.loc[("trained", "test windows", "prediction r"), "value"]
    assert true > 0.6
    assert abs(table.loc[("shuffled labels", "test windows", "prediction r"), "value"]) < 0.3
    row = found.loc["sanity: held-out r of a network trained on shuffled labels (control: true labels)"]
    assert row["control"] == pytest.approx(true)


def test_checks_repeat_the_numbers_of_the_table(table, found):
    row = found.loc["sanity: map agreement with all layers randomised (control: two seeds)"]
    same = table.loc[("cascade", "body.0", "agreement")]
    assert row[["value", "low", "high"]].tolist() == same[["value", "low", "high"]].tolist()
    assert row["control"] == table.loc[("seeds", "1 pairs", "agreement"), "value"]
    moved = found.loc["sanity: map agreement after moving the window by 4 bp (control: random weights)"]
    assert moved["value"] == table.loc[("moved 4 bp", "trained", "agreement"), "value"]
    assert moved["control"] == table.loc[("moved 4 bp", "random weights", "agreement"), "value"]


def test_a_stranded_assay_is_not_asked_to_agree_with_its_other_strand(found):
    (name,) = [check for check in found.index if "other strand" in check]
    assert "the assay is stranded" in name
    assert found.loc[name, "verdict"] == "info"


def test_an_assay_without_strands_is_asked_to_agree_with_its_other_strand(simulated_run, models, tmp_path):
    folder = shutil.copytree(simulated_run / "windows", tmp_path / "windows")
    facts = json.loads((folder / "windows.json").read_text())
    (folder / "windows.json").write_text(json.dumps(facts | {"stranded": False}))
    place = ["--genome", str(simulated_run / "genome"), "--windows", str(folder)]
    assert sanity(place, models, tmp_path / "out", shuffled_epochs=0) == 0
    found = read_checks(tmp_path / "out" / "sanity_checks.tsv").set_index("check")
    # motifs of the simulation act on their own strand only: these networks must be told
    assert found.loc["sanity: map agreement with the other strand (control: random weights)", "verdict"] == "warn"
    assert not found.index.str.contains("shuffled labels").any()


def test_the_same_seed_gives_the_same_bytes(folders, models, run, tmp_path):
    assert sanity(folders, models, tmp_path) == 0
    for name in ("sanity.tsv", "sanity_checks.tsv"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes()


def test_one_network_alone_has_no_other_seed_to_be_set_against_and_is_not_judged(folders, models, tmp_path, caplog):
    assert sanity(folders, models[:1], tmp_path) == 0
    found = read_checks(tmp_path / "sanity_checks.tsv").set_index("check")
    assert "one network only" in caplog.text
    row = found.loc["sanity: map agreement with all layers randomised (control: two seeds)"]
    assert row["verdict"] == "warn"
    assert np.isnan(row["control"])
    assert np.isfinite(row["value"])
    seeds = found.loc["sanity: map agreement of two seeds (control: random weights)"]
    assert np.isnan(seeds["value"])
    assert seeds["verdict"] == "info"


def test_shifts_that_leave_no_base_in_common_are_refused(folders, models, tmp_path, capsys):
    assert sanity(folders, models, tmp_path, shifts_bp=[1, 75]) == 2
    assert "sanity.shifts_bp: windows moved so far share too few bases; got 75; allowed: at most 74" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("gap", "low", "verdict"),
    [(0.3, 0.2, "pass"), (0.3, 0.05, "warn"), (0.1, 0.05, "fail"), (-0.2, -0.3, "fail"), (np.nan, np.nan, "warn")],
)
def test_agreement_has_fallen_when_its_whole_interval_is_below_the_margin(gap, low, verdict):
    assert falls(gap, low, margin=0.1) == verdict
