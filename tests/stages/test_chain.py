"""The stages from training to peaks on a simulated genome, through the command line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight import cli
from tracklight.core.tape import open_tape, save_tape
from tracklight.genome.shards import load_tracks
from tracklight.models.spec import build, load_model, save_checkpoint

TRAIN = {
    "architecture": {
        "filters": 16,
        "kernels": [11, 5],
        "pools": [2, 2],
        "hidden": 16,
        "dropout": 0.0,
        "batch_norm": False,
    },
    "epochs": 30,
    "batch_size": 32,
    "learning_rate": 0.01,
}
ATTRIBUTE = {"shards": 2, "steps": 4}
PEAKS = {"null_sample_bp": 20_000, "null_piece_bp": 500, "gc_strata": 2, "calibration_folds": 2}


def command(stage, settings, *arguments):
    words = [stage, "--settings", json.dumps(settings), *map(str, arguments)]
    assert cli.main(words) == 0


@pytest.fixture(scope="module")
def folders(simulated_run: Path) -> list[str]:
    return ["--genome", str(simulated_run / "genome"), "--windows", str(simulated_run / "windows")]


@pytest.fixture(scope="module")
def run(folders, tmp_path_factory) -> Path:
    """A run folder with two networks, their shards and peaks."""
    out = tmp_path_factory.mktemp("chain")
    for seed in (0, 1):
        provenance = out / "provenance" / f"train_seed{seed}.json"
        place = ["--seed", seed, "--out", out / f"model/seed{seed}", "--provenance", provenance]
        command("train", TRAIN, *folders, *place)
    command("evaluate", {"untrained_seeds": 2}, *folders, *models(out), "--out", out)
    for method in ("gradient_x_input", "integrated_gradients"):
        for shard in (0, 1):
            place = ["--method", method, "--shard", shard, "--out", out / f"attribution/{method}/shard{shard}.npz"]
            command("attribute", ATTRIBUTE, *folders, *models(out), *place)
    attribute = ["--attribute-settings", json.dumps(ATTRIBUTE)]
    shards = ["--integrated-gradients", *shard_files(out, "integrated_gradients")]
    command("peaks", PEAKS, *folders, *models(out), *shards, *attribute, "--out", out / "peaks")
    return out


def models(out):
    return ["--models", *(out / f"model/seed{seed}/model.pt" for seed in (0, 1))]


def shard_files(out, method):
    return [out / f"attribution/{method}/shard{shard}.npz" for shard in (0, 1)]


def test_training_leaves_a_checkpoint_metrics_a_curve_and_no_resume_file(run):
    assert sorted(path.name for path in (run / "model/seed0").iterdir()) == ["metrics.tsv", "model.pt", "training.png"]
    metrics = pd.read_csv(run / "model/seed0/metrics.tsv", sep="\t")
    assert metrics["epoch"].tolist() == list(range(1, len(metrics) + 1))
    best = metrics[metrics["best"] == 1].iloc[-1]
    assert best["validation_loss"] == metrics["validation_loss"].min()


def test_provenance_names_seed_device_checksums_and_all_settings(run):
    record = json.loads((run / "provenance/train_seed1.json").read_text())
    assert record["seed"] == 1
    assert record["device"] in {"cpu", "cuda"}
    assert len(record["inputs"]["windows"]["sha256"]) == 64
    assert record["settings"]["weight_decay"] > 0  # a default that was not given


def test_the_ensemble_beats_every_baseline_on_held_out_windows(run):
    table = pd.read_csv(run / "evaluation.tsv", sep="\t")
    pearson = table[table["metric"] == "pearson"].groupby("predictor")["value"].mean()
    assert set(pearson.index) == {"model", "ensemble", "kmer_ridge", "at_content", "untrained"}
    assert pearson["ensemble"] > pearson.drop("ensemble").max()
    assert set(table["metric"]) == {"pearson", "spearman", "auroc", "auprc"}


def test_the_evaluation_can_be_recomputed_from_the_predictions(run):
    table = pd.read_csv(run / "evaluation.tsv", sep="\t").set_index(["predictor", "metric"])
    predictions = pd.read_csv(run / "predictions.tsv.gz", sep="\t")
    test = predictions[predictions["split"] == "test"]
    expected = np.corrcoef(test["expression"], test["expression.ensemble"])[0, 1]
    assert table.loc[("ensemble", "pearson"), "value"].item() == pytest.approx(expected, rel=1e-4)
    assert test["expression.ensemble"].to_numpy() == pytest.approx(
        test[["expression.seed0", "expression.seed1"]].mean(axis=1), rel=1e-4, abs=1e-5
    )


def test_shards_cover_the_genome_and_light_falls_on_planted_motifs(run, simulated_run, simulation):
    tape = open_tape(simulated_run / "genome")
    tracks = load_tracks(shard_files(run, "gradient_x_input"), length=len(tape))
    planted = np.zeros((2, len(tape)), bool)
    for motif in simulation.truth.itertuples():
        first = tape.span(motif.chrom)[0]
        planted[int(motif.strand == "-"), first + motif.start : first + motif.end] = True
    test = slice(*tape.span("sim3"))
    light = np.nan_to_num(np.abs(tracks.mean))[:, test]
    assert light[planted[:, test]].mean() > 3 * light[~planted[:, test]].mean()


def test_peaks_are_written_with_both_nulls_and_a_calibrated_confidence(run):
    peaks = pd.read_csv(run / "peaks/peaks.tsv", sep="\t")
    for name in ("shuffle", "inactive"):
        assert peaks[f"p_{name}"].between(0, 1).all()
        assert (peaks[f"q_{name}"] >= peaks[f"p_{name}"] - 1e-6).all()
    assert peaks["confidence"].between(0, 1).all()
    order = peaks.sort_values(["score", "confidence"])
    assert order["confidence"].is_monotonic_increasing
    assert ((peaks["summit"] >= peaks["start"]) & (peaks["summit"] < peaks["end"])).all()


def test_the_narrow_peaks_are_the_table_against_the_null_of_the_settings(run):
    narrow = pd.read_csv(run / "peaks/peaks.narrowPeak", sep="\t", header=None)
    peaks = pd.read_csv(run / "peaks/peaks.tsv", sep="\t").set_index("name").loc[narrow[3]]
    assert narrow.shape[1] == 10
    assert narrow[9].to_numpy() == pytest.approx(peaks["summit"] - peaks["start"])
    assert narrow[7].to_numpy() == pytest.approx(-np.log10(peaks["p_shuffle"]), abs=1e-3)
    assert narrow[4].between(0, 1000).all()


def test_the_null_is_summed_up_with_its_self_check(run):
    null = pd.read_csv(run / "peaks/null.tsv", sep="\t").set_index("null")
    assert set(null.index) == {"shuffle", "inactive"}
    assert null.loc["shuffle", "self_check"] < 0.2  # few peaks in this small run; after the demo it is held to .03-.07
    chosen = json.loads((run / "peaks/calibration.json").read_text())
    assert chosen["score"] in chosen["validation_average_precision"]
    assert chosen["score"] == "+".join(chosen["score_weights"])
    assert 0 < chosen["prior_active"] < 1


def test_the_residual_network_goes_the_same_way_window_by_window(folders, simulated_run, tmp_path):
    shape = {"name": "residual_dilated", "filters": 4, "kernels": [7, 3], "blocks": 2, "hidden": 4}
    command("train", TRAIN | {"architecture": shape, "epochs": 1}, *folders, "--seed", 0, "--out", tmp_path)
    place = ["--method", "gradient_x_input", "--shard", 0, "--out", tmp_path / "shard.npz"]
    command("attribute", {"shards": 1}, *folders, "--models", tmp_path / "model.pt", *place)
    tape = open_tape(simulated_run / "genome")
    tracks = load_tracks([tmp_path / "shard.npz"], length=len(tape))
    assert (tracks.window_bp, tracks.stride_bp) == (150, 75)
    assert np.isnan(tracks.mean[0][tape.data == 4]).all()
    assert np.isfinite(tracks.mean[0][tape.data != 4]).mean() > 0.99  # all but a few beside the runs of N


def fails(capsys, *words):
    """Run a command that must end with 2, and return its one line."""
    assert cli.main([str(word) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tracklight ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_asking_for_a_gpu_that_is_not_there_is_an_error(capsys, folders, tmp_path):
    words = ["train", "--settings", '{"device": "cuda"}', *folders, "--seed", 0, "--out", tmp_path / "m"]
    assert "device cuda was asked for but no GPU is usable here; got cuda" in fails(capsys, *words)
    assert not (tmp_path / "m").exists()


def test_a_truncated_checkpoint_is_an_error_that_leaves_nothing_behind(capsys, run, folders, tmp_path):
    half = tmp_path / "half.pt"
    whole = (run / "model/seed0/model.pt").read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "shard.npz"
    words = ["attribute", *folders, "--models", half, "--method", "gradient_x_input", "--shard", 0, "--out", out]
    assert "half.pt: not a whole checkpoint" in fails(capsys, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["half.pt"]


def test_a_shard_that_does_not_exist_is_an_error(capsys, run, folders, tmp_path):
    out = ["--method", "gradient_x_input", "--shard", 9, "--out", tmp_path / "shard.npz"]
    assert "no such shard; got 9; allowed: 0 to 3" in fails(capsys, "attribute", *folders, *models(run), *out)


def test_a_missing_shard_is_an_error_that_names_the_gap(capsys, run, folders, tmp_path):
    words = ["peaks", *folders, *models(run), "--out", tmp_path / "peaks"]
    line = fails(capsys, *words, "--integrated-gradients", shard_files(run, "integrated_gradients")[0])
    assert "shards do not cover the genome" in line


def test_a_network_of_other_windows_is_an_error_before_any_work(capsys, run, folders, tmp_path):
    _, spec, checkpoint = load_model(run / "model/seed0/model.pt")
    other = replace(spec, length=149)
    weights = build(other, seed=0).state_dict()
    save_checkpoint(tmp_path / "other.pt", replace(checkpoint, spec=other, weights=weights))
    words = ["evaluate", *folders, "--models", tmp_path / "other.pt", "--out", tmp_path / "out"]
    line = fails(capsys, *words)
    assert "other.pt: networks must read the windows they are used on; got 149 bp, expression; allowed: 150 bp" in line


def test_windows_of_another_genome_are_an_error(capsys, run, folders, tmp_path):
    save_tape(tmp_path / "genome", np.zeros(50, np.uint8), {"elsewhere": 50})
    words = ["evaluate", "--genome", tmp_path / "genome", *folders[2:], *models(run), "--out", tmp_path / "out"]
    assert "windows are of another genome; got sim1, sim2, sim3; allowed: elsewhere" in fails(capsys, *words)


def test_null_pieces_that_no_inner_base_survives_are_refused(capsys, run, folders, tmp_path):
    shards = ["--integrated-gradients", *shard_files(run, "integrated_gradients")]
    words = ["peaks", "--settings", '{"null_piece_bp": 200}', *folders, *models(run), *shards, "--out", tmp_path / "p"]
    assert "peaks.null_piece_bp: shuffled pieces are too short for the windows; got 200" in fails(capsys, *words)


def test_reverse_complement_augmentation_of_a_stranded_assay_is_refused(capsys, folders, tmp_path):
    words = ["train", "--settings", '{"reverse_complement": "on"}', *folders, "--seed", 0, "--out", tmp_path / "m"]
    assert "train.reverse_complement: reverse-complement augmentation" in fails(capsys, *words)


def test_a_folder_that_cannot_be_written_to_is_an_error(capsys, folders, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "model"
    line = fails(capsys, "train", "--settings", json.dumps(TRAIN | {"epochs": 1}), *folders, "--seed", 0, "--out", out)
    assert "cannot write" in line
