"""`tracklight sanity`: does the map depend on what was learned, and is it stable."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.agreement import signed_agreement
from tracklight.core.device import choose_device
from tracklight.core.randomise import cascade, layers, transplanted
from tracklight.errors import complaint
from tracklight.genome.agreements import Agreements, Values
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import Ensemble, open_ensemble
from tracklight.genome.probes import Probes, choose_probes
from tracklight.genome.stability import moved_windows, network_maps, same_bases
from tracklight.learning.examples import Examples, predict
from tracklight.learning.shuffled import learn_by_heart, shuffle_targets
from tracklight.models.spec import build, load_checkpoint
from tracklight.progress import log
from tracklight.settings import Attribute, Sanity, Train
from tracklight.settings.base import validate
from tracklight.stages import checks, door
from tracklight.stages.checks import NAN, Check, Verdict
from tracklight.stages.tables import write_table

Networks = Sequence[nn.Module]
NAMES = ("trained", "random weights")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    checks.add_inputs(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for sanity.tsv and sanity_checks.tsv")


def run(arguments: argparse.Namespace) -> None:
    """Write `sanity.tsv` and `sanity_checks.tsv`; a killed training on shuffled labels goes on where it was."""
    settings = door.stage_settings(arguments, Sanity, section="sanity")
    attribute = door.attribute_settings(arguments)
    data = open_dataset(arguments.genome, arguments.windows)
    _check_shifts(settings, data.length)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "sanity", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        ensemble = open_ensemble(arguments.models, data=data).to(device)
        bench = open_bench(data, ensemble, settings=settings, attribute=attribute)
        seeds = _seeds(bench)
        found = list(_learned(bench, seeds))
        if settings.shuffled_epochs:
            train = load_checkpoint(arguments.models[0]).settings | {"epochs": settings.shuffled_epochs}
            how = validate(Train, train, where=f"{arguments.models[0]}: settings")
            found += _shuffled_labels(bench, seeds, how, resume=arguments.out / "shuffled.resume.pt")
        found += [_other_strand(bench), *_moved(bench)]
        write_table(arguments.out / "sanity.tsv", bench.notes.table())
        checks.write_checks(arguments.out / "sanity_checks.tsv", found)
        (arguments.out / "shuffled.resume.pt").unlink(missing_ok=True)
        facts |= {"device": str(device), "windows": len(bench.probes), "random_seeds": list(bench.random_seeds)}


def _check_shifts(settings: Sanity, length: int) -> None:
    if 2 * max(settings.shifts_bp) + 2 > length:
        raise complaint(
            "windows moved so far share too few bases",
            where="sanity.shifts_bp",
            got=max(settings.shifts_bp),
            allowed=f"at most {length // 2 - 1}, for windows of {length} bp",
        )


@dataclass(frozen=True)
class Bench:
    """What all checks work with.

    Attributes
    ----------
    data, ensemble, probes, settings, attribute
        Windows, trained networks, held-out active windows, and how the map is made.
    random_seeds : range
        Seeds of the networks with random weights and, last, of the one trained on shuffled labels.
    fresh : tuple of Module
        The networks with random weights.
    maps : Tensor of float32 (network, window, position)
        Of the trained networks.
    notes : Agreements
        The rows of the table.
    """

    data: Dataset
    ensemble: Ensemble
    probes: Probes
    settings: Sanity
    attribute: Attribute
    random_seeds: range
    fresh: tuple[nn.Module, ...]
    maps: Tensor
    notes: Agreements

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.ensemble.models[0].parameters()).device

    @property
    def target(self) -> int:
        """Number of the output that is explained."""
        return target_number(self.data.targets, self.attribute.target)

    @property
    def both(self) -> tuple[Networks, Networks]:
        """The trained networks and those with random weights."""
        return self.ensemble.models, self.fresh

    def x(self, codes: NDArray[np.uint8] | None = None) -> Tensor:
        """Return codes `(window, position)` as networks read them, by default the windows themselves."""
        return one_hot(torch.from_numpy(self.probes.codes if codes is None else codes).to(self.device))

    def explain(self, models: Networks, x: Tensor) -> Tensor:
        """Return maps `(network, window, position)`, on the CPU."""
        return network_maps(models, x, target=self.target, correct=self.attribute.correct_gradient)

    def outputs(self, models: Networks, x: Tensor) -> Values:
        """Return mean predictions of some networks `(window,)`."""
        with torch.no_grad():
            return torch.stack([model(x)[:, self.target].double() for model in models]).mean(0).cpu().numpy()

    def accuracy(self, models: Networks, examples: Examples, rows: Tensor) -> float:
        """Return Pearson's r of the mean prediction of some networks with the targets of some examples."""
        predicted = torch.stack([predict(model, examples, rows)[:, self.target] for model in models]).mean(0)
        return correlation(predicted, examples.targets[rows, self.target].cpu())


