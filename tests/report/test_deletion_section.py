from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight.report.blocks import Picture, Table, Text
from tracklight.report.deletion import ORDERS, deletion_figure, deletion_section, deletion_sentence
from tracklight.report.run_folder import open_run
from tracklight.report.style import encoded

BASES = [0, 6, 12, 150]
FALLS = {"own": 1.0, "absolute": 0.5, "random": 0.1, "least": 0.0, "untrained": 0.2}


def curve_table() -> pd.DataFrame:
    rows = []
    trials = [("scattered", "deletion", "shuffle"), ("scattered", "deletion", "zero"),
              ("windowed", "deletion", "shuffle"), ("scattered", "insertion", "shuffle"),
              ("windowed", "insertion", "shuffle")]  # fmt: skip
    for mask, direction, filler in trials:
        for order, fall in FALLS.items():
            for bases in BASES:
                value = {0: 2.0, 150: 0.0}.get(bases, 2 - fall * bases / 6)
                gap = (fall - 0.1) * (bases in (6, 12))
                rows.append(
                    {
                        "mask": mask, "direction": direction, "filler": filler, "order": order,
                        "fraction": bases / 150, "bases": bases, "value": value, "low": value - 0.1,
                        "high": value + 0.1, "normalised": value / 2, "gap": gap, "gap_low": gap - 0.05,
                        "gap_high": gap + 0.05, "probability": np.nan,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def check_table(verdict: str) -> pd.DataFrame:
    name = "deletion: fall beyond random order at 4 % replaced (shuffle; control: untrained network's order)"
    row = {"check": name, "value": 0.9, "low": 0.85, "high": 0.95, "control": 0.1, "verdict": verdict}
    return pd.DataFrame([row])


FAITH = pd.DataFrame(
    [
        ("sensitivity-n", 8, "own", 0.9, 0.89, 0.91),
        ("sensitivity-n", 8, "untrained", -0.01, -0.02, 0.02),
        ("sensitivity-n", 8, "permuted", 0.0, -0.02, 0.02),
        ("max-sensitivity", 3, "own", 0.7, 0.6, 0.8),
        ("max-sensitivity", 3, "untrained", 0.75, 0.7, 0.8),
    ],
    columns=["metric", "size", "map", "value", "low", "high"],
)


@pytest.fixture
def run(run_folder: Path):
    (run_folder / "trust").mkdir(exist_ok=True)
    tables = {"deletion": curve_table(), "deletion_checks": check_table("pass"), "faithfulness": FAITH}
    for name, table in tables.items():
        table.to_csv(run_folder / "trust" / f"{name}.tsv", sep="\t", index=False)
    return open_run(run_folder, [path for path in run_folder.rglob("*") if path.is_file()])


def test_the_finding_states_the_gap_with_its_interval_and_control():
    sentence = deletion_sentence(check_table("pass"))
    assert sentence.startswith("With 4 % of the bases replaced, the most positive first, the prediction falls further")
    assert "by 0.9 beyond random order (95% interval 0.85 to 0.95)" in sentence
    assert "untrained network's order reaches 0.1." in sentence


def test_a_gap_that_is_not_sure_is_said_to_be_so():
    assert "does not surely fall further" in deletion_sentence(check_table("fail"))


def test_every_panel_draws_every_order_with_its_band():
    figure = deletion_figure(curve_table())
    panels = figure.axes
    assert len(panels) == 4
    for panel in panels:
        curves = {line.get_label(): line for line in panel.lines}
        assert {words for words, *_ in ORDERS.values()} <= set(curves)
        assert list(curves["most positive first"].get_ydata()) == [1.0, 0.0]
        assert list(curves["most positive first"].get_xdata()) == [0.04, 0.08]
        assert len(panel.collections) == len(ORDERS)
    assert encoded(figure, "png")


def test_the_section_holds_the_figure_the_gap_of_every_filler_and_the_faithfulness(run):
    section = deletion_section(run)
    finding, _, picture, gaps, faith = section.blocks
    assert isinstance(finding, Text)
    assert finding.strong
    assert isinstance(picture, Picture)
    assert "trust/deletion.tsv" in picture.caption
    assert isinstance(gaps, Table)
    assert gaps.columns == ["filler", "4%", "8%"]
    assert [[cell.text for cell in row] for row in gaps.rows] == [
        ["shuffle", "0.9 (0.85 to 0.95)", "0.9 (0.85 to 0.95)"],
        ["zero", "0.9 (0.85 to 0.95)", "0.9 (0.85 to 0.95)"],
    ]
    assert isinstance(faith, Table)
    assert faith.columns == ["metric", "bases", "this map", "map of untrained networks", "this map, permuted"]
    assert [cell.text for cell in faith.rows[0]][:3] == ["sensitivity-n (correlation)", "8", "0.900 (0.890 to 0.910)"]
    assert faith.rows[1][-1].text == "–"


def test_a_run_without_curves_says_so(run_folder):
    run = open_run(run_folder, [path for path in run_folder.rglob("*") if path.is_file() and "trust" not in path.parts])
    (only,) = deletion_section(run).blocks
    assert only.text == "This run has no deletion curves."
