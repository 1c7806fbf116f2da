"""One self-contained HTML file that asks nobody for anything: what the pages of all runs share."""

import base64
import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

import jinja2

from tracklight import __version__
from tracklight.report.blocks import Section

HERE = Path(__file__).parent


def document(
    title: str,
    about: str,
    *,
    badge: str | None,
    summary: Sequence[str],
    sections: Sequence[Section],
    warned: Collection[str] = (),
    zoom: bool = False,
) -> str:
    """Render a page.

    Parameters
    ----------
    title, about : str
        What the page is called, and what was done; `about` may be empty.
    badge : str or None
        A warning for its top.
    summary : sequence of str
        What was found, in sentences.
    sections : sequence of Section
        All the rest.
    warned : collection of str
        Sentences of the summary that are set apart as warnings.
    zoom : bool
        Whether a click or tap shows a figure in full size.

    Returns
    -------
    str
        HTML; styles, script and images are inside, and the content-security policy forbids any request.
    """
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            about=about,
            badge=badge,
            summary=summary,
            sections=sections,
            warned=warned,
            zoom=zoom,
            version=__version__,
            policy=_policy(style, script),
            style=style,
            script=script,
        )
    )


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
