"""The plan of the house, checked on the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracklight
from tracklight.cli import STAGES

PACKAGE = Path(tracklight.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 350
LONGEST_FUNCTION = 40
MOST_POSITIONAL = 3
FOUR_BY_NATURE = {  # an interval in a file, or the four things that the work is about
    "elements.list_track",
    "tracks.read_track",
    "baselines.kmer_ridge",
    "fit.fit",
    "door.recorded",
    "logos.candidate_view",
}
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "common", "misc", "tools"}

by_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


def test_rooms_import_only_downwards():
    pytest.importorskip("importlinter")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=PACKAGE.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_needs_neither_torch_nor_pandas(argument):
    program = (
        "import sys; from tracklight.cli import main\n"
        f"try: main(['{argument}'])\n"
        "except SystemExit: pass\n"
        "sys.exit(', '.join({'torch', 'pandas', 'numpy', 'snakemake', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tracklight" in done.stdout


def test_every_stage_has_its_module_and_every_module_is_a_stage():
    modules = {path.stem for path in (PACKAGE / "stages").glob("*.py")}
    assert {stage.replace("-", "_") for stage in STAGES} <= modules
    doors = {path.stem for path in (PACKAGE / "stages").glob("*.py") if "def add_arguments" in path.read_text()}
    assert doors == {stage.replace("-", "_") for stage in STAGES}


@by_module
def test_a_module_fits_in_a_head_and_has_a_name_that_says_something(module):
    assert len(module.read_text().splitlines()) <= LONGEST_MODULE
    assert module.stem not in NAMES_THAT_SAY_NOTHING


@by_module
def test_functions_are_short_and_take_few_positional_arguments(module):
    for function in functions(module):
        name = f"{module.stem}.{function.name}"
        assert lines_of_code(function) <= LONGEST_FUNCTION, f"{name} is too long"
        if not function.name.startswith("_"):
            assert positional(function) <= MOST_POSITIONAL + (name in FOUR_BY_NATURE), (
                f"{name} takes too many positional arguments"
            )


@by_module
def test_everything_public_is_described(module):
    tree = ast.parse(module.read_text())
    assert ast.get_docstring(tree), f"{module} has no docstring"
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    silent = [node.name for node in public if not node.name.startswith("_") and not ast.get_docstring(node)]
    assert silent == []


@by_module
def test_no_fault_is_swallowed_and_nothing_is_printed(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in ("everything", "Exception", "BaseException"), f"line {node.lineno} catches {caught}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            assert module.name == "cli.py", f"line {node.lineno} prints"


def functions(module: Path) -> Iterator[ast.FunctionDef]:
    """Every function of a module, methods included."""
    return (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.FunctionDef))


def lines_of_code(function: ast.FunctionDef) -> int:
    """Lines from `def` to the end, the docstring left out."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def positional(function: ast.FunctionDef) -> int:
    """Arguments that can be given by position, `self` and `cls` left out."""
    return len([argument for argument in function.args.args if argument.arg not in ("self", "cls")])
