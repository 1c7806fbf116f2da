"""`tracklight train`: one network of the ensemble."""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch

from tracklight.core.device import choose_device
from tracklight.core.receptive import centre_units, energy, profile, shape
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.decode import DNA, one_hot
from tracklight.genome.fasta import N_CODE
from tracklight.learning.examples import Examples
from tracklight.learning.fit import Progress, fit
from tracklight.learning.levers import Variation
from tracklight.models.network import Network
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import ReceptiveField, Train
from tracklight.stages import door
from tracklight.stages.levers import levers_of
from tracklight.stages.networks import Trained, best, write_network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows")
    parser.add_argument("--seed", type=door.whole_number(0), required=True, help="seed of this network")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.pt, metrics.tsv and training.png")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train one network; a killed run goes on after its last finished epoch."""
    settings = door.stage_settings(arguments, Train, section="train")
    windows = open_dataset(arguments.genome, arguments.windows)
    with door.recorded(arguments, "train", settings, windows.inputs) as facts:
        torch.set_num_threads(arguments.threads)
        device = choose_device(settings.device)
        resume = arguments.out / "resume.pt"
        spec = model_spec(settings, length=windows.length, targets=windows.targets)
        examples = windows.examples(device)
        model, progress = fitted(spec, examples, windows, settings=settings, seed=arguments.seed, resume=resume)
        facts |= {"seed": arguments.seed, "device": str(device), **best(progress)}
        facts |= halo(windows, model)
        write_network(arguments.out, Trained(model, spec, progress, DNA.name), settings=settings, facts=facts)
        resume.unlink(missing_ok=True)


def fitted(
    spec: ModelSpec, examples: Examples, windows: Dataset, *, settings: Train, seed: int, resume: Path
) -> tuple[Network, Progress]:
    """Train a network on examples of the windows.

    Parameters
    ----------
    spec : ModelSpec
        What to build.
    examples : Examples
        Every window, with what is to be learned of it; on the device to train on.
    windows : Dataset
        Which of them are for training and validation, and whether strands differ.
    settings : Train
        How to train.
    seed : int
        Of the weights and of the order of windows.
    resume : Path
        State of a training that was interrupted.

    Returns
    -------
    model : Network
        On the CPU.
    progress : Progress
        How it got there.
    """
    device = examples.start.device
    model = build(spec, seed=seed).to(device)
    rows = {split: windows.rows(split).to(device) for split in ("train", "validation")}
    vary = Variation(settings.max_shift_bp, flips(settings, windows))
    levers = levers_of(settings, spec, vary=vary, stranded=windows.stranded, seed=seed, device=device)
    progress = fit(model, examples, rows, settings, seed=seed, levers=levers, resume=resume)
    return model.cpu(), progress


def model_spec(settings: Train, *, length: int, targets: tuple[str, ...]) -> ModelSpec:
    """Return the identity of the network the settings describe."""
    shape = settings.architecture
    names = {
        "valid_conv": {"filters", "kernels", "pools", "hidden", "dropout", "batch_norm"},
        "residual_dilated": {"filters", "kernels", "blocks", "hidden", "dropout"},
        "global_pool": {"filters", "kernels", "pool", "dropout"},
    }
    return ModelSpec(shape.name, 4, length, targets, shape.model_dump(include=names[shape.name]))


def flips(settings: Train, windows: Dataset) -> bool:
    """Return whether windows are read on either strand in training; on for a stranded assay is an `InputError`."""
    if settings.reverse_complement == "on" and windows.stranded:
        raise complaint(
            "reverse-complement augmentation teaches a stranded assay that strands do not matter",
            where="train.reverse_complement",
            got="on",
            allowed="auto, off",
            do="or set prepare_windows.stranded: false",
        )
    return settings.reverse_complement != "off" and not windows.stranded


def halo(windows: Dataset, model: Network) -> dict[str, int]:
    """Measure how far from a window's end a base has the surroundings that a network uses.

    A base is seen through the units of the feature maps around it. Those as far away as half their field see it and
    nothing beyond: nearer to the end than that, some of them are missing or see padding. So the halo is half the width
    of the widest unit, rounded up. The field of the prediction itself would not do: a network that averages over
    positions uses its whole window, wherever its end is. Without feature maps there is nothing else, and it is taken.

    Returns
    -------
    dict of str to int
        `field_bp` and `halo_bp`, measured as the stage receptive-field does by default; empty without validation
        windows or without a gradient.
    """
    how = ReceptiveField()
    codes = windows.codes(windows.rows("validation").numpy())
    codes = codes[(codes < N_CODE).all(axis=1)]
    drawn = np.random.default_rng(how.seed).permutation(len(codes))[: how.windows]
    if not drawn.size:
        return {}
    network, x = copy.deepcopy(model).for_inference(), one_hot(torch.from_numpy(codes[drawn]))
    units = list(centre_units(network, x, torch.Generator().manual_seed(how.seed)).values())
    fields = [profile(energy(unit, x, target=0, power=2, correct=True), 0) for unit in units or [network]]
    widest = max(shape(field, mass=how.mass).width for field in fields)
    return {"field_bp": widest, "halo_bp": -(-widest // 2)} if widest else {}
