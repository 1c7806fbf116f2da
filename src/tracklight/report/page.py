"""The page of a run on DNA."""

from pathlib import Path

from tracklight import __version__
from tracklight.report.blocks import Section
from tracklight.report.deletion import deletion_section
from tracklight.report.document import document
from tracklight.report.field import field_section
from tracklight.report.findings import (
    candidates_section,
    confidence_section,
    elements_section,
    logos_section,
    maxima_section,
    peaks_section,
    promise_sentence,
)
from tracklight.report.methods import methods_section
from tracklight.report.origins import citation_section, files_section, provenance_section
from tracklight.report.run_folder import RunFolder
from tracklight.report.sanity import sanity_section
from tracklight.report.sections import accuracy_section, accuracy_sentence, data_section, training_section
from tracklight.report.shortcuts import shortcut_badge, shortcuts_section
from tracklight.report.trust import trust_section, trust_sentence
from tracklight.settings import Candidates, Report


def render(run: RunFolder, settings: Report, *, page: Path) -> str:
    """Render the page of a run.

    Parameters
    ----------
    run : RunFolder
        What the stages wrote.
    settings : Report
        Title, texts and length of the table.
    page : Path
        Where the page will stand; links to files are relative to it.

    Returns
    -------
    str
        HTML that makes no request.
    """
    return document(
        settings.title,
        settings.about,
        badge=shortcut_badge(run),
        summary=_summary(run),
        sections=_sections(run, settings, page),
    )


def _sections(run: RunFolder, settings: Report, page: Path) -> list[Section]:
    return [
        candidates_section(run, top_n=settings.top_n, kind=_kind(run)),
        logos_section(run),
        maxima_section(run),
        data_section(run),
        accuracy_section(run),
        training_section(run),
        confidence_section(run),
        peaks_section(run),
        elements_section(run),
        trust_section(run),
        shortcuts_section(run),
        deletion_section(run),
        sanity_section(run),
        methods_section(run),
        field_section(run),
        files_section(run, page=page),
        provenance_section(run.provenance()),
        citation_section(settings.citation, version=__version__),
    ]


def _summary(run: RunFolder) -> list[str]:
    """Say the findings of the page in a few sentences."""
    candidates, evaluation, trust = (run.table(f"{name}.tsv") for name in ("candidates", "evaluation", "trust"))
    lines = [] if candidates is None else [promise_sentence(candidates)]
    if evaluation is not None and len(evaluation):
        lines.append(accuracy_sentence(evaluation[evaluation["target"] == evaluation["target"].iloc[0]]))
    lines += [] if trust is None else [trust_sentence(trust)]
    return [line for line in lines if line]


def _kind(run: RunFolder) -> str:
    """Return what the run calls its candidates, from the record of the stage that made them."""
    record = run.provenance().get("candidates", {})
    return str(record.get("settings", {}).get("kind") or Candidates.model_fields["kind"].default)
