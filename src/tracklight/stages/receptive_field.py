"""`tracklight receptive-field`: where in its window a network looks, beside the window's length."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor, nn

from tracklight.core.device import choose_device
from tracklight.core.receptive import Shape, centre_units, energies, extent, luo_size, profile, reach, shape
from tracklight.genome.dataset import open_dataset, target_number
from tracklight.genome.ensemble import Ensemble, open_ensemble
from tracklight.genome.probes import choose_probes
from tracklight.progress import log
from tracklight.settings import ReceptiveField
from tracklight.stages import checks, door
from tracklight.stages.checks import NAN, Check
from tracklight.stages.tables import write_table
from tracklight.stats import INTERVAL

PREDICTION = "prediction"


class Field(NamedTuple):
    """The field of one unit of one network: its shares `(position,)`, what they look like, and Luo's size (bp)."""

    network: str
    trained: bool
    unit: str
    shares: NDArray[np.float64]
    shape: Shape
    luo_size: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    checks.add_inputs(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for receptive_field*.tsv")


def run(arguments: argparse.Namespace) -> None:
    """Write `receptive_field.tsv`, `receptive_field_profile.tsv` and `receptive_field_checks.tsv`."""
    settings = door.stage_settings(arguments, ReceptiveField, section="receptive_field")
    target_name = door.attribute_settings(arguments).target
    data = open_dataset(arguments.genome, arguments.windows)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "receptive_field", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        ensemble = open_ensemble(arguments.models, data=data)
        target, device = target_number(data.targets, target_name), choose_device(settings.device)
        probes = choose_probes(
            data, target=data.targets[target], active=None, most=settings.windows, seed=settings.seed
        )
        x = probes.x(device)
        theoretical = _theoretical(ensemble.models[0], x.cpu())
        fields = list(_fields(ensemble.to(device), x, target, settings=settings))
        write_table(arguments.out / "receptive_field.tsv", _rows(fields, theoretical, settings.mass))
        write_table(arguments.out / "receptive_field_profile.tsv", _profiles(fields, settings.mass))
        found = list(_checks(fields, theoretical, data.length, settings))
        _warn(found, data.length)
        checks.write_checks(arguments.out / "receptive_field_checks.tsv", found)
        facts |= {"n_windows": len(probes), "device": str(device), "target": data.targets[target]}


def _units(model: nn.Module, x: Tensor, generator: torch.Generator) -> dict[str, nn.Module]:
    """Return what is measured of a network: its prediction, and the centre of the feature map of every convolution."""
    inner = centre_units(model, x, generator).values()
    return {PREDICTION: model} | {f"convolution {number}": unit for number, unit in enumerate(inner, start=1)}


def _theoretical(model: nn.Module, x: Tensor) -> dict[str, int]:
    """Return how far from first to last base every unit can see (bp); it is the same for all networks of one shape."""

    def seen(unit: nn.Module) -> int:
        return extent(reach(unit, x), 0)

    return {name: seen(unit) for name, unit in _units(model, x, torch.Generator().manual_seed(0)).items()}


def _fields(ensemble: Ensemble, x: Tensor, target: int, *, settings: ReceptiveField) -> Iterable[Field]:
    """Measure trained networks and as many untrained ones, every network on the same windows and mixes of channels.

    The gradient is corrected for one-hot input: what counts is what another base would change.
    """
    untrained = ensemble.untrained(len(ensemble.models)).models
    networks = [(f"seed{seed}", True, model) for seed, model in zip(ensemble.seeds, ensemble.models, strict=True)]
    networks += [(f"untrained{number}", False, model) for number, model in enumerate(untrained)]
    for name, trained, model in networks:
        for unit, module in _units(model, x, torch.Generator().manual_seed(settings.seed)).items():
            number = target if unit == PREDICTION else 0
            absolute, squared = energies(module, x, target=number, powers=[1, 2], correct=True)
            shares = profile(squared, 0)
            yield Field(name, trained, unit, shares, shape(shares, mass=settings.mass), luo_size(absolute))


def _rows(fields: Sequence[Field], theoretical: dict[str, int], mass: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "network": field.network,
            "trained": int(field.trained),
            "unit": field.unit,
            "sigma_bp": field.shape.sigma,
            "theoretical_bp": theoretical[field.unit],
            "ratio": field.shape.sigma / theoretical[field.unit],
            "mass": mass,
            "mass_bp": field.shape.width,
            "gaussian_r2": field.shape.gaussian_r2,
            "kurtosis": field.shape.kurtosis,
            "luo_size_bp": field.luo_size,
        }
        for field in fields
    )


