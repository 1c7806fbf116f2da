"""Stage `whiten-eeg`: epochs whose frequencies have the same mean amplitude, per subject and channel."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.core.tape import CONTIG_FILE, DATA_FILE
from tracklight.eeg.dataset import VOLTS, WHITE, Epochs, open_epochs
from tracklight.eeg.epochs import FACTS_FILE, INDEX_FILE
from tracklight.eeg.whitening import GAINS_FILE, save_gains, whiten
from tracklight.errors import complaint
from tracklight.files import whole_file, write_text
from tracklight.progress import log, track
from tracklight.settings.eeg_learning import Whiten
from tracklight.stages import door
from tracklight.stages.tables import write_table


class Place(NamedTuple):
    """Where the epochs go: `start` int64 (epoch,) on their contig and on the tape, and the length of each contig."""

    start: NDArray[np.int64]
    on_tape: NDArray[np.int64]
    lengths: dict[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--epochs", type=Path, required=True, help="folder written by prepare-eeg")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write a folder of the form of prepare-eeg (tape of epochs end to end, in SD) and `gains.npz`."""
    settings = door.stage_settings(arguments, Whiten, section="whiten_eeg")
    epochs = open_epochs(arguments.epochs)
    epochs.check_unit(VOLTS)
    if arguments.out.resolve() == arguments.epochs.resolve():
        raise complaint("whitened epochs would replace those in volts", where=arguments.out, do="choose another --out")
    with door.recorded(arguments, "whiten-eeg", settings, epochs.inputs) as facts:
        place = end_to_end(epochs.index["contig"], length=epochs.length)
        gains = _write_tape(arguments.out, epochs, place, settings=settings)
        save_gains(arguments.out / GAINS_FILE, gains)
        how = epochs.facts | {"unit": WHITE, "whitened": settings.model_dump(mode="json")}
        write_text(arguments.out / FACTS_FILE, json.dumps(how, indent=2) + "\n")
        write_table(arguments.out / INDEX_FILE, epochs.index.assign(start=place.start), digits=7)
        facts |= {"subjects": len(gains), "epochs": len(epochs.index)}
        log.info("whitened %d epochs of %d subjects", len(epochs.index), len(gains))


def end_to_end(contigs: pd.Series, *, length: int) -> Place:
    """Lay epochs end to end within each recording, in the order of the index.

    Parameters
    ----------
    contigs : Series of str (epoch,)
        Recording of each epoch.
    length : int
        Samples of an epoch.
    """
    number, names = pd.factorize(contigs)
    sizes = np.bincount(number) * length
    start = length * np.asarray(contigs.groupby(number).cumcount(), np.int64)
    first = np.cumsum(sizes) - sizes
    return Place(start, first[number] + start, dict(zip(names.tolist(), sizes.tolist(), strict=True)))


def _write_tape(out: Path, epochs: Epochs, place: Place, *, settings: Whiten) -> dict[str, NDArray[np.float64]]:
    """Whiten one subject after another and write each where it goes, so that one at a time is in memory."""
    gains = dict[str, NDArray[np.float64]]()
    total = sum(place.lengths.values())
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(epochs.channels), total)}
    with whole_file(out / DATA_FILE) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        first = file.tell()
        for rows, white, gain in _subjects(epochs, settings):
            gains |= gain
            for row, epoch in zip(rows, white, strict=True):
                for channel, values in enumerate(epoch):
                    file.seek(first + 4 * (channel * total + int(place.on_tape[row])))
                    file.write(values.tobytes())
    write_text(out / CONTIG_FILE, json.dumps(place.lengths, indent=0) + "\n")
    return gains


def _subjects(
    epochs: Epochs, settings: Whiten
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], dict[str, NDArray[np.float64]]]]:
    """Give the rows, the whitened epochs and the gains of each subject."""
    groups = epochs.index["group"]
    subjects = groups.unique().tolist()
    for subject in track(subjects, what="whiten-eeg", total=len(subjects), unit="subject"):
        rows = np.flatnonzero(groups == subject)
        white, gains = whiten(
            epochs.signals(rows), [subject] * len(rows), names=epochs.channels, rate=epochs.rate_hz,
            smooth_hz=settings.smooth_hz, floor=settings.floor,
        )  # fmt: skip
        yield rows, white, gains
