"""`tracklight gate-eeg`: is anything decoded within strata, what do simpler decoders do, are the strata fine enough.

Nothing of a map may be read when its network does not tell the labels apart within strata on subjects it never saw, or
when eyes and muscles, which know no content, make a model of the stage follow the label there.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.eeg import baselines
from tracklight.eeg.dataset import VOLTS, Epochs, open_epochs
from tracklight.eeg.halves import HALVES
from tracklight.errors import InputError, complaint
from tracklight.progress import log
from tracklight.settings import load
from tracklight.settings.gate_eeg import GateEeg
from tracklight.settings.strata import StrataEeg
from tracklight.stages import checks, door
from tracklight.stages.checks import NAN, Check, Verdict
from tracklight.stages.decoding import BOTH, MARGIN, TABLE, Decoded, Floats, Reports, open_reports, p_of, rates, whole
from tracklight.stages.tables import write_table

STAGE_NAME = "gate: "  # how the checks of this stage begin
GATE = "gate: within-stratum AUC"  # pass: the networks of both halves decode
NETWORK = "network"  # decoder that the gate is about
BLIND = "no within-stage decoding; maps not interpretable"
PLACEBO, PERIPHERAL = "placebo: ", "from eyes and muscle"
ABOVE, EITHER = "above", "either side"  # what a p-value is of: AUC above 1/2, or away from it


@dataclass(frozen=True, eq=False)
class Ground:
    """What all decoders are fitted on and asked about.

    Attributes
    ----------
    epochs : Epochs
        In volts.
    power : ndarray of float64 (epoch, channel, bin)
        Their log power.
    outside : ndarray of bool (channel,)
        Channels of eyes and muscles.
    reports : Reports
        What is decoded.
    settings : GateEeg
        How.
    """

    epochs: Epochs
    power: Floats
    outside: NDArray[np.bool_]
    reports: Reports
    settings: GateEeg

    def ridge(self, target: str, channels: NDArray[np.bool_] | None = None) -> Floats:
        """Return predictions `(report,)` of a target by ridge regression on the log power of some channels, or all."""
        features = self.power if channels is None else self.power[:, channels]
        values = self.epochs.values(target)
        return self.reports.aligned(baselines.by_ridge(self.epochs, features, values, how=self.settings.ridge))

    def has(self, target: str) -> bool:
        """Tell whether all subjects that a model of a target would be fitted to have epochs with and without it."""
        values = self.epochs.values(target)
        parts = [values[self.epochs.rows(half)[name]] for half in HALVES for name in ("train", "validation")]
        return all(len(np.unique(part)) == 2 for part in parts)


Scores = Iterator[tuple[str, Floats]]  # name of a decoder, what it says of each report
Rows = dict[str, list[Decoded]]  # by decoder: both directions, and both together


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--epochs", type=Path, required=True, help="folder written by prepare-eeg")
    parser.add_argument("--units", type=Path, required=True, help="folder written by units-eeg")
    parser.add_argument("--others", nargs="*", default=[], help="NAME=FOLDER: units of further networks")
    parser.add_argument("--strata-settings", default=None, help="the strata section (JSON or file)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `gate.tsv` and `gate_checks.tsv`."""
    settings = door.stage_settings(arguments, GateEeg, section="gate_eeg")
    strata = load(StrataEeg, arguments.strata_settings, section="strata")
    folders = _others(arguments.others)
    epochs = open_epochs(arguments.epochs)
    epochs.check_unit(VOLTS)
    inputs = {**epochs.inputs, "units": arguments.units / TABLE}
    inputs |= {f"units.{name}": folder / TABLE for name, folder in folders.items()}
    with door.recorded(arguments, "gate-eeg", settings, inputs) as facts:
        reports = open_reports(arguments.units, strata, epochs=epochs)
        ground = _ground(epochs, reports, settings)
        decoded = {name: rates(reports, score) for name, score in [*_networks(reports), *_rivals(ground)]}
        decoded |= {
            name: rates(other := open_reports(folder, strata, epochs=epochs), other.margins()[MARGIN])
            for name, folder in folders.items()
        }
        company = dict(_placebo(ground)) | dict(_covariates(ground))
        found = list(_checks(decoded, company, reports))
        write_table(arguments.out / "gate.tsv", _table(decoded, company))
        checks.write_checks(arguments.out / "gate_checks.tsv", found)
        passed = found[0].verdict == "pass"
        log.info("gate: %s", "passed in both directions" if passed else BLIND)
        facts |= {"passed": passed, "overlap": reports.units.design.overlap}


