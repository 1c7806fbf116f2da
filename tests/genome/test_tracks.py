import shutil
from collections import namedtuple
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.shards import Tracks, save_shard
from tracklight.genome.tracks import (
    by_contig,
    finite_runs,
    read_track,
    track_writer,
    whole_shards,
    write_predictions,
)

NAN = float("nan")
LENGTHS = {"chr10": 50, "chr2": 30, "chr1": 20}


def a_tape(**lengths):
    offsets = np.concatenate([[0], np.cumsum(list(lengths.values()))]).astype(np.int64)
    return Tape(np.zeros(offsets[-1], np.uint8), tuple(lengths), offsets)


def a_shard(*, start=0, length=10, window_start=(), prediction=((),), window_bp=4, stride_bp=2):
    return Tracks(
        start=start,
        mean=np.zeros((1, length), np.float32),
        sd=np.zeros((1, length), np.float32),
        coverage=np.ones(length, np.int32),
        window_start=np.array(window_start, np.int64),
        prediction=np.array(prediction, np.float32),
        window_bp=window_bp,
        stride_bp=stride_bp,
    )


def test_values_come_back_bit_equal_from_two_independent_readers(tmp_path):
    values = np.random.default_rng(0).normal(size=30).astype(np.float32)
    values[[0, 7, 8, 29]] = NAN
    path = tmp_path / "new" / "folder" / "a.bw"
    with track_writer(path, lengths=LENGTHS) as write:
        write("chr10", 5, np.array([1.5], np.float32))
        write("chr2", 0, values)
    np.testing.assert_array_equal(read_track(path, "chr2", 0, 30), values)
    with pyBigWig.open(str(path)) as file:
        np.testing.assert_array_equal(np.array(file.values("chr2", 0, 30), np.float32), values)
    other = pybigtools.open(str(path)).values("chr2", 0, 30, fillna=NAN)
    np.testing.assert_array_equal(other.astype(np.float32), values)


def test_bases_without_a_value_are_absent_from_the_file(tmp_path):
    with track_writer(tmp_path / "a.bw", lengths=LENGTHS) as write:
        write("chr2", 3, np.array([NAN, 1, 2, NAN, np.inf, 0, NAN]))
    with pyBigWig.open(str(tmp_path / "a.bw")) as file:
        assert file.intervals("chr2") == ((4, 5, 1.0), (5, 6, 2.0), (8, 9, 0.0))
        assert file.header()["nBasesCovered"] == 3
        assert file.stats("chr2", 0, 30, type="sum", exact=True) == [3.0]


def test_header_keeps_the_order_of_the_fasta_and_contigs_without_values(tmp_path):
    with track_writer(tmp_path / "a.bw", lengths=LENGTHS) as write:
        write("chr1", 0, np.ones(20))
    with pyBigWig.open(str(tmp_path / "a.bw")) as file:
        assert list(file.chroms().items()) == list(LENGTHS.items())
    assert np.isnan(read_track(tmp_path / "a.bw", "chr10", 0, 50)).all()


def test_a_track_without_any_value_is_a_valid_file(tmp_path):
    with track_writer(tmp_path / "a.bw", lengths=LENGTHS):
        pass
    assert pybigtools.open(str(tmp_path / "a.bw")).chroms() == LENGTHS
    assert np.isnan(read_track(tmp_path / "a.bw", "chr2", 3, 9)).tolist() == [True] * 6


def test_layouts_that_pybigwig_misreads_are_written_right(tmp_path):
    layouts = [np.arange(20.0)[::2], np.arange(10, dtype=">f4") * 2, np.arange(10, dtype=np.float16) * 2]
    for n, values in enumerate(layouts):
        with track_writer(tmp_path / f"{n}.bw", lengths=LENGTHS) as write:
            write("chr2", 0, values)
        assert read_track(tmp_path / f"{n}.bw", "chr2", 0, 10).tolist() == list(range(0, 20, 2))


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def fail():
        with track_writer(tmp_path / "a.bw", lengths=LENGTHS) as write:
            write("chr2", 0, np.ones(5))
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(39))
    with (
        pytest.raises(InputError, match=r"a\.bw: no space left for the track; got 39 bytes; allowed: 40 or more"),
        track_writer(tmp_path / "a.bw", lengths=LENGTHS) as write,
    ):
        write("chr2", 0, np.ones(5))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("x")
    with (
        pytest.raises(InputError, match=r"taken/a\.bw: cannot write"),
        track_writer(tmp_path / "taken" / "a.bw", lengths=LENGTHS),
    ):
        pass


@pytest.mark.parametrize(
    ("chrom", "start", "end", "message"),
    [
        ("chr3", 0, 1, "unknown contig; got chr3; allowed: chr10, chr2, chr1"),
        ("chr2", 0, 31, "chr2: stretch is outside the contig; got 0-31; allowed: 0-30"),
        ("chr2", -1, 3, "got -1-3"),
    ],
)
def test_reading_outside_the_genome_is_refused(tmp_path, chrom, start, end, message):
    with track_writer(tmp_path / "a.bw", lengths=LENGTHS):
        pass
    with pytest.raises(InputError, match=message):
        read_track(tmp_path / "a.bw", chrom, start, end)


def test_a_file_that_is_no_bigwig_is_refused_without_lines_of_another_library(tmp_path, capfd):
    (tmp_path / "a.bw").write_text("fixedStep")
    with pytest.raises(InputError, match=r"a\.bw: not a bigWig file"):
        read_track(tmp_path / "a.bw", "chr2", 0, 1)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(InputError, match=r"b\.bw: bigWig file not found"):
        read_track(tmp_path / "b.bw", "chr2", 0, 1)


