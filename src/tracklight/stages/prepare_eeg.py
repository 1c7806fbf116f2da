"""Stage `prepare-eeg`: sleep recordings to a tape in volts and an index of epochs."""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from tracklight.core.tape import save_tape
from tracklight.eeg.bids import find_recordings
from tracklight.eeg.epochs import DROPPED_FILE, FACTS_FILE, INDEX_FILE, epoch_samples
from tracklight.eeg.laying import Layout, lay_out, matching
from tracklight.eeg.preparing import join_epochs, make_index, overlap, prepare_recording
from tracklight.eeg.recordings import Recording, read_recordings
from tracklight.eeg.reports import INDEX_COLUMNS
from tracklight.errors import complaint
from tracklight.files import write_text
from tracklight.progress import log, track
from tracklight.settings.prepare_eeg import PrepareEeg
from tracklight.stages.door import add_shared_arguments, recorded, stage_settings
from tracklight.stages.tables import write_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument("--recordings", required=True, type=Path, help="table of recordings (TSV), or a BIDS folder")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read the recordings one after another and write the folder; nothing is left when the input is at fault."""
    settings = stage_settings(arguments, PrepareEeg, section="prepare_eeg")
    inputs = dict[str, str | Path]()
    with recorded(arguments, "prepare-eeg", settings, inputs) as facts:
        recordings = _recordings(arguments.recordings, settings, inputs)
        layout = lay_out(recordings, settings)
        with _scratch(arguments.out) as file:
            tape, epochs = _lay(recordings, layout, file, settings)
            index, dropped = make_index(epochs, recordings, settings=settings, where=arguments.recordings)
            save_tape(arguments.out, tape, layout.lengths)
        write_table(arguments.out / DROPPED_FILE, dropped, digits=7)
        write_text(arguments.out / FACTS_FILE, json.dumps(_facts(index, layout, settings), indent=2) + "\n")
        write_table(arguments.out / INDEX_FILE, index, digits=7)
        facts |= _say(index, dropped, settings)


def _recordings(path: Path, settings: PrepareEeg, inputs: dict[str, str | Path]) -> list[Recording]:
    """Read the table or the folder, and note every file for the provenance."""
    if path.is_dir():
        recordings = find_recordings(path)
    else:
        recordings = read_recordings(path, split_column=settings.split.column)
        inputs["recordings"] = path
    for recording in recordings:
        inputs |= recording.files
    return recordings


def _lay(
    recordings: Sequence[Recording], layout: Layout, file: IO[bytes], settings: PrepareEeg
) -> tuple[np.memmap, pd.DataFrame]:
    """Write one recording after another on a tape on disk, so that one at a time is in memory."""
    total, epochs, first = sum(layout.lengths.values()), [], 0
    for recording in track(recordings, what="prepare-eeg", total=len(recordings), unit="recording"):
        data, table = prepare_recording(recording, layout, settings=settings)
        for row, values in enumerate(data):
            file.seek((row * total + first) * data.itemsize)
            file.write(values.tobytes())
        first += data.shape[1]
        epochs.append(table)
    file.flush()
    return np.memmap(file, np.float32, "r", shape=(len(layout.channels), total)), join_epochs(epochs)


def _facts(index: pd.DataFrame, layout: Layout, settings: PrepareEeg) -> dict[str, Any]:
    done = {"low_hz", "high_hz", "notch_hz", "notch_width_hz", "reference", "labels"}
    done |= {"epochs", "epoch_s", "before_s", "stages"}
    outside = matching(layout.channels, settings.not_brain)
    return {
        "rate_hz": layout.rate_hz,
        "channels": layout.channels,
        "unit": "V",
        "length": epoch_samples(settings, layout.rate_hz),
        "targets": ["label"] if settings.epochs == "reports" else settings.stages,
        "covariates": [name for name in index.columns if name not in INDEX_COLUMNS],
        "not_brain": [name for name, no_brain in zip(layout.channels, outside, strict=True) if no_brain],
        "starts": {name: start and start.isoformat() for name, start in layout.starts.items()},
        **settings.model_dump(include=done),
    }


def _say(index: pd.DataFrame, dropped: pd.DataFrame, settings: PrepareEeg) -> dict[str, Any]:
    counts = {
        "epochs": Counter(index["split"]),
        "subjects": Counter(index.drop_duplicates("group")["split"]),
        "stages": Counter(index["stage"]),
        "dropped": Counter(dropped["reason"]),
    }
    for what, count in counts.items():
        log.info("%s: %s", what, ", ".join(f"{number} {name}" for name, number in count.items()) or "none")
    if settings.epochs == "sleep":
        return {**counts}
    share = overlap(index)
    log.info("%.0f %% of reports are in a stage for which their subject has both labels", 100 * share)
    return {**counts, "overlap": share}


def _scratch(out: Path) -> IO[bytes]:
    """Open a nameless file on the disk of `out`."""
    folder = next(parent for parent in [out, *out.absolute().parents] if parent.exists())
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise complaint(
            "cannot write", where=out, got=error.strerror, do="choose a folder that can be written to"
        ) from None
