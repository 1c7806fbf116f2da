"""The page of a run on sleep EEG: all its studies side by side."""

from pathlib import Path

from tracklight import __version__
from tracklight.report.blocks import Section
from tracklight.report.document import document
from tracklight.report.eeg.awakening import awakening_section
from tracklight.report.eeg.controls import controls_section
from tracklight.report.eeg.data import data_section, training_section
from tracklight.report.eeg.examples import examples_section
from tracklight.report.eeg.files import files_section
from tracklight.report.eeg.gate import gate_section
from tracklight.report.eeg.maps import maps_section
from tracklight.report.eeg.methods import methods_section
from tracklight.report.eeg.split import split_section
from tracklight.report.eeg.study import Study, open_studies
from tracklight.report.eeg.topography import topography_section
from tracklight.report.eeg.verdict import badge, summary, verdict_section
from tracklight.report.origins import citation_section, provenance_section
from tracklight.report.run_folder import RunFolder
from tracklight.settings.report_eeg import ReportEeg


def render(run: RunFolder, settings: ReportEeg, *, page: Path) -> str:
    """Render the page of a run.

    Parameters
    ----------
    run : RunFolder
        What the stages wrote: one folder per study.
    settings : ReportEeg
        Title, texts and lengths.
    page : Path
        Where the page will stand; links to files are relative to it.

    Returns
    -------
    str
        HTML that makes no request.
    """
    studies = open_studies(run)
    lines = summary(studies)
    return document(
        settings.title,
        settings.about,
        badge=badge(studies),
        summary=list(lines),
        warned=[line for line, warn in lines.items() if warn],
        sections=_sections(run, studies, settings, page=page),
        zoom=True,
    )


def _sections(run: RunFolder, studies: list[Study], settings: ReportEeg, *, page: Path) -> list[Section]:
    return [
        verdict_section(studies),
        gate_section(studies),
        split_section(studies),
        maps_section(studies, top_n=settings.top_n),
        awakening_section(studies),
        topography_section(studies),
        examples_section(studies, per_half=settings.examples_per_half),
        controls_section(studies),
        data_section(studies),
        training_section(studies),
        methods_section(studies),
        files_section(studies, page=page),
        provenance_section(run.provenance()),
        citation_section(settings.citation, version=__version__),
    ]
