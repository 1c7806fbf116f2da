import shutil
import subprocess

import numpy as np
import pandas as pd
import pyfaidx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.candidates import (
    annotate,
    filter_reasons,
    merge_peaks,
    read_peaks,
    write_candidates,
)
from tracklight.genome.peaks import write_narrowpeak
from tracklight.settings import Candidates

LENGTHS = {"one": 300, "two": 40}
NAN = float("nan")


def some_peaks(*rows):
    """Peaks of 9 bp from (chrom, start, strand, score)."""
    table = pd.DataFrame(rows, columns=["chrom", "start", "strand", "score"]).astype({"start": "int64"})
    return pd.DataFrame(
        {
            "chrom": table["chrom"],
            "start": table["start"],
            "end": table["start"] + 9,
            "name": [f"peak_{n}" for n in range(len(table))],
            "score": table["score"].astype("float64"),
            "strand": table["strand"],
            "summit": table["start"] + 4,
            "height": table["score"].astype("float64") / 2,
            "prediction": 1.0,
            "confidence": table["score"].astype("float64") / 10,
            "p": 0.01,
            "q": 0.2,
        }
    )


def limits(**changes):
    return Candidates(**({"merge_distance_bp": 10, "flank_bp": 5} | changes))


def a_tape():
    codes = np.random.default_rng(0).integers(0, 4, 340).astype(np.uint8)
    codes[100:103] = 4
    return Tape(codes, tuple(LENGTHS), np.array([0, 300, 340]))


WINDOWS = [
    ("two", 0, 25, "+", "train", 1),
    ("one", 40, 60, "-", "test", 0),
    ("one", 50, 70, "-", "test", 1),
    ("one", 0, 300, "+", "test", 1),
]


def annotated(peaks, tape, **changes):
    settings = limits(**changes)
    elements = annotate(
        merge_peaks(peaks, lengths=LENGTHS, settings=settings),
        tape,
        genes=pd.DataFrame([("one", 70, 90, "g", "+")], columns=["chrom", "start", "end", "name", "strand"]),
        softmasked=pd.DataFrame([("one", 0, 60)], columns=["chrom", "start", "end"]),
        windows=pd.DataFrame(WINDOWS, columns=["chrom", "start", "end", "strand", "split", "active"]),
        settings=settings,
    )
    return elements, settings


def test_near_peaks_of_one_strand_become_one_element_with_the_values_of_the_best():
    peaks = some_peaks(("one", 50, "+", 2), ("one", 69, "+", 7), ("one", 55, "-", 3), ("one", 89, "+", 5))
    elements = merge_peaks(peaks, lengths=LENGTHS, settings=limits())
    columns = ["name", "rank", "start", "end", "strand", "score", "summit", "n_peaks", "height"]
    assert elements[columns].values.tolist() == [
        ["candidate_1", 1, 45, 83, "+", 7.0, 73, 2, 3.5],
        ["candidate_2", 2, 84, 103, "+", 5.0, 93, 1, 2.5],
        ["candidate_3", 3, 50, 69, "-", 3.0, 59, 1, 1.5],
    ]


def test_elements_are_clipped_to_their_contig():
    peaks = some_peaks(("one", 2, ".", 2), ("two", 30, ".", 1))
    elements = merge_peaks(peaks, lengths=LENGTHS, settings=limits(flank_bp=50))
    assert elements[["start", "end"]].values.tolist() == [[0, 61], [0, 40]]


def test_only_the_best_peaks_enter_the_pool():
    peaks = some_peaks(("one", 10, "+", 1), ("one", 100, "+", 3), ("one", 200, "+", 2))
    elements = merge_peaks(peaks, lengths=LENGTHS, settings=limits(pool_size=2))
    assert elements["summit"].tolist() == [104, 204]


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), st.integers(0, 31), st.sampled_from("+-")), max_size=12))
def test_merging_equals_brute_force(rows):
    peaks = some_peaks(*((*row, score) for score, row in enumerate(dict.fromkeys(rows))))
    expected = set()
    for (chrom, strand), part in peaks.groupby(["chrom", "strand"]):
        groups = []
        for row in part.sort_values("start").itertuples():
            if groups and row.start - max(member.end for member in groups[-1]) <= 10:
                groups[-1].append(row)
            else:
                groups.append([row])
        for members in groups:
            best = max(members, key=lambda row: row.score)
            span = (min(m.start for m in members), max(m.end for m in members))
            expected.add((chrom, strand, *span, best.summit, len(members)))
    found = merge_peaks(peaks, lengths=LENGTHS, settings=limits(flank_bp=0))
    columns = ["chrom", "strand", "start", "end", "summit", "n_peaks"]
    assert set(found[columns].itertuples(index=False, name=None)) == expected
    assert found["score"].is_monotonic_decreasing


