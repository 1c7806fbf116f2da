"""The tape: one long signal, its contigs laid end to end, memory-mapped; windows are views of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracklight.errors import complaint
from tracklight.files import whole_file, write_text

DATA_FILE = "codes.npy"
CONTIG_FILE = "contigs.json"


@dataclass(frozen=True)
class Tape:
    """A long signal and the contigs on it.

    Attributes
    ----------
    data : ndarray
        Signal, position last: DNA `uint8 (position,)` with codes A0 C1 G2 T3 N4, EEG `float32 (channel, position)`.
    names : tuple of str
        Contig names, in the order of the source file.
    offsets : ndarray of int64 (contig + 1,)
        Tape position of the first base of each contig; the last entry is the length of the tape.
    """

    data: NDArray[np.generic]
    names: tuple[str, ...]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        assert len(self.offsets) == len(self.names) + 1, "one offset per contig and the end"
        assert int(self.offsets[-1]) == self.data.shape[-1], "contigs fill the tape"

    def __len__(self) -> int:
        """Length of the tape in positions."""
        return int(self.offsets[-1])

    @property
    def lengths(self) -> dict[str, int]:
        """Length of each contig in positions."""
        return dict(zip(self.names, np.diff(self.offsets).tolist(), strict=True))

    def contig(self, name: str) -> NDArray[np.generic]:
        """Return the signal of one contig as a view."""
        start, end = self.span(name)
        return self.data[..., start:end]

    def span(self, name: str) -> tuple[int, int]:
        """Return the first and the last-plus-one tape position of a contig; an unknown name is an `InputError`."""
        if name not in self.names:
            raise complaint("unknown contig", got=name, allowed=self.names)
        row = self.names.index(name)
        return int(self.offsets[row]), int(self.offsets[row + 1])

    def on_tape(
        self, contigs: Sequence[str] | NDArray[np.object_], positions: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Turn contig names and 0-based positions into tape positions (int64)."""
        first = {name: int(offset) for name, offset in zip(self.names, self.offsets[:-1], strict=True)}
        return np.fromiter((first[name] for name in contigs), np.int64, len(contigs)) + np.asarray(positions, np.int64)


def save_tape(folder: str | Path, data: NDArray[np.generic], lengths: dict[str, int]) -> None:
    """Write a tape to `folder`: `codes.npy` and `contigs.json` (name and length of each contig, in order)."""
    folder = Path(folder)
    with whole_file(folder / DATA_FILE) as temporary, temporary.open("wb") as handle:
        np.save(handle, data, allow_pickle=False)
    write_text(folder / CONTIG_FILE, json.dumps(lengths, indent=0) + "\n")


def open_tape(folder: str | Path, *, what: str = "a prepared genome", by: str = "prepare-genome") -> Tape:
    """Open a tape, memory-mapped and read-only.

    Parameters
    ----------
    folder : str or Path
        Where it lies.
    what, by : str
        What it is to the user and the stage that writes it, for complaints.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    folder = Path(folder)
    try:
        lengths = json.loads((folder / CONTIG_FILE).read_text(encoding="utf-8"))
        data = np.load(folder / DATA_FILE, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise complaint(f"not {what}", where=folder, got=error, do=f"run {by}") from None
    again = f"run {by} again"
    if not isinstance(lengths, dict) or not all(type(length) is int and length > 0 for length in lengths.values()):
        allowed = "a mapping of contig names to positive whole numbers"
        raise complaint("not a table of contigs", where=folder / CONTIG_FILE, allowed=allowed, do=again)
    if not isinstance(data, np.ndarray) or not data.ndim:
        raise complaint("not codes along positions", where=folder / DATA_FILE, do=again)
    total = sum(lengths.values())
    if data.shape[-1] != total:
        raise complaint(
            "codes and contigs differ in length", where=folder, got=data.shape[-1], allowed=total, do=again
        )  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(list(lengths.values()))]).astype(np.int64)
    return Tape(data, tuple(lengths), offsets)
