"""`tracklight methods`: how far the attribution methods agree, and what each of them costs."""

import argparse
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from tracklight.core.agreement import rank_agreement, signed_agreement
from tracklight.core.attribution import completeness_gap
from tracklight.core.counting import Counted, Passes
from tracklight.core.device import choose_device
from tracklight.core.methods import METHODS, Method, method
from tracklight.core.scan import WINDOWS_PER_BATCH
from tracklight.genome.dataset import open_dataset, target_number
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.explainers import Explainer, baseline_prediction, explainer
from tracklight.genome.probes import Probes, choose_probes
from tracklight.progress import track
from tracklight.settings import Attribute, Methods
from tracklight.stages import checks, door
from tracklight.stages.tables import write_table
from tracklight.stats import Floats, mean_interval

TRUTH, SALIENCY = "in_silico_mutagenesis", "gradient_x_input"
INTEGRATED, RESCALED = COMPLETE = "integrated_gradients", "deep_lift_shap"  # their sums explain a difference
BY_CORRECTION = {False: f"{SALIENCY}_raw", True: f"{SALIENCY}_corrected"}  # both are shown; one is the track
WORDS = {
    **dict.fromkeys(BY_CORRECTION.values(), "saliency"),
    INTEGRATED: "integrated gradients",
    RESCALED: "DeepLIFT/SHAP",
}
Average = Callable[[ArrayLike], tuple[Floats, Floats, Floats]]  # mean over windows and the ends of its interval
LONG_ENOUGH, MOST_RUNS = 0.3, 5  # quick methods are timed again, until so many seconds or runs


class Variant(NamedTuple):
    """A method and the same with its options."""

    row: Method
    explain: Explainer


