import pytest
import torch

from tracklight.errors import InputError
from tracklight.genome.ensemble import open_ensemble
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint


class Windows:
    """Stands for a data set: only what networks are checked against."""

    length = 20
    targets = ("y",)


VALID = {"filters": 2, "kernels": [3], "pools": [4], "hidden": 2, "dropout": 0.0, "batch_norm": False}
DILATED = {"filters": 2, "kernels": [3, 3], "blocks": 1, "hidden": 2, "dropout": 0.0}


def saved(path, arch="valid_conv", length=20, seed=0, **facts):
    spec = ModelSpec(arch, 4, length, ("y",), VALID if arch == "valid_conv" else DILATED)
    save_checkpoint(path, Checkpoint(spec, build(spec, seed=seed).state_dict(), "dna", {}, {"seed": seed} | facts))
    return path


def test_networks_keep_the_order_and_seeds_of_their_files(tmp_path):
    ensemble = open_ensemble([saved(tmp_path / f"{seed}.pt", seed=seed) for seed in (4, 2)], data=Windows())
    assert ensemble.seeds == (4, 2)
    assert ensemble.spec.length == 20


def test_the_stride_is_the_networks_own_or_half_a_window(tmp_path):
    own = open_ensemble([saved(tmp_path / "a.pt")], data=Windows())
    half = open_ensemble([saved(tmp_path / "b.pt", arch="residual_dilated")], data=Windows())
    assert (own.stride, half.stride) == (4, 10)


def test_the_halo_is_the_largest_that_was_measured_and_none_where_none_was(tmp_path):
    files = [saved(tmp_path / "a.pt", halo_bp=3), saved(tmp_path / "b.pt", halo_bp=7), saved(tmp_path / "c.pt")]
    assert open_ensemble(files, data=Windows()).halos == (3, 7, 0)
    assert open_ensemble(files, data=Windows()).halo == 7
    assert open_ensemble(files[2:], data=Windows()).halo == 0


def test_networks_with_other_windows_are_refused(tmp_path):
    files = [saved(tmp_path / "a.pt"), saved(tmp_path / "b.pt", length=24)]
    with pytest.raises(
        InputError, match=r"b.pt: networks must read the windows they are used on; got 24 bp, y; allowed: 20 bp"
    ):
        open_ensemble(files, data=Windows())


def test_the_networks_as_one_answer_with_the_mean_of_their_answers(tmp_path):
    ensemble = open_ensemble([saved(tmp_path / f"{seed}.pt", seed=seed) for seed in (4, 2)], data=Windows())
    x = torch.rand(3, 4, 20, generator=torch.Generator().manual_seed(0))
    expected = (ensemble.models[0](x) + ensemble.models[1](x)) / 2
    assert torch.allclose(ensemble.mean(x), expected)
    assert not ensemble.mean.training


def test_untrained_networks_begin_where_no_network_of_the_ensemble_did(tmp_path):
    ensemble = open_ensemble([saved(tmp_path / f"{seed}.pt", seed=seed) for seed in (0, 2)], data=Windows())
    control, again = ensemble.untrained(2), ensemble.untrained(2)
    x = torch.rand(1, 4, 20, generator=torch.Generator().manual_seed(0))
    outputs = [float(network(x)) for network in [*control.models, *again.models]]
    assert control.seeds == (3, 4)
    assert control.spec == ensemble.spec
    assert outputs[:2] == outputs[2:]
    assert outputs[0] != outputs[1]
