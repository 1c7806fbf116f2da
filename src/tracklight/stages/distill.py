"""`tracklight distill`: a small network that answers as the ensemble does."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tracklight.core.device import choose_device
from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset, open_dataset
from tracklight.genome.decode import DNA
from tracklight.genome.ensemble import Ensemble, open_ensemble
from tracklight.learning.distillation import ANSWERS, heads, moments, probabilities, softened
from tracklight.learning.examples import Examples, predict
from tracklight.learning.fit import Progress
from tracklight.learning.losses import LOSSES
from tracklight.models.network import Network
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_checkpoint, save_checkpoint
from tracklight.settings import Distill
from tracklight.stages import door
from tracklight.stages.distill_tables import Taught, comparison, cost
from tracklight.stages.networks import Trained, best, write_network
from tracklight.stages.tables import write_table
from tracklight.stages.train import fitted, halo, model_spec

MEASURED = ("mse", "huber")
STUDENT_LOSS = {"bce": ("soft_bce",), "ce": ("soft_ce",), "mse": MEASURED, "huber": MEASURED}
STUDENT_LOSS |= {loss: (loss,) for loss in ("soft_bce", "soft_ce")}  # a student may teach
SPREAD = ".spread"  # ends the name of a target that is the spread of the networks' predictions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    door.add_inputs(parser, "genome", "windows", "models")
    parser.add_argument("--seed", type=door.whole_number(0), required=True, help="seed of the student")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.pt and what it is worth")
    door.add_attribute_settings(parser)
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train a student on what the networks answer and compare it with them; a killed run goes on."""
    settings = door.stage_settings(arguments, Distill, section="distill")
    attribute = door.attribute_settings(arguments)
    data = open_dataset(arguments.genome, arguments.windows)
    inputs = {**data.inputs, **{f"model{n}": path for n, path in enumerate(arguments.models)}}
    with door.recorded(arguments, "distill", settings, inputs) as facts:
        torch.set_num_threads(arguments.threads)
        _check_loss(arguments.models, settings)
        device = choose_device(settings.device)
        teachers = open_ensemble(arguments.models, data=data).to(device)
        examples = data.examples(device)
        outputs = _outputs(teachers, examples)
        examples = replace(examples, targets=answers(outputs, settings, seed=arguments.seed).to(device))
        resume = arguments.out / "resume.pt"
        model, spec, progress = _student(examples, data, settings, seed=arguments.seed, resume=resume)
        facts |= {"seed": arguments.seed, "device": str(device), **best(progress), "teachers": teachers.seeds}
        count = len(data.targets)
        mean = _part(model, spec, slice(0, count))
        facts |= halo(data, mean[0])
        taught = Taught(data, teachers, _alone(mean, facts).to(device), attribute, LOSSES[settings.loss].classes)
        said = _outputs(Ensemble((model.to(device),), (arguments.seed,), spec), examples)[0]
        write_table(arguments.out / "distill.tsv", comparison(taught, outputs, said, windows=settings.track_windows))
        write_table(arguments.out / "distill_cost.tsv", cost(taught, timed_bp=settings.timed_bp))
        if len(spec.targets) > count:
            _write_spread(arguments.out, _part(model, spec, slice(count, None)), settings, facts)
        write_network(arguments.out, Trained(*mean, progress, DNA.name), settings=settings, facts=facts)
        resume.unlink(missing_ok=True)


def answers(outputs: Tensor, settings: Distill, *, seed: int) -> Tensor:
    """Return what the student learns.

    Parameters
    ----------
    outputs : Tensor (network, example, target)
        Of the ensemble: log-odds, or units of the targets.
    settings : Distill
        The loss, its temperature, and what is left of an answer.
    seed : int
        Of what a control draws.

    Returns
    -------
    Tensor of float32 (example, target) or (example, 2 * target)
        Probabilities; or, of measurements, means and, from two networks on, standard deviations.
    """
    loss = LOSSES[settings.loss]
    if not loss.probabilities:
        return moments(outputs)
    probability = softened(
        probabilities(outputs, classes=loss.classes), temperature=settings.temperature, classes=loss.classes
    )
    return ANSWERS[settings.answers](probability, torch.Generator().manual_seed(seed)).float()


def _check_loss(models: Sequence[Path], settings: Distill) -> None:
    """Raise `InputError` when a network was trained on another kind of targets than the student's loss is for."""
    for path in models:
        loss = load_checkpoint(path).settings.get("loss")
        if loss in STUDENT_LOSS and settings.loss not in STUDENT_LOSS[loss]:
            raise complaint(
                "the student's loss is for another kind of answer",
                where="distill.loss",
                got=f"{settings.loss}; {path} was trained with {loss}",
                allowed=STUDENT_LOSS[loss],
            )


def _outputs(teachers: Ensemble, examples: Examples) -> Tensor:
    """Return what every network says of every window, `(network, example, target)`, on the CPU."""
    rows = torch.arange(len(examples), device=examples.start.device)
    return torch.stack([predict(model, examples, rows) for model in teachers.models])


def _student(
    examples: Examples, data: Dataset, settings: Distill, *, seed: int, resume: Path
) -> tuple[Network, ModelSpec, Progress]:
    names = data.targets
    if examples.targets.shape[1] > len(names):
        names = (*names, *(f"{name}{SPREAD}" for name in names))
    spec = model_spec(settings, length=data.length, targets=names)
    model, progress = fitted(spec, examples, data, settings=settings, seed=seed, resume=resume)
    return model, spec, progress


def _part(model: Network, spec: ModelSpec, targets: slice) -> tuple[Network, ModelSpec]:
    """Return the network with some of its targets only."""
    spec = replace(spec, targets=spec.targets[targets])
    network = build(spec, seed=0)
    network.load_state_dict(heads(model.state_dict(), targets))
    return network, spec


def _alone(student: tuple[Network, ModelSpec], facts: dict[str, Any]) -> Ensemble:
    model, spec = student
    return Ensemble((model.for_inference(),), (facts["seed"],), spec, (facts.get("halo_bp", 0),))


def _write_spread(out: Path, student: tuple[Network, ModelSpec], settings: Distill, facts: dict[str, Any]) -> None:
    model, spec = student
    kept = settings.model_dump(mode="json")
    save_checkpoint(out / "spread.pt", Checkpoint(spec, model.state_dict(), DNA.name, kept, facts))