def _mean_shares(fields: Iterable[Field], unit: str, *, trained: bool) -> NDArray[np.float64]:
    return np.mean([field.shares for field in fields if (field.unit, field.trained) == (unit, trained)], axis=0)


def _profiles(fields: Sequence[Field], mass: float) -> pd.DataFrame:
    parts = []
    for unit in dict.fromkeys(field.unit for field in fields):
        trained, untrained = (_mean_shares(fields, unit, trained=flag) for flag in (True, False))
        found = shape(trained, mass=mass)
        at = np.arange(len(trained))
        inside = ((at >= found.start) & (at < found.start + found.width)).astype(int)
        columns = {"trained": trained, "untrained": untrained, "gaussian": found.gaussian, "inside": inside}
        parts.append(pd.DataFrame({"unit": unit, "position": at, **columns}))
    return pd.concat(parts, ignore_index=True)


def _checks(
    fields: Sequence[Field], theoretical: dict[str, int], length: int, settings: ReceptiveField
) -> Iterable[Check]:
    """Yield whether the window is used, whether it is long enough, the width behind both, and the numbers beside.

    Values are means over networks with the 95 % interval of their mean (Student); controls are untrained networks.
    """

    def over_networks(what: str, unit: str, of: str, *, per: float) -> Check:
        chosen = [field for field in fields if field.unit == unit]
        trained, untrained = (
            np.array([getattr(field.shape, of) / per for field in chosen if field.trained == flag])
            for flag in (True, False)
        )
        return Check(
            f"receptive-field: {what} (control: untrained networks)",
            *_mean_over_networks(trained),
            control=float(untrained.mean()),
        )

    holds = f"holds {settings.mass:.0%} of the energy"
    share = over_networks("", PREDICTION, "width", per=length)
    limits = {
        f"at least {settings.wasted_below:.0%}": share.value >= settings.wasted_below,
        f"at most {settings.too_short_above:.0%}": share.value <= settings.too_short_above,
    }
    for limit, kept in limits.items():
        what = f"receptive-field: share of the window that {holds}, {limit} (control: untrained networks)"
        yield share._replace(check=what, verdict="pass" if kept else "warn")
    yield over_networks(f"width that {holds} of the prediction (bp)", PREDICTION, "width", per=1)
    for unit, sees in theoretical.items():
        yield over_networks(f"sigma over theoretical field, {unit}", unit, "sigma", per=sees)
    for unit in theoretical:  # near its bound of 1 an interval that is the same to either side says nothing
        yield over_networks(f"R2 of a Gaussian fit, {unit}", unit, "gaussian_r2", per=1)._replace(low=NAN, high=NAN)


def _mean_over_networks(values: NDArray[np.float64]) -> tuple[float, float, float]:
    if len(values) < 2:
        return float(values.mean()), NAN, NAN
    half = student.ppf(INTERVAL[1], len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def _warn(found: Sequence[Check], length: int) -> None:
    """Say in words what a window that does not fit the field means, and what can be done."""
    used, enough, width = found[:3]
    if used.verdict == "warn":
        advice = "most of the window is not used; shorter windows would train faster"
    elif enough.verdict == "warn":
        advice = "the window may cut the field off; try longer windows and compare the held-out accuracy"
    else:
        return
    setting = "prepare_windows.upstream_bp and downstream_bp"
    log.warning("the prediction looks at %.0f of %d bp: %s (%s)", width.value, length, advice, setting)
