"""Is content claimed where there is only the depth of sleep within a stage, and is it still found where there is none?

A label that follows the depth within stages (r = 2), while the EEG does so too, is decoded within strata of subject and
stage without any content. Beside it, with r = 0, a burst of 0.2 SD that goes with the label. One network per half.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from tracklight import cli
from tracklight.settings.strata import StrataEeg

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SEEDS = range(3)
DEPTH = {"content": {"amplitude_sd": 0}, "confound": {"rem": 2, "depth": 2}, "depth": {"on_signal": 0.3}}
CONTENT = {"content": {"amplitude_sd": 0.2}, "confound": {"rem": 2}, "depth": {"on_signal": 0.3}}
PLANTED = ["P4:31", "P4:32", "P4:33"]
BINNED = {"depth_proxy": 2, "night_time_s": 2}


def stage(name, **options):
    """Run one stage as its command does."""
    words = [name]
    for option, value in options.items():
        words += [f"--{option}", *map(str, value if isinstance(value, list) else [value])]
    assert cli.main(words) == 0, " ".join(words)


def decode(folder, simulated):
    """Simulate a study, and explain the networks of both halves report by report."""
    recordings, epochs, white = (folder / name for name in ("recordings", "epochs", "white"))
    stage("simulate-eeg", hypnograms=ROOT / "resources/sleepedf", settings=json.dumps(simulated), out=recordings)
    stage("prepare-eeg", recordings=recordings / "recordings.tsv", out=epochs)
    stage("whiten-eeg", epochs=epochs, out=white)
    for half in "AB":
        network, learned = folder / f"model/{half}", {"whitened": white, "half": half}
        stage("train-eeg", **learned, seed=0, settings='{"steps": 200}', out=network)
        stage("attribute-eeg", **learned, epochs=epochs, models=network / "model.pt", out=folder / half)
    stage("units-eeg", epochs=epochs, attribution=[folder / half for half in "AB"], out=folder / "units")


def claim(folder):
    """Compare the labels within strata, alone and within bins of covariates; return what is claimed."""
    units, maps = folder / "units", []
    for name, time in (("attribution", ""), ("power", ""), ("attribution", "_time"), ("power", "_time")):
        bins = {} if time else {f".{column}": {"bin_column": column, "bins": count} for column, count in BINNED.items()}
        for suffix, more in ({time: {}} | bins).items():
            settings = StrataEeg().model_dump(mode="json") | more
            stage("strata", table=units / f"{name}{time}.tsv.gz", axes=units / f"axes{time}.tsv",
                  settings=json.dumps(settings), out=folder / f"{name}{suffix}")  # fmt: skip
            maps.append(f"{name}{suffix}={folder / f'{name}{suffix}'}")
    stage("gate-eeg", epochs=folder / "epochs", units=units, out=folder / "gate")
    stage("claims-eeg", units=units, maps=[folder / half for half in "AB"], strata=maps, out=folder / "claims",
          checks=folder / "gate/gate_checks.tsv", truth=folder / "recordings/truth_maps.npz")  # fmt: skip
    return json.loads((folder / "claims/claims.json").read_text())


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """What is claimed of every study, by kind and seed, and how many features both maps show."""
    found = {}
    for kind, simulated in {"depth": DEPTH, "content": CONTENT}.items():
        for seed in SEEDS:
            folder = tmp_path_factory.mktemp(f"{kind}{seed}")
            decode(folder, simulated | {"seed": seed})
            summary = claim(folder)
            both = pd.read_csv(folder / "claims/claims.tsv", sep="\t")["p_both"] <= summary["alpha"]
            found[kind, seed] = summary | {"in_both": int(both.sum())}
    return found


def words(studies):
    return {name: (each["verdict"], each["in_both"], each["robust"]) for name, each in studies.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_within_stages_is_never_claimed_as_content(studies, seed):
    found = studies["depth", seed]
    assert found["in_both"] > 0, words(studies)  # both maps follow the label, and still
    assert found["claims"]["content"] == 0, words(studies)
    assert found["content_in_time"] == [], words(studies)
    assert found["withheld"] is not None, words(studies)


def test_without_such_depth_claims_are_hardly_ever_withheld_and_the_content_is_found(studies):
    free = [each for (kind, _), each in studies.items() if kind == "content" and each["withheld"] is None]
    assert len(free) >= 2, words(studies)
    for each in free:
        assert {row["feature"] for row in each["content"]} & set(PLANTED), words(studies)
        assert each["truth"]["outside"] == 0, words(studies)
