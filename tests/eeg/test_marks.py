import numpy as np
import pandas as pd
import pytest

from tracklight.core.tape import Tape
from tracklight.eeg.dataset import Epochs
from tracklight.eeg.marks import read_epoch_marks, summary_of_epochs
from tracklight.errors import InputError

HEADER = "recording\tstart_s\tend_s\tchannel\tkind\tannotator\n"


@pytest.fixture
def epochs():
    """Two recordings of 60 and 40 s at 10 Hz, with epochs of 20 s from their starts."""
    tape = Tape(np.zeros((2, 1000), np.float32), ("sub-1", "sub-2"), np.array([0, 600, 1000]))
    index = pd.DataFrame({"contig": ["sub-1"] * 3 + ["sub-2"] * 2, "start": [0, 200, 400, 0, 200]})
    return Epochs(tape, index, {"rate_hz": 10, "channels": ["Fz", "Pz"], "length": 200}, {})


def read(tmp_path, epochs, text):
    path = tmp_path / "marks.tsv"
    path.write_text(text)
    return read_epoch_marks(path, epochs)


def test_marks_are_read_and_the_epochs_they_touch_are_counted(tmp_path, epochs):
    text = "sub-1\t19.5\t20\tFz\tM-\tEva\nsub-1\t39\t41.5\tFz\tirrelevant\t\nsub-2\t0\t40\t*\tM+\tJan\n"
    marks = read(tmp_path, epochs, HEADER + text)
    assert marks["kind"].tolist() == ["irrelevant", "irrelevant", "relevant"]
    assert marks["annotator"].tolist() == ["Eva", ".", "Jan"]
    rows = summary_of_epochs(marks, epochs).to_numpy().tolist()
    assert rows == [["irrelevant", "Fz", 2, 3.0, 3], ["relevant", "*", 1, 40.0, 2]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("sub-3\t0\t1\tFz\tM-\t", "line 2: unknown recording; got 'sub-3'; allowed: sub-1, sub-2"),
        ("sub-1\t0\t1\tCz\tM-\t", "line 2: unknown channel; got 'Cz'; allowed: Fz, Pz, [*]"),
        ("sub-1\t0\t1\tFz\tbad\t", "line 2: unknown kind of mark; got 'bad'"),
        ("sub-2\t39\t41\tFz\tM-\t", "line 2: mark is not a stretch of its recording; got 39 to 41 s; allowed: 0 to 40"),
        ("sub-2\t4\t4\tFz\tM-\t", "line 2: mark is not a stretch of its recording; got 4 to 4 s"),
        ("sub-2\tx\t4\tFz\tM-\t", "line 2: start_s is not a number; got 'x'"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, epochs, row, said):
    with pytest.raises(InputError, match=said):
        read(tmp_path, epochs, HEADER + row + "\n")


def test_a_table_without_marks_is_refused(tmp_path, epochs):
    with pytest.raises(InputError, match="there are no marks"):
        read(tmp_path, epochs, HEADER)
