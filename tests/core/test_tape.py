"""Contigs laid end to end: what is written is read back, and a damaged tape is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracklight.core.tape import open_tape, save_tape
from tracklight.errors import InputError

CODES = np.array([0, 1, 2, 3, 4, 3, 2], dtype=np.uint8)
LENGTHS = {"chrB": 4, "chrA": 3}  # not sorted: the order of the FASTA is kept


@pytest.fixture
def folder(tmp_path):
    save_tape(tmp_path / "genome", CODES, LENGTHS)
    return tmp_path / "genome"


def test_what_is_saved_is_opened_again(folder):
    tape = open_tape(folder)
    assert tape.data.tolist() == [0, 1, 2, 3, 4, 3, 2]
    assert tape.data.dtype == np.uint8
    assert tape.names == ("chrB", "chrA")
    assert tape.offsets.tolist() == [0, 4, 7]
    assert tape.lengths == {"chrB": 4, "chrA": 3}
    assert list(tape.lengths) == ["chrB", "chrA"]
    assert len(tape) == 7


def test_a_contig_is_a_view_that_cannot_be_written(folder):
    contig = open_tape(folder).contig("chrA")
    assert contig.tolist() == [4, 3, 2]
    assert isinstance(contig.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        contig[0] = 1


def test_channels_come_before_positions(tmp_path):
    signal = np.arange(10, dtype=np.float32).reshape(2, 5)
    save_tape(tmp_path, signal, {"night1": 2, "night2": 3})
    tape = open_tape(tmp_path)
    assert tape.contig("night2").tolist() == [[2, 3, 4], [7, 8, 9]]
    assert len(tape) == 5


def test_an_unknown_contig_is_named_beside_the_known_ones(folder):
    with pytest.raises(InputError, match="unknown contig; got chr1; allowed: chrB, chrA"):
        open_tape(folder).span("chr1")


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_positions_on_the_tape_hold_the_base_of_the_contig(tmp_path_factory, lengths, data):
    rng = np.random.default_rng(sum(lengths))
    contigs = {f"c{number}": rng.integers(0, 5, length).astype(np.uint8) for number, length in enumerate(lengths)}
    folder = tmp_path_factory.mktemp("tape")
    save_tape(folder, np.concatenate(list(contigs.values())), {name: len(bases) for name, bases in contigs.items()})
    tape = open_tape(folder)
    names = data.draw(st.lists(st.sampled_from(sorted(contigs)), min_size=1, max_size=8))
    positions = [data.draw(st.integers(0, len(contigs[name]) - 1)) for name in names]
    on_tape = tape.on_tape(names, positions)
    assert on_tape.dtype == np.int64
    assert tape.data[on_tape].tolist() == [
        contigs[name][position] for name, position in zip(names, positions, strict=True)
    ]


def test_a_folder_without_a_tape_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: not a prepared genome; .*run prepare-genome"):
        open_tape(tmp_path / "nowhere")


def test_codes_cut_short_are_refused(folder):
    data = (folder / "codes.npy").read_bytes()
    (folder / "codes.npy").write_bytes(data[:-3])
    with pytest.raises(InputError, match="not a prepared genome"):
        open_tape(folder)


def test_an_empty_file_of_codes_is_refused(folder):
    (folder / "codes.npy").write_bytes(b"")
    with pytest.raises(InputError, match="not a prepared genome"):
        open_tape(folder)


def test_a_broken_contig_table_is_refused(folder):
    (folder / "contigs.json").write_text('{"chrB": 4, ')
    with pytest.raises(InputError, match="not a prepared genome"):
        open_tape(folder)


@pytest.mark.parametrize("table", [[4, 3], {"chrB": "4"}, {"chrB": 7.0}, {"chrB": 8, "chrA": -1}, {"a": True}, None])
def test_contigs_that_are_no_mapping_to_positive_lengths_are_refused(folder, table):
    (folder / "contigs.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match=r"contigs.json: not a table of contigs; allowed: a mapping of contig names"):
        open_tape(folder)


def test_a_contig_longer_than_any_number_is_refused(folder):
    (folder / "contigs.json").write_text(json.dumps({"chrB": 10**30}))
    with pytest.raises(InputError, match=r"codes and contigs differ in length; got 7; allowed: 10{30}"):
        open_tape(folder)


def test_a_single_number_in_place_of_codes_is_refused(folder):
    np.save(folder / "codes.npy", np.uint8(7))
    with pytest.raises(InputError, match=r"codes.npy: not codes along positions; run prepare-genome again"):
        open_tape(folder)


def test_codes_that_do_not_fill_the_contigs_are_refused(folder):
    (folder / "contigs.json").write_text(json.dumps({"chrB": 4, "chrA": 4}))
    with pytest.raises(InputError, match="codes and contigs differ in length; got 7; allowed: 8"):
        open_tape(folder)


def test_pickled_objects_are_refused(folder):
    np.save(folder / "codes.npy", np.array([{}] * 7, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a prepared genome"):
        open_tape(folder)
