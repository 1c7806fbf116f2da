import numpy as np
import pytest
import torch

from tracklight.core.tape import Tape
from tracklight.genome.decode import one_hot
from tracklight.learning.examples import Windows, make_examples, predict

# contig a: ACGTACGTAC, contig b: TTTTTGGGGG
CODES = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2], np.uint8)
LETTERS = "ACGT"


@pytest.fixture
def examples():
    tape = Tape(CODES, ("a", "b"), np.array([0, 10, 20]))
    windows = Windows(
        np.array(["a", "a", "b"], object),
        np.array([0, 6, 3]),
        np.array([False, True, True]),
        np.array([[1.0], [2.0], [np.nan]], np.float32),
    )
    return make_examples(tape, windows, length=4, decode=one_hot, device=torch.device("cpu"))


def spelled(x):
    return ["".join(LETTERS[c] for c in row.argmax(0)) for row in x]


def test_windows_are_read_on_their_own_strand(examples):
    # a[6:10] = GTAC and b[3:7] = TTGG are read as their reverse complements
    assert spelled(examples.x(torch.arange(3))) == ["ACGT", "GTAC", "CCAA"]


def test_shifts_stop_at_the_ends_of_the_contig(examples):
    assert spelled(examples.x(torch.arange(2), shift=torch.tensor([-5, 3]))) == ["ACGT", "GTAC"]
    assert spelled(examples.x(torch.tensor([2]), shift=torch.tensor([-9]))) == ["AAAA"]


def test_a_shift_moves_the_window_along_the_contig(examples):
    assert spelled(examples.x(torch.tensor([0]), shift=torch.tensor([1]))) == ["CGTA"]


def test_a_flip_reads_the_other_strand(examples):
    flipped = examples.x(torch.arange(3), flip=torch.tensor([True, True, False]))
    assert spelled(flipped) == ["ACGT", "GTAC", "CCAA"]


def test_predictions_come_in_the_order_of_the_rows_whatever_the_batch(examples):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
    rows = torch.tensor([2, 0, 1])
    whole, pieces = predict(model, examples, rows), predict(model, examples, rows, batch_size=1)
    torch.testing.assert_close(whole, pieces)
    torch.testing.assert_close(whole, model(examples.x(rows)).detach())


def test_unknown_bases_decode_to_zeros_on_both_strands():
    codes = torch.tensor([[0, 4, 3], [0, 4, 2]], dtype=torch.uint8)
    x = one_hot(codes, reverse=torch.tensor([False, True]))
    assert x[0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert x[1].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]  # C, unknown, T
