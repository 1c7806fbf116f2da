"""What a kind of signal is to a network: its name in a checkpoint, and how windows of its tape become `x`.

DNA and EEG meet here and nowhere else: each has one record beside its `decode`, and whatever trains or loads a network
takes the record.
"""

from pathlib import Path
from typing import NamedTuple

from tracklight.errors import complaint
from tracklight.learning.examples import Decode
from tracklight.models.network import Network
from tracklight.models.spec import Checkpoint, ModelSpec, load_model


class Modality(NamedTuple):
    """A kind of signal.

    Attributes
    ----------
    name : str
        What a checkpoint keeps.
    decode : callable
        `decode(raw, reverse=...) -> x`, see `learning.examples`.
    """

    name: str
    decode: Decode


def load_network(path: Path, modality: Modality) -> tuple[Network, ModelSpec, Checkpoint]:
    """Read a checkpoint and build its network, on the CPU; one of another modality is an `InputError`."""
    model, spec, checkpoint = load_model(path)
    if checkpoint.decode != modality.name:
        raise complaint(
            "network reads another kind of signal", where=path, got=checkpoint.decode, allowed=modality.name,
            do="give a network that was trained on these data",
        )  # fmt: skip
    return model, spec, checkpoint
