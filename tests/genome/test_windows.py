import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.fasta import decode_codes, reverse_complement_codes
from tracklight.genome.windows import make_windows, place_windows
from tracklight.settings import PrepareWindows, validate

COLUMNS = ["chrom", "start", "end", "name", "strand", "expression", "split"]


def settings(**changes):
    values = {
        "active_above": 1.0,
        "transform": "none",
        "anchor": "five_prime",
        "upstream_bp": 4,
        "downstream_bp": 6,
        "split": {"by": "column", "column": "split", "block_bp": 20},
    }
    return validate(PrepareWindows, {**values, **changes}, where="prepare_windows")


def tape(**contigs):
    codes = [np.array(["ACGTN".index(letter) for letter in letters], np.uint8) for letters in contigs.values()]
    return Tape(np.concatenate(codes), tuple(contigs), np.cumsum([0, *map(len, codes)]))


def table(*rows):
    return pd.DataFrame(rows, columns=COLUMNS, index=range(2, len(rows) + 2))


PLAIN = tape(b="ACGT" * 50, a="TTTT" * 50)
KEPT = (
    ("b", 100, 110, "v", "+", 1.0, "validation"),
    ("b", 150, 160, "t", "+", 1.0, "test"),
    ("b", 170, 180, "s", "+", 1.0, "test"),
)


def make(*rows, genome=PLAIN, **changes):
    return make_windows(table(*rows, *KEPT), tape=genome, settings=settings(**changes), where="regions.tsv")


@pytest.mark.parametrize(
    ("anchor", "strand", "region", "window"),
    [
        ("five_prime", "+", (20, 30), (16, 26)),
        ("five_prime", "-", (20, 30), (24, 34)),
        ("three_prime", "+", (20, 30), (25, 35)),
        ("three_prime", "-", (20, 30), (15, 25)),
        ("centre", "+", (20, 31), (21, 31)),
        ("centre", "-", (20, 31), (20, 30)),
        ("centre", ".", (20, 31), (21, 31)),
        ("five_prime", "+", (20, 21), (16, 26)),
        ("five_prime", "-", (20, 21), (15, 25)),
    ],
)
def test_the_anchor_is_the_first_base_of_the_downstream_part(anchor, strand, region, window):
    placed = place_windows(table(("b", *region, "x", strand, 1.0, "train")), settings(anchor=anchor))
    assert placed[["start", "end"]].to_numpy().tolist() == [list(window)]
    assert placed.reverse.tolist() == [int(strand == "-")]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(("anchor", "up", "down"), [("five_prime", 0, 10), ("centre", 5, 5), ("three_prime", 9, 1)])
def test_a_window_as_long_as_its_region_is_the_region(strand, anchor, up, down):
    region = table(("b", 20, 30, "x", strand, 1.0, "train"))
    placed = place_windows(region, settings(anchor=anchor, upstream_bp=up, downstream_bp=down))
    assert placed[["start", "end"]].to_numpy().tolist() == [[20, 30]]


@given(
    start=st.integers(0, 60),
    length=st.integers(1, 30),
    strand=st.sampled_from("+-"),
    anchor=st.sampled_from(["five_prime", "centre", "three_prime"]),
    up=st.integers(0, 20),
    down=st.integers(1, 20),
)
def test_the_reverse_complement_of_genome_and_table_gives_the_mirrored_window(start, length, strand, anchor, up, down):
    codes = np.random.default_rng(0).integers(0, 4, 140).astype(np.uint8)
    flipped = reverse_complement_codes(codes)
    mirrored = ("b", 140 - 20 - start - length, 140 - 20 - start, "x", "-" if strand == "+" else "+", 1.0, "train")
    rows = table(("b", 20 + start, 20 + start + length, "x", strand, 1.0, "train"), mirrored)
    there, back = place_windows(rows, settings(anchor=anchor, upstream_bp=up, downstream_bp=down)).itertuples()
    assert (back.start, back.end) == (140 - there.end, 140 - there.start)
    assert (there.reverse, back.reverse) in [(0, 1), (1, 0)]
    if there.start >= 0 and there.end <= 140:
        seen = [codes[there.start : there.end], flipped[back.start : back.end]]
        turned = [reverse_complement_codes(x) if w.reverse else x for x, w in zip(seen, (there, back), strict=True)]
        assert decode_codes(turned[0]) == decode_codes(turned[1])


def test_unstranded_assays_keep_every_window_forward():
    index, _ = make(("b", 20, 30, "x", "-", 1.0, "train"), stranded=False)
    assert index.reverse.tolist() == [0, 0, 0, 0]
    assert index.start.tolist()[0] == 24


