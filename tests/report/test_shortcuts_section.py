import json
from pathlib import Path

import pandas as pd
import pytest

from tracklight.report.run_folder import RunFolder
from tracklight.report.shortcuts import shortcut_badge, shortcuts_figure, shortcuts_section

VALUES = {
    "repeats": {"enrichment": 1.1, "insertion": 0.2, "permuted": 0.1, "dinucleotide": 0.15, "flagged": 0.0},
    "adapter": {"enrichment": 9.0, "insertion": 1.9, "permuted": 0.7, "dinucleotide": 1.0, "flagged": 1.0},
}
NOT_JUDGED = "shortcuts: islands is not judged, too few held-out windows with it (fewer than 10)"


def table_of(*names: str) -> pd.DataFrame:
    rows = [
        {"nuisance": name, "measure": measure, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 50}
        for name in names
        for measure, value in VALUES[name].items()
    ]
    return pd.DataFrame(rows, columns=["nuisance", "measure", "value", "low", "high", "n"])


def run_of(folder: Path, table: pd.DataFrame, *, settings: dict | None = None) -> RunFolder:
    for name in ("trust", "provenance"):
        (folder / name).mkdir()
    table.to_csv(folder / "trust/shortcuts.tsv", sep="\t", index=False)
    groups = {"nuisance": "adapter", "label": [0, 1], "with_nuisance": [1, 0], "n": [12, 4], "accuracy": [0.125, None]}
    pd.DataFrame(groups).assign(low=[0.02, None], high=[0.4, None]).to_csv(
        folder / "trust/shortcuts_groups.tsv", sep="\t", index=False
    )
    checks = {"check": [NOT_JUDGED], "value": 3, "low": None, "high": None, "control": None, "verdict": "info"}
    pd.DataFrame(checks).to_csv(folder / "trust/shortcuts_checks.tsv", sep="\t", index=False)
    (folder / "provenance/shortcuts.json").write_text(json.dumps({"settings": settings or {}}))
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return RunFolder(folder, frozenset(files))


def of_kind(section, kind):
    return [block for block in section.blocks if block.kind == kind]


def test_a_flagged_nuisance_is_named_in_the_badge(tmp_path: Path) -> None:
    run = run_of(tmp_path, table_of("repeats", "adapter"))
    badge = shortcut_badge(run)
    assert badge is not None
    assert badge.startswith("Accuracy not trustworthy: the prediction hangs on adapter, which")
    first = shortcuts_section(run).blocks[0]
    assert (first.text, first.strong) == (badge, True)


def test_without_a_flag_there_is_no_badge_and_the_section_says_so(tmp_path: Path) -> None:
    run = run_of(tmp_path, table_of("repeats"))
    assert shortcut_badge(run) is None
    assert shortcuts_section(run).blocks[0].text == "No nuisance is flagged; judged: repeats."


def test_a_run_without_the_stage_has_neither_badge_nor_picture(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, frozenset())
    assert shortcut_badge(run) is None
    assert [block.text for block in shortcuts_section(run).blocks] == ["This run has no check for shortcuts."]


def test_a_run_without_nuisances_says_that_none_was_given(tmp_path: Path) -> None:
    (only,) = shortcuts_section(run_of(tmp_path, table_of())).blocks
    assert only.text.startswith("No nuisance was given")


def test_a_nuisance_that_was_not_judged_is_listed_with_the_reason(tmp_path: Path) -> None:
    only = pd.DataFrame([{"nuisance": "islands", "measure": "flagged", "value": None, "n": 3}])
    section = shortcuts_section(run_of(tmp_path, only.assign(low=None, high=None)))
    assert section.blocks[0].text == "No nuisance could be judged: too few held-out windows."
    (items,) = of_kind(section, "items")
    assert items.items == ["islands is not judged, too few held-out windows with it (fewer than 10): 3"]
    assert of_kind(section, "picture") == []


def test_the_rule_is_worded_with_the_thresholds_that_were_used(tmp_path: Path) -> None:
    run = run_of(tmp_path, table_of("repeats"), settings={"enrichment_above": 7.0, "beyond_permuted_sd": 0.25})
    rule = shortcuts_section(run).blocks[1].text
    assert "more than 7 times" in rule
    assert "more than 1 standard deviation" in rule
    assert "0.25 more than the same bases" in rule


def test_the_table_shows_every_group_and_names_the_worst(tmp_path: Path) -> None:
    (table,) = of_kind(shortcuts_section(run_of(tmp_path, table_of("adapter"))), "table")
    shown = [[cell.text for cell in row] for row in table.rows]
    assert shown[0] == ["adapter", "inactive, with it", "12", "0.125", "0.020", "0.400"]
    assert shown[1] == ["adapter", "active, without it", "4", "–", "–", "–"]
    assert "Worst group: adapter 12.5%" in table.caption


def test_the_picture_names_its_table_and_speaks_its_numbers(tmp_path: Path) -> None:
    (picture,) = of_kind(shortcuts_section(run_of(tmp_path, table_of("adapter"))), "picture")
    assert "trust/shortcuts.tsv" in picture.caption
    assert "adapter, insertion 1.90" in picture.alt


@pytest.mark.parametrize(("panel", "places"), [(0, {1, 3.5}), (1, {0, -1.5, 1.5})])
def test_the_thresholds_of_the_rule_are_drawn(panel: int, places: set[float]) -> None:
    figure = shortcuts_figure(table_of("repeats", "adapter"), enrichment_above=3.5, effect_above_sd=1.5)
    upright = {line.get_xdata()[0] for line in figure.axes[panel].lines if list(line.get_ydata()) == [0, 1]}
    assert upright == places


def test_every_nuisance_has_its_row_with_both_controls_and_their_intervals() -> None:
    figure = shortcuts_figure(table_of("repeats", "adapter"), enrichment_above=3, effect_above_sd=1)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["repeats", "adapter (flagged)"]
    lines = [line for line in figure.axes[1].lines if list(line.get_ydata()) != [0, 1]]
    marks = [line.get_xdata()[0] for line in lines if len(line.get_xdata()) == 1]
    assert marks == [0.2, 0.1, 0.15, 1.9, 0.7, 1.0]
    spans = [tuple(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2]
    assert spans[3] == pytest.approx((1.8, 2.0))
    assert [text.get_text() for text in figure.legends[0].get_texts()][1:] == [
        "as it is", "its bases permuted", "its dinucleotides shuffled",
    ]  # fmt: skip
