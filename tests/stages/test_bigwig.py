import json

import numpy as np
import pytest

from tracklight.cli import main
from tracklight.core.tape import save_tape
from tracklight.genome.shards import Tracks, save_shard
from tracklight.genome.tracks import read_track

NAN = float("nan")


def write_shards(folder, mean, *, scale=1.0):
    """Two shards of 6 and 4 bases on contigs a (7) and b (3), windows of 4 at 0 and 7."""
    mean = np.array(mean, np.float32) * np.float32(scale)
    for n, (start, end, windows) in enumerate([(0, 6, [0]), (6, 10, [])]):
        save_shard(
            folder / f"shard{n}.npz",
            Tracks(
                start=start,
                mean=mean[:, start:end],
                sd=np.where(np.isnan(mean), NAN, 0.5).astype(np.float32)[:, start:end],
                coverage=np.ones(end - start, np.int32),
                window_start=np.array(windows, np.int64),
                prediction=np.full((len(mean), len(windows)), 8, np.float32) + np.arange(len(mean))[:, None],
                window_bp=4,
                stride_bp=2,
            ),
        )
    return [str(folder / f"shard{n}.npz") for n in (1, 0)]


def run_stage(tmp_path, mean, *extra):
    save_tape(tmp_path / "genome", np.zeros(10, np.uint8), {"a": 7, "b": 3})
    saliency = write_shards(tmp_path / "gxi", mean)
    integrated = write_shards(tmp_path / "ig", mean, scale=10)
    arguments = ["bigwig", "--genome", str(tmp_path / "genome"), "--gradient-x-input", *saliency]
    return main([*arguments, "--integrated-gradients", *integrated, "--out", str(tmp_path / "tracks"), *extra])


def whole(tmp_path, name):
    path = tmp_path / "tracks" / f"{name}.bw"
    return np.concatenate([read_track(path, "a", 0, 7), read_track(path, "b", 0, 3)])


STRANDED = [[1, -2, 3, NAN, 5, 6, 7, NAN, NAN, 9], [-4, 1, NAN, NAN, 0, 0, 0, NAN, 2, 0]]


def test_stranded_tracks_are_signed_and_abs_is_the_larger_of_the_strands(tmp_path):
    assert run_stage(tmp_path, STRANDED) == 0
    np.testing.assert_array_equal(whole(tmp_path, "saliency.plus"), STRANDED[0])
    np.testing.assert_array_equal(whole(tmp_path, "saliency.minus"), STRANDED[1])
    np.testing.assert_array_equal(whole(tmp_path, "saliency.abs"), [4, 2, 3, NAN, 5, 6, 7, NAN, 2, 9])
    np.testing.assert_array_equal(whole(tmp_path, "integrated_gradients.minus"), np.array(STRANDED[1]) * 10)
    np.testing.assert_array_equal(whole(tmp_path, "prediction.minus"), [NAN, 9, 9, *[NAN] * 7])
    np.testing.assert_array_equal(whole(tmp_path, "saliency.minus.sd"), [0.5, 0.5, NAN, NAN, *[0.5] * 3, NAN, 0.5, 0.5])
    assert sorted(path.name for path in (tmp_path / "tracks").iterdir()) == sorted(
        f"{name}.bw"
        for name in (
            *("saliency.plus", "saliency.minus", "saliency.plus.sd", "saliency.minus.sd", "saliency.abs"),
            *("integrated_gradients.plus", "integrated_gradients.minus", "prediction.plus", "prediction.minus"),
        )
    )


def test_tracks_of_an_unstranded_assay_have_no_strand_in_their_names(tmp_path):
    assert run_stage(tmp_path, STRANDED[:1]) == 0
    names = sorted(path.name for path in (tmp_path / "tracks").iterdir())
    assert names == [
        *("integrated_gradients.bw", "prediction.bw", "saliency.abs.bw", "saliency.bw", "saliency.sd.bw"),
    ]
    np.testing.assert_array_equal(whole(tmp_path, "saliency.abs"), np.abs(STRANDED[0]))


def test_provenance_names_every_shard(tmp_path):
    assert run_stage(tmp_path, STRANDED, "--provenance", str(tmp_path / "p.json")) == 0
    record = json.loads((tmp_path / "p.json").read_text())
    assert {path["path"][-14:] for path in record["inputs"].values()} >= {"gxi/shard1.npz", "/ig/shard0.npz"}


@pytest.mark.parametrize("option", ["gxi", "ig"])
@pytest.mark.parametrize("missing", ["shard0", "shard1"])
def test_a_missing_shard_of_either_list_leaves_no_track_behind(tmp_path, capsys, missing, option):
    lists = {name: write_shards(tmp_path / name, STRANDED) for name in ("gxi", "ig")}
    lists[option] = [path for path in lists[option] if missing not in path]
    assert tracks_of(tmp_path, lists) == 2
    assert "shards do not cover the genome" in capsys.readouterr().err
    assert not (tmp_path / "tracks").exists()


def test_a_shard_cut_short_in_the_second_list_leaves_no_track_behind(tmp_path, capsys):
    lists = {name: write_shards(tmp_path / name, STRANDED) for name in ("gxi", "ig")}
    shard = tmp_path / "ig" / "shard1.npz"
    shard.write_bytes(shard.read_bytes()[:-40])
    assert tracks_of(tmp_path, lists) == 2
    assert "shard1.npz: not an attribution shard" in capsys.readouterr().err
    assert not (tmp_path / "tracks").exists()


def tracks_of(tmp_path, lists):
    save_tape(tmp_path / "genome", np.zeros(10, np.uint8), {"a": 7, "b": 3})
    arguments = ["--gradient-x-input", *lists["gxi"], "--integrated-gradients", *lists["ig"]]
    return main(["bigwig", "--genome", str(tmp_path / "genome"), *arguments, "--out", str(tmp_path / "tracks")])
