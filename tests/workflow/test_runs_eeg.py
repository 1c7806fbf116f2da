"""What a run on sleep EEG does, does not do, and leaves behind; the stages are stand-ins."""

import argparse
import importlib
import json
import shlex
from pathlib import Path

import pytest

ALL_JOBS = {
    "simulate_eeg": 1,
    "prepare_eeg": 2,
    "whiten_eeg": 2,
    "train_eeg": 12,
    "attribute_eeg": 8,
    "units_eeg": 4,
    "strata_eeg": 20,
    "gate_eeg": 2,
    "controls_eeg": 2,
    "claims_eeg": 2,
    "report_eeg": 1,
}
AFTER_STRATA = dict.fromkeys(["gate_eeg", "controls_eeg", "claims_eeg"], 2) | {"report_eeg": 1}


def said_by(folder: Path, record: str) -> str:
    return (folder.path / "results/small" / record).read_text()


def test_the_inner_entry_plans_all_jobs(eeg_folder):
    assert eeg_folder.planned(snakefile="workflow/Snakefile") == ALL_JOBS


def test_a_run_leaves_every_promised_file(finished_eeg_once):
    promised = {"report.html", "provenance.json", "arm/recordings/truth_maps.npz"}
    for study in ("my.own-1", "arm"):
        promised |= {f"{study}/epochs/codes.npy", f"{study}/whitened/gains.npz", f"{study}/model/a/A/seed3/model.pt"}
        promised |= {f"{study}/model/b.2/B/seed0/training.png", f"{study}/attribution/b.2/B/tracks/sub-1.edf"}
        promised |= {f"{study}/units/a/power_time.tsv.gz", f"{study}/strata/b.2/power_time/strata_clusters.tsv"}
        promised |= {f"{study}/strata/a/attribution.depth/strata.json", f"{study}/strata/a/power.depth/strata.tsv"}
        promised |= {f"{study}/gate/gate_checks.tsv", f"{study}/controls/controls.tsv", f"{study}/claims/claims.json"}
    assert promised <= finished_eeg_once.results
    assert "arm/strata/b.2/attribution.depth/strata.tsv" not in finished_eeg_once.results


def test_a_second_run_does_nothing(finished_eeg):
    code, said = finished_eeg.snakemake()
    assert code == 0
    assert "Nothing to be done" in said


def test_every_stage_gets_its_own_settings(finished_eeg_once):
    def settings(record):
        return json.loads(said_by(finished_eeg_once, record).split("--settings ")[1].split(" --threads")[0])

    trained = settings("arm/provenance/train_eeg_a_B_seed5.json")
    assert (trained["seeds"], trained["device"], trained["steps"]) == ([5], "cpu", 500)
    prepared = [settings(f"{study}/provenance/prepare_eeg.json")["covariates"] for study in ("my.own-1", "arm")]
    assert prepared == [None, {"depth": "depth_proxy", "night_time_s": "night_time_s"}]
    assert settings("arm/provenance/simulate_eeg.json")["content"]["amplitude_sd"] == 0
    assert settings("arm/provenance/strata_a_power.json")["bin_column"] is None
    binned = settings("arm/provenance/strata_a_power.depth.json")
    assert (binned["bin_column"], binned["bins"], binned["fold"]) == ("depth", 2, "half")


def test_claims_are_given_the_first_network_and_the_truth_of_a_simulated_study_only(finished_eeg_once):
    simulated, own = (
        said_by(finished_eeg_once, f"{study}/provenance/claims_eeg.json") for study in ("arm", "my.own-1")
    )
    assert "--truth results/small/arm/recordings/truth_maps.npz" in simulated
    assert "--truth" not in own
    assert "--maps results/small/my.own-1/attribution/a/A results/small/my.own-1/attribution/a/B --strata" in own
    named = own.split("--strata ")[1].split(" --checks")[0].split()
    assert [name.partition("=")[0] for name in named] == [
        *("attribution", "power", "attribution_time", "power_time"),
        *("attribution.depth", "power.depth"),
    ]
    assert named[-1] == "power.depth=results/small/my.own-1/strata/a/power.depth"
    gate = said_by(finished_eeg_once, "arm/provenance/gate_eeg.json")
    assert "--units results/small/arm/units/a --others b.2=results/small/arm/units/b.2 --strata-settings" in gate
    controls = said_by(finished_eeg_once, "arm/provenance/controls_eeg.json").split("--models ")[1].split()[:4]
    assert [Path(model).parent.as_posix()[-7:] for model in controls] == ["A/seed3", "A/seed5", "B/seed3", "B/seed5"]


