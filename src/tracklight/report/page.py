"""The page: one self-contained HTML file that asks nobody for anything."""

import base64
import hashlib
from pathlib import Path

import jinja2

from tracklight import __version__
from tracklight.report.blocks import Section
from tracklight.report.deletion import deletion_section
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

HERE = Path(__file__).parent


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
        HTML; styles, script and images are inside, and the content-security policy forbids any request.
    """
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    template = _environment().get_template("page.html")
    return template.render(
        title=settings.title,
        about=settings.about,
        badge=shortcut_badge(run),
        summary=_summary(run),
        sections=_sections(run, settings, page),
        version=__version__,
        policy=_policy(style, script),
        style=style,
        script=script,
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


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _policy(style: str, script: str) -> str:
    """Allow this style, this script and inline images; nothing else, and no request at all."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
