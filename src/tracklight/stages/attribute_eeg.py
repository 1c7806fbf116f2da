"""Stage `attribute-eeg`: why the networks of one half decided as they did on the subjects of the other."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.completeness import GRADIENT_X_INPUT, INTEGRATED_GRADIENTS, Choice, choose_method
from tracklight.core.device import choose_device
from tracklight.core.margin import Margin
from tracklight.eeg.dataset import VOLTS, WHITE, Epochs, open_epochs
from tracklight.eeg.decode import EEG
from tracklight.eeg.explaining import (
    Explained,
    Explainer,
    Plan,
    by_subject,
    choose_examples,
    data_space,
    explain_subjects,
    make_forms,
)
from tracklight.eeg.halves import HALVES
from tracklight.eeg.traces import check_traces, write_trace
from tracklight.eeg.whitening import filtered, open_gains
from tracklight.errors import complaint
from tracklight.files import whole_file
from tracklight.learning.modality import load_network
from tracklight.models.network import Network
from tracklight.models.spec import Checkpoint, ModelSpec
from tracklight.progress import log
from tracklight.settings.eeg_learning import AttributeEeg
from tracklight.stages import door
from tracklight.stages.checks import Check, write_checks
from tracklight.stages.tables import write_table
from tracklight.stages.train_eeg import LABEL, check_whole_epochs

Rows = NDArray[np.int64]
SAME_COLUMNS = ["contig", "group", "split", "report", "epoch", "stage"]  # of the index in volts and of the whitened one


class Data(NamedTuple):
    """The same epochs in volts and whitened, the filter `(channel, frequency)` per subject, and the files read."""

    epochs: Epochs
    whitened: Epochs
    gains: dict[str, NDArray[np.float64]]
    inputs: dict[str, str | Path]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--epochs", type=Path, required=True, help="folder written by prepare-eeg")
    parser.add_argument("--whitened", type=Path, required=True, help="folder written by whiten-eeg")
    parser.add_argument(
        "--half", choices=HALVES, required=True, help="half that the networks learned from; the other is explained"
    )
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="checkpoints of the networks of this half"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write `maps.npz`, `completeness.tsv`, `examples.npz` and an EDF+ file per recording under `tracks/`."""
    settings = door.stage_settings(arguments, AttributeEeg, section="attribute_eeg")
    data = open_data(arguments.epochs, arguments.whitened)
    check_traces(data.epochs.channels, rate_hz=data.epochs.rate_hz)
    rows = held_out(data.epochs, arguments.half)
    networks = open_networks(arguments.models, data.epochs, half=arguments.half)
    inputs = data.inputs | {f"models.{number}": path for number, path in enumerate(arguments.models)}
    with door.recorded(arguments, "attribute-eeg", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        choices = choose_methods(networks, data.whitened, rows, settings=settings, device=device)
        explainers = [Explainer(model, choices[seed].points) for seed, model in networks.items()]
        plan, rank = make_plan(explainers, data, rows, settings=settings, device=device)
        maps = _explain_half(data.epochs, rows, plan, out=arguments.out)
        examples = _examples(data.epochs, rows, maps["margin"].mean(0), plan=plan, count=settings.examples)
        _write_completeness(arguments.out, choices, half=arguments.half, rank=rank, settings=settings)
        _save(arguments.out / "examples.npz", examples)
        known = {"rows": rows, "seeds": np.array(list(networks)), "epochs_sha256": np.array(data.epochs.sha256())}
        _save(arguments.out / "maps.npz", {**known, **maps, **_axes(plan)})
        facts |= {"half": arguments.half, "seeds": list(networks), "device": str(device), "rank": rank}
        facts |= {"epochs": len(rows), "methods": {seed: choice.method for seed, choice in choices.items()}}


def open_data(epochs: Path, whitened: Path) -> Data:
    """Open epochs in volts and whitened; where these are not the same epochs, it is an `InputError`."""
    volts, white, gains = open_epochs(epochs), open_epochs(whitened), open_gains(whitened)
    volts.check_unit(VOLTS)
    white.check_unit(WHITE)
    same = volts.index[SAME_COLUMNS].equals(white.index[SAME_COLUMNS])
    alike = (volts.channels, volts.rate_hz, volts.length) == (white.channels, white.rate_hz, white.length)
    shape = len(volts.channels), volts.length // 2 + 1
    first = [own[:1] for _, own in by_subject(volts, np.arange(len(volts.index)))]
    if not (same and alike and all(_whitens(volts, white, row, gains=gains, shape=shape) for row in first)):
        raise complaint(
            "whitened epochs are not those in volts", where=whitened, allowed=f"whitened from {epochs}",
            do="run whiten-eeg again",
        )  # fmt: skip
    files = {f"whitened.{name}": path for name, path in white.inputs.items()}
    return Data(volts, white, gains, volts.inputs | files)


def held_out(epochs: Epochs, half: str) -> Rows:
    """Return the rows (int64) that networks of a half are asked about: all of the other half."""
    rows = {name: part.numpy() for name, part in epochs.rows(half).items()}
    subjects = {name: set(epochs.index["group"].iloc[part]) for name, part in rows.items()}
    assert not subjects["test"] & (subjects["train"] | subjects["validation"]), "nobody is learned from and explained"
    return rows["test"]


def open_networks(paths: Sequence[Path], epochs: Epochs, *, half: str) -> dict[int, Network]:
    """Load the networks of a half, on the CPU, by seed in its order.

    Raises
    ------
    InputError
        When one is of another half, knows a subject of the other half, reads other channels or gives other outputs, or
        when a seed comes twice.
    """
    found = dict[int, Network]()
    strangers = {epochs.index["group"].iloc[row] for row in held_out(epochs, half)}
    for path in paths:
        model, spec, checkpoint = load_network(path, EEG)
        _check_network(spec, epochs, where=path)
        _check_origin(checkpoint, half=half, strangers=strangers, where=path)
        check_whole_epochs(model, epochs)
        seed = int(checkpoint.provenance["seed"])
        if seed in found:
            raise complaint("two networks of one seed", where=path, got=seed, do="give every network once")
        found[seed] = model
    return dict(sorted(found.items()))


def choose_methods(
    networks: dict[int, Network], whitened: Epochs, rows: Rows, *, settings: AttributeEeg, device: torch.device
) -> dict[int, Choice]:
    """Choose the method of each network on epochs spread over all that are explained.

    Sums are the same in volts and whitened, where one set of epochs of many subjects serves.
    """
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, settings.completeness_epochs).astype(np.int64))]
    x = torch.from_numpy(whitened.signals(sample)).to(device)
    return {
        seed: choose_method(
            Margin(model.to(device), label=1), x, target=0, steps=settings.integrated_steps,
            tolerance=settings.completeness_sd, batch_size=settings.batch_size,
        )
        for seed, model in networks.items()
    }  # fmt: skip


