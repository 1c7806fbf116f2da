"""The page of a correction says what changed, and nothing where nothing was measured."""

import json

import pandas as pd
import pytest

from tracklight import cli
from tracklight.report.feedback import feedback_sentences

ROWS = [
    ("accuracy", "before", 0.95, 0.94, 0.96, None, None, None, 40),
    ("accuracy", "marks", 0.82, 0.80, 0.84, -0.13, -0.14, -0.12, 40),
    ("mass_irrelevant_where_irrelevant", "before", 0.65, 0.6, 0.7, None, None, None, 20),
    ("mass_irrelevant_where_irrelevant", "marks", 0.02, 0.01, 0.03, -0.63, -0.65, -0.6, 20),
    ("insertion_irrelevant", "before", 1.8, 1.7, 1.9, None, None, None, 20),
    ("insertion_irrelevant", "marks", 0.1, 0.0, 0.2, -1.7, -1.8, -1.6, 20),
    ("auroc", "before", 0.97, None, None, None, None, None, 40),
    ("auroc", "marks", 0.88, None, None, -0.09, None, None, 40),
]
COLUMNS = ["measure", "network", "value", "low", "high", "change", "change_low", "change_high", "n"]


@pytest.fixture
def folder(tmp_path):
    """Files of a correction: the comparison, groups, profile, marks, an empty track and two records."""
    place = tmp_path / "feedback"
    (place / "tracks").mkdir(parents=True)
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(place / "feedback.tsv", sep="\t", index=False)
    groups = [
        ("before", 0, 1, 10, 0.1, 0.0, 0.3),
        ("marks", 0, 1, 10, 0.8, 0.6, 0.9),
        ("marks", 1, 0, 9, None, None, None),
    ]
    names = ["network", "label", "with_mark", "n", "accuracy", "low", "high"]
    pd.DataFrame(groups, columns=names).to_csv(place / "feedback_groups.tsv", sep="\t", index=False)
    profile = pd.DataFrame({"network": ["before"] * 3 + ["marks"] * 3, "position": [0, 1, 2] * 2, "share": 1 / 3})
    profile.to_csv(place / "feedback_profile.tsv", sep="\t", index=False)
    (place / "marks_summary.tsv").write_text("kind\tsplit\twindows\tactive\tshare\nirrelevant\ttest\t20\t0.9\t0.09\n")
    (place / "marks_checks.tsv").write_text(
        "check\tvalue\tlow\thigh\tcontrol\tverdict\nmarks: a thing\t3\t\t\t\twarn\n"
    )
    (place / "tracks" / "saliency_after.plus.bw").write_text("")
    records = tmp_path / "provenance"
    records.mkdir()
    (records / "feedback_tracks.json").write_text(json.dumps({"correlation": 0.4321}))
    (records / "feedback_marks_seed1.json").write_text(json.dumps({"rolled_back": True}))
    return tmp_path


def page(folder, *files):
    out = folder / "feedback"
    words = ["feedback-report", "--run", folder, "--files", *files, "--out", out]
    assert cli.main([str(word) for word in words]) == 0
    return (out / "feedback.html").read_text()


def test_the_page_says_what_changed(folder):
    text = page(folder, *(file for file in folder.rglob("*") if file.is_file()))
    assert "Accuracy on held-out windows: 0.950 before, 0.820 after (change -0.130, -0.140 to -0.120)." in text
    assert "left as they were: feedback_marks_seed1." in text
    assert "r = 0.432" in text
    assert "Worst group, after: corrected by the marks: 0.800." in text
    assert "marks: a thing" in text
    assert "saliency_after.plus.bw" in text
    assert "0.970" in text  # a score without an interval


def test_the_same_files_give_the_same_bytes_and_no_request(folder):
    files = [file for file in folder.rglob("*") if file.is_file()]
    first = page(folder, *files)
    assert page(folder, *files) == first
    assert 'src="http' not in first


def test_parts_that_are_not_there_are_said_to_be_absent(folder):
    text = page(folder, folder / "feedback" / "feedback.tsv")
    assert "This run has no marks." in text
    assert "This run has no tracks of the correction." in text
    assert "Too few held-out windows by label and mark" in text


def test_a_page_without_the_comparison_is_refused(folder, capsys):
    words = ["feedback-report", "--run", folder, "--files", folder / "feedback" / "marks_checks.tsv"]
    assert cli.main([str(word) for word in [*words, "--out", folder]]) == 2
    assert "comparison of networks before and after is not among the files" in capsys.readouterr().err


def test_sentences_name_before_after_and_the_interval_of_the_change():
    lines = feedback_sentences(pd.DataFrame(ROWS, columns=COLUMNS), rolled_back=[])
    assert len(lines) == 3
    assert lines[0].startswith("Saliency in irrelevant marks (share, windows with some): 0.650 before, 0.020 after")
