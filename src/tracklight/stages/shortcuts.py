"""`tracklight shortcuts`: is the model right for the wrong reason."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.attribution import gradient_x_input
from tracklight.core.device import choose_device
from tracklight.errors import complaint, existing_file
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.decode import one_hot
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.intervals import read_bed
from tracklight.genome.nuisance import (
    GROUP_COLUMNS,
    Nuisance,
    annotated,
    group_accuracy,
    in_every_window,
    moved,
    saliency_shares,
    threshold,
)
from tracklight.genome.probes import Probes, choose_probes
from tracklight.models.spec import load_checkpoint
from tracklight.settings import Shortcuts
from tracklight.stages import door
from tracklight.stages.checks import Check, add_inputs, write_checks, write_table
from tracklight.stages.contig_names import add_contig_names, given_contig_names
from tracklight.stats import mean_interval

COLUMNS = ("nuisance", "measure", "value", "low", "high", "n")
BATCH = 512  # windows that go through the networks in one pass
NOTHING = np.nan, np.nan  # ends of an interval that was not measured
Measures = dict[str, tuple[float, float, float, int]]  # value, ends of its 95 % interval, number of windows


@dataclass(frozen=True)
class Finding:
    """What was measured of one nuisance, in the forms it is written in."""

    name: str
    measures: Measures
    groups: pd.DataFrame
    checks: list[Check]


@dataclass(frozen=True)
class Subject:
    """The networks as one, and the held-out windows they are put to the test on.

    Attributes
    ----------
    model : Module
        Mean of the networks.
    target : int
        The output that is explained.
    correct : bool
        Remove the mean over bases from the gradient.
    device : device
        Of the model.
    probes : Probes
        All measured held-out windows without N.
    active : ndarray of bool (window,)
        Measured active.
    threshold : float
        A prediction above it counts as active.
    """

    model: nn.Module
    target: int
    correct: bool
    device: torch.device
    probes: Probes
    active: NDArray[np.bool_]
    threshold: float

    @cached_property
    def before(self) -> NDArray[np.float64]:
        """Predictions for the windows as they are, `(window,)`."""
        return self.predictions(self.probes.codes)

    def predictions(self, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the prediction for windows given as codes `(window, position)`."""
        with torch.no_grad():
            parts = [self.model(x)[:, self.target].cpu() for x in self._batches(codes)]
        return torch.cat(parts).double().numpy()

    def saliency(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return |gradient x input| per base, `(window, position)`."""
        parts = [
            gradient_x_input(self.model, x, target=self.target, correct=self.correct).sum(1).abs().cpu()
            for x in self._batches(codes)
        ]
        return torch.cat(parts).numpy()

    def _batches(self, codes: NDArray[np.uint8]) -> Iterator[Tensor]:
        for part in torch.from_numpy(codes).split(BATCH):
            yield one_hot(part.to(self.device))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    add_inputs(parser)
    parser.add_argument(
        "--nuisance", nargs="+", default=[], metavar="NAME=BED", help="what must not decide a prediction"
    )
    add_contig_names(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the three tables of this stage")


def run(arguments: argparse.Namespace) -> None:
    """Write `shortcuts.tsv`, `shortcuts_groups.tsv` and `shortcuts_checks.tsv`."""
    settings = door.stage_settings(arguments, Shortcuts, section="shortcuts")
    beds, names = _named(arguments.nuisance, settings), given_contig_names(arguments)
    data = open_dataset(arguments.genome, arguments.windows)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    inputs |= {f"nuisance.{name}": path for name, path in beds.items()}
    with door.recorded(arguments, "shortcuts", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        subject = _subject(arguments, data, settings)
        nuisances = _nuisances(beds, names, data, subject=subject, settings=settings)
        findings = [_finding(nuisance, subject, settings) for nuisance in nuisances]
        _write(arguments.out, findings)
        flagged = [finding.name for finding in findings if finding.measures["flagged"][0] == 1]
        facts |= {"held_out_windows": len(subject.probes), "flagged": flagged}


def _named(given: list[str], settings: Shortcuts) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path) or name in named or name in settings.window_regions:
            raise complaint(
                "nuisance is not NAME=BED with a name of its own", got=text, do="for example repeats=repeats.bed"
            )
        named[name] = Path(path) if Path(path).is_file() else existing_file(path, what="nuisance")
    return named


def _subject(arguments: argparse.Namespace, data: Dataset, settings: Shortcuts) -> Subject:
    device, attribute = choose_device(settings.device), door.attribute_settings(arguments)
    target = target_number(data.targets, attribute.target)
    name = data.targets[target]
    probes = choose_probes(data, target=name, active=None, most=len(data.index), seed=settings.seed)
    return Subject(
        model=open_ensemble(arguments.models, data=data).to(device).mean,
        target=target,
        correct=attribute.correct_gradient,
        device=device,
        probes=probes,
        active=data.active(name)[probes.rows] == 1,
        threshold=threshold(data.facts, loss=str(load_checkpoint(arguments.models[0]).settings.get("loss", "mse"))),
    )


def _nuisances(
    beds: dict[str, Path], contig_names: dict[str, str], data: Dataset, *, subject: Subject, settings: Shortcuts
) -> Iterator[Nuisance]:
    for name, path in beds.items():
        intervals = read_bed(path, lengths=data.tape.lengths, contig_names=contig_names)
        yield annotated(name, intervals, data=data, probes=subject.probes)
    for name, span in settings.window_regions.items():
        yield in_every_window(name, span, subject.active, length=data.length)


def _finding(nuisance: Nuisance, subject: Subject, settings: Shortcuts) -> Finding:
    correct: NDArray[np.bool_] = np.greater(subject.before, subject.threshold) == subject.active
    groups = pd.DataFrame(columns=list(GROUP_COLUMNS))
    if not nuisance.everywhere:
        groups = group_accuracy(
            nuisance.name, correct, active=subject.active, holds=nuisance.present, smallest=settings.smallest_group
        )
    worst = _worst(groups, nuisance.name, overall=float(correct.mean()))
    fewest = min(map(len, (nuisance.holders, nuisance.donors, nuisance.recipients)))
    measures: Measures = {"holders": (len(nuisance.holders), *NOTHING, len(subject.probes))}
    if fewest < settings.smallest_group:
        measures["flagged"] = (np.nan, *NOTHING, fewest)
        return Finding(nuisance.name, measures, groups, [_not_judged(nuisance, settings), *worst])
    effects = _effects(nuisance, subject, settings)
    measures |= _shares(nuisance, subject, settings) | effects
    measures["flagged"] = (float(_is_flagged(measures, settings)), *NOTHING, fewest)
    return Finding(nuisance.name, measures, groups, [*_verdict(nuisance, measures), *worst])


def _shares(nuisance: Nuisance, subject: Subject, settings: Shortcuts) -> Measures:
    generator = np.random.default_rng(settings.seed)
    rows = np.sort(generator.permutation(nuisance.holders)[: settings.windows])
    saliency = subject.saliency(subject.probes.codes[rows])
    shares = saliency_shares(
        saliency, nuisance.inside[rows], subject.probes.groups[rows], samples=settings.bootstrap, generator=generator
    )
    return {name: (*interval, len(rows)) for name, interval in shares.items()}


def _effects(nuisance: Nuisance, subject: Subject, settings: Shortcuts) -> Measures:
    """Return effects on the prediction in standard deviations of the prediction over held-out windows."""
    generator = np.random.default_rng(settings.seed)
    rows, variants = moved(nuisance, subject.probes.codes, most=settings.windows, generator=generator)
    spread = subject.before.std()
    if not spread > 0:
        raise complaint("the prediction is the same for every held-out window", got=spread, do="train again")
    effects = {name: (subject.predictions(codes) - subject.before[rows]) / spread for name, codes in variants.items()}
    for control in ("permuted", "dinucleotide"):
        effects[f"beyond_{control}"] = effects["insertion"] - effects[control]
    ends = mean_interval(
        np.stack(list(effects.values()), axis=1),
        subject.probes.groups[rows],
        samples=settings.bootstrap,
        generator=generator,
    )
    mean, low, high = (end.tolist() for end in ends)
    return {name: (mean[n], low[n], high[n], len(rows)) for n, name in enumerate(effects)}


def _is_flagged(measures: Measures, settings: Shortcuts) -> bool:
    return (
        measures["enrichment"][0] > settings.enrichment_above
        and abs(measures["insertion"][0]) > settings.effect_above_sd
        and abs(measures["beyond_permuted"][0]) > settings.beyond_permuted_sd
    )


def _verdict(nuisance: Nuisance, measures: Measures) -> list[Check]:
    place = "from active windows put into inactive ones" if nuisance.everywhere else "put into windows without it"
    value, low, high, _ = measures["insertion"]
    return [
        Check(
            f"shortcuts: effect of {nuisance.name} {place}, SD of the prediction (control: its bases permuted)",
            value,
            low,
            high,
            control=measures["permuted"][0],
            verdict="fail" if measures["flagged"][0] else "pass",
        ),
        Check(
            f"shortcuts: saliency per base of {nuisance.name}, over the average (control: the average base)",
            *measures["enrichment"][:3],
            control=1.0,
        ),
    ]


def _not_judged(nuisance: Nuisance, settings: Shortcuts) -> Check:
    """Say why nothing can be said of a nuisance; the value is the number of windows that there are."""
    counts = {
        "held-out windows with it": int(nuisance.present.sum()),
        "held-out windows with it beside other bases": len(nuisance.holders),
        "held-out windows that are active": len(nuisance.donors),
        "held-out windows to put it into": len(nuisance.recipients),
    }
    which = next(which for which, count in counts.items() if count < settings.smallest_group)
    return Check(
        f"shortcuts: {nuisance.name} is not judged, too few {which} (fewer than {settings.smallest_group})",
        counts[which],
    )


def _worst(groups: pd.DataFrame, name: str, *, overall: float) -> list[Check]:
    """Return the check of the least accurate group of windows; none without groups both with and without it."""
    counted = groups.dropna(subset=["accuracy"])
    if counted["with_nuisance"].nunique() < 2:
        return []
    worst = counted.sort_values("accuracy").iloc[0]
    label = "active" if worst["label"] else "inactive"
    held = "with" if worst["with_nuisance"] else "without"
    words = f"shortcuts: accuracy in the worst group, {label} windows {held} {name} (control: all held-out windows)"
    return [Check(words, worst["accuracy"], worst["low"], worst["high"], control=overall)]


def _write(out: Path, findings: list[Finding]) -> None:
    rows = [(finding.name, name, *measure) for finding in findings for name, measure in finding.measures.items()]
    groups = [finding.groups for finding in findings if len(finding.groups)]
    empty = pd.DataFrame(columns=list(GROUP_COLUMNS))
    checks = [check for finding in findings for check in finding.checks]
    write_table(out / "shortcuts.tsv", pd.DataFrame(rows, columns=list(COLUMNS)))
    write_table(out / "shortcuts_groups.tsv", pd.concat(groups) if groups else empty)
    write_checks(out / "shortcuts_checks.tsv", checks or [Check("shortcuts: number of nuisances given", 0.0)])
