"""Tables of reports."""

from contextlib import nullcontext

import numpy as np
import pytest

from tracklight.eeg.recordings import Recording
from tracklight.eeg.reports import check_stratifiers, read_reports
from tracklight.errors import InputError
from tracklight.settings.prepare_eeg import PrepareEeg


def read(folder, text, name="r.tsv", **changes):
    path = folder / name
    path.write_text(text)
    return read_reports(Recording("sub-1", "", path, None, path), seconds=1000, settings=PrepareEeg(**changes))


def test_reports_come_by_time_with_their_covariates_as_they_stand(tmp_path):
    text = "report\ttime_s\tlabel\torder\twords\tnote\nb\t90.5\t1\t2\t007\tNA\n\na\t30\t0\t1\t12\tnone of it\n"
    table = read(tmp_path, text)
    assert list(table.columns) == ["report", "time_s", "label", "order", "stage", "words", "note"]
    assert table.to_numpy().tolist() == [["a", 30, 0, 1, "", "12", "none of it"], ["b", 90.5, 1, 2, "", "007", ""]]


def test_labels_may_be_words_and_may_be_missing(tmp_path):
    text = "report\ttime_s\tlabel\torder\na\t1\tdream\t1\nb\t2\tnothing\t2\nc\t3\tn/a\t3\n"
    labels = read(tmp_path, text, labels={"dream": 1, "nothing": 0}).label
    np.testing.assert_array_equal(labels, [1, 0, np.nan])


def test_columns_may_have_other_names_and_awakenings_are_counted_by_time(tmp_path):
    text = "id\tsecond\tflying\tdepth\nx\t500\t1\t3\ny\t20\t0\t4\nz\t700\t0\t5\n"
    columns = {"report": "id", "time": "second", "label": "flying", "order": None}
    table = read(tmp_path, text, columns=columns)
    assert table[["report", "order"]].to_numpy().tolist() == [["y", 1], ["x", 2], ["z", 3]]
    assert read(tmp_path, text, columns=columns, covariates=[]).columns[-1] == "stage"


def test_the_order_is_counted_where_no_column_has_it_and_one_that_is_named_must_be_there(tmp_path):
    text = "report\ttime_s\tlabel\tnumber\na\t30\t0\t7\nb\t20\t1\t5\n"
    assert read(tmp_path, text, covariates=[])["order"].tolist() == [1, 2]
    assert read(tmp_path, text, columns={"order": "number"})["order"].tolist() == [5, 7]
    assert read(tmp_path, text.replace("number", "order"))["order"].tolist() == [5, 7]
    with pytest.raises(InputError, match="has no such column; got 'awakening'; allowed: report, time_s, label, number"):
        read(tmp_path, text, columns={"order": "awakening"})


def test_covariates_can_get_other_names(tmp_path):
    text = "report\ttime_s\tlabel\tdepth_proxy\tepoch\na\t30\t0\t.5\t9\n"
    table = read(tmp_path, text, covariates={"depth": "depth_proxy", "study_epoch": "epoch"})
    assert table[["depth", "study_epoch"]].to_numpy().tolist() == [[".5", "9"]]
    assert "depth_proxy" not in table.columns
    with pytest.raises(InputError, match=r"got 'epoch'; give it another name in prepare_eeg.covariates, as {name: col"):
        read(tmp_path, text)
    with pytest.raises(InputError, match="no such column; got 'recall'"):
        read(tmp_path, text, covariates={"depth": "recall"})


@pytest.mark.parametrize(
    ("needed", "changes", "fault"),
    [
        (["depth", "order"], {}, None),
        (["deep"], {"covariates": {"deep": "depth"}}, None),
        (["stage"], {}, r"r.tsv: unknown covariate of the reports \(second_stratifiers\); got 'stage'; "
                        "allowed: depth, words, order$"),
        (["depth"], {"covariates": ["words"]}, "got 'depth'; allowed: words, order$"),
        (["words"], {}, r"line 2: words \(second_stratifiers\) is not a number; got 'a few'"),
        (["deep"], {"covariates": {"deep": "deepness"}}, "has no such column; got 'deepness'"),
    ],
)  # fmt: skip
def test_what_reports_are_divided_by_is_a_covariate_that_holds_numbers(tmp_path, needed, changes, fault):
    path = tmp_path / "r.tsv"
    path.write_text("report\ttime_s\tlabel\tdepth\twords\tstage\na\t3\t1\t.5\ta few\tN2\nb\t4\t0\tn/a\t3\tN2\n")
    recording, settings = Recording("sub-1", "", path, None, path), PrepareEeg(**changes)
    with nullcontext() if fault is None else pytest.raises(InputError, match=fault):
        check_stratifiers(needed, recording, settings=settings)


def test_a_recording_without_reports_has_nothing_to_be_divided_by(tmp_path):
    recording = Recording("sub-1", "", tmp_path, None, None)
    assert check_stratifiers(["depth"], recording, settings=PrepareEeg()) is None


def test_events_of_bids_hold_reports_among_other_things(tmp_path):
    text = (
        "onset\tduration\ttrial_type\tstage\treport\tlabel\trecall\n"
        "0\t30\tstage\tN2\tn/a\tn/a\tn/a\n"
        "40\t0\tawakening\tn/a\tr2\t1\t5\n"
        "30\t1\tnoise\tn/a\tn/a\tn/a\tn/a\n"
        "20\t0\tawakening\tn/a\tr1\t0\tn/a\n"
    )
    table = read(tmp_path, text, name="sub-1_events.tsv")
    assert table[["report", "time_s", "label", "order", "recall"]].to_numpy().tolist() == [
        ["r1", 20, 0, 1, ""], ["r2", 40, 1, 2, "5"],
    ]  # fmt: skip
    assert "trial_type" not in table.columns


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("report\ttime_s\torder\n", "has no such column; got 'label'; allowed: report, time_s, order"),
        ("report\ttime_s\tlabel\torder\ttime_s\n", "columns with the same name; got time_s"),
        ("report\ttime_s\tlabel\torder\na\t-1\t1\t1\n", "got report a at -1 s; allowed: 0 to 1000 s"),
        ("report\ttime_s\tlabel\torder\na\tinf\t1\t1\n", "line 2: time .time_s. is not a number; got 'inf'"),
        ("report\ttime_s\tlabel\torder\na\t1\t2\t1\n", "unknown label .label.; got '2'; allowed: 0, 1"),
    ],
)
def test_faults_of_a_table_are_named(tmp_path, text, fault):
    with pytest.raises(InputError, match=fault):
        read(tmp_path, text)


def test_a_recording_without_reports_is_named(tmp_path):
    recording = Recording("sub-1", "ses-2", tmp_path, None, None)
    with pytest.raises(InputError, match="sub-1_ses-2: recording without reports"):
        read_reports(recording, seconds=10, settings=PrepareEeg())
