"""What the stages that train write: a checkpoint, its training curve, and what was reached."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tracklight.learning.fit import Progress
from tracklight.models.network import Network
from tracklight.models.spec import Checkpoint, ModelSpec, save_checkpoint
from tracklight.report.figures import training_curve
from tracklight.settings import Settings
from tracklight.stages.tables import write_table


class Trained(NamedTuple):
    """A network after training, on the CPU, what it is, how it got there, and the name of its modality."""

    model: Network
    spec: ModelSpec
    progress: Progress
    modality: str


def best(progress: Progress) -> dict[str, Any]:
    """Return `epochs`, `best_epoch` and `best_validation_loss`, and `guard_epoch` of a training that its guard ended.

    `best_epoch` is 0 where the guard brought a training back to where it had begun.
    """
    kept: dict[str, Any] = next((row for row in reversed(progress.rows) if row["best"]), {})
    facts = {"best_epoch": int(kept.get("epoch", 0)), "best_validation_loss": kept.get("validation_loss")}
    return {"epochs": progress.epoch, **facts} | ({"guard_epoch": progress.guarded} if progress.guarded else {})


def write_network(out: Path, trained: Trained, *, settings: Settings, facts: dict[str, Any]) -> None:
    """Write `metrics.tsv`, `training.png` and, last, `model.pt` into a folder.

    Parameters
    ----------
    out : Path
        The folder.
    trained : Trained
        The network.
    settings : Settings
        How it was trained, kept in the checkpoint.
    facts : dict
        Seed, device, best epoch and what else the checkpoint's provenance keeps.
    """
    table = pd.DataFrame(trained.progress.rows)
    write_table(out / "metrics.tsv", table)
    training_curve(table, out / "training.png")
    weights, kept = trained.model.state_dict(), settings.model_dump(mode="json")
    save_checkpoint(out / "model.pt", Checkpoint(trained.spec, weights, trained.modality, kept, facts))
