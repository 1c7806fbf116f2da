"""A file stands under its name only when it is whole, and every result says where it came from."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tracklight import __version__
from tracklight.errors import InputError
from tracklight.files import check_writable, record, sha256, whole_file, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_half(path, fault):
    with whole_file(path) as temporary:
        temporary.write_text("half of it")
        raise fault


def test_a_block_that_ends_well_leaves_the_file_and_nothing_else(tmp_path):
    with whole_file(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("all of it")
        assert names(tmp_path / "new") == [temporary.name]
    assert names(tmp_path / "new") == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text() == "all of it"


@pytest.mark.parametrize("fault", [ValueError("half way"), KeyboardInterrupt("half way")])
def test_a_block_that_fails_leaves_nothing(tmp_path, fault):
    with pytest.raises(type(fault), match="half way"):
        write_half(tmp_path / "a.txt", fault)
    assert names(tmp_path) == []


def test_a_block_that_fails_leaves_the_older_file_as_it_was(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ValueError, match="half way"):
        write_half(tmp_path / "a.txt", ValueError("half way"))
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_killed_process_leaves_no_file_under_the_final_name(tmp_path):
    program = (
        "import os, signal, sys; from tracklight.files import whole_file\n"
        "with whole_file(sys.argv[1]) as path:\n"
        "    path.write_text('half of it'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.txt")])
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.txt").exists()


def test_the_temporary_name_keeps_the_ending_that_writers_look_at(tmp_path):
    with whole_file(tmp_path / "windows.tsv.gz") as temporary:
        assert temporary.name.endswith(".tsv.gz")
        with gzip.open(temporary, "wt") as handle:
            handle.write("packed")
    assert gzip.decompress((tmp_path / "windows.tsv.gz").read_bytes()) == b"packed"


def test_files_can_be_read_by_the_group(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "shared")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_made_is_the_users_mistake(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"file/a\.txt: cannot write; got (Not a directory|File exists)"):
        write_text(tmp_path / "file" / "a.txt", "text")


def test_a_name_that_is_a_folder_is_the_users_mistake(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="taken: cannot write; got Is a directory"):
        write_text(tmp_path / "taken", "text")
    assert names(tmp_path) == ["taken"]


@pytest.mark.parametrize("folder", [True, False])
def test_a_place_that_can_be_written_passes_and_nothing_is_made(tmp_path, folder):
    check_writable(tmp_path / "new" / "deep", folder=folder)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "folder", "reason"),
    [
        ("file", True, "Not a directory"),
        ("file/a.txt", False, "Not a directory"),
        ("file/deep/a.txt", False, "Not a directory"),
        ("taken", False, "Is a directory"),
        ("n" * 300, False, "File name too long"),
        ("/proc/nothing/a.txt", False, ""),
    ],
)
def test_a_place_that_cannot_be_written_is_known_beforehand(tmp_path, name, folder, reason):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match=f"{name}: cannot write; got {reason}.*; choose a place"):
        check_writable(tmp_path / name, folder=folder)
    assert names(tmp_path) == ["file", "taken"]


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(InputError, match=r"a\.txt: cannot write; got No space left on device"),
        whole_file(tmp_path / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_fault_with_another_file_is_not_called_a_fault_in_writing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"other\.txt"), whole_file(tmp_path / "a.txt"):
        (tmp_path / "other.txt").read_text()


def test_checksums_are_those_of_the_standard(tmp_path):
    (tmp_path / "abc").write_text("abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_record_says_what_ran_on_what(tmp_path):
    (tmp_path / "abc").write_text("abc")
    record(
        tmp_path / "provenance" / "train.json",
        stage="train",
        settings={"epochs": 3},
        inputs={"windows": tmp_path / "abc"},
        started=time.time() - 2,
        seed=7,
    )
    entry = json.loads((tmp_path / "provenance" / "train.json").read_text())
    assert (entry["stage"], entry["settings"], entry["seed"]) == ("train", {"epochs": 3}, 7)
    assert entry["version"] == __version__
    assert entry["inputs"]["windows"]["sha256"].startswith("ba7816bf")
    assert 2 <= entry["seconds"] < 60
    assert "torch" in entry["packages"]
