"""Prepared recordings: the tape and the epochs on it, opened together."""

import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.tape import CONTIG_FILE, DATA_FILE, Tape, open_tape
from tracklight.eeg.checking import VOLTS, WHITE, WRITTEN_BY, check_facts, check_index
from tracklight.eeg.decode import EEG
from tracklight.eeg.epochs import FACTS_FILE, INDEX_FILE
from tracklight.eeg.halves import cross_fit
from tracklight.eeg.hypnogram import STAGES
from tracklight.errors import complaint, one_of
from tracklight.learning.examples import Examples, Windows, make_examples

TEXT = ("contig", "group", "split", "report", "stage")
NUMBERS = {"start": "int64", "reverse": "int64", "epoch": "int64", "label": "Int64", "order": "Int64"}
AT_ONCE = 256  # epochs read at once: memory only
__all__ = ["VOLTS", "WHITE", "WRITTEN_BY", "Epochs", "open_epochs"]


@dataclass(frozen=True)
class Epochs:
    """Recordings and the index of epochs on them.

    Attributes
    ----------
    tape : Tape
        `float32 (channel, position)` in `unit`, one contig a recording.
    index : DataFrame
        One row an epoch, columns as in `docs/formats.md`.
    facts : dict
        Rate, channels, length, targets and what was done to the signals.
    inputs : dict of str to Path
        Files read, for the provenance.
    """

    tape: Tape
    index: pd.DataFrame
    facts: dict[str, Any]
    inputs: dict[str, str | Path]

    @property
    def length(self) -> int:
        """Length of an epoch (samples)."""
        return int(self.facts["length"])

    @property
    def rate_hz(self) -> float:
        """Sampling rate (Hz)."""
        return float(self.facts["rate_hz"])

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(self.facts["channels"])

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets: the label, or the stages where epochs cover all of sleep."""
        return tuple(self.facts["targets"])

    @property
    def unit(self) -> str:
        """Unit of the signals: V, or SD when they are whitened."""
        return str(self.facts["unit"])

    def check_unit(self, unit: str) -> None:
        """Raise `InputError` unless the signals are in this unit, that is, written by its stage."""
        if self.unit != unit:
            raise complaint(
                f"not epochs of {WRITTEN_BY[unit]}", where=self.inputs["epochs"], got=f"unit {self.unit}", allowed=unit,
                do=f"give a folder written by {WRITTEN_BY[unit]}",
            )  # fmt: skip

    def rows(self, half: str) -> dict[str, torch.Tensor]:
        """Return the row numbers (int64) of the splits `train`, `validation` and `test` for a network of one half."""
        return {name: torch.from_numpy(rows) for name, rows in cross_fit(self.index["split"], half).items()}

    def values(self, target: str) -> NDArray[np.float64]:
        """Return 1 or 0 (epoch,), NaN where not known: the label, or whether an epoch is of the stage."""
        one_of(target, ("label", *STAGES), what="target")
        if target == "label":
            return self.index["label"].to_numpy(np.float64, na_value=np.nan)
        return np.asarray(self.index["stage"] == target, np.float64)

    def signals(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the signals of some epochs `(epoch, channel, position)` in `unit`; all of them are finite.

        Raises
        ------
        InputError
            When one is not: a network would answer NaN, and what it says of others could depend on it.
        """
        index = self.index.iloc[rows]
        starts = self.tape.on_tape(index["contig"].to_numpy(object), index["start"].to_numpy(np.int64))
        epochs = [self.tape.data[:, start : start + self.length] for start in starts]
        if not epochs:
            return np.empty((0, len(self.channels), self.length), np.float32)
        signals = np.stack(epochs).astype(np.float32)
        for row, channel in np.argwhere(~np.isfinite(signals).all(axis=2))[:1]:
            raise complaint(
                "signals hold values that are not finite (NaN)",
                where=Path(self.inputs["contigs"]).with_name(DATA_FILE),
                got=f"{index['contig'].iloc[row]} channel {self.channels[channel]}, epoch from sample "
                f"{index['start'].iloc[row]}", do=f"run {WRITTEN_BY[self.unit]} again",
            )  # fmt: skip
        return signals

    def sha256(self) -> str:
        """Return a checksum of the index, the facts, and the signals of the first epoch of each recording.

        It tells epochs of one study from those of another, without reading all signals: two studies may well have the
        same index, and one study of another split has not.
        """
        first = np.flatnonzero(~self.index.duplicated("contig"))
        digest = hashlib.sha256(self.index.to_csv(sep="\t", index=False).encode())
        digest.update(json.dumps(self.facts, sort_keys=True).encode())
        digest.update(self.signals(first).tobytes())
        return digest.hexdigest()

    def examples(self, device: torch.device, *, length: int) -> Examples:
        """Put the recordings and their epochs on a device.

        Parameters
        ----------
        device : torch.device
            Where the examples live.
        length : int
            Samples of an epoch to read: its middle, and moved inside the epoch where a shift is asked for, so that
            random crops are shifts of up to half of what is left out.

        Raises
        ------
        InputError
            When it is longer than an epoch, or signals are not finite.
        """
        spare = self.length - length
        if spare < 0 or length < 1:
            raise complaint("crop longer than an epoch", got=length, allowed=f"1 to {self.length} samples")
        for rows in np.array_split(np.arange(len(self.index)), -(-len(self.index) // AT_ONCE)):
            self.signals(rows)  # complains of what is not finite
        windows = Windows(
            self.index["contig"].to_numpy(object),
            self.index["start"].to_numpy(np.int64),
            self.index["reverse"].to_numpy(bool),
            np.stack([self.values(target) for target in self.targets], axis=1).astype(np.float32),
        )
        epochs = make_examples(self.tape, windows, length=length, decode=EEG.decode, device=device)
        first = epochs.start
        return replace(epochs, start=first + spare // 2, lowest=first, highest=first + spare)


def open_epochs(folder: Path) -> Epochs:
    """Open a folder of prepare-eeg or whiten-eeg; what they did not finish, or another stage wrote, is an `InputError`.

    Everything that later stages rely on is checked here, once.
    """
    again = "run prepare-eeg"
    if not all((folder / name).is_file() for name in (DATA_FILE, CONTIG_FILE)):
        raise complaint("not prepared recordings", where=folder, do=again)
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        check_facts(facts, where=folder / FACTS_FILE)
        index = _read_index(folder / INDEX_FILE, facts["covariates"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, zlib.error) as error:
        raise complaint("not prepared recordings", where=folder, got=error, do=again) from None
    check_index(index, facts, where=folder / INDEX_FILE)
    tape = open_tape(folder, what="prepared recordings", by=WRITTEN_BY[facts["unit"]])
    fits = tape.data.ndim == 2 and len(tape.data) == len(facts["channels"]) and tape.data.dtype == np.float32
    ends = index["contig"].map(tape.lengths)
    if not fits or ends.isna().any() or (index["start"] + int(facts["length"]) > ends).any():
        raise complaint("epochs are of other recordings", where=folder, got=tape.names, do=again)
    return Epochs(tape, index, facts, {"contigs": folder / CONTIG_FILE, "epochs": folder / INDEX_FILE})


def _read_index(path: Path, covariates: list[str]) -> pd.DataFrame:
    """Read the index; text stays as it stands ("NA" is a name), only numbers and covariates may be missing."""
    missing = {name: [""] for name in ("label", "order", *covariates)}
    types: dict[str, Any] = {**dict.fromkeys(TEXT, str), **NUMBERS}
    return pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=missing)
