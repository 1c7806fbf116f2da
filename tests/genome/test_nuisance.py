from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from tangermeme.ersatz import substitute

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.dataset import Dataset
from tracklight.genome.decode import one_hot
from tracklight.genome.nuisance import (
    Nuisance,
    annotated,
    group_accuracy,
    in_every_window,
    moved,
    saliency_shares,
    threshold,
)
from tracklight.genome.probes import Probes

LENGTH = 10


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def data():
    """Windows at 0, 20 (minus strand), 40 and 60 of a contig that comes second on the tape."""
    tape = Tape(np.zeros(180, np.uint8), ("a", "b"), np.array([0, 80, 180]))
    index = pd.DataFrame({"contig": "b", "start": [0, 20, 40, 60], "reverse": [0, 1, 0, 0]})
    return Dataset(tape, index, {"length_bp": LENGTH}, {})


def probes_of(data):
    return Probes(np.arange(len(data.index)), data.codes(), np.array(["g"] * len(data.index)))


def intervals(*spans):
    table = pd.DataFrame(spans, columns=["start", "end", "strand"])
    return table.assign(chrom="b")


def test_an_annotated_nuisance_lies_where_its_intervals_do_as_the_window_is_read(data):
    found = annotated("r", intervals((2, 4, "."), (21, 23, "+"), (55, 75, ".")), data=data, probes=probes_of(data))
    inside = [[], [], [], []]
    inside[0], inside[1], inside[3] = [2, 3], [7, 8], list(range(LENGTH))
    assert [np.flatnonzero(row).tolist() for row in found.inside] == inside
    assert found.present.tolist() == [True, True, False, True]


def test_windows_that_a_nuisance_fills_neither_give_nor_take(data):
    found = annotated("r", intervals((2, 4, "."), (21, 23, "-"), (55, 75, ".")), data=data, probes=probes_of(data))
    assert found.holders.tolist() == found.donors.tolist() == [0, 1]
    assert found.recipients.tolist() == [2]


def test_a_part_of_every_window_goes_from_active_to_inactive_windows():
    found = in_every_window("end", [8, 10], np.array([True, False, True]), length=LENGTH)
    assert found.everywhere
    assert (found.holders.tolist(), found.donors.tolist(), found.recipients.tolist()) == ([0, 1, 2], [0, 2], [1])
    assert [np.flatnonzero(row).tolist() for row in found.inside] == [[8, 9]] * 3


@pytest.mark.parametrize("span", [[3, 3], [5, 4], [8, 11], [0, 10]])
def test_a_part_that_is_none_of_the_window_is_refused(span):
    with pytest.raises(InputError, match=rf"shortcuts.window_regions.end: not a part of the window; got {span[0]}"):
        in_every_window("end", span, np.array([True, False]), length=LENGTH)


@pytest.mark.parametrize(
    ("transform", "active_above", "loss", "expected"),
    [
        ("none", 0.7, "mse", 0.7),
        ("log2", 8.0, "huber", 3.0),
        ("log10", 100.0, "mse", 2.0),
        ("log2", 0.1, "mse", -2.0),  # below the floor
        ("none", 0.5, "bce", 0.0),
        ("none", 0.5, "soft_bce", 0.0),
    ],
)
def test_the_threshold_is_in_the_units_of_the_prediction(transform, active_above, loss, expected):
    facts = {"transform": transform, "floor": 0.25, "active_above": active_above}
    assert threshold(facts, loss=loss) == pytest.approx(expected)


def test_enrichment_is_mean_mass_over_mean_coverage():
    saliency = np.array([[1.0, 1, 1, 1], [6, 0, 1, 1], [0, 0, 0, 0]])
    inside = np.array([[True, True, False, False], [True, False, False, False], [True, True, True, False]])
    groups = np.array(["a", "b", "c"])
    found = saliency_shares(saliency, inside, groups, samples=200, generator=rng())
    assert found["coverage"][0] == pytest.approx((2 / 4 + 1 / 4) / 2)  # the dark window does not count
    assert found["mass"][0] == pytest.approx((2 / 4 + 6 / 8) / 2)
    assert found["enrichment"][0] == pytest.approx(0.625 / 0.375)
    # two blocks: a bootstrap sample holds one of them alone or both, and no other mean can come out
    assert found["enrichment"][1:] == pytest.approx((0.5 / 0.5, 0.75 / 0.25))