def test_the_page_is_given_the_files_of_the_run_and_no_others(finished_eeg):
    network = {"a": {"seeds": [3], "device": "cpu"}}
    finished_eeg.config = {**finished_eeg.config, "train_eeg": network}
    finished_eeg.configure({})
    finished_eeg.finish()
    assert "arm/model/b.2/A/seed0/metrics.tsv" in finished_eeg.results  # left by the earlier configuration
    given = said_by(finished_eeg, "provenance/report_eeg.json").split("--files ")[1].split(" --out")[0].split()
    assert len(given) == len(set(given))
    assert not [file for file in given if "b.2" in file or "seed5" in file]
    expected = {"arm/recordings/truth.json", "arm/claims/claims.json", "my.own-1/provenance/strata_a_power.depth.json"}
    assert {f"results/small/{name}" for name in expected} <= set(given)


def test_changed_strata_run_the_statistics_and_what_follows_only(finished_eeg):
    finished_eeg.configure({"strata": {"permutations": 999}})
    assert finished_eeg.planned() == {"strata_eeg": 20} | AFTER_STRATA


def test_changed_page_settings_run_the_page_only(finished_eeg):
    finished_eeg.configure({"report_eeg": {"title": "braces {stay} as they are"}})
    assert finished_eeg.planned() == {"report_eeg": 1}


def test_another_seed_trains_one_network_more_per_half_and_study(finished_eeg):
    finished_eeg.configure({"train_eeg": {"b.2": {"seeds": [0, 1]}}})
    planned = finished_eeg.planned()
    assert (planned["train_eeg"], planned["attribute_eeg"], planned["strata_eeg"]) == (4, 4, 8)
    assert "whiten_eeg" not in planned


def test_another_second_stratifier_adds_its_two_maps(finished_eeg):
    finished_eeg.configure({"second_stratifiers": {"night_time_s": 3}})
    assert finished_eeg.planned() == {"strata_eeg": 4, "claims_eeg": 2, "report_eeg": 1}


def test_a_changed_recording_runs_its_study_only(finished_eeg):
    with (finished_eeg.path / "my data" / "2_reports.tsv").open("a") as table:
        table.write("s\t0\t.7\t90\n")
    planned = finished_eeg.planned()
    assert planned["prepare_eeg"] == planned["claims_eeg"] == planned["report_eeg"] == 1
    assert "simulate_eeg" not in planned


def test_labellings_are_scattered_when_the_settings_say_so(finished_eeg):
    finished_eeg.configure({"strata": {"parts": 3}})
    assert finished_eeg.planned() == {"strata_null": 60, "strata_eeg": 20} | AFTER_STRATA
    code, said = finished_eeg.snakemake("results/small/arm/strata/a/power.depth/strata.tsv")
    assert code == 0, said[-1500:]
    joined = said_by(finished_eeg, "arm/provenance/strata_a_power.depth.json")
    null = "results/small/arm/strata/a/power.depth/null/part"
    assert f"--null {null}0.npz {null}1.npz {null}2.npz --out" in joined


def test_a_killed_training_shows_its_log_and_its_state_survives(eeg_folder):
    folder = "results/small/arm/model/a/A/seed3"
    code, said = eeg_folder.snakemake(f"{folder}/model.pt", FAIL="train-eeg")
    assert code == 1
    assert "tracklight train-eeg: broken on purpose" in said
    assert (eeg_folder.path / folder / "resume.pt").exists()
    assert not (eeg_folder.path / folder / "model.pt").exists()


