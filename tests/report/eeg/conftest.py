"""A run on sleep EEG as the stages would write it: one study with content, one without; small, strata tables real."""

import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.eeg.claims import claims_table, with_claims
from tracklight.eeg.report_level import counts
from tracklight.report.eeg.study import Study, open_studies
from tracklight.report.run_folder import RunFolder, open_run

CHANNELS, HERTZ, BANDS, TIMES = ("P4", "O2", "EOG"), range(29, 36), ("beta", "gamma"), (-7.0, -5.0, -3.0, -1.0)
BURST = ["P4:31", "P4:32", "P4:33"]
SUBJECTS, REPORTS, RATE_HZ, SECONDS = 12, 12, 50, 4
STRATA = {"permutations": 199, "bootstrap": 100}
SAMPLES = RATE_HZ * SECONDS


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of the studies `content` and `no_content`; to read only."""
    run = tmp_path_factory.mktemp("results") / "dreams"
    for number, name in enumerate(("content", "no_content")):
        write_study(run / name, content=name == "content", seed=number)
    return run


@pytest.fixture
def run_folder(whole_run: Path, tmp_path: Path) -> Path:
    """A copy of the whole run that a test may change."""
    return Path(shutil.copytree(whole_run, tmp_path / "results" / "dreams"))


@pytest.fixture
def studies(whole_run: Path) -> list[Study]:
    """Both studies of the whole run."""
    return open_studies(opened(whole_run))


def opened(run: Path, *, without: str = " ") -> RunFolder:
    """A run that lists every file of its folder, but those whose path holds a text."""
    return open_run(run, [path for path in run.rglob("*") if path.is_file() and without not in str(path)], needed={})


def write_study(folder: Path, *, content: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    reports = _reports(generator)
    _epochs(folder, reports, generator)
    _networks(folder, generator)
    _units(folder, reports, generator, content=content)
    for name in ("attribution", "power", "attribution_time", "power_time"):
        _strata(folder, name)
    _gate(folder, content=content)
    _controls(folder)
    _claims(folder, content=content)


def tsv(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False)


def as_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _reports(generator: np.random.Generator) -> pd.DataFrame:
    """Reports of which those from REM have label 1 three times out of four."""
    rows = []
    for subject, order in product(range(SUBJECTS), range(REPORTS)):
        stage = ("N2", "REM")[order % 2]
        label = int(generator.random() < (0.75 if stage == "REM" else 0.3))
        half = "A" if subject % 2 else "B"  # networks of A explain subjects of B
        rows.append((half, f"s{subject:02}", stage, f"r{order}", label, order + 1))
    return pd.DataFrame(rows, columns=["half", "subject", "stage", "report", "label", "order"])


def _epochs(folder: Path, reports: pd.DataFrame, generator: np.random.Generator) -> None:
    own = reports["half"].map({"A": "B", "B": "A"})
    first = reports.assign(
        contig=reports["subject"], start=0, reverse=0, group=reports["subject"], split=own, epoch=0
    )  # fmt: skip
    columns = ["contig", "start", "reverse", "group", "split", "report", "epoch", "stage", "label", "order"]
    both = pd.concat([first, first.assign(epoch=1)])[columns]
    tsv(folder / "epochs" / "epochs.tsv.gz", both)
    tsv(folder / "epochs" / "dropped.tsv", pd.DataFrame({"contig": ["s00"], "start": [0], "reason": ["flat"]}))
    facts = {"rate_hz": RATE_HZ, "channels": CHANNELS, "unit": "V", "length": SAMPLES, "reference": "none"}
    as_json(folder / "epochs" / "epochs.json", facts | {"labels": {"other": 0, "flying": 1}, "covariates": []})
    tsv(folder / "units" / "conv" / "axes.tsv", axes())
    tsv(folder / "units" / "conv" / "axes_time.tsv", axes_time())


def axes() -> pd.DataFrame:
    return pd.DataFrame([(f"{c}:{hz}", c, hz) for c in CHANNELS for hz in HERTZ], columns=["feature", "channel", "hz"])


def axes_time() -> pd.DataFrame:
    rows = [(f"{c}:{band}:{t:g}", c, band, t) for c in CHANNELS for band in BANDS for t in TIMES]
    return pd.DataFrame(rows, columns=["feature", "channel", "band", "time_s"])


def _networks(folder: Path, generator: np.random.Generator) -> None:
    for half, seed in product("AB", range(2)):
        loss = np.array([0.69, 0.6, 0.62])
        table = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": loss, "validation_loss": loss + 0.01 * seed})
        table = table.assign(validation_pearson=[0.1, 0.3, 0.2], best=[0, 1, 0], learning_rate=1e-3, seconds=1.0)
        tsv(folder / "model" / "conv" / half / f"seed{seed}" / "metrics.tsv", table)
        record = {"stage": "train-eeg", "version": "0.1.0", "finished": "2030-01-01", "settings": {"steps": 250}}
        as_json(folder / "provenance" / f"train_eeg_conv_{half}_seed{seed}.json", record | {"seconds": 3, "seed": seed})
        signal = 2e-5 * generator.normal(size=(4, len(CHANNELS), SAMPLES))
        attribution = 1e-3 * generator.normal(size=signal.shape)
        out = folder / "attribution" / "conv" / half
        out.mkdir(parents=True, exist_ok=True)
        margin = np.array([2.0, 1.0, -1.5, -2.5])
        np.savez(out / "examples.npz", rows=np.arange(4), signal=signal, attribution=attribution, margin=margin)


def _units(folder: Path, reports: pd.DataFrame, generator: np.random.Generator, *, content: bool) -> None:
    label, rem = reports["label"].to_numpy(), (reports["stage"] == "REM").to_numpy()
    for name, place in (("attribution", axes()), ("power", axes()), ("attribution_time", axes_time())):
        values = generator.normal(0, 0.3, (len(reports), len(place))) + 0.4 * rem[:, None]
        planted = place["feature"].isin(BURST).to_numpy() if "hz" in place else (place["band"] == "gamma").to_numpy()
        values += 1.0 * content * np.outer(label, planted)
        margin = generator.normal(0, 0.5, len(reports)) + 1.2 * rem + 2.0 * content * label
        table = pd.concat([reports.assign(margin=margin), pd.DataFrame(values, columns=place["feature"])], axis=1)
        tsv(folder / "units" / "conv" / f"{name}.tsv.gz", table)
    shutil.copy(folder / "units/conv/attribution_time.tsv.gz", folder / "units/conv/power_time.tsv.gz")
    agreement = {half: {"reports_signed": 0.61, "reports_rank": 0.5, "contrast_signed": 0.93} for half in "AB"}
    tsv(folder / "units" / "conv" / "counts.tsv", counts(pd.read_csv(folder / "epochs/epochs.tsv.gz", sep="\t")))
    as_json(folder / "units" / "conv" / "units.json", {"complete": True, "seed_agreement": agreement})


def _strata(folder: Path, name: str) -> None:
    units, place = folder / "units" / "conv", axes_time() if name.endswith("time") else axes()
    # Named here, so that the test does not hang on what the stage takes for features by default.
    settings = STRATA | {"fold": "half", "score": "margin", "features": place["feature"].tolist()}
    settings["ignore"] = ["report", "order"]
    files = ["--table", units / f"{name}.tsv.gz", "--axes", units / ("axes_time.tsv" if "time" in name else "axes.tsv")]
    out = ["--out", folder / "strata" / "conv" / name, "--settings", json.dumps(settings)]
    assert cli.main(["strata", *map(str, [*files, *out])]) == 0


def _gate(folder: Path, *, content: bool) -> None:
    auc = {"A": 0.97, "B": 0.95, "both": 0.96} if content else {"A": 0.52, "B": 0.47, "both": 0.5}
    p = {"A": 0.005, "B": 0.01, "both": 0.01} if content else {"A": 0.31, "B": 0.72, "both": 0.72}
    rows = []
    for decoder, direction in product(
        ("network", "network.seed0", "square", "band power", "stage", "placebo: REM", "covariate: order"), auc
    ):
        plain = decoder in ("stage", "placebo: REM", "covariate: order")
        value = 0.5 if plain else auc[direction]
        row = {"decoder": decoder, "direction": direction, "auc": value, "low": value - 0.06, "high": value + 0.03}
        row |= {"p": 0.5 if plain else p[direction], "unstratified": 0.73, "reports": 72, "subjects": 6}
        rows.append(row | {"test": "either side" if plain and decoder != "stage" else "above"})
    tsv(folder / "gate" / "gate.tsv", pd.DataFrame(rows))
    check = {"check": "gate: within-stratum AUC", "value": auc["both"], "low": 0.4, "high": 0.6, "control": None}
    tsv(folder / "gate" / "gate_checks.tsv", pd.DataFrame([check | {"verdict": "pass" if content else "fail"}]))


def _controls(folder: Path) -> None:
    rows = [
        {"control": control, "direction": half, "value": value, "low": value - 0.1, "high": value + 0.1, "note": note}
        for half in ("A", "B", "both")
        for control, value, note in (
            ("random weights", 0.7, "output and all above"),
            ("random weights", 0.1, "mixing and all above"),
            ("two trained networks", 0.8, ""),
            ("random phases", 0.5, "AUC of the networks"),
        )
    ]
    tsv(folder / "controls" / "controls.tsv", pd.DataFrame(rows).assign(p=np.nan))


def _claims(folder: Path, *, content: bool) -> None:
    maps = [pd.read_csv(folder / "strata/conv" / name / "strata.tsv", sep="\t") for name in ("attribution", "power")]
    table = claims_table(axes(), *maps)
    table = with_claims(table, alpha=0.05, may_claim=content)
    held = pd.Series(table["p_both"] <= 0.05, dtype="boolean")
    tsv(folder / "claims" / "claims.tsv", table.assign(**{"robust.depth": held}))
    naive = {"analysis": ["pooled epochs, t-test", "within strata"], "maps": ["attribution", "attribution and power"]}
    counts = {"stratified": [0, 1], "unit": ["epoch", "subject"], "features": 21, "significant": [21, 3 * content]}
    tsv(folder / "claims" / "naive.tsv", pd.DataFrame(naive | counts))
    found = int(table["claim"].eq("content").sum())
    features = axes().assign(pooled_difference=0.5, pooled_q=0.001, unstratified_theta=0.3, unstratified_p=0.2)
    tsv(folder / "claims" / "naive_features.tsv", features)
    truth = {"planted": 3 * content, "found": found, "inside": found, "near": 0, "outside": 0}
    withheld = None if content else "no within-stage decoding; maps not interpretable"
    maps = {"frequency": {"smallest_p": 0.01, "p_holm": 0.02}, "time": {"smallest_p": 0.4, "p_holm": 0.4}}
    as_json(folder / "claims" / "claims.json", {"truth": truth, "gate": content, "withheld": withheld, "maps": maps})
    check = {"check": ["gate: within-stratum AUC", "claims: features with content"], "value": [0.96, found]}
    verdicts = {"verdict": ["pass" if content else "fail", "info"]}
    tsv(folder / "claims" / "trust.tsv", pd.DataFrame(check | {"low": None, "high": None, "control": None} | verdicts))
