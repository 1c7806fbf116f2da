import json

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight.core.tape import Tape, save_tape
from tracklight.errors import InputError
from tracklight.genome.dataset import open_dataset
from tracklight.genome.marks import agreement, check_annotators, decode_marks, mark_tape, marked_windows, read_marks

LENGTHS = {"a": 30, "b": 20}
TAPE = Tape(np.zeros(50, np.uint8), ("a", "b"), np.array([0, 30, 50]))


def marks(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end", "kind", "strand", "annotator"])


def read(tmp_path, text, **options):
    path = tmp_path / "marks.bed"
    path.write_text(text)
    return read_marks(path, lengths=LENGTHS, **options)


def test_bed_and_a_table_with_a_header_say_the_same(tmp_path):
    bed = read(tmp_path, "# mine\na\t2\t5\tM+\t0\t-\tEva\nb\t0\t9\tirrelevant\t7\t.\tJan\n")
    table = read(
        tmp_path,
        "#annotator\tname\tstart\tend\tchrom\tstrand\tremark\nEva\trelevant\t2\t5\ta\t-\tx\nJan\tM-\t0\t9\tb\t.\t\n",
    )
    expected = marks(("a", 2, 5, "relevant", "-", "Eva"), ("b", 0, 9, "irrelevant", ".", "Jan"))
    assert bed.columns.tolist() == expected.columns.tolist()
    assert bed.to_numpy().tolist() == table.to_numpy().tolist() == expected.to_numpy().tolist()


def test_four_columns_are_enough_and_contigs_are_renamed(tmp_path):
    found = read(tmp_path, "chrA\t2\t5\tM-\n", contig_names={"chrA": "a"})
    assert found.iloc[0].tolist() == ["a", 2, 5, "irrelevant", ".", "."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\t2\t5\tnoise\n", "line 1: unknown kind of mark; got 'noise'; allowed: relevant, M[+], irrelevant, M-"),
        ("a\t2\t5\tM+\t0\tminus\n", "line 1: unknown strand; got 'minus'"),
        ("a\t2\t31\tM+\n", "line 1: region beyond the contig; got a:2-31; allowed: 0-30"),
        ("a\t5\t5\tM+\n", "line 1: end is not after start; got 5-5"),
        ("a\t2\tx\tM+\n", "line 1: end is not a whole number; got 'x'"),
        ("a\t2\t4\tM+\nc\t2\t5\tM+\n", "unknown contig .first at line 2.; got c"),
        ("a\t2\t5\n", "marks lack a column; got chrom, start, end"),
        ("chrom\tstart\tend\tend\tkind\n", "marks have columns with the same name; got end"),
        ("chrom\tstart\tend\tkind\n", "there are no marks"),
        ("# nothing\n", "there are no marks"),
        ("a\t2\t5\tM+\na\t2\t5\n", "line 2: wrong number of tab-separated columns; got 3; allowed: 4"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)


def test_an_annotator_who_contradicts_himself_is_told_where():
    table = marks(("a", 2, 8, "relevant", ".", "Eva"), ("b", 4, 9, "relevant", "+", "Eva"))
    clash = marks(("b", 6, 12, "irrelevant", ".", "Eva"))
    check_annotators(table, TAPE, stranded=True, where="m")
    check_annotators(pd.concat([table, clash.assign(annotator="Jan")]), TAPE, stranded=True, where="m")
    check_annotators(pd.concat([table, clash.assign(strand="-")]), TAPE, stranded=True, where="m")
    with pytest.raises(InputError, match="b:6-9, annotator Eva"):
        check_annotators(pd.concat([table, clash]), TAPE, stranded=True, where="m")


def test_masks_are_gathered_with_their_windows_base_by_base():
    table = marks(
        ("a", 2, 6, "relevant", "+", "."), ("a", 12, 15, "irrelevant", ".", "."), ("b", 3, 4, "relevant", "-", ".")
    )
    bits = torch.from_numpy(mark_tape(table, TAPE, stranded=True))
    forward = decode_marks(bits[None], reverse=torch.tensor([False]))[0]
    backward = decode_marks(bits[None], reverse=torch.tensor([True]))[0]
    assert torch.nonzero(forward[0])[:, 0].tolist() == [2, 3, 4, 5]
    assert torch.nonzero(forward[1])[:, 0].tolist() == [12, 13, 14]
    assert torch.nonzero(backward[0])[:, 0].tolist() == [49 - 33]
    assert torch.nonzero(backward[1])[:, 0].tolist() == [49 - 14, 49 - 13, 49 - 12]


def test_without_strands_a_mark_holds_for_both():
    bits = torch.from_numpy(mark_tape(marks(("a", 2, 6, "relevant", "+", ".")), TAPE, stranded=False))
    both = decode_marks(bits.repeat(2, 1), reverse=torch.tensor([False, True]))
    assert torch.equal(both[0], both[1].flip(-1))
    assert both[0, 0].sum() == 4


def test_a_base_that_annotators_contradict_each_other_about_is_neither():
    table = marks(("a", 2, 6, "relevant", ".", "Eva"), ("a", 4, 9, "irrelevant", ".", "Jan"))
    bits = mark_tape(table, TAPE, stranded=True)
    assert np.flatnonzero(bits & 1).tolist() == [2, 3]
    assert np.flatnonzero(bits & 2).tolist() == [6, 7, 8]


def test_agreement_of_annotators_is_that_of_sets_of_bases():
    table = marks(
        ("a", 0, 10, "relevant", ".", "Eva"),
        ("a", 5, 12, "relevant", ".", "Jan"),
        ("a", 14, 16, "irrelevant", ".", "Eva"),
        ("a", 9, 10, "irrelevant", ".", "Jan"),
    )
    found = agreement(table, TAPE, stranded=True).set_index("kind")
    eva, jan = set(range(10)), set(range(5, 12))
    assert found.loc["relevant", "jaccard"] == pytest.approx(len(eva & jan) / len(eva | jan))
    assert found.loc["relevant", "shared"] == 2 * len(eva & jan)  # on either strand
    assert found.loc["irrelevant", "jaccard"] == 0
    assert found.loc["contradiction", "shared"] == 2
    assert agreement(table[table["annotator"] == "Eva"], TAPE, stranded=True).empty


def test_windows_that_hold_a_mark_are_found_on_their_strand(tmp_path):
    save_tape(tmp_path / "genome", np.zeros(50, np.uint8), LENGTHS)
    index = pd.DataFrame(
        {"contig": ["a", "a", "b"], "start": [0, 10, 0], "reverse": [0, 1, 1], "group": "g", "split": "train"}
    ).assign(name="w", y=1.0)
    index["y.active"] = 1
    (tmp_path / "windows").mkdir()
    index.to_csv(tmp_path / "windows" / "windows.tsv.gz", sep="\t", index=False)
    facts = {"length_bp": 10, "targets": ["y"], "stranded": True, "transform": "none"}
    (tmp_path / "windows" / "windows.json").write_text(json.dumps(facts))
    data = open_dataset(tmp_path / "genome", tmp_path / "windows")
    table = marks(("a", 8, 12, "irrelevant", ".", "."), ("b", 2, 5, "irrelevant", "+", "."))
    rows, inside = marked_windows(table, data, "irrelevant")
    assert rows.tolist() == [0, 1]
    assert [np.flatnonzero(row).tolist() for row in inside] == [[8, 9], [8, 9]]
    assert not len(marked_windows(table, data, "relevant")[0])