def test_annotation_of_literal_elements():
    peaks = some_peaks(("one", 50, "-", 2), ("two", 20, "+", 1))
    elements, _ = annotated(peaks, a_tape(), proximal_tss_bp=10, distal_tss_bp=20)
    assert elements["nearest_gene"].tolist() == ["g", "."]
    assert elements["tss_distance"].tolist()[0] == -16
    assert elements["class"].tolist() == ["proximal", "."]
    np.testing.assert_allclose(elements["softmasked_fraction"], [15 / 19, 0])
    assert elements["seen_in_training"].tolist() == [False, True]
    assert elements["held_out"].tolist() == ["active", "."]


def test_filter_names_every_reason():
    elements = pd.DataFrame(
        {
            "confidence": [0.5, 0.4, NAN, 0.9, 0.8, 0.7],
            "q": [0.1, 0.11, NAN, 0.1, 0.0, 0.0],
            "tss_distance": pd.array([-30, 29, None, -29, 90, None], dtype="Int64"),
        }
    )
    settings = limits(min_confidence=0.5, max_q=0.1, min_tss_distance_bp=30, top_n=2)
    excluded = np.array([False, True, False, False, False, False])
    assert filter_reasons(elements, excluded=excluded, settings=settings) == [
        "PASS",
        "low_confidence;high_q;near_tss;excluded",
        "low_confidence",
        "near_tss",
        "PASS",
        "beyond_top_n",  # the third that has nothing else against it
    ]


@pytest.fixture(autouse=True)
def _genome(tmp_path, write_fasta):
    write_fasta(tmp_path / "genome", a_tape())


def written(tmp_path, peaks):
    tape = a_tape()
    elements, settings = annotated(peaks, tape, min_confidence=0.2)
    elements["filter"] = filter_reasons(elements, excluded=np.zeros(len(elements), bool), settings=settings)
    write_candidates(tmp_path, elements, tape, fasta=tmp_path / "genome" / "genome.fa")
    return tape


SOME = (("two", 20, "+", 2.25), ("one", 100, "-", 9), ("one", 40, "+", 1), ("one", 10, ".", 3))


def test_bed_has_nine_columns_of_what_passes_in_the_order_of_the_genome(tmp_path):
    written(tmp_path, some_peaks(*SOME))
    assert (tmp_path / "candidates.bed").read_text().splitlines() == [
        "one\t5\t24\tcandidate_2\t300\t.\t14\t15\t0,158,115",
        "one\t95\t114\tcandidate_1\t900\t-\t104\t105\t0,158,115",
        "two\t15\t34\tcandidate_3\t225\t+\t24\t25\t0,158,115",
    ]


def test_sequences_follow_the_strand_and_keep_n(tmp_path):
    tape = written(tmp_path, some_peaks(*SOME))
    letters = "".join("ACGTN"[code] for code in tape.data)
    fasta = pyfaidx.Fasta(str(tmp_path / "candidates.fa"), read_long_names=True)
    complement = str.maketrans("ACGTN", "TGCAN")
    assert {record.name: str(record) for record in fasta} == {
        "candidate_1 one:95-114(-)": letters[95:114].translate(complement)[::-1],
        "candidate_2 one:5-24(.)": letters[5:24],
        "candidate_3 two:15-34(+)": letters[315:334],
    }
    fasta.close()


def test_table_keeps_all_elements_by_rank_with_the_columns_of_the_format(tmp_path):
    written(tmp_path, some_peaks(*SOME))
    lines = (tmp_path / "candidates.tsv").read_text().splitlines()
    assert lines[0].replace("\t", " ") == (
        "chrom start end name score strand filter rank confidence p q height prediction n_peaks summit nearest_gene "
        "gene_strand tss_distance class gc softmasked_fraction seen_in_training held_out"
    )
    table = pd.read_csv(tmp_path / "candidates.tsv", sep="\t")
    assert table["filter"].tolist() == ["PASS", "PASS", "PASS", "low_confidence"]
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert lines[3].split("\t")[15:19] == [".", ".", "", "."]


