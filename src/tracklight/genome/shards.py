"""Attribution shards: what `attribute` writes and every later stage reads."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracklight.errors import complaint
from tracklight.files import whole_file

STRANDS = {1: (".",), 2: ("+", "-")}  # by the length of the strand axis


@dataclass(frozen=True)
class Tracks:
    """Attribution and prediction along a stretch of the tape.

    Attributes
    ----------
    start : int
        Tape position of the first base.
    mean : ndarray of float32 (strand, position)
        Mean over the ensemble of the mean over all windows that saw the base; NaN where none did.
        The strand axis holds plus and minus for a stranded assay, or their average.
    sd : ndarray of float32 (strand, position)
        Standard deviation over the ensemble; NaN where `mean` is, 0 for a single network.
    coverage : ndarray of int32 (position,)
        Number of windows that saw the base on a strand.
    window_start : ndarray of int64 (window,)
        Tape position of the first base of each scanned window that starts in this stretch, increasing.
    prediction : ndarray of float32 (strand, window)
        Ensemble mean of the prediction, in units of the transformed target.
    window_bp : int
        Length of a window.
    stride_bp : int
        Distance between windows.
    """

    start: int
    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    coverage: NDArray[np.int32]
    window_start: NDArray[np.int64]
    prediction: NDArray[np.float32]
    window_bp: int
    stride_bp: int

    @property
    def end(self) -> int:
        """Tape position after the last base."""
        return self.start + self.mean.shape[-1]

    @property
    def strands(self) -> tuple[str, ...]:
        """Strand of each row: `("+", "-")`, or `(".",)` when averaged."""
        return STRANDS[self.mean.shape[0]]


def save_shard(path: str | Path, tracks: Tracks) -> None:
    """Write one shard (`.npz`, uncompressed)."""
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(
            handle,
            allow_pickle=False,
            **{field.name: np.asarray(getattr(tracks, field.name)) for field in fields(Tracks)},
        )


def load_shard(path: str | Path) -> Tracks:
    """Read one shard; a damaged file is an `InputError`."""
    try:
        # opened here, since numpy leaves a damaged file open
        with Path(path).open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            values = {field.name: stored[field.name] for field in fields(Tracks)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise complaint(
            "not an attribution shard", where=path, got=error, do="delete it and run attribute again"
        ) from None
    return Tracks(**{name: value.item() if value.ndim == 0 else value for name, value in values.items()})


def load_tracks(paths: Sequence[str | Path], *, length: int) -> Tracks:
    """Read shards and lay them end to end; they must cover a tape of `length` positions exactly."""
    shards = sorted((load_shard(path) for path in paths), key=lambda shard: shard.start)
    ends = [0, *(shard.end for shard in shards)]
    if [shard.start for shard in shards] != ends[:-1] or ends[-1] != length:
        raise complaint(
            "shards do not cover the genome",
            got=[f"{s.start}-{s.end}" for s in shards],
            allowed=f"0-{length} without gaps",
            do="run attribute for the missing shards",
        )
    join = {
        name: np.concatenate([getattr(s, name) for s in shards], axis=-1)
        for name in ("mean", "sd", "coverage", "window_start", "prediction")
    }
    return Tracks(start=0, window_bp=shards[0].window_bp, stride_bp=shards[0].stride_bp, **join)
