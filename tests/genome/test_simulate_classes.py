import numpy as np
import pytest

from tracklight.genome.fasta import BASES, reverse_complement_codes
from tracklight.genome.simulate_classes import FAMILIES, ClassRecipe, simulate_classes, write_classes

RECIPE = ClassRecipe(windows={"train": 60, "test": 30}, mutation_rate=0.0)


@pytest.fixture(scope="module")
def simulation():
    return simulate_classes(np.random.default_rng(0), RECIPE)


def test_every_window_holds_the_motif_of_its_class_on_its_strand(simulation):
    for window, planted in zip(simulation.regions.itertuples(), simulation.truth.itertuples(), strict=True):
        assert window.start <= planted.start < planted.end <= window.end
        codes = simulation.contigs[planted.chrom][planted.start : planted.end]
        codes = reverse_complement_codes(codes) if window.strand == "-" else codes
        assert "".join(BASES[code] for code in codes) == FAMILIES[planted.name]
        assert getattr(window, planted.name) == 1


def test_a_window_is_of_one_class_and_classes_are_balanced(simulation):
    labels = simulation.regions[list(FAMILIES)]
    assert (labels.sum(axis=1) == 1).all()
    assert labels[simulation.regions["split"] == "train"].sum().tolist() == [10] * 6


def test_motifs_of_a_family_differ_in_two_bases_and_those_of_others_in_many():
    def distance(a, b):
        return sum(x != y for x, y in zip(FAMILIES[a], FAMILIES[b], strict=True))

    assert [distance(f"{name}1", f"{name}2") for name in "abc"] == [2, 2, 2]
    assert min(distance(a, b) for a in FAMILIES for b in FAMILIES if a[0] != b[0]) >= 5


def test_the_same_seed_writes_the_same_files(tmp_path):
    for folder in ("a", "b"):
        write_classes(tmp_path / folder, simulate_classes(np.random.default_rng(1), RECIPE))
    for name in ("genome.fa", "regions.tsv", "truth.bed"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
