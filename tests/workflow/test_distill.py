"""The target `distill`; a dry run tells what would be done."""

import argparse
import shlex

import pytest

from tracklight.stages import distill

NETWORKS = {"prepare_genome": 1, "prepare_windows": 1, "train": 2}


def command(folder):
    _, said = folder.snakemake("--dry-run", "--printshellcmds", "distill")
    line = next(line for line in said.splitlines() if "Shell command: tracklight distill " in line)
    return line.partition("tracklight ")[2].partition(" 2> ")[0], said


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_students_need_the_networks_and_nothing_else(folder, snakefile):
    folder.configure({"distill": {"seeds": [1, 2]}})
    planned = folder.planned("distill", snakefile=snakefile)
    assert planned == NETWORKS | {"distill_student": 2, "distill": 1}


def test_the_stage_understands_its_command(folder):
    words, said = command(folder)
    parser = argparse.ArgumentParser(exit_on_error=False)
    distill.add_arguments(parser)
    arguments = parser.parse_args(shlex.split(words)[1:])
    assert [path.parent.name for path in arguments.models] == ["seed3", "seed5"]
    assert arguments.seed == 0
    assert "distill/seed0/spread.pt" in said


@pytest.mark.parametrize("changes", [{"train": {"seeds": [3]}}, {"distill": {"loss": "soft_bce"}}])
def test_one_network_and_labels_have_no_spread(folder, changes):
    folder.configure(changes)
    assert "spread.pt" not in command(folder)[1]
