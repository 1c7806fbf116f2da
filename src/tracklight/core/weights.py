"""Reading files of tensors without running code that may be inside them."""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

from tracklight.errors import complaint

# What the unpickler raises on bytes that are no pickle depends on the bytes.
DAMAGED = (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
DAMAGED_FORMATS = (pickle.UnpicklingError, zipfile.BadZipFile, struct.error)


def load_tensors(path: Path, *, what: str) -> dict[str, Any]:
    """Read a mapping written with `torch.save`, weights only, to the CPU; a damaged file is an `InputError`."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (*DAMAGED, *DAMAGED_FORMATS) as error:
        # PyTorch's own words advise to switch its protection off, and are coloured: they are not passed on.
        reason = error.strerror if isinstance(error, PermissionError) else None
        raise complaint(f"not a whole {what}", where=path, got=reason, do="delete it and train again") from None
    return stored if isinstance(stored, dict) else {}