def _others(given: Sequence[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for text in given:
        name, _, folder = text.partition("=")
        if not (name and folder) or name in folders or name.split(".")[0] == NETWORK:
            raise complaint(
                "units of a further network", where="--others", got=text,
                allowed=f"NAME=FOLDER, each name once, none of them {NETWORK}",
            )  # fmt: skip
        folders[name] = Path(folder)
    return folders


def _ground(epochs: Epochs, reports: Reports, settings: GateEeg) -> Ground:
    power = baselines.subject_log_power(epochs, bin_hz=settings.ridge.bin_hz)
    return Ground(epochs, power, _not_brain(epochs), reports, settings)


def _not_brain(epochs: Epochs) -> NDArray[np.bool_]:
    """Tell which channels `(channel,)` prepare-eeg took for those of eyes, muscles and heart."""
    names = epochs.facts.get("not_brain")
    if not isinstance(names, list) or not all(name in epochs.channels for name in names):
        raise complaint(
            "epochs do not say which channels are not of the brain", where=epochs.inputs["epochs"], got=names,
            do="run prepare-eeg again",
        )  # fmt: skip
    return np.isin(epochs.channels, names)


def _networks(reports: Reports) -> Scores:
    """Yield what the networks say, together and each alone."""
    for name, score in reports.margins().items():
        yield NETWORK + name.removeprefix(MARGIN), score


def _rivals(ground: Ground) -> Scores:
    """Yield what simpler decoders say."""
    yield "band power", ground.ridge("label")
    if ground.outside.any() and not ground.outside.all():
        yield "eyes and muscle", ground.ridge("label", ground.outside)
        yield "without eyes and muscle", ground.ridge("label", ~ground.outside)
    pairs = [baselines.two_halves(ground.epochs, half) for half in HALVES]
    yield "stage", ground.reports.aligned(pd.concat([baselines.by_stage(*pair) for pair in pairs]))
    columns = baselines.numeric_columns(ground.epochs.index, ["order", *ground.epochs.facts["covariates"]])
    fit = partial(baselines.by_stage_and_covariates, columns=columns, penalty=ground.settings.night_penalty)
    yield "stage and covariates", ground.reports.aligned(pd.concat([fit(*pair) for pair in pairs]))


def _placebo(ground: Ground) -> Iterator[tuple[str, list[Decoded]]]:
    """Yield how well a model of a stage tells the labels apart, from all channels and from eyes and muscles alone."""
    stage = ground.settings.placebo_stage
    if not ground.has(stage):
        log.warning("no placebo: not all splits have epochs of stage %s and of others", stage)
        return
    yield f"{PLACEBO}{stage}", rates(ground.reports, ground.ridge(stage), either=True)
    if ground.outside.any() and not ground.outside.all():
        score = ground.ridge(stage, ground.outside)
        yield f"{PLACEBO}{stage} {PERIPHERAL}", rates(ground.reports, score, either=True)


def _covariates(ground: Ground) -> Iterator[tuple[str, list[Decoded]]]:
    """Yield how well each declared covariate tells the labels apart; it was fitted to nobody: one test for all."""
    names = baselines.numeric_columns(ground.epochs.index, ["order", *ground.epochs.facts["covariates"]])
    everyone = baselines.reports_of(ground.epochs.index, np.arange(len(ground.epochs.index)))
    units, settings = ground.reports.units, ground.reports.settings
    for name in names:
        score = ground.reports.aligned(everyone[name])
        known = np.isfinite(score)
        some = replace(units, fold=np.where(known, BOTH, "")).of_fold(BOTH)
        try:
            p = p_of(some, score[known], settings, either=True)
        except InputError as error:
            log.warning("covariate %s: %s", name, error)
            continue
        yield f"covariate: {name}", [whole(some, score[known], settings, p=p)]


def failed_placebos(given: pd.DataFrame) -> list[str]:
    """Return which placebos of eyes and muscles follow the label, by the rows of `gate_checks.tsv`."""
    names = given.loc[given["verdict"] == "fail", "check"].str.removeprefix(STAGE_NAME)
    return [name for name in names if name.startswith(PLACEBO) and name.endswith(PERIPHERAL)]


def _table(decoded: Rows, company: Rows) -> pd.DataFrame:
    rows = [(decoded, ABOVE), (company, EITHER)]
    return pd.DataFrame(
        {"decoder": name, **row._asdict(), "test": test}
        for found, test in rows
        for name, each in found.items()
        for row in each
    )


def _checks(decoded: Rows, company: Rows, reports: Reports) -> Iterator[Check]:
    """Yield the verdicts; the gate is the first."""
    alpha, overlap = reports.settings.alpha, reports.units.design.overlap
    network = decoded[NETWORK][-1]
    yield _check(GATE, network, "pass" if network.p <= alpha else "fail")
    enough = overlap >= reports.settings.smallest_overlap
    yield Check("gate: share of reports in strata with both labels", overlap, verdict="pass" if enough else "fail")
    for name in ("band power", "eyes and muscle", "stage and covariates"):
        if name in decoded:
            yield _check(f"gate: AUC of {name} (control: the networks)", decoded[name][-1], "info", control=network.auc)
    yield from _company(company, alpha=alpha)


def _company(company: Rows, *, alpha: float) -> Iterator[Check]:
    """Yield whether what is no content goes with the label within strata.

    Content itself may move a model of a stage that sees all channels: a warning. Where channels without content, those
    of eyes and muscles, make a model of a stage follow the label, strata are too coarse.
    """
    for name, rows in company.items():
        bad: Verdict = "fail" if name.endswith(PERIPHERAL) else "warn"
        yield _check(f"{STAGE_NAME}{name}", rows[-1], bad if rows[-1].p <= alpha else "pass")


def _check(name: str, row: Decoded, verdict: Verdict, *, control: float = NAN) -> Check:
    return Check(name, row.auc, row.low, row.high, control, verdict)
