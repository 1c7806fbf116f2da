"""The target that goes from marks to a page; it adds nothing to a run that does not ask for it."""

import argparse
import importlib
import shlex

import pytest

JOBS = {
    "prepare_genome": 1,
    "prepare_windows": 1,
    "train": 2,
    "attribute": 2,
    "feedback_check": 1,
    "feedback_train": 6,
    "feedback_effects": 1,
    "feedback_attribute": 2,
    "feedback_tracks": 1,
    "feedback_report": 1,
    "feedback": 1,
}


@pytest.fixture
def marked(folder):
    folder.configure({"inputs": {"marks": "re peats.bed"}})
    return folder


def test_the_target_plans_all_arms_of_every_network_and_what_follows(marked):
    assert marked.planned("feedback") == JOBS


def test_marks_alone_change_nothing_of_a_run(marked, folder):
    with_marks = marked.planned()
    folder.configure({})
    assert folder.planned() == with_marks
    assert not [rule for rule in with_marks if rule.startswith("feedback")]


def test_without_marks_the_target_says_what_is_missing(folder):
    code, said = folder.snakemake("--dry-run", "feedback")
    assert code == 1
    assert "config.inputs.marks: file is missing" in said


def test_every_command_is_understood_by_its_stage(marked):
    _, said = marked.snakemake("--dry-run", "--printshellcmds", "feedback")
    commands = [line.partition("tracklight ")[2] for line in said.splitlines() if "Shell command: tracklight " in line]
    assert len(commands) == sum(JOBS.values()) - 1
    for command in commands:
        stage, *arguments = shlex.split(command.partition(" 2> ")[0])
        parser = argparse.ArgumentParser(prog=stage, exit_on_error=False)
        importlib.import_module("tracklight.stages." + stage.replace("-", "_")).add_arguments(parser)
        parser.parse_args(arguments)
        if stage == "feedback-effects":
            names = [word.partition("=")[0] for word in arguments if "model.pt" in word]
            assert names == ["before"] * 2 + ["marks"] * 2 + ["random"] * 2 + ["none"] * 2
