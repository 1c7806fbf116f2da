"""Tracks before and after correction and their difference, on shards known by heart."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tracklight import cli
from tracklight.genome.shards import load_shard, save_shard
from tracklight.genome.tracks import read_track


@pytest.fixture
def after(tiny_run, tmp_path):
    """Shards whose map is twice as bright, and one higher on the minus strand; the first bases are unseen."""
    for number in (0, 1):
        shard = load_shard(tiny_run / f"shard{number}.npz")
        mean = 2 * shard.mean + np.array([[0], [1]], np.float32)
        if number == 0:
            mean[:, :3] = np.nan
        save_shard(tmp_path / f"after{number}.npz", replace(shard, mean=mean))
    return tmp_path


def call(tiny_run, after, first="after"):
    shards = [tiny_run / "shard0.npz", tiny_run / "shard1.npz"]
    words = ["feedback-tracks", "--genome", tiny_run / "genome", "--before", *shards]
    words += ["--after", after / f"{first}0.npz", after / "after1.npz"]
    words += ["--out", after / "tracks", "--provenance", after / "record.json"]
    return cli.main([str(word) for word in words])


def test_the_difference_is_after_minus_before_base_by_base(tiny_run, after):
    assert call(tiny_run, after) == 0
    for contig in ("a", "b"):
        for strand in ("plus", "minus"):
            before, later, difference = (
                read_track(after / "tracks" / f"saliency_{kind}.{strand}.bw", contig, 0, 120)
                for kind in ("before", "after", "difference")
            )
            np.testing.assert_allclose(difference, later - before)
            np.testing.assert_allclose(later[3:], 2 * before[3:] + (strand == "minus"))
            assert np.isnan(later[:3]).all() == (contig == "a")


def test_the_correlation_over_the_genome_is_kept(tiny_run, after):
    assert call(tiny_run, after) == 0
    maps = [[], []]
    for number in (0, 1):
        maps[0].append(load_shard(tiny_run / f"shard{number}.npz").mean)
        maps[1].append(load_shard(after / f"after{number}.npz").mean)
    x, y = (np.concatenate(parts, axis=1) for parts in maps)
    seen = np.isfinite(y)
    expected = np.corrcoef(x[seen], y[seen])[0, 1]
    assert json.loads((after / "record.json").read_text())["correlation"] == pytest.approx(expected, rel=1e-6)


def test_shards_of_other_stretches_are_refused(tiny_run, after, capsys):
    whole = load_shard(tiny_run / "shard0.npz")
    parts = {name: getattr(whole, name)[..., :100] for name in ("mean", "sd", "coverage")}
    save_shard(after / "short0.npz", replace(whole, **parts))
    assert call(tiny_run, after, first="short") == 2
    assert "shards do not cover the genome" in capsys.readouterr().err
