"""What a model is, how it is built, and how it is kept: the checkpoint."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from tracklight.core.weights import load_tensors
from tracklight.errors import complaint, existing_file, one_of
from tracklight.files import whole_file
from tracklight.models.eeg_conv import EegConv
from tracklight.models.external import External
from tracklight.models.global_pool import GlobalPool
from tracklight.models.network import Network, Shape
from tracklight.models.residual_dilated import ResidualDilated
from tracklight.models.square_pool import SquarePool
from tracklight.models.valid_conv import ValidConv

FORMAT = 1
STORED = {"spec": dict, "weights": dict, "decode": str, "settings": dict, "provenance": dict}
STORED_SPEC = {"arch": str, "channels": int, "length": int, "targets": tuple, "options": dict}
TRAIN_AGAIN = "delete it and train again"
ARCHITECTURES: dict[str, type[Network]] = {
    "valid_conv": ValidConv,
    "residual_dilated": ResidualDilated,
    "global_pool": GlobalPool,
    "eeg_conv": EegConv,
    "square_pool": SquarePool,
    "external": External,
}


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to rebuild a network.

    Attributes
    ----------
    arch : str
        Row of `ARCHITECTURES`.
    channels : int
        Input channels, 4 for DNA.
    length : int
        Window length in positions.
    targets : tuple of str
        Names of the outputs.
    options : dict
        Keyword arguments of the architecture.
    """

    arch: str
    channels: int
    length: int
    targets: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A trained network as it is kept on disk.

    Attributes
    ----------
    spec : ModelSpec
        What to build.
    weights : dict of str to Tensor
        Its state, on the CPU.
    decode : str
        Name of the modality that turns a tape into `x`.
    settings : dict
        Settings it was trained with.
    provenance : dict
        Seed, versions, epoch and validation score.
    """

    spec: ModelSpec
    weights: dict[str, torch.Tensor]
    decode: str
    settings: dict[str, Any]
    provenance: dict[str, Any]


def build(spec: ModelSpec, *, seed: int) -> Network:
    """Return a fresh network; the same seed gives the same weights and the global generator is left alone."""
    one_of(spec.arch, ARCHITECTURES, what="architecture")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ARCHITECTURES[spec.arch](Shape(spec.channels, spec.length, len(spec.targets)), **spec.options)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint."""
    stored = {**vars(checkpoint), "spec": asdict(checkpoint.spec), "format": FORMAT}
    with whole_file(path) as temporary:
        torch.save(stored, temporary)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint, weights only; another format, another content or a damaged file is an `InputError`."""
    stored = load_tensors(existing_file(path, what="checkpoint"), what="checkpoint")
    if stored.get("format") != FORMAT:
        raise complaint(
            "checkpoint has another format",
            where=path,
            got=stored.get("format"),
            allowed=FORMAT,
            do="train again, or use the version of tracklight that wrote it",
        )
    fields = {name: value for name, value in stored.items() if name != "format"}
    _check_fields(fields, STORED, where=f"{path}: checkpoint")
    _check_fields(fields["spec"], STORED_SPEC, where=f"{path}: spec")
    _check_values(ModelSpec(**fields["spec"]), fields["weights"], path)
    return Checkpoint(**{**fields, "spec": ModelSpec(**fields["spec"])})


def load_model(path: str | Path) -> tuple[Network, ModelSpec, Checkpoint]:
    """Read a checkpoint and build its network, ready for inference, on the CPU."""
    checkpoint = load_checkpoint(path)
    try:
        model = build(checkpoint.spec, seed=0)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, LookupError):
        raise complaint(
            "options do not describe a network", where=f"{path}: options", got=checkpoint.spec.options, do=TRAIN_AGAIN
        ) from None
    try:
        model.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1]
        raise complaint("weights do not fit the network", where=path, got=reason, do="train again") from None
    return model.for_inference(), checkpoint.spec, checkpoint


def _check_fields(found: Mapping[str, Any], wanted: Mapping[str, type], *, where: str) -> None:
    """Raise `InputError` for the first field that is missing, unknown, or of another type than is written."""
    for name in [*wanted, *(name for name in found if name not in wanted)]:
        if name not in found or name not in wanted:
            fault = "unknown field" if name in found else "missing field"
            raise complaint(fault, where=where, got=name, allowed=list(wanted), do=TRAIN_AGAIN)
        if not isinstance(found[name], wanted[name]) or isinstance(found[name], bool):
            kind = type(found[name]).__name__
            raise complaint(
                f"field {name} is of another type", where=where, got=kind, allowed=wanted[name].__name__, do=TRAIN_AGAIN
            )


def _check_values(spec: ModelSpec, weights: Mapping[Any, Any], path: str | Path) -> None:
    one_of(spec.arch, ARCHITECTURES, what="architecture", where=path)
    sizes = {"channels": spec.channels, "length": spec.length, "targets": len(spec.targets)}
    for name, size in sizes.items():
        if size < 1:
            raise complaint(f"field {name} is empty", where=f"{path}: spec", got=size, do=TRAIN_AGAIN)
    for name, values, kind in (("targets", spec.targets, str), ("weights", weights.values(), torch.Tensor)):
        if not all(isinstance(value, kind) for value in values):
            raise complaint(f"field {name} holds something else than {kind.__name__}", where=path, do=TRAIN_AGAIN)
    parameters = inspect.signature(ARCHITECTURES[spec.arch]).parameters.values()
    allowed = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    different = sorted(set(allowed) ^ set(map(str, spec.options)))
    if different:
        fault = "missing or unknown option"
        raise complaint(fault, where=f"{path}: options", got=different, allowed=allowed, do=TRAIN_AGAIN)
