"""Exit codes and messages of the command line, with a stand-in for the stage."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tracklight import __version__
from tracklight.cli import STAGES, main
from tracklight.errors import complaint


@pytest.fixture
def stage(monkeypatch):
    """Take the place of the stage `schema`; what it does is set by the test."""
    module = ModuleType("tracklight.stages.schema")
    module.run = lambda _: None
    module.add_arguments = lambda parser: parser.add_argument("--count", type=int, default=1)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_a_stage_that_ends_well_gives_zero(stage):
    seen = []
    stage.run = lambda arguments: seen.append(arguments.count)
    assert main(["schema", "--count", "3"]) == 0
    assert seen == [3]


def test_a_mistake_of_the_user_is_one_line_and_gives_two(stage, capsys):
    def run(arguments):
        raise complaint("contig\nunknown", where="regions.tsv", got="chr9", allowed=["I", "II"])

    stage.run = run
    assert main(["schema"]) == 2
    assert capsys.readouterr().err == ("tracklight schema: regions.tsv: contig unknown; got chr9; allowed: I, II\n")


def test_a_mistake_of_ours_keeps_its_traceback(stage):
    def run(arguments):
        raise ZeroDivisionError("ours")

    stage.run = run
    with pytest.raises(ZeroDivisionError, match="ours"):
        main(["schema"])


def test_a_wrong_option_of_a_stage_gives_two(stage, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["schema", "--count", "many"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "tracklight schema: argument --count: invalid int value: 'many'; see tracklight schema --help\n"
    )


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_path_is_a_wrong_option(stage, capsys, text):
    stage.add_arguments = lambda parser: parser.add_argument("--out", type=Path)
    with pytest.raises(SystemExit) as ended:
        main(["schema", "--out", text])
    assert ended.value.code == 2
    assert "tracklight schema: argument --out: the path is empty" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["banana"], []])
def test_an_unknown_or_missing_stage_gives_two_and_names_the_stages(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "STAGE" in said
    assert said.count("\n") == 1


def test_help_names_every_stage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert [name for name in STAGES if f"  {name} " not in said] == []


def test_version_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"tracklight {__version__}\n"
