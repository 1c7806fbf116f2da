"""Subjects in halves."""

import pandas as pd
import pytest

from tracklight.eeg.halves import check_no_leak, cross_fit, split_subjects
from tracklight.errors import InputError
from tracklight.settings.prepare_eeg import SubjectSplit

SUBJECTS = [f"sub-{n:02d}" for n in range(21)]


def split(seed=0, subjects=SUBJECTS, **changes):
    return split_subjects(subjects, [], settings=SubjectSplit(seed=seed, **changes), where="x")


def test_halves_are_of_one_size_with_as_many_validation_subjects_as_asked_for():
    counts = pd.Series(split(validation_subjects=3)).value_counts().to_dict()
    assert counts == {"A": 8, "A_validation": 3, "B": 7, "B_validation": 3}


def test_the_seed_alone_decides_and_not_the_order_of_subjects():
    assert split() == split(subjects=SUBJECTS[::-1])
    assert split() != split(seed=1)


def test_over_seeds_every_subject_is_in_every_split_about_as_often_as_its_share():
    drawn = pd.DataFrame([split(seed=seed, validation_subjects=2) for seed in range(400)])
    shares = drawn.apply(pd.Series.value_counts, normalize=True)
    for name, share in {"A": 9 / 21, "A_validation": 2 / 21, "B": 8 / 21, "B_validation": 2 / 21}.items():
        spread = (share * (1 - share) / 400) ** 0.5
        assert (shares.loc[name] - share).abs().max() < 4.5 * spread


def test_training_and_explained_subjects_are_different():
    names = pd.Series(split())
    for half, other in (("A", "B"), ("B", "A")):
        rows = cross_fit(names, half)
        assert set(names.iloc[rows["train"]]) == {half}
        assert set(names.iloc[rows["validation"]]) == {f"{half}_validation"}
        assert set(names.iloc[rows["test"]]) == {other, f"{other}_validation"}
        assert sorted(row for part in rows.values() for row in part) == list(range(21))
    with pytest.raises(InputError, match="unknown half; got 'C'; allowed: A, B"):
        cross_fit(names, "C")


def test_too_few_subjects_are_refused():
    with pytest.raises(InputError, match="too few subjects with epochs for two halves; got 5; allowed: 6 or more"):
        split(subjects=SUBJECTS[:5], validation_subjects=2)


def test_a_subject_in_two_splits_is_noticed():
    good = pd.DataFrame({"group": ["a", "a", "b"], "split": ["A", "A", "B"]})
    check_no_leak(good)
    with pytest.raises(AssertionError, match="a subject never crosses a split"):
        check_no_leak(good.assign(split=["A", "B", "B"]))
