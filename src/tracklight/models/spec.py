"""What a model is, how it is built, and how it is kept: the checkpoint."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from tracklight.core.weights import load_tensors
from tracklight.errors import complaint, existing_file, one_of
from tracklight.files import whole_file
from tracklight.models.network import Network, Shape
from tracklight.models.residual_dilated import ResidualDilated
from tracklight.models.valid_conv import ValidConv

FORMAT = 1
ARCHITECTURES: dict[str, type[Network]] = {"valid_conv": ValidConv, "residual_dilated": ResidualDilated}


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
    """Read a checkpoint, weights only; another format or a damaged file is an `InputError`."""
    stored = load_tensors(existing_file(path, what="checkpoint"), what="checkpoint")
    if stored.get("format") != FORMAT:
        raise complaint(
            "checkpoint has another format",
            where=path,
            got=stored.get("format"),
            allowed=FORMAT,
            do="train again, or use the version of tracklight that wrote it",
        )
    spec = stored["spec"]
    return Checkpoint(
        spec=ModelSpec(**{**spec, "targets": tuple(spec["targets"])}),
        **{name: stored[name] for name in ("weights", "decode", "settings", "provenance")},
    )


def load_model(path: str | Path) -> tuple[Network, ModelSpec, Checkpoint]:
    """Read a checkpoint and build its network, ready for inference, on the CPU."""
    checkpoint = load_checkpoint(path)
    model = build(checkpoint.spec, seed=0)
    try:
        model.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1]
        raise complaint("weights do not fit the network", where=path, got=reason, do="train again") from None
    return model.for_inference(), checkpoint.spec, checkpoint
