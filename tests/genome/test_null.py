import numpy as np
import pandas as pd
import pytest
import torch

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.ensemble import Ensemble
from tracklight.genome.null import local_gc, sample_pieces, shuffled_peaks, stratified_p
from tracklight.genome.peaks import peak_table
from tracklight.genome.saliency import Scan, attribute_stretch
from tracklight.genome.shuffle import shuffle_dinucleotides
from tracklight.models.spec import ModelSpec, build
from tracklight.settings import Attribute, Peaks

SPEC = ModelSpec(
    "valid_conv",
    4,
    31,
    ("y",),
    {"filters": 5, "kernels": [5], "pools": [2], "hidden": 4, "dropout": 0.0, "batch_norm": False},
)


def tape_of(text, lengths):
    codes = np.array(["ACGTN".index(letter) for letter in text], np.uint8)
    return Tape(codes, tuple(f"c{n}" for n in range(len(lengths))), np.concatenate([[0], np.cumsum(lengths)]))


def test_pieces_are_stretches_of_one_contig_without_unknown_bases():
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 4, 500).astype(np.uint8)
    codes[100:130] = 4
    tape = Tape(codes, ("a", "b", "c"), np.array([0, 250, 490, 500]))
    pieces = sample_pieces(tape, total=2000, piece=20, generator=generator)
    contigs = ["".join(map(str, tape.contig(name))) for name in tape.names]
    assert pieces.shape == (100, 20)
    for piece in pieces:
        assert any("".join(map(str, piece)) in contig for contig in contigs)
    assert (pieces != 4).all()


def test_a_genome_without_known_stretches_is_refused():
    tape = tape_of("ACGTN" * 20, [100])
    with pytest.raises(InputError, match=r"peaks.null_piece_bp: genome has too few stretches.*; got 10; lower it"):
        sample_pieces(tape, total=100, piece=10, generator=np.random.default_rng(0))


def test_local_gc_is_the_share_of_known_bases_around_the_summit_inside_the_contig():
    tape = tape_of("GGGGAATTNC" + "AAAA", [10, 4])
    peaks = pd.DataFrame({"chrom": ["c0", "c0", "c1"], "summit": [0, 8, 3]})
    assert local_gc(tape, peaks, radius=4).tolist() == [4 / 5, 1 / 5, 0.0]


def test_p_values_compare_peaks_with_null_peaks_of_their_own_stratum():
    null = pd.DataFrame({"height": [1.0, 2.0, 3.0, 10.0, 20.0, 30.0], "gc": [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]})
    p = stratified_p(np.array([5.0, 5.0]), np.array([0.2, 0.8]), null, strata=2)
    assert p.tolist() == [1 / 4, 4 / 4]


@pytest.fixture
def scan():
    return Scan(
        Ensemble((build(SPEC, seed=0).eval(),), (0,), SPEC), Attribute(steps=2), "integrated_gradients", stranded=True
    )


SETTINGS = Peaks(width_bp=3, min_distance_bp=5, null_piece_bp=200)
CPU = torch.device("cpu")


def test_shuffled_peaks_lie_where_windows_see_them_as_they_see_the_genome(scan):
    pieces = np.random.default_rng(0).integers(0, 4, (5, 200)).astype(np.uint8)
    peaks = shuffled_peaks(pieces, scan, SETTINGS, generator=np.random.default_rng(1), device=CPU)
    assert set(peaks["chrom"]) == {f"piece{n}" for n in range(5)}
    assert set(peaks["strand"]) == {"+", "-"}
    assert peaks["summit"].between(31 - 4, 200 - 31 + 3).all()
    assert (peaks["height"] > 0).all()


def test_shuffled_peaks_are_those_of_a_genome_made_of_the_shuffles(scan):
    pieces = np.random.default_rng(0).integers(0, 4, (3, 200)).astype(np.uint8)
    found = shuffled_peaks(pieces, scan, SETTINGS, generator=np.random.default_rng(1), device=CPU)
    shuffled = shuffle_dinucleotides(pieces, np.random.default_rng(1))
    tape = Tape(shuffled.reshape(-1), ("piece0", "piece1", "piece2"), np.array([0, 200, 400, 600]))
    every = peak_table(attribute_stretch(tape, (0, 600), scan, device=CPU), tape, width=3, min_distance=5)
    inside = every[every["summit"].between(40, 160)]
    columns = ["chrom", "summit", "strand", "height"]
    pd.testing.assert_frame_equal(
        found[found["summit"].between(40, 160)][columns].reset_index(drop=True), inside[columns].reset_index(drop=True)
    )
    assert len(inside) > 30