@given(st.lists(st.sampled_from([0.0, 2.5, NAN, float("inf")]), max_size=30))
def test_finite_runs_are_disjoint_maximal_and_cover_every_finite_value(values):
    runs = finite_runs(np.array(values, np.float32)).tolist()
    inside = [n for first, last in runs for n in range(first, last)]
    assert inside == [n for n, value in enumerate(values) if np.isfinite(value)]
    assert all(a[1] < b[0] for a, b in pairwise(runs))


@given(st.data())
def test_any_track_cut_anywhere_reads_back_as_written(tmp_path_factory, data):
    value = st.floats(width=32, allow_infinity=False) | st.just(NAN)
    values = np.array(data.draw(st.lists(value, min_size=30, max_size=30)), np.float32)
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, 29), max_size=4))), 30]
    path = tmp_path_factory.mktemp("tracks") / "a.bw"
    with track_writer(path, lengths=LENGTHS) as write:
        for first, last in pairwise(cuts):
            write("chr2", first, values[first:last])
    np.testing.assert_array_equal(read_track(path, "chr2", 0, 30), values)


def test_a_stretch_of_the_tape_is_cut_at_contig_borders():
    pieces = list(by_contig(np.arange(7.0), a_tape(a=3, b=4, c=5), start=2))
    assert [(chrom, start, values.tolist()) for chrom, start, values in pieces] == [
        ("a", 2, [0.0]),
        ("b", 0, [1.0, 2.0, 3.0, 4.0]),
        ("c", 0, [5.0, 6.0]),
    ]


def test_predictions_stand_on_the_stride_around_the_window_centre(tmp_path):
    tape = a_tape(a=12, b=8)
    shard = a_shard(length=20, window_start=[0, 2, 4, 12, 16], prediction=[[1, 2, 3, 4, 5]])
    with track_writer(tmp_path / "a.bw", lengths=tape.lengths) as write:
        assert write_predictions(write, shard, 0, tape=tape) == 19
    expected = {"a": [NAN, 1, 1, 2, 2, 3, 3, NAN, NAN, NAN, NAN, NAN], "b": [NAN, 4, 4, NAN, NAN, 5, 5, NAN]}
    for chrom, values in expected.items():
        np.testing.assert_array_equal(read_track(tmp_path / "a.bw", chrom, 0, len(values)), values)


@given(st.data())
def test_predictions_in_shards_equal_brute_force(tmp_path_factory, data):
    window, stride = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 8))
    tape = a_tape(a=17, b=13)
    possible = [s for s in range(30) if s + window <= 17 or (s >= 17 and s + window <= 30)]
    starts = sorted(data.draw(st.sets(st.sampled_from(possible), min_size=1, max_size=10)))
    values = [float(n + 1) for n in range(len(starts))]
    expected = np.full(30, NAN)
    for start, value in zip(starts, values, strict=True):
        centre = start + window // 2
        low, high = (0, 17) if start < 17 else (17, 30)
        for p in range(max(centre - stride // 2, low), min(centre - stride // 2 + stride, high)):
            expected[p] = value if np.isnan(expected[p]) else expected[p]
    cut = data.draw(st.integers(0, len(starts)))
    path, reached = tmp_path_factory.mktemp("tracks") / "a.bw", 0
    with track_writer(path, lengths=tape.lengths) as write:
        for part in (slice(0, cut), slice(cut, None)):
            shard = a_shard(window_start=starts[part], prediction=[values[part]], window_bp=window, stride_bp=stride)
            reached = write_predictions(write, shard, 0, tape=tape, after=reached)
    found = np.concatenate([read_track(path, "a", 0, 17), read_track(path, "b", 0, 13)])
    np.testing.assert_array_equal(found, expected)


def test_shards_come_in_the_order_of_the_tape(tmp_path):
    for start in (10, 0):
        save_shard(tmp_path / f"{start}.npz", a_shard(start=start))
    paths = [tmp_path / "10.npz", tmp_path / "0.npz"]
    assert whole_shards(paths, length=20) == paths[::-1]


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ([0], "end of the genome: shards do not cover the genome; got position 10; allowed: position 20"),
        ([10], r"10\.npz: shards do not cover the genome; got position 10; allowed: position 0"),
        ([0, 5], r"5\.npz: shards do not cover the genome; got position 5; allowed: position 10"),
    ],
)
def test_shards_with_a_gap_or_an_overlap_are_refused(tmp_path, starts, message):
    for start in starts:
        save_shard(tmp_path / f"{start}.npz", a_shard(start=start))
    with pytest.raises(InputError, match=message):
        whole_shards([tmp_path / f"{start}.npz" for start in starts], length=20)


def test_a_damaged_shard_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(InputError, match=r"a\.npz: not an attribution shard"):
        whole_shards([tmp_path / "a.npz"], length=20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coverage": np.ones(9, np.int32)}, "10.npz: not an attribution shard; got arrays of different lengths"),
        ({"window_bp": 8}, r"10.npz: shard is of another run than the first; got strands \., windows of 8 bp"),
    ],
)
def test_a_shard_that_does_not_belong_is_refused(tmp_path, changes, message):
    save_shard(tmp_path / "0.npz", a_shard())
    save_shard(tmp_path / "10.npz", replace(a_shard(start=10), **changes))
    with pytest.raises(InputError, match=message):
        whole_shards([tmp_path / "0.npz", tmp_path / "10.npz"], length=20)