def test_changed_attribution_trains_nothing_and_leaves_no_track_of_a_recording_that_is_gone(finished_eeg):
    old = finished_eeg.path / "results/small/arm/attribution/a/A/tracks/sub-9.edf"
    old.write_text("of an earlier run\n")
    finished_eeg.configure({"attribute_eeg": {"completeness_sd": 0.5}})
    code, said = finished_eeg.snakemake("results/small/arm/attribution/a/A/maps.npz")
    assert code == 0, said[-1500:]
    assert "train_eeg" not in said
    assert not old.exists()
    assert old.with_name("sub-1.edf").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": {"hypnograms": "night"}}, "config.inputs.hypnograms: folder not found; got night"),
        ({"inputs": {"recordings": {"mine": "no.tsv"}}}, "config.inputs.recordings.mine: file not found; got no.tsv"),
        ({"inputs": {"recordings": {"bids": "nights"}}}, "nights: no recordings in the folder; allowed: sub-*/"),
        (
            {"second_stratifiers": {"deepness": 2}},
            "1_reports.tsv: unknown covariate of the reports (second_stratifiers); got 'deepness'; "
            "allowed: depth, night_time_s, order",
        ),
        (
            {"studies": {"arm": {}}},
            "config.studies.arm.covariates: unknown covariate of simulated reports (second_stratifiers); got 'depth'; "
            "allowed: night_time_s, depth_proxy, order",
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_told_even_when_the_run_is_finished(finished_eeg, changes, message):
    finished_eeg.configure(changes)
    code, said = finished_eeg.snakemake()
    assert code == 1
    assert message in said
    assert "Traceback" not in said


def test_a_recording_that_the_table_names_but_is_not_there_is_told(finished_eeg):
    (finished_eeg.path / "my data" / "2.edf").unlink()
    code, said = finished_eeg.snakemake("--dry-run")
    assert code == 1
    assert "my data/2.edf: recording not found" in said


def test_a_signal_that_is_not_known_is_told(eeg_folder):
    eeg_folder.config = {**eeg_folder.config, "modality": "ecg"}
    eeg_folder.configure({})
    code, said = eeg_folder.snakemake("--dry-run")
    assert code == 1
    assert "config.modality: unknown signal; got 'ecg'; allowed: dna, eeg" in said


def test_a_bids_folder_is_a_study_and_its_files_are_inputs(eeg_folder):
    for subject in ("01", "02"):
        folder = eeg_folder.path / "bids" / f"sub-{subject}" / "eeg"
        folder.mkdir(parents=True)
        for end in ("eeg.edf", "events.tsv"):
            (folder / f"sub-{subject}_task-sleep_{end}").write_text("onset\treport\tlabel\tdepth\n")
        (folder / f"sub-{subject}_task-sleep_channels.tsv").write_text("name\tunits\nC3\tuV\n")
    eeg_folder.configure({"inputs": {"recordings": {"own": "bids"}}})
    code, said = eeg_folder.snakemake("--dry-run", "--printshellcmds", "results/small/own/epochs/codes.npy")
    assert code == 0, said[-1500:]
    assert "tracklight prepare-eeg --recordings bids --out results/small/own/epochs" in said
    assert "bids/sub-02/eeg/sub-02_task-sleep_channels.tsv" in said


def test_every_command_of_the_workflow_is_understood_by_its_stage(eeg_folder):
    eeg_folder.configure({"strata": {"parts": 2}})
    _, said = eeg_folder.snakemake("--dry-run", "--printshellcmds")
    commands = [line.partition("tracklight ")[2] for line in said.splitlines() if "Shell command: tracklight " in line]
    assert len(commands) == sum(ALL_JOBS.values()) + 40
    for command in commands:
        stage, *arguments = shlex.split(command.partition(" 2> ")[0])
        parser = argparse.ArgumentParser(prog=stage, exit_on_error=False)
        importlib.import_module("tracklight.stages." + stage.replace("-", "_")).add_arguments(parser)
        parser.parse_args(arguments)
