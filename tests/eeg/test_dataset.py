"""Folders of epochs that are damaged, or that another hand has changed."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from tracklight.core.tape import save_tape
from tracklight.eeg.dataset import open_epochs
from tracklight.errors import InputError

LENGTH = 10
FACTS = {
    "rate_hz": 50.0, "channels": ["C3", "P4"], "unit": "V", "length": LENGTH, "targets": ["label"],
    "covariates": ["depth"],
}  # fmt: skip
SPLITS = ("A", "A_validation", "B", "B_validation")


def rows():
    return pd.DataFrame(
        {"contig": f"s{who}", "start": start * LENGTH, "reverse": 0, "group": f"s{who}", "split": split, "report": "r1",
         "epoch": 1 - start, "stage": "REM", "label": who % 2, "order": 1, "depth": 0.5}
        for who, split in enumerate(SPLITS)
        for start in (0, 1)
    )  # fmt: skip


def write(folder, *, index=None, **facts):
    data = np.random.default_rng(0).normal(size=(2, 4 * 2 * LENGTH)).astype(np.float32)
    save_tape(folder, data, {f"s{who}": 2 * LENGTH for who in range(4)})
    (folder / "epochs.json").write_text(json.dumps({key: value for key, value in {**FACTS, **facts}.items() if value}))
    (rows() if index is None else index).to_csv(folder / "epochs.tsv.gz", sep="\t", index=False)
    return folder


def changed(column, value, row=0):
    index = rows().astype(object)
    index.loc[row, column] = value
    return index


def test_a_whole_folder_opens(tmp_path):
    epochs = open_epochs(write(tmp_path))
    assert epochs.index.equals(rows().astype({"label": "Int64", "order": "Int64"}))
    assert (epochs.channels, epochs.rate_hz, epochs.length, epochs.unit) == (("C3", "P4"), 50.0, LENGTH, "V")


@pytest.mark.parametrize("damage", ["cut", "empty", "binary", "garbage", "not_utf8", "flipped"])
def test_a_damaged_index_is_refused(tmp_path, damage):
    path = write(tmp_path) / "epochs.tsv.gz"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "binary": bytes(range(256)),
            "garbage": gzip.compress(b"hello\tworld\n1\t2\n"),
            "not_utf8": gzip.compress(b"contig\tgroup\n\xff\xfe\t1\n"),
            "flipped": whole[:60] + bytes([whole[60] ^ 255]) + whole[61:],
        }[damage]
    )
    with pytest.raises(InputError, match=r"not prepared recordings|not an index of epochs"):
        open_epochs(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("group", "", "group is not usable; got ''; allowed: the name of a subject"),
        ("split", "Z", "split is not usable; got 'Z'; allowed: A, A_validation, B, B_validation"),
        ("split", "B", "a subject in two splits; got s0"),
        ("stage", "S2", "stage is not usable; got 'S2'; allowed: W, N1, N2, N3, REM"),
        ("start", -5, "start is not usable; got .*-5.*; allowed: 0 or more"),
        ("start", 11, "epochs are of other recordings"),
        ("start", "soon", "not prepared recordings"),
        ("contig", "s9", "epochs are of other recordings"),
        ("epoch", -1, "epoch is not usable"),
        ("reverse", 1, "reverse is not usable"),
        ("report", "", "report is not usable; got ''; allowed: a name"),
        ("label", 2, "label is not usable; got .*2.*; allowed: 0 or 1"),
        ("label", None, "label is not usable; got none"),
    ],
)
def test_a_cell_that_no_stage_writes_is_refused(tmp_path, column, value, message):
    with pytest.raises(InputError, match=message):
        open_epochs(write(tmp_path, index=changed(column, value)))


def test_the_line_of_a_bad_cell_is_named(tmp_path):
    with pytest.raises(InputError, match=r"epochs.tsv.gz line 5: epoch"):
        open_epochs(write(tmp_path, index=changed("epoch", -1, row=3)))


def test_labels_may_be_missing_where_targets_are_stages(tmp_path):
    index = rows().assign(label=None, report="", order=None)
    assert open_epochs(write(tmp_path, index=index, targets=["N2", "REM"])).values("REM").tolist() == [1.0] * 8


@pytest.mark.parametrize("column", ["contig", "start", "split", "label", "depth"])
def test_a_missing_column_is_refused(tmp_path, column):
    with pytest.raises(InputError, match=f"no {column}|not prepared recordings"):
        open_epochs(write(tmp_path, index=rows().drop(columns=column)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in ("rate_hz", "channels", "unit", "length", "targets")),
        *(("rate_hz", value) for value in (-1.0, "x", float("nan"), True)),
        *(("length", value) for value in (-3, 2.5, "10")),
        *(("channels", value) for value in ("ab", ["C3", "C3"], [1, 2])),
        ("unit", "uV"),
        ("targets", ["sleep"]),
        ("covariates", "depth"),
    ],
)
def test_facts_that_no_stage_writes_are_refused(tmp_path, name, value):
    with pytest.raises(InputError, match=f"epochs.json: {name} is not usable; got .*; allowed: "):
        open_epochs(write(tmp_path, **{name: value}))


def test_facts_that_are_no_mapping_are_refused(tmp_path):
    (write(tmp_path) / "epochs.json").write_text("[1]")
    with pytest.raises(InputError, match="not facts about epochs; got list"):
        open_epochs(tmp_path)


def test_a_damaged_tape_is_told_apart_from_a_genome(tmp_path):
    (write(tmp_path) / "codes.npy").write_bytes(b"not numpy")
    with pytest.raises(InputError, match=r"not prepared recordings; .*; run prepare-eeg"):
        open_epochs(tmp_path)
    (write(tmp_path, unit="SD") / "contigs.json").write_text('{"s0": 5}')
    with pytest.raises(InputError, match=r"differ in length.*run whiten-eeg again"):
        open_epochs(tmp_path)


def test_signals_with_holes_are_refused_where_they_are_read(tmp_path):
    data = np.load(write(tmp_path) / "codes.npy")
    data[1, LENGTH + 3] = np.nan
    np.save(tmp_path / "codes.npy", data)
    epochs = open_epochs(tmp_path)
    assert epochs.signals(np.array([0, 2])).shape == (2, 2, LENGTH)
    with pytest.raises(
        InputError, match=r"not finite \(NaN\); got s0 channel P4, epoch from sample 10; run prepare-eeg"
    ):
        epochs.signals(np.array([0, 1, 2]))


def test_the_checksum_of_epochs_tells_split_labels_facts_and_signals_apart(tmp_path):
    def of(folder):
        return open_epochs(folder).sha256()

    same = of(write(tmp_path / "a"))
    assert of(write(tmp_path / "b")) == same
    split = rows().assign(split=np.repeat(["A_validation", "A", "B", "B_validation"], 2))
    others = [write(tmp_path / "c", index=split), write(tmp_path / "d", index=changed("label", 1)),
              write(tmp_path / "e", rate_hz=51.0)]  # fmt: skip
    (tmp_path / "a" / "codes.npy").write_bytes((tmp_path / "b" / "codes.npy").read_bytes())
    data = np.load(tmp_path / "b" / "codes.npy")
    np.save(tmp_path / "b" / "codes.npy", data[:, ::-1])
    assert len({same, *map(of, others), of(tmp_path / "b")}) == 5
