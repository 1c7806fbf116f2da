"""Stage `train-eeg`: one network of one half of the subjects."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tracklight.core.device import choose_device
from tracklight.eeg.dataset import WHITE, Epochs, open_epochs
from tracklight.eeg.decode import EEG
from tracklight.eeg.halves import HALVES
from tracklight.errors import InputError, complaint
from tracklight.learning.fit import Progress, fit
from tracklight.learning.levers import Levers, Variation
from tracklight.models.external import FAULTS, filled
from tracklight.models.network import Network
from tracklight.models.spec import ModelSpec, build
from tracklight.progress import log
from tracklight.settings.eeg_learning import TrainEeg
from tracklight.stages import door
from tracklight.stages.networks import Trained, best, write_network

LABEL = "label"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--whitened", type=Path, required=True, help="folder written by whiten-eeg")
    parser.add_argument("--half", choices=HALVES, required=True, help="half of the subjects to learn from")
    parser.add_argument("--seed", type=door.whole_number(0), required=True, help="seed of this network")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.pt, metrics.tsv and training.png")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train one network; a killed run goes on after its last finished epoch."""
    settings = door.stage_settings(arguments, TrainEeg, section="train_eeg")
    epochs = open_epochs(arguments.whitened)
    rows = training_rows(epochs, arguments.half)
    with door.recorded(arguments, "train-eeg", settings, epochs.inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        spec, resume = model_spec(settings, epochs), arguments.out / "resume.pt"
        model = build(spec, seed=arguments.seed).to(device)
        check_whole_epochs(model, epochs)
        progress = train(model, epochs, rows, settings=settings, seed=arguments.seed, resume=resume)
        facts |= {"seed": arguments.seed, "half": arguments.half, "device": str(device), **best(progress)}
        facts |= _who(epochs, rows)
        write_network(arguments.out, Trained(model.cpu(), spec, progress, EEG.name), settings=settings, facts=facts)
        resume.unlink(missing_ok=True)


def training_rows(epochs: Epochs, half: str) -> dict[str, torch.Tensor]:
    """Return the row numbers (int64) of the splits `train` and `validation` of a half.

    Raises
    ------
    InputError
        When the epochs are not whitened, have no labels, or a split has not both.
    """
    epochs.check_unit(WHITE)
    where = epochs.inputs["epochs"]
    if epochs.targets != (LABEL,):
        raise complaint(
            "epochs have no labels", where=where, got=f"targets {', '.join(epochs.targets)}", allowed=LABEL,
            do="prepare the epochs before reports (prepare_eeg.epochs: reports)",
        )  # fmt: skip
    rows = {name: part for name, part in epochs.rows(half).items() if name != "test"}
    for name, part in rows.items():
        labels = np.unique(epochs.values(LABEL)[part.numpy()]).astype(int).tolist()
        if len(labels) < 2:
            got = f"label {labels[0]} alone" if labels else "no epochs"
            raise complaint(
                "both labels are needed to learn", where=f"{where}: half {half}, {name}", got=got,
                do="add subjects, or divide them otherwise (prepare_eeg.split)",
            )  # fmt: skip
    return rows


def model_spec(settings: TrainEeg, epochs: Epochs) -> ModelSpec:
    """Return the identity of the network the settings describe, which reads crops of the epochs in training."""
    crop, channels = settings.crop(epochs.length), len(epochs.channels)
    sizes = {"channels": channels, "length": crop, "targets": 1, "rate_hz": epochs.rate_hz}
    shape = settings.architecture
    return ModelSpec(shape.name, channels, crop, (LABEL,), filled(shape.options(), sizes))


def check_whole_epochs(model: Network, epochs: Epochs) -> None:
    """Raise `InputError` unless a network of crops reads whole epochs, as those are what is explained."""
    if model.shape.length == epochs.length:
        return
    x = torch.zeros((1, model.shape.channels, epochs.length), device=next(model.parameters()).device)
    try:
        model.eval()(x)
    except (*FAULTS, InputError):
        raise complaint(
            "network of crops cannot read whole epochs", where="train_eeg.crop_share",
            got=f"crops of {model.shape.length} samples, epochs of {epochs.length}",
            do="set train_eeg.crop_share: 1 for networks of one length",
        ) from None  # fmt: skip


def train(
    model: Network, epochs: Epochs, rows: dict[str, torch.Tensor], *, settings: TrainEeg, seed: int, resume: Path
) -> Progress:
    """Train a network on random crops of epochs and leave it in its best state.

    Parameters
    ----------
    model : Network
        On the device to train on.
    epochs : Epochs
        Whitened.
    rows : dict of str to Tensor of int64
        Row numbers of the `train` and `validation` epochs.
    settings : TrainEeg
        How to train.
    seed : int
        Of the order of epochs, their crops and dropout.
    resume : Path
        State after the last finished pass, as `learning.fit.fit` takes it.
    """
    device = next(model.parameters()).device
    examples = epochs.examples(device, length=model.shape.length)
    levers = Levers(Variation((epochs.length - model.shape.length) // 2))
    on_device = {name: part.to(device) for name, part in rows.items()}
    loop = settings.loop(len(rows["train"]))
    return fit(model, examples, on_device, loop, seed=seed, levers=levers, resume=resume)


def _who(epochs: Epochs, rows: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Name the subjects that a network knows, so that none of them is explained with it."""
    index = epochs.index
    subjects = {f"{name}_subjects": index["group"].iloc[part.numpy()].unique().tolist() for name, part in rows.items()}
    counts = {f"{name}_epochs": len(part) for name, part in rows.items()}
    for name, part in rows.items():
        log.info("%s: %d epochs of %d subjects", name, len(part), len(subjects[f"{name}_subjects"]))
    return {**subjects, **counts}
