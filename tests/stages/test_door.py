"""What every stage does before its work: numbers of the command line, and places that can be written."""

import argparse
import ast
import inspect

import pytest

from tracklight import cli
from tracklight.errors import InputError
from tracklight.settings import PrepareGenome
from tracklight.stages import door


def parsed(text):
    parser = cli.Parser(prog="tracklight train")
    parser.add_argument("--seed", type=door.whole_number(0))
    door.add_shared_arguments(parser)
    return parser.parse_args(text.split())


def test_whole_numbers_inside_their_bounds_are_read():
    arguments = parsed("--seed 0 --threads 1024")
    assert (arguments.seed, arguments.threads) == (0, 1024)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--threads 0", "--threads: got '0'; allowed: a whole number from 1 to 1024"),
        ("--threads=-1", "--threads: got '-1'"),
        ("--threads 1" + "0" * 20, "--threads: got '1000"),
        ("--threads two", "--threads: got 'two'"),
        ("--seed=-1", "--seed: got '-1'; allowed: a whole number from 0 to 1000000000"),
        ("--seed 1.5", "--seed: got '1.5'"),
    ],
)
def test_a_number_out_of_its_bounds_is_one_line_and_gives_two(capsys, text, message):
    with pytest.raises(SystemExit) as ended:
        parsed(text)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("tracklight train: argument " + message)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("stage", "out", "provenance", "fault"),
    [
        ("prepare-genome", "taken", "p.json", "taken: cannot write"),
        ("prepare-genome", "out", "taken/p.json", "p.json: cannot write"),
        ("prepare-genome", "out", "folder", "folder: cannot write; got Is a directory"),
        ("report", "folder", "p.json", "folder: cannot write; got Is a directory"),
    ],
)
def test_a_place_that_cannot_be_written_ends_the_stage_before_its_work(tmp_path, stage, out, provenance, fault):
    (tmp_path / "taken").write_text("a file, not a folder")
    (tmp_path / "folder").mkdir()
    arguments = argparse.Namespace(out=tmp_path / out, provenance=tmp_path / provenance, threads=1)
    worked = []
    with pytest.raises(InputError, match=fault), door.recorded(arguments, stage, PrepareGenome(), {}):
        worked.append(True)
    assert worked == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "taken"]


def test_the_stages_that_write_one_file_are_those_whose_help_names_no_folder():
    helps = {}
    for name in set(cli.STAGES) - {"schema"}:
        source = inspect.getsource(__import__(f"tracklight.stages.{name.replace('-', '_')}", fromlist=["_"]))
        calls = [call for call in ast.walk(ast.parse(source)) if isinstance(call, ast.Call) and call.args]
        (out,) = (call for call in calls if ast.unparse(call.args[0]) == "'--out'")
        helps[name] = next(ast.literal_eval(word.value) for word in out.keywords if word.arg == "help")
    assert sorted(name for name, text in helps.items() if "folder" not in text) == sorted(door.OUT_IS_A_FILE)