class Explained(NamedTuple):
    """What a method said of the windows, and its cost.

    Attributes
    ----------
    map : Tensor (window, position)
        One value per base.
    seconds : float
        Time per window on this machine, the shortest of a few runs (s).
    passes : Passes
        Inputs that passed the networks, per window.
    gap : Tensor (window,)
        Completeness gap; NaN for a method that does not explain a difference.
    """

    map: Tensor
    seconds: float
    passes: Passes
    gap: Tensor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    checks.add_inputs(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for methods.tsv, its costs and checks")


def run(arguments: argparse.Namespace) -> None:
    """Explain held-out active windows by every method and compare."""
    settings = door.stage_settings(arguments, Methods, section="methods")
    attribute = door.attribute_settings(arguments)
    data = open_dataset(arguments.genome, arguments.windows)
    number = target_number(data.targets, attribute.target)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "methods", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        ensemble = open_ensemble(arguments.models, data=data).to(device)
        target = data.targets[number]
        probes = choose_probes(data, target=target, active=True, most=settings.windows, seed=settings.seed)
        x, variants, average = probes.x(device), _variants(attribute, number), _average(probes, settings)
        found = _explain_all(ensemble.mean, x, variants)
        write_table(arguments.out / "methods.tsv", _agreement_table(found, average))
        write_table(arguments.out / "methods_cost.tsv", _cost_table(found))
        published = (BY_CORRECTION[attribute.correct_gradient], INTEGRATED)
        shown = {name: variants[name] for name in dict.fromkeys([*published, *COMPLETE])}
        untrained = [_explain_all(network, x, shown) for network in ensemble.untrained(settings.untrained_seeds).models]
        rows = [_agreement(name, found, untrained, average=average, limit=settings.agree_above) for name in published]
        rows += [_completeness(name, found, untrained, average=average, limit=settings.gap_below) for name in COMPLETE]
        checks.write_checks(arguments.out / "methods_checks.tsv", rows)
        facts |= {
            "device": str(device),
            "windows": len(probes),
            "blocks": len(np.unique(probes.groups)),
            "seeds": ensemble.seeds,
        }


def _average(probes: Probes, settings: Methods) -> Average:
    generator = np.random.default_rng(settings.seed)
    return partial(mean_interval, groups=probes.groups, samples=settings.bootstrap, generator=generator)


def _variants(attribute: Attribute, target: int) -> dict[str, Variant]:
    """Return every method as the settings have it; gradient x input with the gradient as it is and corrected."""
    variants = {}
    for name in METHODS:
        options = {BY_CORRECTION[flag]: {"correct": flag} for flag in BY_CORRECTION} if name == SALIENCY else {name: {}}
        for key, chosen in options.items():
            variants[key] = Variant(method(name), explainer(name, attribute, target=target, **chosen))
    return variants


def _explain_all(model: nn.Module, x: Tensor, variants: Mapping[str, Variant]) -> dict[str, Explained]:
    steps = track(list(variants.items()), what="methods", total=len(variants), unit="method")
    return {name: _explain(model, x, variant) for name, variant in steps}


def _explain(model: nn.Module, x: Tensor, variant: Variant) -> Explained:
    variant.explain(model, x[:1])  # imports and warm-up, before the clock starts
    counted, seconds = Counted(model), list[float]()
    while not seconds or (sum(seconds) < LONG_ENOUGH and len(seconds) < MOST_RUNS):
        started = time.perf_counter()
        attribution = torch.cat([variant.explain(counted, batch) for batch in x.split(WINDOWS_PER_BATCH)])
        found = variant.row.reduce(attribution).cpu()
        seconds.append(time.perf_counter() - started)
    explained = len(seconds) * len(x)
    passes = Passes(counted.passes.forward / explained, counted.passes.backward / explained)
    return Explained(found, min(seconds) / len(x), passes, _gap(model, x, variant.explain, attribution))


def _gap(model: nn.Module, x: Tensor, explain: Explainer, attribution: Tensor) -> Tensor:
    baseline = baseline_prediction(model, x, explain)
    if baseline is None:
        return torch.full((len(x),), torch.nan)
    with torch.no_grad():
        difference = model(x)[:, explain.keywords["target"]] - baseline
    return completeness_gap(attribution, difference).cpu()


def _agreement_table(found: Mapping[str, Explained], average: Average) -> pd.DataFrame:
    """Compare every pair of methods: Pearson's r of their maps, Spearman's of the absolute values."""
    pairs = list(itertools.combinations(found, 2))
    table = pd.DataFrame(pairs, columns=["method_a", "method_b"]).assign(windows=len(found[TRUTH].map))
    for name, agreement in (("pearson", signed_agreement), ("spearman", rank_agreement)):
        values = torch.stack([agreement(found[a].map, found[b].map) for a, b in pairs], dim=1)  # (window, pair)
        table[name], table[f"{name}_low"], table[f"{name}_high"] = average(values)
    return table


def _cost_table(found: Mapping[str, Explained]) -> pd.DataFrame:
    """Return the cost per window: time on this machine, inputs that passed the ensemble, and the completeness gap."""
    return pd.DataFrame(
        {
            "method": name,
            "seconds_per_window": explained.seconds,
            "relative_to_gradient": explained.seconds / found["gradient"].seconds,
            "forward_per_window": explained.passes.forward,
            "backward_per_window": explained.passes.backward,
            "completeness_gap": explained.gap.mean().item(),
        }
        for name, explained in found.items()
    )


def _agreement(
    name: str,
    found: Mapping[str, Explained],
    untrained: Sequence[Mapping[str, Explained]],
    *,
    average: Average,
    limit: float,
) -> checks.Check:
    """Judge a method against the truth; it fails when untrained networks do as well."""
    truth = found[TRUTH].map
    value, low, high = average(signed_agreement(found[name].map, truth))
    control = average(torch.stack([signed_agreement(maps[name].map, truth) for maps in untrained]).nanmean(0))[0]
    verdict: checks.Verdict = "fail" if not low > control else "pass" if value >= limit else "warn"
    check = f"methods: {WORDS[name]} against in-silico mutagenesis (r per window; control: untrained networks)"
    return checks.Check(check, float(value), float(low), float(high), float(control), verdict)


def _completeness(
    name: str,
    found: Mapping[str, Explained],
    untrained: Sequence[Mapping[str, Explained]],
    *,
    average: Average,
    limit: float,
) -> checks.Check:
    """Judge whether the sum of a map is the difference in prediction that it explains."""
    value, low, high = average(found[name].gap)
    control = average(torch.stack([maps[name].gap for maps in untrained]).mean(0))[0]
    check = f"methods: {WORDS[name]}: gap between sum and difference in prediction (control: untrained networks)"
    verdict: checks.Verdict = "pass" if value <= limit else "warn"
    return checks.Check(check, float(value), float(low), float(high), float(control), verdict)
