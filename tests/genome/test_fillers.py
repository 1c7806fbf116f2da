import numpy as np
import pytest
import tangermeme.ersatz
import torch

from tracklight.core.tape import Tape
from tracklight.errors import InputError
from tracklight.genome.decode import one_hot
from tracklight.genome.fillers import Background, dinucleotide, fit_background, make_fillers


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tape(*contigs: str) -> Tape:
    codes = [np.array(["ACGTN".index(base) for base in contig], np.uint8) for contig in contigs]
    offsets = np.cumsum([0, *map(len, codes)]).astype(np.int64)
    return Tape(np.concatenate(codes), tuple(f"c{n}" for n in range(len(codes))), offsets)


def pair_counts(x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nap,nbp->nab", x[..., :-1], x[..., 1:])


def test_dinucleotide_shuffles_keep_what_tangermeme_s_keep():
    codes = torch.randint(0, 4, (3, 60), generator=generator(1), dtype=torch.uint8)
    x = one_hot(codes)
    ours = dinucleotide(x, generator())
    theirs = tangermeme.ersatz.dinucleotide_shuffle(x, n=1, random_state=0)[:, 0].float()
    assert torch.equal(pair_counts(ours), pair_counts(theirs))
    assert torch.equal(pair_counts(ours), pair_counts(x))
    assert not torch.equal(ours, x)


def test_a_dinucleotide_shuffle_leaves_unknown_bases_in_place():
    codes = torch.tensor([[0, 1, 0, 1, 4, 2, 3, 2, 3, 2]], dtype=torch.uint8)
    assert torch.equal(dinucleotide(one_hot(codes), generator()).sum(1)[0] == 0, codes[0] == 4)


def test_the_background_counts_neighbours_on_both_strands_and_leaves_out_n_and_the_ends_of_contigs():
    fitted = fit_background(tape("AACNG", "CC"))
    # plus: AA, AC, CC; minus: TT, GT, GG; NG and the joint CC of two contigs do not count
    expected = [[0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]]
    assert fitted.follows.tolist() == expected
    assert fitted.first == pytest.approx([2 / 6, 1 / 6, 2 / 6, 1 / 6])


def test_samples_follow_the_chain():
    follows = np.array([[0.1, 0.4, 0.3, 0.2], [0.7, 0.1, 0.1, 0.1], [0.25] * 4, [0.0, 0.0, 0.0, 1.0]])
    codes = Background(np.array([0.5, 0.5, 0.0, 0.0]), follows).sample((4000, 4), np.random.default_rng(0))
    assert set(codes[:, 0]) == {0, 1}
    for base in range(4):
        after = codes[:, 1:][codes[:, :-1] == base]
        assert np.bincount(after, minlength=4) / len(after) == pytest.approx(follows[base], abs=0.05)


def test_a_genome_without_known_neighbours_is_refused():
    with pytest.raises(InputError, match="genome has no two known bases side by side; use other fillers"):
        fit_background(tape("ANANA"))


def test_every_filler_of_the_settings_is_there_and_the_same_for_the_same_seed():
    x = one_hot(torch.randint(0, 4, (2, 30), generator=generator(1), dtype=torch.uint8))
    fillers = make_fillers(tape("ACGTTGCAACGGTTAC"))
    assert {"shuffle", "dinucleotide", "background", "neutral", "zero"} <= set(fillers)
    for filler in fillers.values():
        first, second = (filler(x, generator(4)) for _ in range(2))
        assert torch.equal(first, second)
        assert (first.shape, first.dtype) == (x.shape, x.dtype)
