"""The section of the files of every study, with links."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tracklight.report.blocks import Cell, Section, Table, Text, words
from tracklight.report.eeg.study import Study
from tracklight.report.origins import size_words

FILES = {
    "claims/claims.json": "verdict, shares, counts",
    "claims/claims.tsv": "every feature: attribution, power, both, claim",
    "claims/claims_time.tsv": "the same by time to the awakening",
    "claims/naive.tsv": "what other analyses would have reported",
    "claims/naive_features.tsv": "the same, feature by feature",
    "claims/trust.tsv": "all checks with their verdicts",
    "gate/gate.tsv": "decoders within strata and without",
    "controls/controls.tsv": "other weights, labels and signals",
    "strata/*/*/strata.tsv": "effects within strata, feature by feature",
    "strata/*/*/strata_decomposition.tsv": "parts of the difference, feature by feature",
    "strata/*/*/strata_subjects.tsv": "subject by subject",
    "strata/*/*/strata_stages.tsv": "evidence and reports by stage",
    "strata/*/*/strata_clusters.tsv": "clusters of features",
    "strata/*/*/strata.json": "design, labellings, refusals",
    "units/*/*.tsv.gz": "one row per report",
    "units/*/counts.tsv": "subjects, reports and epochs by half and stage",
    "attribution/*/*/maps.npz": "attribution of every held-out epoch",
    "attribution/*/*/completeness.tsv": "how well attribution sums to the output",
    "epochs/epochs.tsv.gz": "index of epochs",
    "epochs/dropped.tsv": "epochs left out, with the reason",
    "recordings/truth.json": "what was simulated",
}
MOST_OF_A_KIND = 12
TRACKS = (
    "The folder tracks beside every maps.npz holds the attribution on the time line of each recording as EDF+, for "
    "EDFbrowser, MNE and YASA."
)


def files_section(studies: Sequence[Study], *, page: Path) -> Section:
    """List the files of every study, with links relative to the page."""
    return Section("files", "Files", [*(_table(study, page) for study in studies), Text(TRACKS)])


def _table(study: Study, page: Path) -> Table:
    rows, left = [], 0
    for pattern, about in FILES.items():
        found = [name for name in study.folder.matching(pattern) if _parts(name) == _parts(pattern)]
        left += len(found[MOST_OF_A_KIND:])
        for name in found[:MOST_OF_A_KIND]:
            path = study.folder.path / name
            link = Path(os.path.relpath(path.resolve(), page.resolve().parent)).as_posix()
            size = path.stat().st_size
            rows.append([Cell(name, name, href=link), words(about), Cell(size_words(size), size)])
    more = f"; {left} more of the same kinds beside them" if left else ""
    return Table(f"{study.name}: files of the study{more}", ["file", "content", "size"], rows, sortable=True)


def _parts(name: str) -> int:
    return len(PurePosixPath(name).parts)
