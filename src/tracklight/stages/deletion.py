"""`tracklight deletion`: does the prediction fall when the salient bases are replaced."""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracklight.core import masking
from tracklight.core.attribution import gradient_x_input
from tracklight.core.deletion import area, normalised
from tracklight.core.device import choose_device
from tracklight.core.scan import WINDOWS_PER_BATCH
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset, open_dataset, target_number
from tracklight.genome.ensemble import open_ensemble
from tracklight.genome.fillers import make_fillers
from tracklight.genome.probes import Probes, choose_probes
from tracklight.genome.replacement import (
    MASKS,
    ORDERS,
    Curves,
    Floats,
    Subject,
    compare_with_effects,
    follow_trials,
    map_sensitivity,
)
from tracklight.models.spec import load_checkpoint
from tracklight.settings import Attribute, Deletion
from tracklight.stages import checks, door
from tracklight.stages.checks import Check
from tracklight.stages.tables import write_table
from tracklight.stats import mean_interval

Interval = Callable[[Floats], tuple[Floats, Floats, Floats]]
NUMBERS = ("value", "low", "high")
GAP = ("gap", "gap_low", "gap_high")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    checks.add_inputs(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for deletion.tsv and the tables beside it")


def run(arguments: argparse.Namespace) -> None:
    """Write `deletion.tsv`, `deletion_areas.tsv`, `faithfulness.tsv` and `deletion_checks.tsv`."""
    settings = door.stage_settings(arguments, Deletion, section="deletion")
    attribute = door.attribute_settings(arguments)
    data = open_dataset(arguments.genome, arguments.windows)
    bases = {mask: _bases(settings, mask, data.length) for mask in MASKS}
    sizes = _sizes(settings, data.length)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "deletion", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        is_logit = load_checkpoint(arguments.models[0]).settings.get("loss") in ("bce", "soft_bce")
        subject, groups = _subject(arguments.models, data, attribute, settings=settings, device=device)
        interval = partial(_interval, groups=groups, settings=settings)
        curves = _curves(subject, data, settings, bases=bases)
        faith = _faithfulness(subject, settings, interval, sizes=sizes)
        found = [*_gap_checks(curves, settings, interval, is_logit=is_logit), *_faith_checks(faith)]
        curve_table = pd.concat([_curve_rows(curve, interval, is_logit=is_logit) for curve in curves])
        write_table(arguments.out / "deletion.tsv", curve_table)
        write_table(arguments.out / "deletion_areas.tsv", pd.concat(_area_rows(curve, interval) for curve in curves))
        write_table(arguments.out / "faithfulness.tsv", faith)
        checks.write_checks(arguments.out / "deletion_checks.tsv", found)
        facts |= {
            "windows": len(subject.x),
            "blocks": len(np.unique(groups)),
            "device": str(device),
            "output_is_logit": is_logit,
        }


def _bases(settings: Deletion, mask: str, length: int) -> list[int]:
    """Numbers of replaced bases, from none to all; windowed masks replace whole stretches."""
    unit = settings.width_bp if mask == "windowed" else 1
    shares = [*settings.fractions, settings.verdict_fraction]
    counts = {unit * round(share * length / unit) for share in shares}
    some = sorted(count for count in counts if 0 < count < length)
    if not some:
        raise complaint(
            "no share of replaced bases makes a whole stretch" if mask == "windowed" else "shares replace no base",
            where="deletion.fractions",
            got=shares,
            allowed=f"{unit} bp of {length} bp or more, and not all",
            do="add larger ones, or lower deletion.width_bp",
        )
    return [0, *some, length]


def _sizes(settings: Deletion, length: int) -> list[int]:
    """Sizes of random sets that leave something of the window."""
    sizes = [size for size in settings.subset_sizes if size < length]
    if not sizes:
        raise complaint(
            "random sets hold the whole window",
            where="deletion.subset_sizes",
            got=settings.subset_sizes,
            allowed=f"at least one below {length} (bp)",
        )
    return sizes


def _subject(
    paths: list[Path], data: Dataset, attribute: Attribute, *, settings: Deletion, device: torch.device
) -> tuple[Subject, NDArray[np.str_]]:
    """Return what is put to the test and the genome block of each window."""
    target = target_number(data.targets, attribute.target)
    most = {"most": settings.windows, "seed": settings.seed}
    probes: Probes = choose_probes(data, target=data.targets[target], active=True, **most)
    ensemble = open_ensemble(paths, data=data).to(device)

    def explain(model: nn.Module, x: Tensor) -> Tensor:
        maps = partial(gradient_x_input, model, target=target, correct=attribute.correct_gradient)
        return torch.cat([maps(part).sum(1) for part in x.split(WINDOWS_PER_BATCH)])

    controls = list(ensemble.untrained(settings.draws).models)
    return Subject(probes.x(device), ensemble.mean, controls, target, explain), probes.groups


def _curves(subject: Subject, data: Dataset, settings: Deletion, *, bases: dict[str, list[int]]) -> list[Curves]:
    known = make_fillers(data.tape)
    fillers: dict[str, masking.Filler] = {name: known[name] for name in settings.fillers}
    generator = torch.Generator().manual_seed(settings.seed)
    return follow_trials(subject, bases, fillers, width=settings.width_bp, generator=generator)


def _interval(values: Floats, *, groups: NDArray[np.str_], settings: Deletion) -> tuple[Floats, Floats, Floats]:
    generator = np.random.default_rng(settings.seed)  # the same blocks for every number
    return mean_interval(values, groups, samples=settings.bootstrap, generator=generator)


def _curve_rows(found: Curves, interval: Interval, *, is_logit: bool) -> pd.DataFrame:
    """Rows of `deletion.tsv` for one trial, order by order."""
    mean, low, high = interval(found.per_window())
    probability = found.values.double().sigmoid().mean((0, 1)).cpu().numpy() if is_logit else np.full_like(mean, np.nan)
    columns = {
        **dict(zip(NUMBERS, (mean, low, high), strict=True)),
        "normalised": _normalised(found, interval),
        **dict(zip(GAP, interval(found.gaps("random")), strict=True)),
        "probability": probability,
    }
    place = {
        "order": np.repeat(ORDERS, len(found.bases)),
        "fraction": np.tile(found.fractions.numpy(), len(ORDERS)),
        "bases": np.tile(found.bases, len(ORDERS)),
    }
    values = {name: numbers.reshape(-1) for name, numbers in columns.items()}
    return pd.DataFrame({**found.trial._asdict(), **place, **values})


def _normalised(found: Curves, interval: Interval) -> Floats:
    """Bring mean curves `(order, point)` to 1 for the untouched window and 0 for the filler alone.

    NaN where the two do not differ for sure: then their difference is no yardstick.
    """
    ends = found.per_window()[:, 0][:, [0, -1]]
    _, low, high = interval(ends[:, 0] - ends[:, 1])
    values = torch.from_numpy(interval(found.per_window())[0])
    if low <= 0 <= high:
        return np.full(values.shape, np.nan)
    whole, null = (0, -1) if found.trial.direction == "deletion" else (-1, 0)
    return normalised(values, whole=values[:, whole], null=values[:, null]).numpy()


def _area_rows(found: Curves, interval: Interval) -> pd.DataFrame:
    """Rows of `deletion_areas.tsv` for one trial."""

    def areas(values: Floats) -> Floats:
        return area(found.fractions, torch.from_numpy(values)).numpy()

    columns = {
        **dict(zip(("area", "low", "high"), interval(areas(found.per_window())), strict=True)),
        "normalised": areas(_normalised(found, interval)),
        **dict(zip(GAP, interval(areas(found.gaps("random"))), strict=True)),
    }
    return pd.DataFrame({**found.trial._asdict(), "order": ORDERS, **columns})


def _faithfulness(subject: Subject, settings: Deletion, interval: Interval, *, sizes: list[int]) -> pd.DataFrame:
    """Rows of `faithfulness.tsv`."""
    generator = torch.Generator().manual_seed(settings.seed)
    own = subject.explain(subject.model, subject.x)
    maps = {
        "own": [own],
        "untrained": [subject.explain(network, subject.x) for network in subject.controls],
        "permuted": [masking.shuffle(own[:, None], generator)[:, 0]],
    }
    rows = []
    for size in sizes:
        found = compare_with_effects(subject, maps, size=size, count=settings.subsets, generator=generator)
        rows += [
            (metric, size, name, *map(float, interval(values)))
            for metric, named in found.items()
            for name, values in named.items()
        ]
    options = {"mutations": settings.mutations, "copies": settings.perturbations}
    for name, values in map_sensitivity(subject, **options, generator=generator).items():
        rows.append(("max-sensitivity", settings.mutations, name, *map(float, interval(values))))
    table = pd.DataFrame(rows, columns=["metric", "size", "map", *NUMBERS])
    return table.sort_values(["metric", "size"], kind="stable")


def _gap_checks(curves: list[Curves], settings: Deletion, interval: Interval, *, is_logit: bool) -> Iterator[Check]:
    """Judge the gap at the verdict's share with the first filler, and tell the others."""
    first, where = curves[0], f"at {100 * settings.verdict_fraction:g} % replaced"
    yield _verdict(first, settings, interval, where=where)
    beyond = interval(first.gaps("untrained"))
    name = f"deletion: fall beyond an untrained network's order {where} ({first.trial.filler}; control: random order)"
    yield Check(name, *_at(beyond, "own", _point(first, settings)), _at(beyond, "random", _point(first, settings))[0])
    for found in (found for found in curves[1:] if found.trial.direction == "deletion"):
        at = _point(found, settings)
        share = f"at {100 * float(found.fractions[at]):.2g} % replaced"
        place = share if found.trial.mask == "scattered" else f"{share} in stretches of {settings.width_bp} bp"
        name = f"deletion: fall beyond random order {place} ({found.trial.filler}; control: untrained network's order)"
        gaps = interval(found.gaps("random"))
        yield Check(name, *_at(gaps, "own", at), _at(gaps, "untrained", at)[0])
    least = first.per_window()[:, :, [0]] - first.per_window()
    name = f"deletion: fall with the least salient bases {where} ({first.trial.filler}; control: random order)"
    falls = interval(least)
    yield Check(name, *_at(falls, "least", _point(first, settings)), _at(falls, "random", _point(first, settings))[0])
    if is_logit:
        yield _probability(first, settings, where=where)


def _verdict(first: Curves, settings: Deletion, interval: Interval, *, where: str) -> Check:
    at, gaps = _point(first, settings), interval(first.gaps("random"))
    beyond_untrained = _at(interval(first.gaps("untrained")), "own", at)
    value, low, high = _at(gaps, "own", at)
    name = f"deletion: fall beyond random order {where} ({first.trial.filler}; control: untrained network's order)"
    passed = low > 0 and beyond_untrained[1] > 0
    return Check(name, value, low, high, _at(gaps, "untrained", at)[0], "pass" if passed else "fail")


def _point(found: Curves, settings: Deletion) -> int:
    """Return the point nearest to the verdict's share at which something is replaced."""
    distance = (found.fractions[1:-1] - settings.verdict_fraction).abs()
    return 1 + int(distance.argmin())


def _at(numbers: tuple[Floats, Floats, Floats], order: str, point: int) -> tuple[float, float, float]:
    value, low, high = (float(array[ORDERS.index(order), point]) for array in numbers)
    return value, low, high


def _probability(first: Curves, settings: Deletion, *, where: str) -> Check:
    mean = first.values.double().sigmoid().mean((0, 1))[:, _point(first, settings)]
    own, random = (float(mean[ORDERS.index(order)]) for order in ("own", "random"))
    name = f"deletion: mean probability {where} ({first.trial.filler}; control: random order)"
    return Check(name, own, control=random)


def _faith_checks(table: pd.DataFrame) -> Iterator[Check]:
    """Tell the middle size of each metric beside the map of untrained networks."""
    words = {
        "sensitivity-n": "correlation of the map with the effect of replacing {} random bases",
        "unexplained": "share of that effect which the map does not explain, {} bases",
        "max-sensitivity": "largest change of the map under {} point mutations",
    }
    for metric, name in words.items():
        rows = table[table["metric"] == metric]
        sizes = sorted(rows["size"].unique())
        size = sizes[len(sizes) // 2]
        at = rows[rows["size"] == size].set_index("map")
        value, low, high = (float(at.loc["own", column]) for column in NUMBERS)
        control = float(at.loc["untrained", "value"])
        yield Check(f"deletion: {name.format(size)} (control: untrained network)", value, low, high, control)
