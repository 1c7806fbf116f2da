import numpy as np
import pandas as pd
import pytest

from tracklight.genome.fasta import decode_codes, read_fasta, reverse_complement_codes
from tracklight.genome.intervals import read_bed
from tracklight.genome.simulate_labels import DECONFOUNDED, LabelRecipe, simulate_labels, write_labels


def simulate(seed=0, **changes):
    return simulate_labels(np.random.default_rng(seed), LabelRecipe(**changes))


@pytest.fixture(scope="module")
def shipped():
    return simulate()


def holds(table, regions):
    """Whether each region holds an interval of the table on its strand."""
    places = [f"{row.chrom}:{row.start // 220 * 220}{row.strand}" for row in table.itertuples()]
    assert len(set(places)) == len(places)
    return (regions["chrom"] + ":" + regions["start"].astype(str) + regions["strand"]).isin(places).to_numpy()


def test_labels_are_balanced_in_every_split(shipped):
    means = shipped.regions.groupby("chrom")["label"].agg(["mean", "size"])
    assert means["mean"].tolist() == [0.5] * 4
    assert means["size"].to_dict() == {"train": 2000, "validation": 500, "test": 2000, DECONFOUNDED: 2000}


@pytest.mark.parametrize(("motif", "confounded", "apart"), [("truth", 0.9, 0.9), ("nuisance", 0.95, 0.5)])
def test_motifs_stand_in_the_stated_share_of_positive_and_negative_windows(shipped, motif, confounded, apart):
    regions = shipped.regions
    held = holds(getattr(shipped, motif), regions)
    for share, rows in ((confounded, regions["chrom"] != DECONFOUNDED), (apart, regions["chrom"] == DECONFOUNDED)):
        positive, negative = (held[rows & (regions["label"] == label)].mean() for label in (1, 0))
        assert positive == pytest.approx(share, abs=0.05)
        assert negative == pytest.approx(1 - share, abs=0.05)


def test_the_column_nuisance_says_which_windows_hold_one(shipped):
    assert (holds(shipped.nuisance, shipped.regions) == shipped.regions["nuisance"]).all()


def test_planted_motifs_stand_where_the_truth_says_on_the_strand_of_their_window():
    simulation = simulate(mutation_rate=0.0, windows={"train": 60, "validation": 20, "test": 20})
    for table, consensus in ((simulation.truth, "CACAGATAAGGC"), (simulation.nuisance, "GTGGGGCGGGGCCGGATG")):
        assert set(table["strand"]) == {"+", "-"}
        for row in table.itertuples():
            codes = simulation.contigs[row.chrom][row.start : row.end]
            assert decode_codes(codes if row.strand == "+" else reverse_complement_codes(codes)) == consensus


def test_mutations_hit_the_stated_share_of_planted_bases(shipped):
    wrong = []
    for row in shipped.nuisance.itertuples():
        codes = shipped.contigs[row.chrom][row.start : row.end]
        letters = decode_codes(codes if row.strand == "+" else reverse_complement_codes(codes))
        wrong += [letter != wanted for letter, wanted in zip(letters, "GTGGGGCGGGGCCGGATG", strict=True)]
    assert np.mean(wrong) == pytest.approx(0.12, abs=0.01)


def test_planted_motifs_never_overlap_and_stay_inside_their_window(shipped):
    both = pd.concat([shipped.truth, shipped.nuisance]).sort_values(["chrom", "start"])
    apart = both["start"].to_numpy()[1:] >= both["end"].to_numpy()[:-1]
    assert (apart | (both["chrom"].to_numpy()[1:] != both["chrom"].to_numpy()[:-1])).all()
    assert ((both["start"] % 220) + (both["end"] - both["start"]) <= 200).all()


def test_the_same_seed_gives_the_same_windows():
    few = {"windows": {"train": 20, "validation": 10, "test": 10}}
    one, two, other = simulate(1, **few), simulate(1, **few), simulate(2, **few)
    pd.testing.assert_frame_equal(one.regions, two.regions)
    assert all((one.contigs[name] == two.contigs[name]).all() for name in one.contigs)
    assert (one.contigs["train"] != other.contigs["train"]).any()


def test_the_two_region_tables_differ_in_their_test_windows_only(tmp_path):
    simulation = simulate(windows={"train": 20, "validation": 10, "test": 10})
    paths = write_labels(tmp_path, simulation)
    tables = {name: pd.read_csv(paths[name], sep="\t") for name in ("regions", "deconfounded")}
    kept = {name: table[table["split"] != "test"].to_numpy().tolist() for name, table in tables.items()}
    assert kept["regions"] == kept["deconfounded"]
    tests = {name: set(table.loc[table["split"] == "test", "chrom"]) for name, table in tables.items()}
    assert tests == {"regions": {"test"}, "deconfounded": {DECONFOUNDED}}


def test_files_read_back_as_the_simulation(tmp_path):
    simulation = simulate(windows={"train": 20, "validation": 10, "test": 10})
    paths = write_labels(tmp_path, simulation)
    for contig in read_fasta(paths["fasta"]):
        assert (contig.codes == simulation.contigs[contig.name]).all()
    lengths = {name: len(codes) for name, codes in simulation.contigs.items()}
    for name in ("truth", "nuisance"):
        assert (
            read_bed(paths[name], lengths=lengths).to_numpy().tolist() == getattr(simulation, name).to_numpy().tolist()
        )
