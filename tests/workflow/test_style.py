"""The workflow passes the linter of Snakemake and the formatter, and every rule says what it needs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))


@pytest.mark.parametrize("signal", ["folder", "eeg_folder"])
def test_the_linter_of_snakemake_finds_nothing(signal, request):
    code, said = request.getfixturevalue(signal).snakemake("--lint")
    assert code == 0, said
    assert "good condition" in said


def test_the_workflow_is_formatted():
    pytest.importorskip("snakefmt")
    files = [str(REPOSITORY / "Snakefile"), str(REPOSITORY / "workflow")]
    done = subprocess.run([sys.executable, "-m", "snakefmt", "--check", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_every_rule_states_its_log_benchmark_threads_and_resources(file):
    rules = re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]
    assert bool(rules) != (file.stem == "common" or file.stem.endswith("_names"))
    for rule in rules:
        name = rule.partition(":")[0]
        for word in ["log:", "benchmark:", "threads:", "mem_mb=", "runtime=", "fingerprint=", "provenance=", "stage("]:
            assert word in rule, f"rule {name} lacks {word}"