def test_no_peaks_give_files_without_rows(tmp_path):
    written(tmp_path, some_peaks())
    assert len((tmp_path / "candidates.tsv").read_text().splitlines()) == 1
    assert (tmp_path / "candidates.bed").read_text() == ""
    assert (tmp_path / "candidates.fa").read_text() == ""


def test_sequences_that_cannot_be_fetched_leave_none_of_the_three_files(tmp_path, write_fasta):
    write_fasta(tmp_path / "genome", Tape(np.zeros(9, np.uint8), ("one",), np.array([0, 9])))
    tape = a_tape()
    elements, _ = annotated(some_peaks(*SOME), tape, min_confidence=0.2)
    with pytest.raises(InputError, match=r"genome\.fa: not the indexed genome"):
        write_candidates(
            tmp_path / "out", elements.assign(filter="PASS"), tape, fasta=tmp_path / "genome" / "genome.fa"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")
def test_bedtools_reads_the_bed_and_merges_as_we_do(tmp_path):
    rng = np.random.default_rng(1)
    rows = [("one", int(s), "+", n) for n, s in enumerate(np.sort(rng.choice(280, 15, replace=False)))]
    elements = merge_peaks(some_peaks(*rows), lengths=LENGTHS, settings=limits(flank_bp=0))
    some_peaks(*rows)[["chrom", "start", "end"]].to_csv(tmp_path / "p.bed", sep="\t", header=False, index=False)
    merged = subprocess.check_output(["bedtools", "merge", "-d", "10", "-i", tmp_path / "p.bed"], text=True)
    found = elements.sort_values("start")[["chrom", "start", "end"]].astype(str).agg("\t".join, axis=1)
    assert found.tolist() == merged.splitlines()
    written(tmp_path, some_peaks(*SOME))
    bed = tmp_path / "candidates.bed"
    assert subprocess.check_output(["bedtools", "intersect", "-a", bed, "-b", bed, "-u"], text=True) == bed.read_text()


def save_peaks(folder, peaks, *, null="inactive"):
    peaks = peaks.rename(columns={"p": f"p_{null}", "q": f"q_{null}"})
    folder.mkdir(exist_ok=True)
    peaks.to_csv(folder / "peaks.tsv", sep="\t", index=False)
    write_narrowpeak(folder / "peaks.narrowPeak", peaks, null=null)


def test_peaks_are_read_with_the_p_and_q_of_the_chosen_null(tmp_path):
    peaks = some_peaks(("NA", 3, "+", 2), ("1", 4, "-", 1)).assign(q=[0.2, NAN], confidence=[NAN, 0.25])
    save_peaks(tmp_path, peaks)
    found = read_peaks(tmp_path)
    assert found["chrom"].tolist() == ["NA", "1"]
    assert found["p"].tolist() == [0.01, 0.01]
    np.testing.assert_array_equal(found["q"], [0.2, NAN])
    np.testing.assert_array_equal(found["confidence"], [NAN, 0.25])


def test_empty_peak_files_are_read_with_typed_columns(tmp_path):
    save_peaks(tmp_path, some_peaks())
    found = read_peaks(tmp_path)
    assert found.shape == (0, 12)
    assert found[["start", "score"]].dtypes.tolist() == [np.int64, np.float64]


def test_peak_files_that_differ_are_refused(tmp_path):
    save_peaks(tmp_path, some_peaks(*SOME))
    save_peaks(tmp_path / "other", some_peaks(*SOME[:1]))
    (tmp_path / "other" / "peaks.narrowPeak").rename(tmp_path / "peaks.narrowPeak")
    with pytest.raises(InputError, match="hold different peaks; got 1 peaks; allowed: the 4 peaks"):
        read_peaks(tmp_path)


def test_damaged_or_missing_peaks_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"peaks\.tsv: not peaks; got .*No such file.*; run peaks"):
        read_peaks(tmp_path)
    save_peaks(tmp_path, some_peaks(*SOME))
    (tmp_path / "peaks.tsv").write_text("chrom\tstart\none\tx\n")
    with pytest.raises(InputError, match=r"peaks\.tsv: not peaks"):
        read_peaks(tmp_path)
