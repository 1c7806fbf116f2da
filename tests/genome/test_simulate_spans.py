"""Simulated windows with elements: what was promised is there."""

import numpy as np
import pandas as pd

from tracklight.genome.simulate_spans import SpanRecipe, simulate_spans, write_spans

SMALL = SpanRecipe(windows={"train": 60, "test": 40}, mutation_rate=0.0)


def test_half_of_the_windows_hold_one_element_of_the_wanted_length_and_composition():
    made = simulate_spans(np.random.default_rng(0), SMALL)
    assert made.regions.groupby("split")["label"].sum().to_dict() == {"train": 30, "test": 20}
    length = made.truth["end"] - made.truth["start"]
    assert length.between(60, 140).all()
    holders = made.regions[made.regions["label"] == 1].reset_index(drop=True)
    assert (made.truth["start"] >= holders["start"]).all()
    assert (made.truth["end"] <= holders["end"]).all()
    assert made.truth["strand"].tolist() == holders["strand"].tolist()
    inside = np.concatenate([made.contigs[row.chrom][row.start : row.end] for row in made.truth.itertuples()])
    assert 0.47 < np.isin(inside, (1, 2)).mean() < 0.58


def test_elements_hold_several_motifs_and_windows_without_one_at_most_a_decoy():
    made = simulate_spans(np.random.default_rng(0), SMALL)
    text = {name: "".join("ACGT"[code] for code in codes) for name, codes in made.contigs.items()}
    swap = str.maketrans("ACGT", "TGCA")

    def motifs(row):
        window = text[row.chrom][row.start : row.end]
        window = window if row.strand == "+" else window.translate(swap)[::-1]
        return sum(window.count(motif) for motif in SMALL.consensus)

    assert min(motifs(row) for row in made.truth.itertuples()) >= SMALL.fewest
    without = [motifs(row) for row in made.regions.itertuples() if row.label == 0]
    assert max(without) == 1
    assert 0.5 < np.mean(without) < 0.9


def test_equal_seeds_give_equal_files(tmp_path):
    for name in ("one", "two"):
        write_spans(tmp_path / name, simulate_spans(np.random.default_rng(3), SMALL))
    for file in ("genome.fa", "regions.tsv", "truth.bed"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert list(pd.read_csv(tmp_path / "one" / "regions.tsv", sep="\t"))[-2:] == ["label", "split"]
