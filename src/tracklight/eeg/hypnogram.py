"""Hypnograms: sleep stages over time, as EDF+ or BDF+ annotations."""

import datetime
import re
import warnings
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from edfio import Bdf, Edf, EdfAnnotation, read_bdf, read_edf

from tracklight.eeg.clock import later_by_s
from tracklight.eeg.edf import annotation_file
from tracklight.eeg.signals import start_of
from tracklight.errors import complaint, existing_file
from tracklight.files import whole_file
from tracklight.progress import log

STAGES = ("W", "N1", "N2", "N3", "REM")
UNSCORED = ("?", "Movement time")
PREFIX = "sleep stage "
# Rechtschaffen & Kales (1968) divide deep sleep into 3 and 4; the AASM manual (2007) has N3 for both.
WORDS = {
    **dict(zip(("w", "n1", "n2", "n3", "rem"), STAGES, strict=True)),
    **{"1": "N1", "2": "N2", "3": "N3", "4": "N3", "r": "REM", "wake": "W"},
}
WRITTEN = {
    "rk": dict(zip(STAGES, "W123R", strict=True)),
    "aasm": dict(zip(STAGES, ("W", "N1", "N2", "N3", "R"), strict=True)),
}
# Names of stages that others use: left aside, they would become time that nobody scored.
LIKE_A_STAGE = re.compile(
    r"(sleep[ _]?)?stage.*|(non[ _-]?rem|nrem|rem|sws)[ _-]?[0-9]*|[ns][ _-]?[0-9]", re.IGNORECASE
)
ALLOWED = "Sleep stage W, 1, 2, 3, 4, R, N1, N2, N3, ?; Movement time; or W, N1, N2, N3, REM"


class Scored(NamedTuple):
    """One stretch of a hypnogram: from `onset_s` on for `duration_s`, both in seconds from the recording's start.

    `stage` is one of `W N1 N2 N3 REM`, or None where nobody could say (`Sleep stage ?`, `Movement time`).
    """

    onset_s: float
    duration_s: float
    stage: str | None


def read_hypnogram(path: str | Path, *, recording: datetime.datetime | None = None) -> list[Scored]:
    """Read the sleep stages of a recording.

    Parameters
    ----------
    path : str or Path
        EDF+ or BDF+ file with stages as annotations; it may hold signals and other annotations as well.
    recording : datetime, optional
        What the clock said at the start of the recording: where the hypnogram begins at another time, its stages are
        moved, since annotations count from the start of their own file.

    Returns
    -------
    list of Scored
        In order of time, without overlaps; there may be gaps.

    Raises
    ------
    InputError
        When the file cannot be read, holds no stage or an unknown one, or stages overlap or last for no time.
    """
    path = existing_file(path, what="hypnogram")
    annotations, start = _annotations(path)
    found = [(one, stage_named(one.text, where=path)) for one in annotations if _is_stage(one.text)]
    if not found:
        raise complaint("hypnogram holds no sleep stage", where=path, allowed=ALLOWED, do="check the file of the row")
    scored = _check([Scored(one.onset, one.duration or 0.0, stage) for one, stage in found], where=path)
    _warn_of_gaps(scored, [one for one in annotations if not _is_stage(one.text)], where=path)
    later = later_by_s(start, recording, where=path)
    if later:
        log.info("%s: begins %g s later than the recording (%s and %s): moved", path, later, start, recording)
    return [one._replace(onset_s=one.onset_s + later) for one in scored] if later else scored


def stage_at(hypnogram: Sequence[Scored], *, start_s: float, end_s: float) -> str | None:
    """Return the stage that holds from `start_s` to `end_s` throughout, None where it changes or is not scored."""
    within = [one for one in hypnogram if one.onset_s < end_s and one.onset_s + one.duration_s > start_s]
    covered = sum(min(end_s, one.onset_s + one.duration_s) - max(start_s, one.onset_s) for one in within)
    stages = {one.stage for one in within}
    return stages.pop() if len(stages) == 1 and covered >= end_s - start_s else None


