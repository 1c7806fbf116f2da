from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight.report.run_folder import RunFolder
from tracklight.report.sanity import compared, sanity_figure, sanity_section
from tracklight.report.style import encoded

NUMBERS = {  # check, variant: agreement, signed agreement
    ("seeds", "3 pairs"): (0.40, 0.55),
    ("cascade", "untouched"): (1.0, 1.0),
    ("cascade", "output"): (0.91, 0.02),
    ("cascade", "body.0"): (0.13, 0.01),
    ("one layer", "output"): (0.91, 0.02),
    ("initial weights", "all layers"): (0.14, 0.0),
    ("shuffled labels", "all layers"): (0.15, -0.02),
    ("other strand", "trained"): (0.29, 0.3),
    ("other strand", "random weights"): (0.12, 0.0),
    ("another window", "trained"): (0.28, 0.11),
    ("moved 1 bp", "trained"): (0.6, 0.8),
    ("moved 1 bp", "random weights"): (0.1, 0.2),
    ("moved 12 bp", "trained"): (0.5, 0.7),
    ("moved 12 bp", "random weights"): (0.05, 0.1),
}
SINGLE = {
    ("shuffled labels", "train windows", "prediction r"): 0.69,
    ("shuffled labels", "test windows", "prediction r"): 0.03,
    ("trained", "test windows", "prediction r"): 0.56,
    ("other strand", "trained", "prediction r"): 0.34,
    ("moved 1 bp", "trained", "prediction change (SD)"): 0.25,
    ("moved 12 bp", "trained", "prediction change (SD)"): 1.5,
}
STRAND = (
    "sanity: map agreement with the other strand; the assay is stranded, so they may differ (control: random weights)"
)


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        {"check": check, "variant": variant, "what": what, "value": value, "low": value - 0.01, "high": value + 0.02}
        for (check, variant), values in NUMBERS.items()
        for what, value in zip(("agreement", "signed agreement"), values, strict=True)
    ]
    rows += [{"check": c, "variant": v, "what": what, "value": value} for (c, v, what), value in SINGLE.items()]
    return pd.DataFrame(rows).assign(spread=0.03, n=200)


def checks(verdict: str, strand: str = STRAND) -> pd.DataFrame:
    names = ["sanity: map agreement with all layers randomised (control: two seeds)", strand]
    return pd.DataFrame({"check": names, "value": [0.13, 0.29], "verdict": [verdict, "info"]})


def opened(folder: Path, table: pd.DataFrame, found: pd.DataFrame) -> RunFolder:
    (folder / "trust").mkdir()
    table.to_csv(folder / "trust" / "sanity.tsv", sep="\t", index=False)
    found.to_csv(folder / "trust" / "sanity_checks.tsv", sep="\t", index=False)
    return RunFolder(folder, frozenset({"trust/sanity.tsv", "trust/sanity_checks.tsv"}))


def texts(section) -> list[str]:
    return [block.text for block in section.blocks if block.kind == "text"]


def test_without_the_tables_the_section_says_so(tmp_path):
    assert texts(sanity_section(RunFolder(tmp_path, frozenset()))) == ["This run has no sanity checks."]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("pass", "The map depends on what was learned. "),
        ("fail", "hardly depends"),
        ("warn", "cannot be told for sure"),
    ],
)
def test_the_finding_follows_the_verdict_and_gives_both_numbers(tmp_path, table, verdict, words):
    first, *_ = texts(sanity_section(opened(tmp_path, table, checks(verdict))))
    assert words in first
    assert "its agreement with the trained map is 0.13; the maps of two trained networks agree at 0.40." in first


def test_the_text_names_floor_shuffled_labels_stability_and_strand(tmp_path, table):
    _, floor, shuffled, moved, strand = texts(sanity_section(opened(tmp_path, table, checks("pass"))))
    assert "even the map of another window agrees at 0.28" in floor
    assert "Randomising the last layer alone (output) is no test: it leaves 0.91." in floor
    assert "by heart to r = 0.69 and predicts held-out windows at r = 0.03 (true labels: 0.56)" in shuffled
    assert "Its map agrees with the trained maps at 0.15." in shuffled
    assert moved.endswith("1 bp: 0.60, and 0.25 SD; 12 bp: 0.50, and 1.50 SD.")
    assert "agrees at 0.29 and predictions at r = 0.34. The assay tells strands apart" in strand


def test_an_assay_without_strands_is_said_to_owe_the_same_answer(tmp_path, table):
    found = checks("pass", "sanity: map agreement with the other strand (control: random weights)")
    assert texts(sanity_section(opened(tmp_path, table, found)))[-1].endswith("so the answers should be the same.")


def test_one_network_alone_is_said_to_have_nothing_to_be_set_against(tmp_path, table):
    seeds = table["check"] == "seeds"
    table.loc[seeds, ["value", "low", "high"]] = np.nan
    table.loc[seeds, "n"] = 0
    first, *_ = texts(sanity_section(opened(tmp_path, table, checks("warn"))))
    assert "There is one network only" in first
    assert "two trained networks" not in list(compared(table)["compared"])
    labels = [text.get_text() for text in sanity_figure(table).axes[0].get_legend().get_texts()]
    assert "two trained networks" not in labels


def test_without_shuffled_labels_nothing_is_said_of_them(tmp_path, table):
    left = table[table["check"] != "shuffled labels"]
    assert not any("shuffled labels" in text for text in texts(sanity_section(opened(tmp_path, left, checks("pass")))))


def test_the_table_lists_what_the_map_was_compared_with(table):
    found = compared(table)
    assert found["compared"].tolist() == [
        "itself, 1 of 2 layers randomised", "itself, all layers randomised", "two trained networks",
        "a network trained on shuffled labels", "the weights its training began with", "the map of another window",
        "the window moved 1 bp", "the window moved 12 bp", "the other strand",
    ]  # fmt: skip
    assert found["rank"].iloc[1] == "0.13 (0.12 to 0.15)"
    assert found["signed"].iloc[2] == "0.55 (0.54 to 0.57)"


def test_the_figure_draws_the_cascade_with_its_controls_and_the_moved_windows(table):
    figure = sanity_figure(table)
    cascade, moved = figure.axes
    curve, *lines = cascade.lines[:1] + cascade.lines[-3:]
    assert list(curve.get_ydata()) == [1.0, 0.91, 0.13]
    assert [line.get_ydata()[0] for line in lines] == [0.40, 0.15, 0.28]
    assert [label.get_text() for label in cascade.get_xticklabels()] == ["none", "output", "+ body.0"]
    drawn = {container.get_label(): container[0] for container in moved.containers}
    assert list(drawn["trained networks"].get_xdata()) == [1, 12]
    assert list(drawn["trained networks"].get_ydata()) == [0.6, 0.5]
    assert list(drawn["random networks, with sign"].get_ydata()) == [0.2, 0.1]
    assert encoded(figure, "png")
