"""Networks of several seeds that answer together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from tracklight.errors import complaint
from tracklight.models.spec import ModelSpec, load_model


@dataclass(frozen=True)
class Ensemble:
    """Trained networks of one specification, in evaluation mode on a device."""

    models: tuple[nn.Module, ...]
    seeds: tuple[int, ...]
    spec: ModelSpec

    @property
    def stride(self) -> int:
        """Distance between scanned windows that suits the networks: their own stride, else half a window."""
        return int(getattr(self.models[0], "stride", max(1, self.spec.length // 2)))


def open_ensemble(paths: Sequence[Path], *, device: torch.device) -> Ensemble:
    """Load checkpoints; networks that differ in window, targets or decode are an `InputError`."""
    loaded = [load_model(path) for path in paths]
    _, spec, first = loaded[0]
    for path, (_, other, checkpoint) in zip(paths, loaded, strict=True):
        if (other.length, other.targets, checkpoint.decode) != (spec.length, spec.targets, first.decode):
            raise complaint(
                "networks of an ensemble must read the same windows and targets",
                where=path,
                got=f"{other.length} bp, {', '.join(other.targets)}",
                allowed=f"{spec.length} bp, {', '.join(spec.targets)}",
            )
    models = tuple(model.to(device) for model, _, _ in loaded)
    seeds = tuple(int(checkpoint.provenance.get("seed", number)) for number, (_, _, checkpoint) in enumerate(loaded))
    return Ensemble(models, seeds, spec)
