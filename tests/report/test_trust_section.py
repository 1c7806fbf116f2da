import pandas as pd

from tracklight.report.run_folder import RunFolder
from tracklight.report.trust import trust_section, trust_sentence

TABLE = pd.DataFrame(
    {
        "check": ["deletion: gap", "sanity: cascade", "shortcuts: repeats", "methods: cost"],
        "value": [0.5, 0.25, 4.0, 12.0],
        "low": [0.4, None, 3.5, None],
        "high": [0.6, None, 4.5, None],
        "control": [0.0, 0.75, None, None],
        "verdict": ["pass", "warn", "fail", "info"],
    }
)


def test_the_sentence_counts_the_verdicts_and_names_what_does_not_hold():
    assert trust_sentence(TABLE) == (
        "Checks of the model and its map: 1 pass, 1 warn, 1 fail. What fails: shortcuts: repeats."
    )
    assert trust_sentence(TABLE[:1]) == "Checks of the model and its map: 1 pass."


def test_every_check_is_shown_with_its_interval_control_and_verdict_and_the_worst_comes_first(tmp_path):
    TABLE.to_csv(tmp_path / "trust.tsv", sep="\t", index=False)
    section = trust_section(RunFolder(tmp_path, frozenset({"trust.tsv"})))
    judged, others = ([[cell.text for cell in row] for row in table.rows] for table in section.blocks[-2:])
    assert judged == [
        ["shortcuts: repeats", "4", "3.5 to 4.5", "–", "✗ fail"],
        ["sanity: cascade", "0.25", "–", "0.75", "! warn"],
        ["deletion: gap", "0.5", "0.4 to 0.6", "0", "✓ pass"],
    ]
    assert others == [["methods: cost", "12", "–", "–", "· info"]]


def test_a_run_without_checks_says_so(tmp_path):
    section = trust_section(RunFolder(tmp_path, frozenset()))
    assert [block.text for block in section.blocks] == ["No check was made."]
