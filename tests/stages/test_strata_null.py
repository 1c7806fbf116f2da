"""Labellings drawn in parts give the bytes that one machine gives, and a part that does not belong is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from tracklight import cli
from tracklight.stats import permutation

NAMES = ["C3:8", "C3:9", "P4:8", "P4:9"]
SETTINGS = {"fold": "half", "score": "margin", "permutations": 499, "bootstrap": 100}


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch):
    monkeypatch.setattr(permutation, "MOST_AT_ONCE", 2_000)  # 500 draws become 20 stretches and more


@pytest.fixture
def folder(tmp_path):
    rng, rows = np.random.default_rng(0), 96
    label = rng.integers(0, 2, rows)
    table = pd.DataFrame(rng.normal(size=(rows, 4)) + 0.5 * label[:, None], columns=NAMES)
    head = {"half": np.repeat(["A", "B"], 48), "subject": np.repeat([f"s{n}" for n in range(8)], 12)}
    head |= {"stage": np.tile(["N2", "N2", "REM"], 32), "label": label, "age": 30, "margin": table.sum(axis=1)}
    pd.DataFrame(head).join(table).to_csv(tmp_path / "units.tsv", sep="\t", index=False, float_format="%.9g")
    axes = [(name, *name.split(":")) for name in NAMES]
    pd.DataFrame(axes, columns=["feature", "channel", "hz"]).to_csv(tmp_path / "axes.tsv", sep="\t", index=False)
    (tmp_path / "neighbours.tsv").write_text("one\tother\nC3\tP4\n")
    return tmp_path


def call(folder, stage, out, *more, **changes):
    given = [stage, "--table", folder / "units.tsv", "--axes", folder / "axes.tsv"]
    given += ["--neighbours", folder / "neighbours.tsv", "--out", folder / out, *more]
    return cli.main([str(word) for word in [*given, "--settings", json.dumps(SETTINGS | changes)]])


def draw(folder, parts, **changes):
    files = [folder / f"null{part}.npz" for part in range(parts)]
    for part, file in enumerate(files):
        assert call(folder, "strata-null", file.name, "--part", part, parts=parts, **changes) == 0
    return files


def fails(capsys, folder, *arguments, **changes):
    assert call(folder, *arguments, **changes) == 2
    said = capsys.readouterr().err.splitlines()
    assert not [line for line in said if "Traceback" in line]
    return said[-1]


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_parts_give_the_bytes_of_one_run_in_whatever_order_they_are_named(folder, parts):
    assert call(folder, "strata", "whole", parts=parts) == 0
    files = draw(folder, parts)
    assert call(folder, "strata", "joined", "--null", *reversed(files), parts=parts) == 0
    assert contents(folder / "joined") == contents(folder / "whole")
    assert len(contents(folder / "whole")) == 6


def test_no_part_has_all_the_labellings_and_each_is_drawn_once(folder):
    drawn = [len(np.load(file)["largest0"]) for file in draw(folder, 7)]
    assert sum(drawn) == 499
    assert max(drawn) < 499 / 4


def test_all_labellings_of_a_small_table_are_shared_out_as_well(folder):
    table = pd.read_csv(folder / "units.tsv", sep="\t").head(24)
    table["label"] = np.tile(np.isin(np.arange(12), [1, 2]), 2).astype(int)  # in each of two subjects one N2, one REM
    table.to_csv(folder / "units.tsv", sep="\t", index=False)
    changes = {"parts": 3, "fold": None, "permutations": 5_000}
    assert call(folder, "strata", "whole", **changes) == 0
    direction = json.loads((folder / "whole" / "strata.json").read_text())["directions"][0]
    assert direction["exact"]
    assert direction["labellings"] == (8 * 4) ** 2
    assert call(folder, "strata", "joined", "--null", *draw(folder, **changes), **changes) == 0
    assert contents(folder / "joined") == contents(folder / "whole")


def test_a_part_that_was_killed_is_missing_and_the_others_stay(folder, capsys):
    files = draw(folder, 3)
    kept = files[0].read_bytes()
    files[1].unlink()
    said = fails(capsys, folder, "strata", "out", "--null", *files, parts=3)
    assert "null1.npz: part of the labellings not found" in said
    assert not (folder / "out").exists()
    assert files[0].read_bytes() == kept


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0, 1], "not every part of the labellings once; got 2 files with the parts [0, 1]; allowed: 3 files"),
        ([0, 1, 1], "not every part of the labellings once; got 3 files with the parts [0, 1]"),
    ],
)
def test_parts_left_out_or_named_twice_are_told(folder, capsys, given, message):
    files = draw(folder, 3)
    assert message in fails(capsys, folder, "strata", "out", "--null", *(files[n] for n in given), parts=3)


def test_parts_of_other_settings_or_of_another_table_are_refused(folder, capsys):
    files = draw(folder, 2)
    said = fails(capsys, folder, "strata", "out", "--null", *files, parts=2, seed=1)
    assert "null0.npz: part of other labellings; got another setting seed; run strata-null again" in said
    assert "another setting parts" in fails(capsys, folder, "strata", "out", "--null", *files, parts=3)
    (folder / "units.tsv").write_text((folder / "units.tsv").read_text().replace("N2", "N3"))
    assert "got another table;" in fails(capsys, folder, "strata", "out", "--null", *files, parts=2)


@pytest.mark.parametrize("damage", ["cut", "text", "byte", "other"])
def test_a_damaged_part_is_one_line(folder, capsys, damage):
    [file] = draw(folder, 1)
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"largest0") + 200] ^= 1
    file.write_bytes({"cut": whole[:-40], "text": b"hello\n", "byte": bytes(flipped), "other": b""}[damage])
    if damage == "other":
        np.savez(file, something=1)
    said = fails(capsys, folder, "strata", "out", "--null", file)
    assert "null0.npz: not a part of the labellings" in said
    assert "delete it and run strata-null again" in said


def test_a_part_beyond_the_last_is_told(folder, capsys):
    said = fails(capsys, folder, "strata-null", "null.npz", "--part", 3, parts=3)
    assert "--part: no such part; got 3; allowed: 0 to 2" in said


def test_the_table_of_axes_says_which_columns_are_compared(folder):
    assert call(folder, "strata", "out") == 0
    assert pd.read_csv(folder / "out" / "strata.tsv", sep="\t")["feature"].tolist() == NAMES


def test_channels_without_neighbours_form_clusters_along_frequency_only(folder):
    settings = {"cluster_z": 0.01}  # every feature is in a cluster
    assert call(folder, "strata", "joined", **settings) == 0
    (folder / "neighbours.tsv").write_text("one\tother\n")
    assert call(folder, "strata", "apart", **settings) == 0
    largest = [
        pd.read_csv(folder / out / "strata_clusters.tsv", sep="\t")["features"].str.count(";").max() + 1
        for out in ("joined", "apart")
    ]
    assert largest == [4, 2]


def test_a_feature_with_a_place_but_no_column_is_told(folder, capsys):
    (folder / "axes.tsv").write_text("feature\tchannel\thz\nC3:8\tC3\t8\nFz:8\tFz\t8\n")
    assert "units.tsv: no such column; got Fz:8; allowed: half, subject" in fails(capsys, folder, "strata", "out")


def test_a_direction_without_a_stratum_of_both_labels_is_named(folder, capsys):
    table = pd.read_csv(folder / "units.tsv", sep="\t")
    table.loc[table["half"] == "B", "label"] = 1
    table.to_csv(folder / "units.tsv", sep="\t", index=False)
    said = fails(capsys, folder, "strata", "out")
    assert "direction B: no stratum has both labels; got 48 rows in 8 strata" in said
