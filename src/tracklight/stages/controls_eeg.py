"""`tracklight controls-eeg`: what other weights, other labels and other signals give, in the place of the true ones."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import binom
from torch import Tensor, nn

from tracklight.core.agreement import rank_agreement, signed_agreement
from tracklight.core.device import choose_device
from tracklight.core.spectral import frequencies, members
from tracklight.eeg.baselines import report_means, reports_of
from tracklight.eeg.controls import (
    ALTERED,
    Signal,
    exchanged_within,
    forgetting,
    frequency_maps,
    mean_margins,
    spread,
    with_permuted_labels,
)
from tracklight.eeg.dataset import Epochs
from tracklight.eeg.halves import HALVES
from tracklight.errors import InputError, complaint
from tracklight.genome.agreements import mean_of_known
from tracklight.models.network import Network
from tracklight.models.spec import Checkpoint, build, load_checkpoint
from tracklight.progress import log, track
from tracklight.settings import load, validate
from tracklight.settings.controls_eeg import ControlsEeg
from tracklight.settings.eeg_learning import TrainEeg
from tracklight.settings.strata import StrataEeg
from tracklight.stages import checks, door
from tracklight.stages.attribute_eeg import held_out, open_data, open_networks
from tracklight.stages.checks import NAN, Check, Verdict
from tracklight.stages.decoding import BOTH, MARGIN, TABLE, Decoded, Floats, Reports, open_reports, rates
from tracklight.stages.strata_inference import directions, draw, infer
from tracklight.stages.tables import write_table
from tracklight.stages.train_eeg import train, training_rows
from tracklight.stages.units import WHOLE, Units, read_units
from tracklight.stats import mean_interval
from tracklight.stats.discrimination import auc_within
from tracklight.stats.permutation import cross_fit

AXES = "axes.tsv"  # of units-eeg
RANDOM, SEEDS, UNTRAINED = "random weights", "two trained networks", "two networks with random weights"
Measure = Callable[[Tensor, Tensor], Tensor]
MEASURES: dict[str, Measure] = {"": signed_agreement, ", ranks of sizes": rank_agreement}
PERMUTED = "labels permuted within strata, trained again"
STRATA_IGNORED, WITHIN = "strata ignored", "within strata"
Networks = dict[str, dict[int, Network]]  # by half and seed
Models = dict[str, list[nn.Module]]  # by half


@dataclass(frozen=True, eq=False)
class Bench:
    """What all controls work with.

    Attributes
    ----------
    whitened : Epochs
        What networks read.
    reports : Reports
        What the networks said of them, labels and strata.
    networks : dict of str to list of Module
        By half, those that learned from it.
    kept : dict of str to Checkpoint
        By half, the first of them as it is kept: how it was made.
    seeds : range
        Of networks with random weights and, last, of those trained on permuted labels: none of a trained network,
        which may keep something of the weights it began with.
    settings : ControlsEeg
        How many of everything.
    device : torch.device
        Where the networks are.
    rows : list of dict
        Of `controls.tsv`.
    """

    whitened: Epochs
    reports: Reports
    networks: Models
    kept: dict[str, Checkpoint]
    seeds: range
    settings: ControlsEeg
    device: torch.device
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def auc(self) -> float:
        """Area under the ROC within strata of what the networks said."""
        return auc_within(self.reports.units.design, self.reports.margins()[MARGIN])

    def untrained(self, half: str, seed: int) -> nn.Module:
        """Return a network with random weights."""
        return build(self.kept[half].spec, seed=seed).for_inference().to(self.device)

    def note(self, control: str, direction: str, *numbers: float, p: float = NAN, note: str = "") -> None:
        """Note a value and the ends of its interval."""
        names = ("value", "low", "high")
        row = {"control": control, "direction": direction, **dict(zip(names, numbers, strict=True))}
        self.rows.append(row | {"p": p, "note": note})

    def decoded(self, control: str, found: list[Decoded], *, note: str) -> Check:
        """Note how well something decodes; return it as a number without a verdict."""
        for row in found:
            self.note(control, row.direction, row.auc, row.low, row.high, p=row.p, note=note)
        last = found[-1]
        return Check(f"controls: AUC, {control} (control: the networks)", last.auc, last.low, last.high, self.auc)

    def score(self, models: Models, signal: Signal | None = None) -> Floats:
        """Return the margins `(report,)` of the networks of each half for the reports of the other."""
        parts = []
        for half in HALVES:
            rows = held_out(self.whitened, half)
            margins = mean_margins(models[half], self.whitened, rows, signal=signal, seed=self.settings.seed)
            parts.append(report_means(self.whitened.index, rows, values=margins))
        return self.reports.aligned(pd.concat(parts))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--epochs", type=Path, required=True, help="folder written by prepare-eeg")
    parser.add_argument("--whitened", type=Path, required=True, help="folder written by whiten-eeg")
    parser.add_argument("--units", type=Path, required=True, help="folder written by units-eeg")
    parser.add_argument(
        "--models",
        type=Path,
        nargs="+",
        required=True,
        help="checkpoints of the networks of half A, then of half B, as many of each",
    )
    parser.add_argument("--strata-settings", default=None, help="the strata section (JSON or file)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `controls.tsv` and `controls_checks.tsv`; a killed training goes on after its last finished epoch."""
    settings = door.stage_settings(arguments, ControlsEeg, section="controls_eeg")
    strata = load(StrataEeg, arguments.strata_settings, section="strata")
    data, paths = open_data(arguments.epochs, arguments.whitened), _by_half(arguments.models)
    networks = {half: open_networks(paths[half], data.epochs, half=half) for half in HALVES}
    table, axes = arguments.units / TABLE, arguments.units / AXES
    inputs = {**data.inputs, **{f"model{number}": path for number, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "controls-eeg", settings, {**inputs, "units": table, "axes": axes}) as facts:
        torch.set_num_threads(arguments.threads)
        kept = {half: load_checkpoint(paths[half][0]) for half in HALVES}
        bench = _bench(
            data.whitened, open_reports(arguments.units, strata, epochs=data.epochs), networks, kept, settings
        )
        found = [_forgetting(bench, inside=_bins(axes, data.whitened)), *_permuted_labels(bench, out=arguments.out)]
        found += [*_exchanged_labels(bench, read_units(table, strata, axes=axes)), *_altered(bench)]
        found += _half_of_night(bench)
        write_table(arguments.out / "controls.tsv", pd.DataFrame(bench.rows))
        checks.write_checks(arguments.out / "controls_checks.tsv", found)
        for path in arguments.out.glob("permuted.*.resume.pt"):
            path.unlink()
        facts |= {"device": str(bench.device), "random_seeds": list(bench.seeds)}


def _by_half(paths: list[Path]) -> dict[str, list[Path]]:
    if len(paths) % 2:
        raise complaint(
            "not as many networks of each half", where="--models", got=len(paths),
            allowed="checkpoints of half A, then as many of half B",
        )  # fmt: skip
    middle = len(paths) // 2
    return dict(zip(HALVES, (paths[:middle], paths[middle:]), strict=True))


def _bench(
    whitened: Epochs, reports: Reports, networks: Networks, kept: dict[str, Checkpoint], settings: ControlsEeg
) -> Bench:
    device = choose_device(settings.device)
    first = 1 + max(seed for of_half in networks.values() for seed in of_half)
    count = settings.random_networks + settings.permuted_networks
    seeds = range(first + settings.seed * count, first + (settings.seed + 1) * count)
    models: Models = {half: [model.to(device) for model in each.values()] for half, each in networks.items()}
    return Bench(whitened, reports, models, kept, seeds, settings, device)


def _bins(path: Path, epochs: Epochs) -> Tensor:
    """Return which frequencies belong to which bin of the maps, `(frequency, bin)`."""
    try:
        hz = np.unique(pd.read_csv(path, sep="\t", usecols=["hz"])["hz"].to_numpy(np.float64))
    except (ValueError, OSError) as error:
        raise complaint("not the axes of a map", where=path, got=error, do="run units-eeg") from None
    half = np.diff(hz).min(initial=2 * epochs.rate_hz) / 2
    return members(frequencies(epochs.length, rate=epochs.rate_hz), [(at - half, at + half) for at in hz.tolist()])


def _forgetting(bench: Bench, *, inside: Tensor) -> Check:
    """Note how well maps of networks that forget, layer by layer, agree with those of the trained ones."""
    parts = {half: _agreements(bench, half, inside=inside) for half in HALVES}
    together = pd.concat(parts.values())
    summary = dict[str, tuple[float, float, float]]()
    for control, layer in dict.fromkeys(zip(together["control"], together["layer"], strict=True)):
        for direction, table in [*parts.items(), (BOTH, together)]:
            own = table[(table["control"] == control) & (table["layer"] == layer)]
            summary[control] = _interval(bench, own)
            bench.note(control, direction, *summary[control], note=layer)
    last = summary[RANDOM]  # layers come from the head down: all of them
    control = summary[SEEDS][0] if SEEDS in summary else NAN  # one network has no other
    verdict: Verdict = "pass" if last[0] < bench.settings.agreement_below else "fail"
    return Check(f"controls: map agreement with {RANDOM} (control: {SEEDS})", *last, control, verdict)


def _agreements(bench: Bench, half: str, *, inside: Tensor) -> pd.DataFrame:
    """Return how well maps agree, `control layer subject value`, one row per epoch: a mean over pairs of networks."""
    rows = spread(held_out(bench.whitened, half), bench.settings.explained_epochs)
    x, models = torch.from_numpy(bench.whitened.signals(rows)).to(bench.device), bench.networks[half]
    inside = inside.to(bench.device)
    trained = [frequency_maps(model, x, inside=inside) for model in models]
    fresh = [bench.untrained(half, seed) for seed in bench.seeds[: bench.settings.random_networks]]
    random = [frequency_maps(model, x, inside=inside) for model in fresh]
    pairs = {(SEEDS, ""): [*combinations(trained, 2)], (UNTRAINED, ""): [*combinations(random, 2)]}
    for own, model in zip(trained, models, strict=True):
        for start in fresh:
            for layer, maps in forgetting(model, start, x, inside=inside):
                pairs.setdefault((RANDOM, f"{layer} and all above"), []).append((own, maps))
    subject = bench.whitened.index["group"].iloc[rows].to_numpy()
    tables = [
        pd.DataFrame({"control": control + suffix, "layer": layer, "subject": subject, "value": _mean(chosen, measure)})
        for suffix, measure in MEASURES.items()
        for (control, layer), chosen in pairs.items()
        if chosen
    ]
    return pd.concat(tables)


def _mean(pairs: list[tuple[Tensor, Tensor]], measure: Measure) -> Floats:
    """Return the mean agreement of pairs of maps `(epoch,)`; a pair that is opposed on the whole agrees as much."""
    each = np.stack([measure(a, b).numpy() for a, b in pairs])
    return mean_of_known(each * np.sign(mean_of_known(each, axis=1))[:, None], axis=0)


def _interval(bench: Bench, table: pd.DataFrame) -> tuple[float, float, float]:
    """Return the mean of a column `value` and its 95 % interval over subjects."""
    values, subjects = table["value"].to_numpy(), table["subject"].to_numpy()
    generator = np.random.default_rng(bench.settings.seed)
    mean, low, high = mean_interval(values, subjects, samples=bench.reports.settings.bootstrap, generator=generator)
    return float(mean), float(low), float(high)


def _permuted_labels(bench: Bench, *, out: Path) -> Iterator[Check]:
    """Train again on labels without meaning within strata: what such networks tell apart there is no content.

    Where the labels are true the held-out ones, a network that knows stages alone can only pass by what stages leave
    inside the strata.
    """
    for number, seed in enumerate(bench.seeds[bench.settings.random_networks :], start=1):
        changed = with_permuted_labels(bench.whitened, seed=seed)
        models = {half: [_trained(bench, changed, half, seed=seed, out=out)] for half in HALVES}
        found = rates(bench.reports, bench.score(models))
        check = bench.decoded(f"{PERMUTED}, network {number}", found, note="p of both: the larger")
        passed = found[-1].p <= bench.reports.settings.alpha
        yield check._replace(verdict="fail" if passed else "pass")


def _trained(bench: Bench, epochs: Epochs, half: str, *, seed: int, out: Path) -> nn.Module:
    """Train one network of a half as the true ones were, on other labels."""
    how = validate(TrainEeg, bench.kept[half].settings, where=f"settings of the network of half {half}")
    model = build(bench.kept[half].spec, seed=seed).to(bench.device)
    resume = out / f"permuted.{half}.{seed}.resume.pt"
    train(model, epochs, training_rows(epochs, half), settings=how, seed=seed, resume=resume)
    return model.for_inference()


def _exchanged_labels(bench: Bench, units: Units) -> Iterator[Check]:
    """Give labels to other reports of the same stage: what is found then is the stage, and within strata nothing."""
    plain = replace(units, stage=np.full(len(units.stage), WHOLE), within=np.zeros(len(units.within), np.int64))
    how = bench.reports.settings.model_copy(update={"permutations": bench.settings.exchange_permutations})
    counts = {STRATA_IGNORED: list[int](), WITHIN: list[int]()}
    draws = range(bench.settings.exchanges)
    for number in track(draws, what="labels exchanged within stages", total=len(draws)):
        label = exchanged_within(units.stage, units.label, seed=[bench.settings.seed, number])
        for name, each in ((STRATA_IGNORED, plain), (WITHIN, units)):
            counts[name].append(_found(replace(each, label=label), how))
    shares = {name: float(np.mean(np.array(found) > 0)) for name, found in counts.items()}
    by_chance = _chance_of(np.array(counts[WITHIN]) > 0, alpha=how.alpha)
    for name, found in counts.items():
        control, share = f"labels exchanged within stages, {name}", shares[name]
        note = f"features found of {len(units.features)}, mean and range of {len(draws)} draws; any in {share:.2f}"
        note += "; p: of as many draws by chance" if name == WITHIN else ""
        p = by_chance if name == WITHIN else NAN
        bench.note(control, BOTH, float(np.mean(found)), min(found), max(found), p=p, note=note)
    name = f"controls: share of draws with a feature found {WITHIN}, labels exchanged (control: {STRATA_IGNORED})"
    settings = bench.settings
    verdict: Verdict = "warn" if by_chance < settings.exchange_warn_p else "pass"
    verdict = "fail" if by_chance < settings.exchange_fail_p else verdict
    yield Check(name, shares[WITHIN], control=shares[STRATA_IGNORED], verdict=verdict)


def _chance_of(any_found: NDArray[np.bool_], *, alpha: float) -> float:
    """Return the probability of as many draws with a finding `(draw,)`, or more, where each has probability alpha."""
    return float(binom.sf(int(any_found.sum()) - 1, len(any_found), alpha))


def _found(units: Units, settings: StrataEeg) -> int:
    """Count the features that the primary test finds, both directions joined."""
    asked = [
        replace(each, questions=each.questions[:1]) for each in directions(replace(units, score=None), settings, None)
    ]
    nulls = draw(asked)
    p, _ = cross_fit([infer(each, nulls).p["p_max"] for each in asked])
    return int((p <= settings.alpha).sum())


def _altered(bench: Bench) -> Iterator[Check]:
    """Ask the networks about signals whose power is the same and whose course in time is not."""
    for name, signal in ALTERED.items():
        found = rates(bench.reports, bench.score(bench.networks, signal))
        yield bench.decoded(name, found, note="p of both: the larger")


def _half_of_night(bench: Bench) -> Iterator[Check]:
    """Ask whether what the networks said tells early from late awakenings of a subject."""
    everyone = reports_of(bench.whitened.index, np.arange(len(bench.whitened.index)))
    order, units = bench.reports.aligned(everyone["order"]), bench.reports.units
    if np.isnan(order).any():
        log.warning("no control by half of the night: some reports have no order")
        return
    late = order > pd.Series(order).groupby(units.subject).transform("median").to_numpy()
    try:
        found = rates(
            replace(bench.reports, units=replace(units, label=late)), bench.reports.margins()[MARGIN], either=True
        )
    except InputError as error:
        log.warning("no control by half of the night: %s", error)
        return
    yield bench.decoded("late awakening as label", found, note="p: two-sided; of both: 2 min p")
