"""What a run of the workflow does, does not do, and leaves behind; the stages are stand-ins."""

import argparse
import importlib
import json
import shlex
from pathlib import Path

import pytest

ALL_JOBS = {
    "prepare_genome": 1,
    "prepare_windows": 1,
    "train": 2,
    "evaluate": 1,
    "attribute": 4,
    "bigwig": 1,
    "peaks": 1,
    "candidates": 1,
    "logos": 1,
    "evaluate_elements": 1,
    "receptive_field": 1,
    "deletion": 1,
    "methods": 1,
    "sanity": 1,
    "shortcuts": 1,
    "trust": 1,
    "report": 1,
}


def test_both_entries_plan_the_same_jobs(folder):
    assert folder.planned(snakefile="Snakefile") == ALL_JOBS
    assert folder.planned(snakefile="workflow/Snakefile") == ALL_JOBS


def test_a_run_leaves_every_promised_file(finished_once):
    promised = {
        "genome/codes.npy",
        "windows/windows.tsv.gz",
        "model/seed3/model.pt",
        "model/seed5/model.pt",
        "evaluation.tsv",
        "predictions.tsv.gz",
        "attribution/gradient_x_input/shard1.npz",
        "attribution/integrated_gradients/shard0.npz",
        "tracks/saliency.plus.bw",
        "tracks/saliency.minus.sd.bw",
        "tracks/saliency.abs.bw",
        "tracks/prediction.minus.bw",
        "peaks/peaks.narrowPeak",
        "candidates.tsv",
        "candidates.bed",
        "candidates.fa",
        "logos/logos.json",
        "elements.tsv",
        "trust.tsv",
        "trust/receptive_field_profile.tsv",
        "trust/deletion_areas.tsv",
        "trust/methods_cost.tsv",
        "trust/sanity.tsv",
        "trust/shortcuts_groups.tsv",
        "report.html",
        "provenance.json",
    }
    assert promised <= finished_once.results


def test_settings_and_paths_arrive_at_the_stage_unharmed(finished_once):
    said = (finished_once.path / "results/small/provenance/candidates.json").read_text()
    assert "--exclude no go.bed --contig-names" in said
    assert json.loads(said.split("--contig-names ")[1].split(" --out")[0]) == {"chr{I}": "I"}
    trained = (finished_once.path / "results/small/provenance/train_seed5.json").read_text()
    settings = json.loads(trained.split("--settings ")[1].split(" --threads")[0])
    assert settings["seeds"] == [5]
    assert settings["device"] == "cpu"
    assert settings["batch_size"] == 128  # a default, resolved before the stage is called


def test_a_second_run_does_nothing(finished):
    code, said = finished.snakemake()
    assert code == 0
    assert "Nothing to be done" in said


def test_changed_peak_settings_run_peaks_and_what_follows_only(finished):
    finished.configure({"peaks": {"min_distance_bp": 40}})
    assert finished.planned() == dict.fromkeys(["peaks", "candidates", "logos", "evaluate_elements", "report"], 1)


def test_changed_report_settings_run_the_report_only(finished):
    finished.configure({"report": {"title": "braces {stay} as they are"}})
    assert finished.planned() == {"report": 1}


def test_another_seed_trains_one_network_only(finished):
    finished.configure({"train": {"seeds": [3, 5, 8], "device": "cpu"}})
    planned = finished.planned()
    assert planned["train"] == 1
    assert "prepare_windows" not in planned


def test_an_unstranded_assay_has_tracks_without_strands(folder):
    folder.configure({"prepare_windows": {"stranded": False}})
    code, said = folder.snakemake("--dry-run", "--printshellcmds", "--quiet", "host")
    assert code == 0
    assert "tracks/saliency.bw" in said
    assert "--tracks saliency=results/small/tracks/saliency.bw integrated_gradients=" in said
    assert "plus" not in said


def test_a_run_without_known_elements_leaves_their_evaluation_out(folder):
    folder.configure({"inputs": {"elements": None}})
    assert folder.planned() == {rule: jobs for rule, jobs in ALL_JOBS.items() if rule != "evaluate_elements"}


def test_a_failed_stage_shows_the_end_of_its_log_and_fails_the_run(folder):
    code, said = folder.snakemake("results/small/genome/codes.npy", FAIL="prepare-genome")
    assert code == 1
    assert "tracklight prepare-genome: broken on purpose" in said
    assert not (folder.path / "results/small/genome/codes.npy").exists()


def test_the_state_of_an_interrupted_training_survives(folder):
    code, _ = folder.snakemake("results/small/model/seed3/model.pt", FAIL="train")
    assert code == 1
    assert (folder.path / "results/small/model/seed3/resume.pt").exists()
    assert not (folder.path / "results/small/model/seed3/model.pt").exists()


def test_an_unknown_setting_ends_the_run_before_it_starts(folder):
    folder.configure({"peaks": {"widht_bp": 9}})
    code, said = folder.snakemake("--dry-run")
    assert code == 1
    assert "config.peaks.widht_bp: unknown setting" in said
    assert "width_bp" in said


@pytest.mark.parametrize(("key", "value"), [("fasta", "genom.fa"), ("exclude", ["no go.bed", "genom.fa"])])
def test_an_input_that_does_not_exist_is_told_even_when_the_run_is_finished(finished, key, value):
    finished.configure({"inputs": {key: value}})
    code, said = finished.snakemake()
    assert code == 1
    assert f"config.inputs.{key}: file not found; got genom.fa" in said
    assert "Nothing to be done" not in said


def test_the_report_is_given_the_files_of_the_run_and_no_others(finished):
    finished.configure({"train": {"seeds": [3], "device": "cpu"}, "inputs": {"elements": None}})
    code, _ = finished.snakemake()
    assert code == 0
    assert (finished.path / "results/small/model/seed5/metrics.tsv").exists()
    said = (finished.path / "results/small/provenance/report.json").read_text()
    given = said.split("--files ")[1].split(" --out")[0].split()
    run = finished.path / "results" / "small"
    assert {f"results/small/{name}" for name in ("candidates.bed", "tracks/saliency.abs.bw")} <= set(given)
    records = {file.name for file in (run / "provenance").iterdir()}
    assert records - {Path(file).name for file in given} == {
        *("train_seed5.json", "evaluate_elements.json", "report.json"),
    }
    assert not [file for file in given if "seed5" in file or "elements" in file]


def test_every_command_of_the_workflow_is_understood_by_its_stage(folder):
    _, said = folder.snakemake("--dry-run", "--printshellcmds")
    commands = [line.partition("tracklight ")[2] for line in said.splitlines() if "Shell command: tracklight " in line]
    assert len(commands) == sum(ALL_JOBS.values())
    for command in commands:
        stage, *arguments = shlex.split(command.partition(" 2> ")[0])
        parser = argparse.ArgumentParser(prog=stage, exit_on_error=False)
        importlib.import_module("tracklight.stages." + stage.replace("-", "_")).add_arguments(parser)
        parser.parse_args(arguments)