def test_the_index_is_sorted_by_contig_order_start_and_strand():
    index, dropped = make(
        ("a", 20, 30, "1", "+", 1.0, "train"),
        ("b", 50, 60, "2", "-", 2.0, "train"),
        ("b", 54, 64, "3", "+", 3.0, "train"),
        ("b", 10, 20, "4", "+", 4.0, "train"),
        ("b", 58, 68, "5", "+", 5.0, "train"),
    )
    assert index.name.tolist() == ["4", "3", "5", "2", "v", "t", "s", "1"]
    assert index.start.tolist() == [6, 50, 54, 54, 96, 146, 166, 16]
    assert list(index.columns) == [
        "contig", "start", "reverse", "group", "split", "name", "expression", "expression.active",
    ]  # fmt: skip
    assert dropped.empty


def test_values_are_floored_then_logged_and_activity_uses_the_raw_value():
    rows = [("b", 20 * n, 20 * n + 9, str(n), "+", value, "train") for n, value in enumerate([-5, 0.25, 1.0, 1.01], 1)]
    index, _ = make(*rows, transform="log2", floor=0.25, active_above=1.0)
    assert index.expression.tolist()[:4] == [-2.0, -2.0, 0.0, pytest.approx(0.014355, abs=1e-6)]
    assert index["expression.active"].tolist()[:4] == [0, 0, 0, 1]
    index, _ = make(*rows, transform="log10", floor=0.1)
    assert index.expression.tolist()[:2] == [-1.0, pytest.approx(np.log10(0.25))]


def test_a_window_measured_for_one_of_two_targets_is_kept_with_the_other_empty():
    rows = table(("b", 20, 30, "x", "+", 3.0, "train"), ("b", 40, 50, "y", "+", np.nan, "train"), *KEPT)
    rows["other"] = [np.nan, np.nan, 1.0, 2.0, 2.0]
    both = settings(targets=["expression", "other"])
    index, dropped = make_windows(rows, tape=PLAIN, settings=both, where="regions.tsv")
    assert index["other.active"].isna().tolist() == [True, False, False, False]
    assert index["other.active"].tolist()[1:] == [0, 1, 1]
    assert dropped.to_numpy().tolist() == [[3, "b", 40, 50, "y", "no_value"]]


def test_every_dropped_region_has_its_row_and_reason():
    genome = tape(b="N" * 20 + "ACGT" * 50)
    _, dropped = make(
        ("b", 3, 9, "edge", "+", 1.0, "train"),
        ("b", 14, 20, "masked", "+", 1.0, "train"),
        ("b", 60, 70, "fine", "+", 1.0, "train"),
        ("b", 80, 90, "empty", "+", np.nan, "train"),
        ("b", 60, 70, "again", "+", 2.0, "train"),
        ("b", 60, 70, "other strand", "-", 2.0, "train"),
        ("b", 109, 119, "near", "-", 2.0, "train"),
        ("b", 141, 151, "close", "+", 2.0, "validation"),
        ("b", 216, 219, "end", "+", 2.0, "train"),
        genome=genome,
    )
    assert dropped.to_numpy().tolist() == [
        [2, "b", 3, 9, "edge", "beyond_contig"],
        [3, "b", 14, 20, "masked", "too_many_n"],
        [5, "b", 80, 90, "empty", "no_value"],
        [6, "b", 60, 70, "again", "duplicate"],
        [9, "b", 141, 151, "close", "overlaps_test"],
        [10, "b", 216, 219, "end", "beyond_contig"],
    ]


def test_n_is_allowed_up_to_the_fraction_of_the_settings():
    genome = tape(b="ACGTACGTAN" + "NACGTACGTA" * 25)
    at_limit, over = ("b", 4, 9, "x", "+", 1.0, "train"), ("b", 9, 12, "y", "+", 1.0, "train")
    index, dropped = make(at_limit, over, genome=genome, max_n_fraction=0.1)
    assert index.name.tolist() == ["x", "v", "t", "s"]
    assert dropped.name.tolist() == ["y"]


def test_the_copy_in_the_later_split_survives_a_duplicate_and_the_first_within_a_split():
    index, dropped = make(
        ("b", 20, 30, "train copy", "+", 1.0, "train"),
        ("b", 20, 30, "first test copy", "+", 2.0, "test"),
        ("b", 20, 30, "second test copy", "+", 3.0, "test"),
        ("b", 60, 70, "x", "+", 3.0, "train"),
    )
    assert index.name.tolist() == ["first test copy", "x", "v", "t", "s"]
    assert dropped.reason.tolist() == ["duplicate", "duplicate"]


def test_all_rows_dropped_is_an_error_with_counts():
    rows = table(("b", 0, 9, "x", "+", 1.0, "train"), ("b", 60, 70, "y", "+", np.nan, "test"))
    with pytest.raises(
        InputError, match=r"regions.tsv: all regions were dropped; got 1 beyond_contig, 1 no_value; check the value"
    ):
        make_windows(rows, tape=PLAIN, settings=settings(), where="regions.tsv")


def test_the_table_given_is_left_as_it_was():
    rows = table(("b", 20, 30, "x", "-", 1.0, "train"), *KEPT)
    before = rows.copy()
    make_windows(rows, tape=PLAIN, settings=settings(), where="regions.tsv")
    pd.testing.assert_frame_equal(rows, before)
