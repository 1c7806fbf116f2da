import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.genome.annotate import covered_fraction, gc_fraction, measured_at, nearest_gene, overlaps, tss_class

NAN = float("nan")


def intervals(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"]).astype({"start": "int64", "end": "int64"})


def summits(*rows):
    return pd.DataFrame(rows, columns=["chrom", "summit"])


def genes(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "strand"])


any_intervals = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 9)).map(lambda r: (r[0], r[1], r[1] + r[2])),
    max_size=12,
)
any_genes = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 9), st.sampled_from("+-")).map(
        lambda r: (r[0], r[1], r[1] + r[2], f"g{r[1]}_{r[2]}{r[3]}", r[3])
    ),
    max_size=10,
)


@pytest.mark.parametrize(
    ("summit", "expected"),
    [
        (100, ["plus", "+", 0]),
        (90, ["plus", "+", -10]),
        (115, ["plus", "+", 15]),
        (299, ["minus", "-", 0]),
        (310, ["minus", "-", -11]),
        (280, ["minus", "-", 19]),
    ],
)
def test_distance_is_signed_along_the_strand_of_the_gene(summit, expected):
    two = genes(("c", 100, 150, "plus", "+"), ("c", 200, 300, "minus", "-"))
    assert nearest_gene(summits(("c", summit)), two).values.tolist() == [expected]


def test_of_two_genes_equally_far_the_left_one_is_named_and_of_one_start_the_first():
    table = genes(("c", 20, 30, "right", "+"), ("c", 10, 15, "left", "+"), ("c", 2, 11, "also_left", "-"))
    assert nearest_gene(summits(("c", 15), ("c", 99)), table)["nearest_gene"].tolist() == ["left", "right"]


def test_without_a_gene_on_the_contig_the_distance_is_missing():
    found = nearest_gene(summits(("c", 5), ("d", 5)), genes(("c", 1, 9, "g", "+")))
    assert found["nearest_gene"].tolist() == ["g", "."]
    assert found["tss_distance"].isna().tolist() == [False, True]
    assert nearest_gene(summits(("c", 5)), genes())["gene_strand"].tolist() == ["."]


@given(any_genes, st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), max_size=8))
def test_nearest_gene_equals_brute_force(gene_rows, summit_rows):
    found = nearest_gene(summits(*summit_rows), genes(*gene_rows))
    for (chrom, summit), row in zip(summit_rows, found.itertuples(), strict=True):
        distances = []
        for order, (on, start, end, name, strand) in enumerate(gene_rows):
            if on == chrom:
                tss = start if strand == "+" else end - 1
                distances.append((abs(summit - tss), tss, order, name, summit - tss if strand == "+" else tss - summit))
        if distances:
            *_, name, distance = min(distances)
            assert (row.nearest_gene, row.tss_distance) == (name, distance)
        else:
            assert row.nearest_gene == "."


def test_class_borders_belong_to_the_nearer_class():
    distance = pd.Series([0, -200, 201, 2000, -2001, None], dtype="Int64")
    assert tss_class(distance, proximal_bp=200, distal_bp=2000).tolist() == [
        *["promoter_proximal", "promoter_proximal", "proximal", "proximal", "distal", "."],
    ]


def test_gc_counts_known_bases_only():
    codes = np.array([0, 1, 2, 4, 4, 4, 3, 3, 2], np.uint8)
    tape = Tape(codes, ("a", "b"), np.array([0, 6, 9]))
    elements = intervals(("b", 0, 3), ("a", 0, 4), ("a", 3, 6), ("a", 1, 2))
    np.testing.assert_allclose(gc_fraction(elements, tape), [1 / 3, 2 / 3, NAN, 1])


@given(st.lists(st.integers(0, 4), min_size=30, max_size=30), any_intervals)
def test_gc_equals_brute_force(codes, rows):
    tape = Tape(np.array(codes * 2, np.uint8), ("a", "b"), np.array([0, 30, 60]))
    expected = []
    for _, start, end in rows:
        known = [code for code in codes[start:end] if code < 4]
        expected.append(sum(code in (1, 2) for code in known) / len(known) if known else NAN)
    np.testing.assert_allclose(gc_fraction(intervals(*rows), tape), expected)


@given(any_intervals, any_intervals)
def test_overlap_and_covered_fraction_equal_brute_force(rows, others):
    covered = {(chrom, p) for chrom, start, end in others for p in range(start, end)}
    share = [sum((chrom, p) in covered for p in range(start, end)) / (end - start) for chrom, start, end in rows]
    elements = intervals(*rows)
    assert overlaps(elements, intervals(*others)).tolist() == [value > 0 for value in share]
    disjoint = intervals(*((chrom, p, p + 1) for chrom, p in covered))
    np.testing.assert_allclose(covered_fraction(elements, disjoint), share)


def test_intervals_that_only_touch_do_not_overlap():
    assert overlaps(intervals(("a", 5, 9)), intervals(("a", 0, 5), ("a", 9, 12))).tolist() == [False]


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")
def test_distance_equals_bedtools_closest(tmp_path):
    rng = np.random.default_rng(0)
    tss, summit = (np.sort(rng.choice(5000, n, replace=False)) for n in (40, 60))
    strand = rng.choice(["+", "-"], 40)
    bed = [("c", p, p + 1, f"g{n}", 0, s) for n, (p, s) in enumerate(zip(tss, strand, strict=True))]
    pd.DataFrame(bed).to_csv(tmp_path / "genes.bed", sep="\t", header=False, index=False)
    pd.DataFrame([("c", p, p + 1) for p in summit]).to_csv(tmp_path / "s.bed", sep="\t", header=False, index=False)
    # -D b: signed along the strand of b, positive downstream of it; -t first: the left of two equally near
    run = ["bedtools", "closest", "-D", "b", "-t", "first", "-a", tmp_path / "s.bed", "-b", tmp_path / "genes.bed"]
    rows = [line.split("\t") for line in subprocess.check_output(run, text=True).splitlines()]
    table = genes(*((c, start, end, name, s) for c, start, end, name, _, s in bed))
    found = nearest_gene(summits(*(("c", p) for p in summit)), table)
    assert found["nearest_gene"].tolist() == [row[6] for row in rows]
    assert found["tss_distance"].tolist() == [int(row[9]) for row in rows]


def test_measurements_are_those_of_windows_that_hold_the_summit_on_the_strand():
    rng = np.random.default_rng(3)
    elements = pd.DataFrame(
        {
            "chrom": rng.choice(["a", "b"], 60),
            "summit": rng.integers(0, 80, 60),
            "strand": rng.choice(["+", "-", "."], 60),
        }
    )
    start = rng.integers(0, 70, 12)
    windows = pd.DataFrame(
        {"chrom": rng.choice(["a", "c"], 12), "start": start, "end": start + 10, "strand": rng.choice(["+", "-"], 12)}
    ).assign(active=rng.integers(0, 2, 12))
    expected = []
    for e in elements.itertuples():
        seen = [
            w.active
            for w in windows.itertuples()
            if w.chrom == e.chrom and w.start <= e.summit < w.end and e.strand in (".", w.strand)
        ]
        expected.append("." if not seen else "active" if 2 * sum(seen) >= len(seen) else "inactive")
    assert measured_at(elements, windows) == expected
    assert set(expected) == {".", "active", "inactive"}
