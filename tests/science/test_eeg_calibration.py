"""Does a run on sleep EEG find the content that was planted, nothing beside it, and nothing where there is none?

Studies of the demo's size go through the stages of a run, with one network per half of the subjects. A label keeps
company with REM sleep by k log-odds; with content a burst of 0.2 SD stands at P4, in REM and NREM reports alike.

Seen: with content (8 studies) areas within strata of .72 to 1.00, mean .97, the gate passed in 8, all three bins found
in 8, nothing outside in 8 (attribution alone: 2 to 69 features outside), share of stage composition .06 to .33. Without
(12) areas of .39 to .62, the gate passed in none, no feature in either map; with k of 2 and 4 (8 of them) pooled epochs
name 201 to 268 of 306 features and subjects without strata 152 to 289, and the share is .91 to 1.00.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.settings.strata import StrataEeg

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLANTED = {"P4:31", "P4:32", "P4:33"}
NEAR = {f"P4:{hz}" for hz in range(28, 37)}  # slopes of the burst's spectrum: neither found nor false
CONTENT = [(2, 0.2, seed) for seed in range(8)]  # confound k, amplitude of the content in SD, seed of the simulation
WITHOUT = [((0, 2, 4)[seed % 3], 0.0, seed) for seed in range(12)]
ALPHA = StrataEeg().alpha
MAPS = ("attribution", "power", "attribution_time", "power_time")


def stage(name, **options):
    """Run one stage as its command does."""
    words = [name]
    for option, value in options.items():
        words += [f"--{option}", *map(str, value if isinstance(value, list) else [value])]
    assert cli.main(words) == 0, " ".join(words)


def run_study(folder, *, confound, amplitude, seed):
    """Run the stages on one simulated study; all seeds but that of the simulation are those of the defaults."""
    recordings, epochs, white, units, gate = (
        folder / name for name in ("recordings", "epochs", "white", "units", "gate")
    )
    simulated = {"seed": seed, "content": {"amplitude_sd": amplitude}, "confound": {"rem": confound}}
    stage("simulate-eeg", hypnograms=ROOT / "resources/sleepedf", settings=json.dumps(simulated), out=recordings)
    stage("prepare-eeg", recordings=recordings / "recordings.tsv", out=epochs)
    stage("whiten-eeg", epochs=epochs, out=white)
    for half in "AB":
        network, learned = folder / f"model/{half}", {"whitened": white, "half": half}
        stage("train-eeg", **learned, seed=0, out=network)
        stage("attribute-eeg", **learned, epochs=epochs, models=network / "model.pt", out=folder / half)
    maps = [folder / half for half in "AB"]
    stage("units-eeg", epochs=epochs, attribution=maps, out=units)
    for name in MAPS:
        axes = units / ("axes_time.tsv" if "time" in name else "axes.tsv")
        named = {"axes": axes, "neighbours": units / "neighbours.tsv", "settings": StrataEeg().model_dump_json()}
        stage("strata", table=units / f"{name}.tsv.gz", **named, out=folder / name)
    stage("gate-eeg", epochs=epochs, units=units, out=gate)
    strata = {"strata": [f"{name}={folder / name}" for name in MAPS], "truth": recordings / "truth_maps.npz"}
    stage("claims-eeg", units=units, maps=maps, checks=gate / "gate_checks.tsv", **strata, out=folder / "claims")


def read_study(folder):
    """What was found: features significant in both maps, what the naive analyses name, gate and share of stages."""
    p = {name: pd.read_csv(folder / name / "strata.tsv", sep="\t").set_index("feature")["p_max"] for name in MAPS[:2]}
    both = np.maximum(p["attribution"], p["power"])
    allowed = NEAR if pd.read_csv(folder / "recordings/truth_reports.tsv", sep="\t")["bursts"].any() else set()
    hits = {"attribution": p["attribution"], "power": p["power"], "conjunction": both}
    hits = {name: set(each.index[each <= ALPHA]) for name, each in hits.items()}
    claims = json.loads((folder / "claims/claims.json").read_text())
    naive = pd.read_csv(folder / "claims/naive.tsv", sep="\t")["significant"].tolist()
    gate = pd.read_csv(folder / "gate/gate.tsv", sep="\t").set_index(["decoder", "direction"]).loc["network"]
    assert len(hits["conjunction"]) == naive[4]
    assert claims["claims"]["content"] == (0 if claims["withheld"] else naive[4])
    return {
        **{f"auc_{half}": gate["auc"][half] for half in "AB"},
        **{f"p_{half}": gate["p"][half] for half in "AB"},
        "auc_unstratified": claims["auc"]["unstratified"],
        "gate": claims["gate"],
        "planted": len(hits["conjunction"] & PLANTED),
        **{f"{name}_outside": len(features - allowed) for name, features in hits.items()},
        "naive_pooled": naive[0],
        "naive_unstratified": naive[1],
        "share": claims["confound_share"]["value"],
    }


@pytest.fixture(scope="module")
def table():
    """One row a study, written to results/; a broken run goes on where it stopped, as long as no code has changed."""
    cache = Path(tempfile.gettempdir()) / f"tracklight-eeg-{digest_of_code()}"
    rows = [done(cache, confound, amplitude, seed) for confound, amplitude, seed in [*CONTENT, *WITHOUT]]
    table = pd.DataFrame(rows)
    (ROOT / "results").mkdir(exist_ok=True)
    table.to_csv(ROOT / "results/science_eeg.tsv", sep="\t", index=False, float_format="%.4g")
    return table


def digest_of_code():
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def done(cache, confound, amplitude, seed):
    """The row of a study, from the cache when it is there."""
    name = f"k{confound}_d{amplitude}_seed{seed}"
    note, folder = cache / f"{name}.json", cache / name
    if not note.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        run_study(folder, confound=confound, amplitude=amplitude, seed=seed)
        row = {"confound": confound, "amplitude": amplitude, "seed": seed, **read_study(folder)}
        note.write_text(pd.Series(row).to_json())
        shutil.rmtree(folder)
    return json.loads(note.read_text())


def content(table):
    return table[table["amplitude"] > 0]


def without(table):
    return table[table["amplitude"] == 0]


def test_planted_content_passes_the_gate_and_all_of_its_bins_are_found(table):
    found = content(table)
    assert (found["gate"] & (found["planted"] == len(PLANTED))).sum() >= 7, table.to_string()


def test_no_content_is_claimed_beside_the_planted_bins(table):
    assert (content(table)["conjunction_outside"] == 0).sum() >= 7, table.to_string()


def test_without_content_the_gate_stays_shut(table):
    assert not without(table)["gate"].any(), table.to_string()


def test_without_content_at_most_one_study_has_a_feature_in_both_maps(table):
    assert (without(table)["conjunction_outside"] > 0).sum() <= 1, table.to_string()


@pytest.mark.parametrize("name", ["attribution", "power"])
def test_without_content_a_map_errs_no_more_often_than_it_says(table, name):
    null = without(table)
    bound = ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / len(null))
    assert (null[f"{name}_outside"] > 0).mean() <= bound, table.to_string()


def test_the_naive_analyses_light_up_wherever_the_label_keeps_company_with_rem(table):
    confounded = without(table).query("confound > 0")
    assert (confounded["naive_pooled"] > 0).mean() > 0.9, table.to_string()
    assert (confounded["naive_unstratified"] > 0).mean() > 0.9, table.to_string()


def test_the_share_of_stage_composition_is_far_apart_with_and_without_content(table):
    with_content, null = content(table)["share"], without(table).query("confound > 0")["share"]
    assert null.mean() - with_content.mean() > 0.5, table.to_string()
    assert with_content.max() < 0.5 < null.min(), table.to_string()
