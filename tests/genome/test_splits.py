import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.errors import InputError
from tracklight.genome.splits import assign_splits, check_splits, overlaps_later_split
from tracklight.settings import Split

CONTIGS = ("a", "b", "c")


def windows(*rows, length=10):
    """Rows are contig, start, split."""
    table = pd.DataFrame(rows, columns=["contig", "start", "split"], index=range(2, len(rows) + 2))
    return table.assign(end=table.start + length)


def assign(table, **values):
    return assign_splits(table, contigs=CONTIGS, settings=Split(**values), where="regions.tsv")


def spread(n=100, contig="a"):
    return windows(*((contig, 100 * number, "train") for number in range(n)))


def test_chromosomes_decide():
    table = assign(
        windows(("a", 5, ""), ("b", 5, ""), ("c", 5, "")),
        by="chromosome", validation_chromosomes=["c"], test_chromosomes=["b"], block_bp=100,
    )  # fmt: skip
    assert table.split.tolist() == ["train", "test", "validation"]
    assert table.group.tolist() == ["a:0:train", "b:0:test", "c:0:validation"]


def test_groups_are_blocks_of_window_centres():
    table = assign(windows(("a", 0, ""), ("a", 94, ""), ("a", 95, ""), ("a", 230, "")), block_bp=100)
    assert table.group.tolist() == ["a:0:train", "a:0:train", "a:100:train", "a:200:train"]


def test_the_column_decides_and_is_left_alone_when_it_has_validation_rows():
    words = ["train", "validation", "test", "train"]
    table = assign(windows(*(("a", 100 * n, word) for n, word in enumerate(words))), by="column", column="fold")
    assert table.split.tolist() == words


def test_validation_blocks_are_drawn_from_training_rows_only():
    table = windows(*(("a", 100 * n, "test" if 40 <= n < 60 else "train") for n in range(100)))
    drawn = assign(table, by="column", column="fold", block_bp=1000, validation_fraction=0.25, seed=1)
    assert (drawn.split[table.split == "test"] == "test").all()
    assert (drawn.split == "validation").sum() == 20
    assert drawn[drawn.split == "validation"].group.nunique() == 2
    again = assign(table, by="column", column="fold", block_bp=1000, validation_fraction=0.25, seed=1)
    assert drawn.split.tolist() == again.split.tolist()
    other = assign(table, by="column", column="fold", block_bp=1000, validation_fraction=0.25, seed=2)
    assert drawn.split.tolist() != other.split.tolist()


def test_shares_of_blocks_are_as_asked():
    table = assign(spread(), by="block", block_bp=1000, validation_fraction=0.2, test_fraction=0.3, seed=3)
    assert table.split.value_counts().to_dict() == {"train": 50, "test": 30, "validation": 20}


def test_the_draw_does_not_depend_on_the_order_of_the_table():
    table = spread()
    settings = {"by": "block", "block_bp": 1000, "seed": 3}
    there, back = assign(table, **settings), assign(table.iloc[::-1], **settings)
    pd.testing.assert_series_equal(there.split, back.split.sort_index())


@given(
    st.lists(st.tuples(st.sampled_from(CONTIGS), st.integers(0, 500), st.sampled_from(["train", "test"])), min_size=1),
    st.sampled_from(["column", "block", "chromosome"]),
    st.integers(1, 200),
    st.integers(0, 5),
)
def test_a_group_never_crosses_a_split_and_stays_in_one_block(rows, by, block_bp, seed):
    table = assign(windows(*rows), by=by, block_bp=block_bp, seed=seed, column="x", test_chromosomes=["b"])
    for _, group in table.groupby("group"):
        assert group.split.nunique() == 1
        assert group.contig.nunique() == 1
        assert np.ptp(group.start) < block_bp


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 120), st.sampled_from(["train", "validation", "test"])),
        min_size=1, max_size=30,
    )
)  # fmt: skip
def test_no_base_is_left_in_two_splits_and_no_more_is_dropped_than_needed(rows):
    table = windows(*rows)
    reasons = overlaps_later_split(table)
    kept = table[reasons.isna()]

    def overlap(one, two):
        return one.contig == two.contig and one.start < two.end and two.start < one.end

    rank = {"train": 0, "validation": 1, "test": 2}
    for one in kept.itertuples():
        assert not any(overlap(one, two) and one.split != two.split for two in kept.itertuples())
    for one in table[reasons.notna()].itertuples():
        blockers = {two.split for two in kept.itertuples() if overlap(one, two) and rank[two.split] > rank[one.split]}
        assert reasons[one.Index].removeprefix("overlaps_") in blockers
    assert (kept.split == "test").sum() == (table.split == "test").sum()


def test_a_validation_window_that_is_dropped_costs_no_training_window():
    table = windows(("a", 0, "train"), ("a", 9, "validation"), ("a", 18, "test"))
    assert overlaps_later_split(table).dropna().to_dict() == {3: "overlaps_test"}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"by": "column", "column": "fold"}, r"regions.tsv line 2: unknown split in column fold; got 'dev'"),
        ({"test_chromosomes": ["chrX"]}, r"split.test_chromosomes: unknown contig; got 'chrX'; allowed: a, b, c"),
        ({"validation_chromosomes": ["z"]}, r"split.validation_chromosomes: unknown contig; got 'z'"),
        ({"test_chromosomes": ["a"], "validation_chromosomes": ["a"]}, "both for validation and for test; got a"),
    ],
)
def test_split_settings_that_do_not_fit_are_named(values, complaint):
    with pytest.raises(InputError, match=complaint):
        assign(windows(("a", 0, "dev")), **values)


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"by": "chromosome"}, "name contigs that have regions in validation_chromosomes"),
        ({"by": "block"}, "a smaller block_bp"),
        ({"by": "column", "column": "x"}, "other values"),
    ],
)
def test_a_split_without_windows_is_an_error_with_counts_and_remedy(values, remedy):
    table = assign(windows(("a", 0, "test"), ("a", 50, "test")), block_bp=1000, **values)
    with pytest.raises(InputError, match=rf"regions.tsv: a split has no windows; got train \d, .*{remedy}"):
        check_splits(table, settings=Split(**values), where="regions.tsv")


@pytest.mark.parametrize("by", ["chromosome", "block", "column"])
def test_test_windows_of_a_single_group_are_an_error_that_names_the_block_length(by):
    table = windows(("a", 5, "train"), ("b", 5, "validation"), ("c", 5, "test"), ("c", 900, "test"))
    halves = table.assign(group=table.contig + ":" + (table.start // 500 * 500).astype(str))
    check_splits(halves, settings=Split(by=by, block_bp=500), where="regions.tsv")
    whole = table.assign(group=table.contig + ":0")
    complaint = (
        "regions.tsv: too few groups of test windows .*; got c:0; allowed: 2 .*split.block_bp smaller .it is 1000."
    )
    with pytest.raises(InputError, match=complaint):
        check_splits(whole, settings=Split(by=by, block_bp=1000), where="regions.tsv")