def make_plan(
    networks: Sequence[Explainer], data: Data, rows: Rows, *, settings: AttributeEeg, device: torch.device
) -> tuple[Plan, int]:
    """Return what the rows are explained with, and the dimension of the space that their channels span."""
    epochs = data.epochs
    projection, rank = data_space(epochs, rows, tolerance=settings.rank_tolerance)
    log.info("the %d channels span %d dimensions", len(epochs.channels), rank)
    forms = make_forms(epochs.length, rate_hz=epochs.rate_hz, settings=settings)
    return Plan(networks, data.gains, projection, forms, settings.batch_size, device), rank


def _whitens(
    volts: Epochs, white: Epochs, row: Rows, *, gains: dict[str, NDArray[np.float64]], shape: tuple[int, int]
) -> bool:
    """Tell whether the filter of an epoch's subject is there and makes the whitened epoch of the one in volts."""
    gain = gains.get(volts.index["group"].iloc[row[0]])
    return (
        gain is not None
        and gain.shape == shape
        and np.allclose(filtered(volts.signals(row), gain), white.signals(row), atol=1e-3)
    )


def _check_network(spec: ModelSpec, epochs: Epochs, *, where: Path) -> None:
    found, wanted = (spec.channels, spec.targets), (len(epochs.channels), (LABEL,))
    if found != wanted:
        got, allowed = (f"{channels} channels, targets {', '.join(targets)}" for channels, targets in (found, wanted))
        raise complaint(
            "network does not read these epochs", where=where, got=got, allowed=allowed, do="train on these epochs"
        )


