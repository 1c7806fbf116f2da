"""Stage `simulate-eeg`: sleep EEG with known content and confound, over the stages of real nights."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracklight.eeg.awakenings import Night, trim_night
from tracklight.eeg.hypnogram import read_hypnogram
from tracklight.eeg.simulate import simulate_recordings
from tracklight.eeg.study import write_study, write_subject
from tracklight.eeg.truth import overlap, truth_table
from tracklight.errors import complaint
from tracklight.progress import log
from tracklight.settings.simulate_eeg import SimulateEeg
from tracklight.stages.door import add_shared_arguments, recorded, stage_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    parser.add_argument(
        "--hypnograms", type=Path, required=True, help="folder with hypnograms of nights (*.edf, EDF+ annotations)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write: a study and its truth")
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Read the nights, and write recordings, hypnograms, reports and the truth."""
    settings = stage_settings(arguments, SimulateEeg, section="simulate_eeg")
    files = _files(arguments.hypnograms)
    with recorded(arguments, "simulate-eeg", settings, {path.stem: path for path in files}) as facts:
        nights = _nights(files)
        study, rows = [], []
        for simulated in simulate_recordings(np.random.default_rng(settings.seed), nights, settings=settings):
            rows.append(write_subject(arguments.out, simulated, settings=settings))
            study.append(replace(simulated, signals=np.empty((0, 0))))  # written, and too large to keep
        write_study(arguments.out, study, rows, settings=settings)
        reports = truth_table(study)
        facts |= {"seed": settings.seed, "reports": len(reports), "bursts": int(reports.bursts.sum())}
        log.info(
            "%d subjects, %d reports, %.0f %% with label 1; %.0f %% of them in strata with both labels; %d bursts",
            len(study), len(reports), 100 * reports.label.mean(), 100 * overlap(reports), facts["bursts"],
        )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.edf"))
    if not files:
        raise complaint("no hypnograms in the folder", where=folder, allowed="*.edf", do="check --hypnograms")
    return files


def _nights(files: list[Path]) -> list[Night]:
    return [trim_night(path.name, read_hypnogram(path)) for path in files]
