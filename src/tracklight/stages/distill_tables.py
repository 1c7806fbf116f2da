"""What a student is worth beside its ensemble: accuracy, agreement and cost, side by side."""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core.agreement import signed_agreement
from tracklight.genome.dataset import Dataset, target_number
from tracklight.genome.ensemble import Ensemble
from tracklight.genome.probes import choose_probes
from tracklight.genome.saliency import Scan, attribute_stretch, window_saliency
from tracklight.learning.distillation import class_log_odds
from tracklight.learning.metrics import class_score, score
from tracklight.settings import Attribute

NAN = float("nan")
Values = NDArray[np.float64]
METHOD = "gradient_x_input"
RUNS = 3  # of the clock; the fastest counts


@dataclass(frozen=True)
class Taught:
    """A student, its ensemble, and what they answer about.

    Attributes
    ----------
    data : Dataset
        Genome and windows.
    teachers, student : Ensemble
        The networks; the student is an ensemble of one.
    attribute : Attribute
        How tracks are made.
    classes : bool
        Whether the targets are classes that exclude each other.
    """

    data: Dataset
    teachers: Ensemble
    student: Ensemble
    attribute: Attribute
    classes: bool


class Row(NamedTuple):
    """A measurement of the student, of single networks of the ensemble (their mean), and of the ensemble."""

    target: str
    measure: str
    student: float
    single: float
    ensemble: float


def comparison(taught: Taught, outputs: Tensor, said: Tensor, *, windows: int) -> pd.DataFrame:
    """Compare on held-out windows.

    Parameters
    ----------
    taught : Taught
        Networks and data.
    outputs : Tensor (network, example, target)
        What each network of the ensemble says.
    said : Tensor (example, target) or (example, 2 * target)
        What the student says: of targets, and where it learned them of their spreads.
    windows : int
        How many windows to attribute at most.

    Returns
    -------
    DataFrame
        `target measure student single ensemble`. `pearson` to `auprc` are against what was measured. `agreement ...`
        are Pearson's r with the ensemble: of predictions over windows, and of attribution over the bases of a window,
        their mean; a single network is compared with the mean of the others. `spread` is Pearson's r of the predicted
        with the found spread of the networks' predictions. Of classes also `accuracy nll ece`.
    """
    test = taught.data.rows("test")
    each, own = outputs[:, test].double().numpy(), said[test].double().numpy()
    rows = [*_accuracies(taught.data, each, own), *_agreements(taught.data.targets, each, own)]
    rows += [*_classes(taught, each, own), *_maps(taught, windows)]
    return pd.DataFrame(rows, columns=list(Row._fields))


def _accuracies(data: Dataset, each: Values, own: Values) -> Iterator[Row]:
    test = data.rows("test").numpy()
    for number, target in enumerate(data.targets):
        value, active = data.values(target)[test], data.active(target)[test]
        student, *single, ensemble = (score(said[:, number], value, active) for said in (own, *each, each.mean(0)))
        for name in student:
            yield Row(target, name, student[name], float(np.mean([one[name] for one in single])), ensemble[name])


def _agreements(targets: Sequence[str], each: Values, own: Values) -> Iterator[Row]:
    """Compare predictions with the ensemble's, and predicted spreads with found ones."""
    for number, target in enumerate(targets):
        others = [_r(one[:, number], rest[:, number]) for one, rest in zip(each, _others(each), strict=True)]
        agreement = _r(own[:, number], each[..., number].mean(0))
        yield Row(target, "agreement of predictions", agreement, float(np.mean(others)), 1.0)
        if own.shape[1] > len(targets):
            spread = _r(own[:, len(targets) + number], each[..., number].std(0))
            yield Row(target, "agreement of spreads", spread, NAN, 1.0)


def _classes(taught: Taught, each: Values, own: Values) -> Iterator[Row]:
    if not taught.classes:
        return
    data, test = taught.data, taught.data.rows("test").numpy()
    labels = np.stack([data.values(target)[test] for target in data.targets], axis=1)
    joined = class_log_odds(torch.from_numpy(each)).numpy()
    student, *single, ensemble = (class_score(said, labels) for said in (own, *each, joined))
    for name in student:
        yield Row("", name, student[name], float(np.mean([one[name] for one in single])), ensemble[name])


def _maps(taught: Taught, windows: int) -> Iterator[Row]:
    """Compare attributions of held-out windows, base by base."""
    data, wish = taught.data, taught.attribute.target
    target = data.targets[target_number(data.targets, wish)]
    probes = choose_probes(data, target=target, active=None, most=windows, seed=taught.attribute.seed)
    own, *each = (
        torch.from_numpy(_saliency([model], probes.codes, taught))
        for model in (*taught.student.models, *taught.teachers.models)
    )
    maps = torch.stack(each)
    pairs = [(own, maps.mean(0)), *zip(maps, torch.from_numpy(_others(maps.numpy())), strict=True)]
    student, *others = (float(signed_agreement(a, b).nanmean()) for a, b in pairs)
    yield Row(target, "agreement of attributions", student, float(np.mean(others)), 1.0)


def _saliency(models: Sequence[nn.Module], codes: NDArray[np.uint8], taught: Taught) -> NDArray[np.float32]:
    number = target_number(taught.data.targets, taught.attribute.target)
    on_cpu = [copy.deepcopy(model).cpu() for model in models]
    return window_saliency(on_cpu, codes, target=number, correct=taught.attribute.correct_gradient)


def _others(each: Values) -> Values:
    """Return for every network the mean of the others; NaN for one that is alone."""
    with np.errstate(invalid="ignore"):
        return np.asarray((each.sum(0) - each) / np.float64(len(each) - 1))


def _r(a: Values, b: Values) -> float:
    varies = np.isfinite(b).all() and np.ptp(a) > 0 and np.ptp(b) > 0
    return float(np.corrcoef(a, b)[0, 1]) if varies else NAN


def cost(taught: Taught, *, timed_bp: int) -> pd.DataFrame:
    """Return `predictor weights seconds_per_mb speedup` of student and ensemble.

    The first bases of the genome are attributed as for a track; the fastest of a few runs counts.
    """
    rows = []
    for name, networks in (("student", taught.student), ("ensemble", taught.teachers)):
        weights = sum(weight.numel() for model in networks.models for weight in model.parameters())
        rows.append({"predictor": name, "weights": weights, "seconds_per_mb": _seconds(taught, networks, timed_bp)})
    table = pd.DataFrame(rows)
    return table.assign(speedup=table["seconds_per_mb"].iloc[-1] / table["seconds_per_mb"])


def _seconds(taught: Taught, networks: Ensemble, timed_bp: int) -> float:
    scan = Scan(networks, taught.attribute, METHOD, taught.data.stranded)
    device = next(networks.models[0].parameters()).device
    stretch, taken = (0, min(timed_bp, len(taught.data.tape))), []
    for _ in range(RUNS):
        started = time.perf_counter()
        attribute_stretch(taught.data.tape, stretch, scan, device=device)
        taken.append(time.perf_counter() - started)
    return min(taken) / stretch[1] * 1e6
