import json
import shutil

import numpy as np
import pytest
import torch

from tracklight.errors import InputError
from tracklight.genome.dataset import open_dataset, target_number
from tracklight.genome.fasta import decode_codes


@pytest.fixture
def data(simulated_run):
    return open_dataset(simulated_run / "genome", simulated_run / "windows")


def test_codes_and_decoded_examples_are_the_same_windows(data):
    rows = torch.arange(0, len(data.index), 37)
    x = data.examples(torch.device("cpu")).x(rows)
    spelled = ["".join("ACGTN"[c] for c in row.argmax(0).where(row.sum(0) > 0, torch.tensor(4))) for row in x]
    assert spelled == [decode_codes(codes) for codes in data.codes()[rows.numpy()]]


def test_codes_of_some_rows_are_those_rows_of_all_codes(data):
    rows = np.array([5, 2, 9])
    np.testing.assert_array_equal(data.codes(rows), data.codes()[rows])


def test_minus_strand_windows_are_read_as_reverse_complements(data, simulation):
    row = int(np.flatnonzero(data.index["reverse"] == 1)[0])
    window = data.index.iloc[row]
    plus = decode_codes(simulation.contigs[window["contig"]][window["start"] : window["start"] + data.length])
    assert decode_codes(data.codes()[row]) == plus.translate(str.maketrans("ACGTN", "TGCAN"))[::-1]


def test_splits_are_disjoint_and_cover_the_index(data):
    rows = [set(data.rows(split).tolist()) for split in ("train", "validation", "test")]
    assert sum(map(len, rows)) == len(data.index) == len(set.union(*rows))


def test_targets_and_activity_are_columns_of_the_index(data):
    active = data.active("expression")
    values = data.values("expression")
    assert ((values > np.log2(data.facts["active_above"])) == (active == 1)).all()


def test_unfinished_windows_are_refused_with_what_to_do(simulated_run, tmp_path):
    shutil.copytree(simulated_run / "windows", tmp_path / "windows")
    (tmp_path / "windows/windows.json").write_text(json.dumps({})[:-1])
    with pytest.raises(InputError, match=r"windows: not prepared windows; got .*; run prepare-windows"):
        open_dataset(simulated_run / "genome", tmp_path / "windows")


def test_the_explained_target_is_the_first_unless_one_is_named():
    assert target_number(("x", "y"), None) == 0
    assert target_number(("x", "y"), "y") == 1
    with pytest.raises(InputError, match=r"attribute.target: unknown target; got 'z'; allowed: x, y"):
        target_number(("x", "y"), "z")
