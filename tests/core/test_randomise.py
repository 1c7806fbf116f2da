import copy

import numpy as np
import pytest
import quantus
import torch
from torch import nn

from tracklight.core.agreement import rank_agreement
from tracklight.core.attribution import gradient_x_input
from tracklight.core.randomise import cascade, layers, transplanted
from tracklight.errors import InputError
from tracklight.models.spec import ModelSpec, build

VALID = {"filters": 4, "kernels": [5, 3], "pools": [2, 2], "hidden": 4, "dropout": 0.2, "batch_norm": True}
SPEC = ModelSpec("valid_conv", 4, 24, ("y",), VALID)


class HeadFirst(nn.Module):
    """Registers its layers in the opposite order to that in which it runs them, and reads one weight without a call."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 1)
        self.unused = nn.Linear(2, 2)
        self.stem = nn.Conv1d(4, 3, 3)

    def forward(self, x):
        return self.head(self.stem(x).amax(-1)) + self.unused.bias[0]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(4, 6, 5), nn.BatchNorm1d(6), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))


def windows(count: int = 4, length: int = 12) -> torch.Tensor:
    codes = torch.randint(0, 4, (count, length), generator=torch.Generator().manual_seed(1))
    return nn.functional.one_hot(codes, 4).transpose(1, 2).float()


def states(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: nn.Module, b: nn.Module, name: str) -> bool:
    pairs = zip(a.get_submodule(name).state_dict().values(), b.get_submodule(name).state_dict().values(), strict=True)
    return all(torch.equal(u, v) for u, v in pairs)


def test_layers_are_named_in_the_order_in_which_they_run():
    assert layers(network(0), windows()) == ("0", "1", "4")
    assert layers(HeadFirst(), windows()) == ("stem", "head", "unused")


def test_naming_the_layers_leaves_a_network_in_training_as_it_was():
    model = network(0).train()
    before = states(model)
    layers(model, windows())
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_made_ready_for_inference_has_its_normalisation_folded_into_its_layers():
    x = windows(length=24)
    assert layers(build(SPEC, seed=0).for_inference(), x) == ("body.0", "body.2", "dense.0", "output")


def test_the_cascade_takes_one_more_layer_from_the_head_down_and_leaves_the_rest():
    model, fresh = network(0), network(1)
    fresh[1].running_mean.fill_(3.0)
    names = ("0", "1", "4")
    before = states(model)
    steps = list(cascade(model, fresh, names))
    assert [name for name, _ in steps] == ["4", "1", "0"]
    for count, (_, changed) in enumerate(steps, start=1):
        assert [same(changed, fresh, name) for name in names] == [False] * (3 - count) + [True] * count
        assert [same(changed, model, name) for name in names] == [True] * (3 - count) + [False] * count
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_with_all_layers_taken_the_network_answers_as_the_fresh_one():
    trained, fresh = (build(SPEC, seed=seed).for_inference() for seed in (0, 1))
    x = windows(length=24)
    (*_, (last, changed)) = cascade(trained, fresh, layers(trained, x))
    assert last == "body.0"
    torch.testing.assert_close(changed(x), fresh(x))
    assert not torch.allclose(changed(x), trained(x))


def test_one_layer_can_be_taken_alone():
    model, fresh = network(0), network(1)
    changed = transplanted(model, fresh, ["0"])
    assert [same(changed, fresh, name) for name in ("0", "4")] == [True, False]


def test_a_weight_of_the_outermost_module_is_a_layer_too():
    class Scaled(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(value))

        def forward(self, x):
            return self.factor * x.sum((1, 2))[:, None]

    assert layers(Scaled(2.0), windows()) == ("",)
    assert transplanted(Scaled(2.0), Scaled(5.0), [""]).factor.tolist() == 5.0


@pytest.mark.parametrize(
    ("fresh", "got"), [(nn.Sequential(nn.Conv1d(4, 5, 5)), r"weight \(5, 4, 5\)"), (nn.Flatten(), "nothing")]
)
def test_networks_of_different_structure_are_refused(fresh, got):
    with pytest.raises(
        InputError, match=rf"0: the networks differ in structure; got {got}.*allowed: weight \(6, 4, 5\)"
    ):
        transplanted(network(0), fresh, ["0"])


def explained(model, inputs, targets, **_):
    maps = gradient_x_input(model, torch.as_tensor(np.asarray(inputs)), target=1).sum(1, keepdim=True)
    return maps.detach().numpy()


def test_agreement_along_the_cascade_is_that_of_the_parameter_randomisation_test_of_quantus():
    model, x = network(0).eval(), windows(6)
    theirs = quantus.MPRT(
        similarity_func=quantus.similarity_func.correlation_spearman, layer_order="top_down", seed=5, abs=True,
        normalise=False, disable_warnings=True,
    )(model=model, x_batch=x.numpy(), y_batch=np.ones(6, int), explain_func=explained, batch_size=6)  # fmt: skip
    fresh = copy.deepcopy(model)
    for layer in fresh[::-1]:  # as Quantus draws them
        if hasattr(layer, "reset_parameters"):
            torch.manual_seed(5 + 1)
            layer.reset_parameters()
    original = torch.from_numpy(explained(model, x, None))
    for name, changed in cascade(model, fresh, layers(model, x)):
        ours = rank_agreement(original, torch.from_numpy(explained(changed, x, None)))
        np.testing.assert_allclose(ours, theirs[name], atol=1e-6)
    assert np.mean(theirs["0"]) < 0.9