def test_without_any_saliency_there_is_no_enrichment():
    found = saliency_shares(
        np.zeros((2, 4)), np.eye(2, 4, dtype=bool), np.array(["a", "b"]), samples=9, generator=rng()
    )
    assert np.isnan(list(found.values())).all()


def test_windows_of_one_block_leave_no_uncertainty_between_blocks():
    saliency, inside = np.array([[1.0, 3], [2, 2]]), np.array([[True, False], [True, False]])
    found = saliency_shares(saliency, inside, np.array(["a", "a"]), samples=100, generator=rng())
    assert found["mass"] == pytest.approx((0.375, 0.375, 0.375))


@pytest.fixture
def mixed():
    """Thirty windows of 40 bp; ten hold a nuisance of 12 bp at a place of their own, the last ten do not take part."""
    generator = rng(1)
    codes = generator.integers(0, 4, (30, 40)).astype(np.uint8)
    starts = generator.integers(0, 29, 10)
    inside = np.zeros((30, 40), bool)
    for row, start in enumerate(starts):
        inside[row, start : start + 12] = True
    holders = np.arange(10)
    return Nuisance("n", inside, everywhere=False, holders=holders, donors=holders, recipients=np.arange(10, 20)), codes


def test_a_nuisance_is_put_where_it_lay_and_nothing_else_changes(mixed):
    nuisance, codes = mixed
    recipients, variants = moved(nuisance, codes, most=100, generator=rng())
    assert recipients.tolist() == list(range(10, 20))
    donors = []
    for row, recipient in enumerate(recipients):
        options = []
        for donor in nuisance.donors:
            place = np.flatnonzero(nuisance.inside[donor])
            motif = one_hot(torch.from_numpy(codes[donor][None, place]))
            before = one_hot(torch.from_numpy(codes[recipient][None]))
            expected = substitute(before, motif, start=int(place[0]))
            if torch.equal(expected, one_hot(torch.from_numpy(variants["insertion"][row][None]))):
                options.append(int(donor))
        donors += options
    assert sorted(donors) == list(range(10))  # every donor once, each found by its bases and its place


def test_controls_keep_place_and_composition_and_one_keeps_dinucleotides(mixed):
    nuisance, codes = mixed
    recipients, variants = moved(nuisance, codes, most=100, generator=rng())
    changed = dict.fromkeys(variants, 0)
    for row, recipient in enumerate(recipients):
        place = np.flatnonzero(variants["insertion"][row] != codes[recipient])
        donor = next(d for d in range(10) if (variants["insertion"][row] == codes[d])[nuisance.inside[d]].all())
        inside = nuisance.inside[donor]
        assert inside[place].all()
        source = codes[donor][inside]
        for name, bases in variants.items():
            assert (bases[row][~inside] == codes[recipient][~inside]).all()
            assert sorted(bases[row][inside]) == sorted(source)
            changed[name] += int((bases[row][inside] != source).any())
        kept = variants["dinucleotide"][row][inside]
        assert sorted(pairwise(kept)) == sorted(pairwise(source))
    assert changed["insertion"] == 0
    assert changed["permuted"] >= 9


def test_no_more_windows_than_asked_for_are_used_and_the_same_seed_draws_the_same(mixed):
    nuisance, codes = mixed
    one, two, other = (moved(nuisance, codes, most=4, generator=rng(seed)) for seed in (5, 5, 6))
    assert len(one[0]) == 4
    assert one[0].tolist() == two[0].tolist()
    assert all((one[1][name] == two[1][name]).all() for name in one[1])
    assert any((one[1][name] != other[1][name]).any() for name in one[1])


def test_the_accuracy_of_a_group_has_wilsons_interval_and_small_groups_have_none():
    correct = np.array([True] * 9 + [False] * 3 + [True] * 2)
    active = np.array([True] * 12 + [False] * 2)
    holds = np.array([True] * 12 + [False] * 2)
    table = group_accuracy("n", correct, active=active, holds=holds, smallest=3).set_index(["label", "with_nuisance"])
    assert table["n"].to_dict() == {(0, 0): 2, (0, 1): 0, (1, 0): 0, (1, 1): 12}
    assert table["accuracy"].isna().tolist() == [True, True, True, False]
    z, n, share = 1.959964, 12, 0.75
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    found = table.loc[(1, 1), ["accuracy", "low", "high"]].tolist()
    assert found == pytest.approx([0.75, centre - half, centre + half], rel=1e-5)
