"""Every complaint says what, where, got, allowed and what to do, in one line."""

import pytest

from tracklight.errors import InputError, complaint, existing_file, one_of


def test_a_complaint_joins_its_parts_in_order():
    error = complaint("unknown strand", where="r.tsv line 4", got="*", allowed=["+", "-", "."], do="correct it")
    assert str(error) == "r.tsv line 4: unknown strand; got *; allowed: +, -, .; correct it"


def test_a_complaint_is_one_line_even_when_its_parts_are_not():
    assert str(complaint("two\nlines", got="a\n\tb")) == "two lines; got a b"


def test_zero_is_something_that_was_got():
    assert str(complaint("too few", got=0)) == "too few; got 0"


def test_a_long_list_is_cut():
    text = str(complaint("unknown contig", allowed=[f"contig{number}" for number in range(1000)]))
    assert len(text) < 350
    assert text.endswith("…")


def test_a_file_that_is_there_is_returned_as_a_path(tmp_path):
    (tmp_path / "a.fa").write_text(">a\n")
    assert existing_file(str(tmp_path / "a.fa"), what="genome") == tmp_path / "a.fa"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.fa: genome not found"):
        existing_file(tmp_path / "nowhere.fa", what="genome")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(InputError, match="genome not found"):
        existing_file(tmp_path, what="genome")


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "empty.fa").touch()
    with pytest.raises(InputError, match=r"empty\.fa: genome is empty"):
        existing_file(tmp_path / "empty.fa", what="genome")


def test_a_value_outside_a_list_is_shown_with_the_list():
    with pytest.raises(InputError, match=r"m\.json: unknown method; got 'magic'; allowed: a, b"):
        one_of("magic", (name for name in "ab"), what="method", where="m.json")


def test_a_value_of_the_list_passes():
    one_of("a", ["a", "b"], what="method")
