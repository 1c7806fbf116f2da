"""The target `segment`; a dry run tells what would be done."""

import argparse
import shlex

from tracklight.stages import segment

NETWORKS = {"prepare_genome": 1, "prepare_windows": 1, "train": 2}


def test_segment_is_planned_beside_all_only_and_called_as_it_is_made(folder):
    assert folder.planned("segment") == NETWORKS | {"segment_windows": 1, "segment": 1}
    _, said = folder.snakemake("--dry-run", "--printshellcmds", "segment")
    line = next(line for line in said.splitlines() if "Shell command: tracklight segment " in line)
    parser = argparse.ArgumentParser(exit_on_error=False)
    segment.add_arguments(parser)
    arguments = shlex.split(line.partition("tracklight segment ")[2].partition(" 2> ")[0])
    assert str(parser.parse_args(arguments).elements) == "elements.bed"