def correlation(a: Tensor, b: Tensor) -> float:
    """Return Pearson's r of two vectors where both are known."""
    known = torch.isfinite(a) & torch.isfinite(b)
    return float(signed_agreement(a[known][None], b[known][None]))


def open_bench(data: Dataset, ensemble: Ensemble, *, settings: Sanity, attribute: Attribute) -> Bench:
    """Choose the windows, build the random networks and explain the trained ones."""
    target = target_number(data.targets, attribute.target)
    probes = choose_probes(data, target=data.targets[target], active=True, most=settings.windows, seed=settings.seed)
    device = next(ensemble.models[0].parameters()).device
    # never a seed of the ensemble: a trained network may keep something of the weights it began with
    first = max(ensemble.seeds) + 1 + settings.seed * (settings.draws + 1)
    seeds = range(first, first + settings.draws + 1)
    fresh = tuple(build(ensemble.spec, seed=seed).for_inference().to(device) for seed in seeds[:-1])
    maps = network_maps(ensemble.models, probes.x(device), target=target, correct=attribute.correct_gradient)
    notes = Agreements(probes.groups, settings.bootstrap, settings.seed)
    return Bench(data, ensemble, probes, settings, attribute, seeds, fresh, maps, notes)


def _learned(bench: Bench, seeds: Values) -> Iterator[Check]:
    """Set networks that forget layer by layer against the agreement of trained ones `(window,)`."""
    bench.notes.compare("cascade", "untouched", [(own, own) for own in bench.maps])
    random = _forgetting(bench)
    bench.notes.compare("initial weights", "all layers", list(zip(bench.maps, _at_the_start(bench), strict=True)))
    yield _against_seeds(bench, "map agreement with all layers randomised", random, seeds)
    mean, low, high = bench.notes.interval(seeds)
    verdict: Verdict = "warn" if mean < bench.settings.seeds_above else "info"
    control = bench.notes.interval(random)[0]
    yield Check("sanity: map agreement of two seeds (control: random weights)", mean, low, high, control, verdict)


def _seeds(bench: Bench) -> Values:
    """Note how well the maps of two trained networks agree; return it `(window,)`, NaN with one network."""
    pairs = list(combinations(bench.maps, 2))
    if not pairs:
        log.warning("one network only: its map cannot be set against that of another seed")
    return bench.notes.compare("seeds", f"{len(pairs)} pairs" if pairs else "one network only", pairs)


def _forgetting(bench: Bench) -> Values:
    """Note the cascade and every layer alone; return the agreement with all layers randomised `(window,)`."""
    x = bench.x()
    names = layers(bench.ensemble.models[0], x[:1])
    chain: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in reversed(names)}
    alone: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in reversed(names)}
    for model, own in zip(bench.ensemble.models, bench.maps, strict=True):
        for fresh in bench.fresh:
            for name, changed in cascade(model, fresh, names):
                chain[name].append((own, bench.explain([changed], x)[0]))
                alone[name].append((own, bench.explain([transplanted(model, fresh, [name])], x)[0]))
    noted = [bench.notes.compare("cascade", name, pairs) for name, pairs in chain.items()]
    for name, pairs in alone.items():
        bench.notes.compare("one layer", name, pairs)
    return noted[-1]


def _at_the_start(bench: Bench) -> Tensor:
    """Explain every trained network as it was before its training."""
    begun = [build(bench.ensemble.spec, seed=seed).for_inference().to(bench.device) for seed in bench.ensemble.seeds]
    return bench.explain(begun, bench.x())


def _against_seeds(bench: Bench, what: str, randomised: Values, seeds: Values) -> Check:
    """Judge by the paired difference to the agreement of two seeds; without one there is nothing to judge by."""
    gap, low, _ = bench.notes.interval(seeds - randomised)
    verdict = falls(gap, low, margin=bench.settings.margin)
    control = bench.notes.interval(seeds)[0]
    return Check(f"sanity: {what} (control: two seeds)", *bench.notes.interval(randomised), control, verdict)


def falls(gap: float, low: float, *, margin: float) -> Verdict:
    """Judge whether agreement falls by more than a margin.

    Parameters
    ----------
    gap, low : float
        By how much it falls, and the lower end of the interval; NaN where it cannot be said.
    margin : float
        By how much it has to fall.

    Returns
    -------
    str
        "pass" when the whole interval is above the margin, "fail" when the fall is not, "warn" otherwise.
    """
    if low > margin:
        return "pass"
    return "fail" if gap <= margin else "warn"


