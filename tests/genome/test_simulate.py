import numpy as np
import pandas as pd
import pytest

from tracklight.genome.fasta import decode_codes, read_fasta, reverse_complement_codes
from tracklight.genome.intervals import read_bed
from tracklight.genome.simulate import MOTIFS, Motif, Recipe, simulate_genome

SMALL = {"contigs": {"s": 20_000}, "n_run_bp": 50}


def simulate(seed=0, **changes):
    return simulate_genome(np.random.default_rng(seed), Recipe(**{**SMALL, **changes}))


def test_planted_motifs_stand_where_the_truth_says_on_its_strand():
    simulation = simulate(mutation_rate=0.0)
    consensus = {motif.name: motif.consensus for motif in MOTIFS}
    for row in simulation.truth.itertuples():
        codes = simulation.contigs[row.chrom][row.start : row.end]
        assert decode_codes(codes if row.strand == "+" else reverse_complement_codes(codes)) == consensus[row.name]
    assert set(simulation.truth.strand) == {"+", "-"}
    assert set(simulation.truth.name) == set(consensus)


def test_mutations_hit_the_stated_share_of_planted_bases():
    simulation = simulate(mutation_rate=0.1, contigs={"s": 100_000}, motifs=(Motif("m", "A" * 20, 1.0),))
    bases = []
    for row in simulation.truth.itertuples():
        codes = simulation.contigs["s"][row.start : row.end]
        bases += (codes if row.strand == "+" else reverse_complement_codes(codes)).tolist()
    assert np.mean(np.array(bases) != 0) == pytest.approx(0.1, abs=0.02)


def test_log2_expression_is_the_sum_of_effects_on_the_strand_of_the_region():
    simulation = simulate(noise_sd=0.0)
    for row in simulation.regions.itertuples():
        truth = simulation.truth
        inside = truth[(truth.start >= row.start) & (truth.end <= row.end) & (truth.strand == row.strand)]
        assert np.log2(row.expression) == pytest.approx(inside.score.sum(), abs=1e-4)


def test_instances_do_not_overlap_and_lie_inside_sites():
    truth = simulate().truth.sort_values("start")
    assert (truth.start.to_numpy()[1:] >= truth.end.to_numpy()[:-1]).all()


def test_the_background_is_poor_in_cg():
    codes = simulate(contigs={"s": 100_000}, element_share=0.0).contigs["s"][50:]
    pairs = np.bincount(codes[:-1] * 4 + codes[1:], minlength=16).reshape(4, 4)
    expected = pairs.sum(axis=1)[1] * (codes == 2).mean()
    assert pairs[1, 2] / expected < 0.35


def test_contigs_begin_with_n_and_no_region_lies_there():
    simulation = simulate()
    assert (simulation.contigs["s"][:50] == 4).all()
    assert (simulation.contigs["s"][50:] < 4).all()
    assert simulation.regions.start.min() == 50


def test_the_same_generator_state_gives_the_same_genome_and_another_a_different_one():
    one, two, other = simulate(3), simulate(3), simulate(4)
    assert (one.contigs["s"] == two.contigs["s"]).all()
    pd.testing.assert_frame_equal(one.regions, two.regions)
    assert (one.contigs["s"] != other.contigs["s"]).any()


def test_a_share_of_sites_is_left_unmeasured():
    everything, some = simulate(measured_share=1.0), simulate(measured_share=0.5)
    assert len(everything.regions) == 200
    assert 60 < len(some.regions) < 140


def test_files_read_back_as_the_simulation(simulation, simulated_files):
    for contig in read_fasta(simulated_files["fasta"]):
        assert (contig.codes == simulation.contigs[contig.name]).all()
    lengths = {name: len(codes) for name, codes in simulation.contigs.items()}
    truth = read_bed(simulated_files["truth"], lengths=lengths)
    assert truth.to_numpy().tolist() == simulation.truth.to_numpy().tolist()
    assert pd.read_csv(simulated_files["regions"], sep="\t").shape == simulation.regions.shape
