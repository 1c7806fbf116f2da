"""Networks of several seeds that answer together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from tracklight.errors import complaint
from tracklight.genome.dataset import Dataset
from tracklight.genome.decode import DNA
from tracklight.learning.modality import load_network
from tracklight.models.spec import ModelSpec, build


@dataclass(frozen=True)
class Ensemble:
    """Networks of one specification, in evaluation mode on a device.

    Attributes
    ----------
    models : tuple of Module
        The networks.
    seeds : tuple of int
        Of their training.
    spec : ModelSpec
        What they all are.
    halos : tuple of int
        The halo measured when each was trained (bp); none for networks where it was not.
    """

    models: tuple[nn.Module, ...]
    seeds: tuple[int, ...]
    spec: ModelSpec
    halos: tuple[int, ...] = ()

    @property
    def halo(self) -> int:
        """The largest measured halo (bp); 0 when none was measured."""
        return max(self.halos, default=0)

    @property
    def stride(self) -> int:
        """Distance between scanned windows that suits the networks: their own stride, else half a window."""
        return int(getattr(self.models[0], "stride", max(1, self.spec.length // 2)))

    @property
    def mean(self) -> nn.Module:
        """The networks as one: `(batch, channel, position)` to the mean of their outputs `(batch, target)`."""
        return _Mean(self.models)

    def untrained(self, count: int) -> "Ensemble":
        """Return `count` networks of the same shape with random weights, on the same device: they learned nothing.

        Their seeds follow those of the ensemble, since training may keep something of the weights it began with.
        """
        first = max(self.seeds) + 1
        seeds = tuple(range(first, first + count))
        models = tuple(build(self.spec, seed=seed).for_inference() for seed in seeds)
        return replace(self, models=models, seeds=seeds).to(next(self.models[0].parameters()).device)

    def to(self, device: torch.device) -> "Ensemble":
        """Return the ensemble on a device."""
        return replace(self, models=tuple(model.to(device) for model in self.models))


class _Mean(nn.Module):
    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.train(any(model.training for model in models))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([model(x) for model in self.models]).mean(0)


def open_ensemble(paths: Sequence[Path], *, data: Dataset) -> Ensemble:
    """Load checkpoints, on the CPU; networks that do not read the windows of `data` are an `InputError`."""
    loaded = [load_network(path, DNA) for path in paths]
    for path, (_, spec, _) in zip(paths, loaded, strict=True):
        if (spec.length, spec.targets) != (data.length, data.targets):
            raise complaint(
                "networks must read the windows they are used on",
                where=path,
                got=f"{spec.length} bp, {', '.join(spec.targets)}",
                allowed=f"{data.length} bp, {', '.join(data.targets)}",
                do="train on these windows",
            )
    models = tuple(model for model, _, _ in loaded)
    halos = tuple(int(checkpoint.provenance.get("halo_bp", 0)) for _, _, checkpoint in loaded)
    seeds = tuple(int(checkpoint.provenance.get("seed", number)) for number, (_, _, checkpoint) in enumerate(loaded))
    return Ensemble(models, seeds, loaded[0][1], halos)