def _check_origin(checkpoint: Checkpoint, *, half: str, strangers: set[str], where: Path) -> None:
    """Raise `InputError` unless a network is of the half and knows nobody among those it will be asked about."""
    facts = checkpoint.provenance
    missing = [name for name in ("half", "seed", "train_subjects", "validation_subjects") if name not in facts]
    if missing:
        raise complaint(
            "network does not say what it learned from", where=where, got=f"no {missing[0]}", do="train it again"
        )
    if facts["half"] != half:
        raise complaint("network of another half", where=where, got=facts["half"], allowed=half)
    known = sorted(strangers & {*facts["train_subjects"], *facts["validation_subjects"]})
    if known:
        raise complaint(
            "network knows subjects it is to explain", where=where, got=known, do="train it on these epochs"
        )


def _explain_half(epochs: Epochs, rows: Rows, plan: Plan, *, out: Path) -> dict[str, NDArray[Any]]:
    """Explain the rows into arrays of the size they will have, and write the EDF+ files on the way."""
    seeds, channels, forms = len(plan.networks), len(epochs.channels), plan.forms
    maps: dict[str, NDArray[Any]] = {
        "margin": np.empty((seeds, len(rows))),
        "total": np.empty((seeds, len(rows))),
        "frequency": np.empty((seeds, len(rows), channels, len(forms.hz)), np.float32),
        "time": np.empty((len(rows), channels, len(forms.bands), len(forms.time_s)), np.float32),
    }
    for own, explained in explain_subjects(epochs, rows, plan):
        at = np.searchsorted(rows, own)
        maps["time"][at] = explained.time
        for name in ("margin", "total", "frequency"):
            maps[name][:, at] = getattr(explained, name)
        _write_traces(epochs, own, explained, out=out)
    return maps


def _write_traces(epochs: Epochs, rows: Rows, explained: Explained, *, out: Path) -> None:
    contigs = epochs.index["contig"].to_numpy(object)[rows]
    margin = explained.margin.mean(0).numpy()
    for contig in dict.fromkeys(contigs.tolist()):
        own = contigs == contig
        write_trace(
            out / "tracks" / f"{contig}.edf", epochs, rows[own],
            attribution=explained.attribution.numpy()[own], margin=margin[own],
        )  # fmt: skip


def _examples(
    epochs: Epochs, rows: Rows, margin: NDArray[np.float64], *, plan: Plan, count: int
) -> dict[str, NDArray[Any]]:
    """Explain the epochs to look at once more, since only now it is known which they are."""
    chosen = choose_examples(margin, epochs.index["stage"].to_numpy(object)[rows], count=count)
    attribution = np.empty((len(chosen), len(epochs.channels), epochs.length), np.float32)
    for own, explained in explain_subjects(epochs, rows[chosen], plan):
        attribution[[rows[chosen].tolist().index(row) for row in own]] = explained.attribution.numpy()
    return {
        "rows": rows[chosen],
        "signal": epochs.signals(rows[chosen]),
        "attribution": attribution,
        "margin": margin[chosen],
    }


def _write_completeness(out: Path, choices: dict[int, Choice], *, half: str, rank: int, settings: AttributeEeg) -> None:
    """Write `completeness.tsv`, and its worst error as a check."""
    errors = (GRADIENT_X_INPUT, INTEGRATED_GRADIENTS)
    table = pd.DataFrame(
        {"seed": seed, "method": choice.method, **{name: choice.errors.get(name, math.nan) for name in errors},
         "complete": int(choice.complete), "rank": rank}
        for seed, choice in choices.items()
    )  # fmt: skip
    write_table(out / "completeness.tsv", table)
    worst = max(choice.errors[choice.method] for choice in choices.values())
    complete = all(choice.complete for choice in choices.values())
    name = f"attribute-eeg: largest completeness error, networks of half {half} (SD of the margin)"
    write_checks(out / "attribute_checks.tsv", [Check(name, worst, verdict="pass" if complete else "fail")])
    for seed, choice in choices.items():
        log.info("seed %d: %s, error %.3g SD of the margin", seed, choice.method, choice.errors[choice.method])
    if not complete:
        log.warning(
            "no method sums to the margin within %g SD: the evidence of these networks cannot be divided",
            settings.completeness_sd,
        )


def _axes(plan: Plan) -> dict[str, NDArray[Any]]:
    forms = plan.forms
    return {"hz": forms.hz, "bands": np.array(forms.bands), "band_hz": forms.band_hz, "time_s": forms.time_s}


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **arrays)
