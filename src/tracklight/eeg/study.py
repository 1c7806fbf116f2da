"""A simulated study as files: recordings, hypnograms and reports as a sleep laboratory has them, and the truth."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from edfio import EdfAnnotation

from tracklight.eeg.background import CHANNELS
from tracklight.eeg.edf import write_recording
from tracklight.eeg.hypnogram import write_hypnogram
from tracklight.eeg.simulate import SESSION, Simulated
from tracklight.eeg.truth import truth_facts, truth_maps, truth_table
from tracklight.files import whole_file, write_text
from tracklight.settings.simulate_eeg import SimulateEeg

RECORDINGS_FILE = "recordings.tsv"
TRUTH_FILE = "truth.json"
TRUTH_REPORTS_FILE = "truth_reports.tsv"
TRUTH_MAPS_FILE = "truth_maps.npz"
# The same in every arm, so that arms differ by nothing but the content also after rounding to 16 bits.
LIMIT_UV = 600.0


def write_subject(folder: Path, simulated: Simulated, *, settings: SimulateEeg) -> dict[str, str]:
    """Write one subject: signals and hypnogram (EDF+), reports (TSV).

    Parameters
    ----------
    folder : Path
        Folder of the study.
    simulated : Simulated
        The recording.
    settings : SimulateEeg
        Rate and names of stages.

    Returns
    -------
    dict of str to str
        The row of the subject in `recordings.tsv`.
    """
    stem = f"{simulated.subject}/{simulated.subject}_{SESSION}"
    row = {"subject": simulated.subject, "session": SESSION, "path": f"{stem}_eeg.edf"}
    row |= {"hypnogram": f"{stem}_hypnogram.edf", "reports": f"{stem}_reports.tsv"}
    reports = simulated.reports
    # Readers drop an event on the end of the recording: awakenings are marked one sample early.
    marks = [
        EdfAnnotation(time - 1 / settings.rate_hz, None, f"Awakening {name}")
        for name, time in zip(reports.report, reports.time_s, strict=True)
    ]
    write_recording(
        folder / row["path"], dict(zip(CHANNELS, simulated.signals, strict=True)), rate_hz=settings.rate_hz, unit="uV",
        limit=LIMIT_UV, annotations=marks,
    )  # fmt: skip
    write_hypnogram(folder / row["hypnogram"], simulated.hypnogram, words=settings.stage_names)
    _write_table(folder / row["reports"], reports)
    return row


def write_study(
    folder: Path, study: Sequence[Simulated], rows: Sequence[dict[str, str]], *, settings: SimulateEeg
) -> None:
    """Write the truth, and at last `recordings.tsv`, which makes a study of the files of the subjects."""
    facts = {**truth_facts(study, settings), "limit_uv": LIMIT_UV}
    write_text(folder / TRUTH_FILE, json.dumps(facts, indent=2) + "\n")
    _write_table(folder / TRUTH_REPORTS_FILE, truth_table(study))
    with whole_file(folder / TRUTH_MAPS_FILE) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **truth_maps(study, settings))
    _write_table(folder / RECORDINGS_FILE, pd.DataFrame(rows))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with whole_file(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