def _shuffled_labels(bench: Bench, seeds: Values, train: Train, *, resume: Path) -> list[Check]:
    """Train on labels that mean nothing: neither map nor prediction may come out as from true ones."""
    examples = bench.data.examples(bench.device)
    rows = {split: bench.data.rows(split).to(bench.device) for split in ("train", "test")}
    seed = bench.random_seeds[-1]
    order = torch.Generator().manual_seed(seed)
    wrong = replace(examples, targets=shuffle_targets(examples.targets, rows["train"], generator=order))
    network = learn_by_heart(bench.ensemble.spec, wrong, rows["train"], settings=train, seed=seed, resume=resume)
    other = bench.explain([network], bench.x())[0]
    agreement = bench.notes.compare("shuffled labels", "all layers", [(own, other) for own in bench.maps])
    learned = bench.accuracy([network], wrong, rows["train"])
    chance, true = (bench.accuracy(m, examples, rows["test"]) for m in ([network], bench.ensemble.models))
    for check, variant, value in (
        ("shuffled labels", "train", learned), ("shuffled labels", "test", chance), ("trained", "test", true),
    ):  # fmt: skip
        bench.notes.single(check, f"{variant} windows", "prediction r", value=value, n=len(rows[variant]))
    verdict: Verdict = "pass" if abs(chance) < bench.settings.shuffled_r_below else "warn"
    name = "sanity: held-out r of a network trained on shuffled labels (control: true labels)"
    return [
        _against_seeds(bench, "map agreement with a network trained on shuffled labels", agreement, seeds),
        Check(name, chance, control=true, verdict=verdict),
    ]


def _other_strand(bench: Bench) -> Check:
    """Ask for the reverse complement; only an assay that does not tell strands apart must give the same answer."""
    stranded, turned = bench.data.stranded, bench.x().flip(1, 2)  # A0 C1 G2 T3: complementing reverses the channels
    pairs = [(bench.explain(m, bench.x()).mean(0), bench.explain(m, turned).mean(0).flip(-1)) for m in bench.both]
    agreement = bench.notes.compare("other strand", "trained", pairs[:1])
    control = bench.notes.compare("other strand", "random weights", pairs[1:])
    here, there = (torch.from_numpy(bench.outputs(bench.ensemble.models, x)) for x in (bench.x(), turned))
    bench.notes.single("other strand", "trained", "prediction r", value=correlation(here, there), n=len(bench.probes))
    mean, low, high = bench.notes.interval(agreement)
    verdict: Verdict = "info" if stranded else "pass" if mean >= bench.settings.stable_above else "warn"
    what = "; the assay is stranded, so they may differ" if stranded else ""
    name = f"sanity: map agreement with the other strand{what} (control: random weights)"
    return Check(name, mean, low, high, bench.notes.interval(control)[0], verdict)


def _moved(bench: Bench) -> Iterator[Check]:
    """Move the windows along the genome and compare the maps on the bases that every distance leaves in both."""
    order = np.random.default_rng(bench.settings.seed).permutation(len(bench.probes))
    # network by network, as seeds and random weights are compared
    others = [(own[order], own[np.roll(order, 1)]) for own in bench.maps]
    bench.notes.compare("another window", "trained", others)
    for by in sorted(set(bench.settings.shifts_bp)):
        trained, random = (
            _moved_by(bench, models, by, variant) for models, variant in zip(bench.both, NAMES, strict=True)
        )
        value = bench.notes.interval(trained[0])
        verdict: Verdict = "pass" if value[0] >= bench.settings.stable_above else "warn"
        after = f"after moving the window by {by} bp"
        name = f"sanity: map agreement {after} (control: random weights)"
        yield Check(name, *value, bench.notes.interval(random[0])[0], verdict)
        name = f"sanity: change of the prediction {after}, in SD (control: random weights)"
        yield Check(name, *bench.notes.interval(trained[1]), bench.notes.interval(random[1])[0])


def _moved_by(bench: Bench, models: Networks, by: int, variant: str) -> tuple[Values, Values]:
    """Note agreement and change of prediction (SD) `(window,)` of windows moved either way."""
    here, before = bench.explain(models, bench.x()).mean(0), bench.outputs(models, bench.x())
    pairs, changes = [], []
    for signed in (-by, by):
        codes, inside = moved_windows(bench.data, bench.probes.rows, by=signed)
        there = bench.explain(models, bench.x(codes)).mean(0)
        there[~torch.from_numpy(inside)] = torch.nan
        pairs.append(same_bases(here, there, by=signed, margin=max(bench.settings.shifts_bp)))
        changes.append(np.where(inside, np.abs(bench.outputs(models, bench.x(codes)) - before), NAN))
    agreement = bench.notes.compare(f"moved {by} bp", variant, pairs)
    change = np.stack(changes) / _prediction_sd(bench, models)
    return agreement, bench.notes.add(f"moved {by} bp", variant, change, what="prediction change (SD)")


def _prediction_sd(bench: Bench, models: Networks) -> float:
    """Return the standard deviation of the prediction over held-out windows, active or not."""
    target = bench.data.targets[bench.target]
    any_window = choose_probes(
        bench.data, target=target, active=None, most=bench.settings.windows, seed=bench.settings.seed
    )
    return float(bench.outputs(models, bench.x(any_window.codes)).std())