def write_hypnogram(path: str | Path, hypnogram: Iterable[Scored], *, words: Literal["rk", "aasm"]) -> None:
    """Write a hypnogram as EDF+ annotations; the same hypnogram gives the same bytes.

    Parameters
    ----------
    path : str or Path
        File to write.
    hypnogram : iterable of Scored
        Neighbours of one stage are joined.
    words : {'rk', 'aasm'}
        Names of Rechtschaffen & Kales (`Sleep stage 2`; N3 becomes 3) or of the AASM (`Sleep stage N2`).
    """
    texts = {stage: PREFIX.capitalize() + word for stage, word in WRITTEN[words].items()}
    spans = [
        EdfAnnotation(*one[:2], texts[one.stage] if one.stage else PREFIX.capitalize() + "?")
        for one in joined(hypnogram)
    ]
    with whole_file(path) as temporary:
        annotation_file(spans).write(temporary)


def joined(hypnogram: Iterable[Scored]) -> list[Scored]:
    """Return the hypnogram with touching neighbours of one stage made one."""
    bouts: list[Scored] = []
    for one in hypnogram:
        last = bouts[-1] if bouts else None
        if last and last.stage == one.stage and last.onset_s + last.duration_s == one.onset_s:
            bouts[-1] = last._replace(duration_s=last.duration_s + one.duration_s)
        else:
            bouts.append(one)
    return bouts


def _annotations(path: Path) -> tuple[tuple[EdfAnnotation, ...], datetime.datetime | None]:
    """Return the annotations by time, and what the clock said at the start of the file."""
    read = read_bdf if path.suffix.lower() == ".bdf" else read_edf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # edfio warns of a file that ends too early and reads what there is
            file: Edf | Bdf = read(path)
            return file.annotations, start_of(file)
    except (ValueError, OSError, IndexError, ArithmeticError, UserWarning) as error:
        raise complaint(
            "cannot read the annotations", where=path, got=error, allowed="EDF+ or BDF+ with sleep stages",
            do="copy or export the file again",
        ) from None  # fmt: skip


def _is_stage(text: str) -> bool:
    # Events (arousals, light off) stand among the stages; what calls itself a stage has to be one.
    word = text.strip().lower()
    known = word in WORDS or word in [name.lower() for name in UNSCORED]
    return known or LIKE_A_STAGE.fullmatch(word) is not None


def _warn_of_gaps(scored: list[Scored], aside: Iterable[EdfAnnotation], *, where: Path) -> None:
    """Name the first stretch that is no stage and stands where none is scored: it may be meant as one."""
    edges = [0.0, *(edge for one in scored for edge in (one.onset_s, one.onset_s + one.duration_s))]
    gaps = [(low, high) for low, high in zip(edges[::2], edges[1::2], strict=False) if high > low]
    for one in aside:
        inside = [gap for gap in gaps if gap[0] <= one.onset < gap[1]]
        if inside and one.duration:
            low, high = inside[0]
            log.warning("%s: no stage from %g to %g s, but %r: left aside", where, low, high, one.text)
            return


def stage_named(text: str, *, where: str | Path) -> str | None:
    """Return the stage that a word of Rechtschaffen & Kales or of the AASM means, None where nothing is scored."""
    word = text.strip().lower()
    name = word.removeprefix(PREFIX).strip()
    if name in [unscored.lower() for unscored in UNSCORED]:
        return None
    if name not in WORDS:
        raise complaint("unknown sleep stage", where=where, got=repr(text), allowed=ALLOWED)
    return WORDS[name]


def _check(scored: list[Scored], *, where: Path) -> list[Scored]:
    for one in scored:
        if one.duration_s <= 0:
            raise complaint(
                "sleep stage without a duration", where=where, got=f"{one.stage or '?'} at {one.onset_s:g} s",
                do="export the hypnogram with durations",
            )  # fmt: skip
    for one, following in pairwise(scored):
        if one.onset_s + one.duration_s > following.onset_s + 1e-6:
            raise complaint(
                "sleep stages overlap", where=where, got=f"{one.stage or '?'} to {one.onset_s + one.duration_s:g} s",
                allowed=f"to {following.onset_s:g} s, where the next begins",
            )  # fmt: skip
    return scored
