from pathlib import Path

import pandas as pd
import pytest

from tracklight.report.methods import agreement_figure, methods_section, methods_sentence
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import encoded

NAMES = ["gradient", "gradient_x_input_corrected", "my_own", "in_silico_mutagenesis"]
VALUES = [0.11, 0.12, -0.13, 0.94, 0.75, 0.26]
PAIRS = [(a, b) for number, a in enumerate(NAMES) for b in NAMES[number + 1 :]]
TABLE = pd.DataFrame(PAIRS, columns=["method_a", "method_b"]).assign(windows=12, pearson=VALUES, spearman=0.5)
COSTS = pd.DataFrame(
    {
        "method": NAMES,
        "seconds_per_window": [0.001, 0.002, 0.003, 0.4],
        "relative_to_gradient": [1.0, 2.0, 3.0, 400.0],
        "forward_per_window": [1.0, 1.0, 8.0, 1501.0],
        "backward_per_window": [1.0, 1.0, 8.0, 0.0],
        "completeness_gap": [None, None, 0.0625, None],
    }
)
CHECKS = pd.DataFrame(
    {
        "check": ["methods: saliency", "methods: integrated gradients"],
        "value": [0.94, 0.81],
        "low": [0.9, 0.7],
        "high": [0.97, 0.85],
        "control": [-0.001, 0.02],
        "verdict": ["pass", "pass"],
    }
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    tables = {"methods": TABLE, "methods_cost": COSTS, "methods_checks": CHECKS}
    (tmp_path / "trust").mkdir()
    for name, table in tables.items():
        table.to_csv(tmp_path / f"trust/{name}.tsv", sep="\t", index=False)
    return RunFolder(tmp_path, frozenset(f"trust/{name}.tsv" for name in tables))


def test_the_finding_gives_agreement_interval_control_and_cost():
    said = methods_sentence(TABLE, COSTS, CHECKS)
    assert said.startswith("In 12 held-out active windows saliency agrees with in-silico mutagenesis to r = 0.94 ")
    assert "(95% interval 0.90 to 0.97), integrated gradients to r = 0.81 (0.70 to 0.85)" in said
    assert "untrained networks to 0.00 and 0.02." in said  # no minus before nothing
    assert said.endswith("in-silico mutagenesis 1,501 evaluations.")


def test_every_pair_stands_twice_in_each_square_with_its_number():
    figure = agreement_figure(TABLE)
    for panel, values in zip(figure.axes, (VALUES, [0.5] * 6), strict=True):
        written = {tuple(int(at) for at in text.get_position()): text.get_text() for text in panel.texts}
        assert len(written) == 12
        for (a, b), value in zip(PAIRS, values, strict=True):
            row, column = NAMES.index(a), NAMES.index(b)
            assert written[(column, row)] == written[(row, column)] == f"{value:.2f}"


def test_a_method_the_page_does_not_know_is_shown_under_its_own_name():
    labels = [label.get_text() for label in agreement_figure(TABLE).axes[0].get_xticklabels()]
    assert labels == ["gradient (length)", "gradient × input, corrected", "my_own", "in-silico mutagenesis"]


def test_the_figure_has_the_same_bytes_twice():
    assert encoded(agreement_figure(TABLE), "svg") == encoded(agreement_figure(TABLE), "svg")


def test_the_section_holds_finding_explanation_figure_and_costs(run):
    section = methods_section(run)
    assert [block.kind for block in section.blocks] == ["text", "text", "picture", "table"]
    assert section.blocks[0].strong
    assert "trust/methods.tsv" in section.blocks[2].caption
    rows = [[cell.text for cell in row] for row in section.blocks[3].rows]
    assert rows[2] == ["my_own", "3", "3", "8", "8", "0.062"]
    assert rows[3] == ["in-silico mutagenesis", "400", "400", "1,501", "0", "–"]


@pytest.mark.parametrize("missing", ["methods", "methods_cost", "methods_checks"])
def test_a_run_without_the_comparison_says_so(run, missing):
    files = run.files - {f"trust/{missing}.tsv"}
    section = methods_section(RunFolder(run.path, files))
    assert [block.text for block in section.blocks] == ["This run has no comparison of methods."]
