"""Measured windows on a genome: the folders of prepare-genome and prepare-windows, opened together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tracklight.core.tape import CONTIG_FILE, Tape, open_tape
from tracklight.errors import complaint, one_of
from tracklight.genome.decode import DNA
from tracklight.genome.fasta import reverse_complement_codes
from tracklight.genome.windows import FACTS_FILE, INDEX_FILE
from tracklight.learning.examples import Examples, Windows, make_examples

EVERY = slice(None)


@dataclass(frozen=True)
class Dataset:
    """A genome and the index of windows on it.

    Attributes
    ----------
    tape : Tape
        Codes of the genome.
    index : DataFrame
        One row per window, columns as in `docs/formats.md`.
    facts : dict
        Length, targets, strandedness and what the targets were made of.
    inputs : dict of str to Path
        Files read, for the provenance.
    """

    tape: Tape
    index: pd.DataFrame
    facts: dict[str, Any]
    inputs: dict[str, str | Path]

    @property
    def length(self) -> int:
        """Window length (bp)."""
        return int(self.facts["length_bp"])

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets."""
        return tuple(self.facts["targets"])

    @property
    def stranded(self) -> bool:
        """Whether the assay tells the strands apart."""
        return bool(self.facts["stranded"])

    def rows(self, split: str) -> torch.Tensor:
        """Return the row numbers (int64) of a split."""
        return torch.from_numpy(np.flatnonzero(self.index["split"] == split))

    def values(self, target: str) -> NDArray[np.float64]:
        """Return the transformed values of a target (example,), NaN where not measured."""
        return self.index[target].to_numpy(np.float64)

    def active(self, target: str) -> NDArray[np.float64]:
        """Return 1 for active, 0 for inactive (example,), NaN where not measured."""
        return self.index[f"{target}.active"].to_numpy(np.float64)

    def codes(self, rows: NDArray[np.int64] | slice = EVERY) -> NDArray[np.uint8]:
        """Return the codes of windows `(example, position)`, by default of all, as the network reads them, 5' to 3'."""
        index = self.index.iloc[rows]
        starts = self.tape.on_tape(index["contig"].to_numpy(object), index["start"].to_numpy(np.int64))
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(self.tape.data), self.length)[starts]
        reverse = index["reverse"].to_numpy(bool)[:, None]
        return np.where(reverse, reverse_complement_codes(windows), windows)

    def examples(self, device: torch.device) -> Examples:
        """Put the windows on a device."""
        windows = Windows(
            self.index["contig"].to_numpy(object),
            self.index["start"].to_numpy(np.int64),
            self.index["reverse"].to_numpy(bool),
            self.index[list(self.targets)].to_numpy(np.float32),
        )
        return make_examples(self.tape, windows, length=self.length, decode=DNA.decode, device=device)


def target_number(targets: Sequence[str], wish: str | None) -> int:
    """Return the number of the target that is explained; None takes the first, an unknown one is an `InputError`."""
    if wish is None:
        return 0
    one_of(wish, targets, what="target", where="attribute.target")
    return list(targets).index(wish)


def open_dataset(genome: Path, windows: Path) -> Dataset:
    """Open both folders; what prepare-windows did not finish, or windows of another genome, are an `InputError`."""
    tape = open_tape(genome)
    try:
        facts = json.loads((windows / FACTS_FILE).read_text())
        index = _read_index(windows / INDEX_FILE, facts["targets"])
        lasts = index["start"] + int(facts["length_bp"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise complaint("not prepared windows", where=windows, got=error, do="run prepare-windows") from None
    ends = index["contig"].map(tape.lengths)
    if ends.isna().any() or (lasts > ends).any():
        raise complaint(
            "windows are of another genome",
            where=windows,
            got=list(index["contig"].unique()),
            allowed=tape.names,
            do="run prepare-windows with this genome",
        )
    inputs: dict[str, str | Path] = {"contigs": genome / CONTIG_FILE, "windows": windows / INDEX_FILE}
    return Dataset(tape, index, facts, inputs)


def _read_index(path: Path, targets: list[str]) -> pd.DataFrame:
    """Read the index; text stays as it stands ("NA" is a name), only targets may be missing."""
    missing = {column: [""] for target in targets for column in (target, f"{target}.active")}
    text = {"contig": str, "group": str, "split": str, "name": str}
    return pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False, na_values=missing)
