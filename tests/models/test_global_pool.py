import numpy as np
import pytest
import torch

from tracklight.errors import InputError
from tracklight.models.network import Shape
from tracklight.models.spec import ModelSpec, build

OPTIONS = {"filters": 3, "kernels": [4, 2], "pool": "max", "dropout": 0.0}


def network(length=20, **changes):
    return build(ModelSpec("global_pool", 4, length, ("y",), OPTIONS | changes), seed=0).eval()


def by_hand(model, x, pool):
    """The network written as loops over positions."""
    signal = x
    for layer in (model.body[0], model.body[2]):
        weight, bias = layer.weight.numpy(force=True), layer.bias.numpy(force=True)
        width = weight.shape[2]
        places = range(signal.shape[1] - width + 1)
        rows = [[(weight[f] * signal[:, p : p + width]).sum() + bias[f] for p in places] for f in range(len(weight))]
        signal = np.maximum(np.array(rows), 0)
    return float(model.output.weight.numpy(force=True)[0] @ pool(signal, axis=1) + model.output.bias.item())


@pytest.mark.parametrize(("name", "pool"), [("max", np.max), ("mean", np.mean)])
def test_the_output_is_linear_in_the_pooled_filters(name, pool):
    model = network(pool=name)
    x = torch.rand(4, 20, generator=torch.Generator().manual_seed(1))
    assert model(x[None]).item() == pytest.approx(by_hand(model, x.numpy(), pool), rel=1e-5)


def test_where_a_motif_lies_does_not_matter_to_the_maximum():
    model = network(length=40)
    x = torch.zeros(2, 4, 40)
    motif = torch.rand(4, 6, generator=torch.Generator().manual_seed(2))
    x[0, :, 8:14], x[1, :, 25:31] = motif, motif
    first, second = model(x)
    torch.testing.assert_close(first, second)


def test_kernels_wider_than_the_window_are_refused():
    with pytest.raises(InputError, match=r"window is too short for the network; got 4 bp"):
        network(length=4)


def test_a_window_of_another_length_is_a_bug_of_the_caller():
    with pytest.raises(AssertionError, match="single windows"):
        network()(torch.zeros(1, 4, 21))


def test_it_is_scanned_window_by_window():
    assert not hasattr(network(), "scan")
    assert network().shape == Shape(4, 20, 1)
