import warnings

import captum.attr
import pytest
import torch
from tangermeme.deep_lift_shap import deep_lift_shap as tangermeme_deep_lift_shap
from torch import nn

from tracklight.core.attribution import completeness_gap
from tracklight.core.counting import Counted
from tracklight.core.deep_lift import deep_lift_shap, in_library_layers
from tracklight.genome.ensemble import Ensemble
from tracklight.models.pooling import RectifiedMaxPool
from tracklight.models.spec import ModelSpec, build

VALID = {"filters": 6, "kernels": [5, 3], "pools": [3, 2], "hidden": 5, "dropout": 0.5, "batch_norm": True}
DILATED = {"filters": 6, "kernels": [5, 3], "blocks": 2, "hidden": 5, "dropout": 0.5}
MAX_POOL = {"filters": 6, "kernels": [5, 3], "pool": "max", "dropout": 0.5}
NETWORKS = {"valid_conv": VALID, "residual_dilated": DILATED, "global_pool": MAX_POOL}


def one_hot(*shape, seed=0):
    codes = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, 4).movedim(-1, -2).float()


def network(arch):
    spec = ModelSpec(arch, 4, 30, ("y", "z"), NETWORKS[arch])
    model = build(spec, seed=0)
    model.scale.copy_(torch.tensor([2.0, 3.0]))
    model.shift.copy_(torch.tensor([0.5, -1.0]))
    return model.eval()


def always(references):
    return lambda x: references[: len(x)]


X, REFERENCES = one_hot(3, 30), one_hot(3, 5, 30, seed=1)


def gap(model, x=X, references=REFERENCES, target=0):
    with torch.no_grad():
        expected = model(references.flatten(0, 1))[:, target].unflatten(0, references.shape[:2]).mean(1)
        difference = model(x)[:, target] - expected
    return completeness_gap(deep_lift_shap(model, x, target=target, references=always(references)), difference)


@pytest.mark.parametrize("arch", NETWORKS)
@pytest.mark.parametrize("target", [0, 1])
def test_attributions_sum_to_the_difference_from_the_references(arch, target):
    assert gap(network(arch), target=target).max() < 1e-4


def test_attributions_of_an_ensemble_sum_to_the_difference_from_the_references():
    spec = ModelSpec("valid_conv", 4, 30, ("y",), VALID)
    ensemble = Ensemble(tuple(build(spec, seed=seed).for_inference() for seed in (0, 1)), (0, 1), spec)
    assert gap(ensemble.mean).max() < 1e-4


@pytest.mark.parametrize("arch", NETWORKS)
def test_attributions_of_the_bases_that_are_there_equal_tangermeme(arch):
    model = network(arch)
    ours = deep_lift_shap(model, X, target=1, references=always(REFERENCES)).sum(1)
    theirs = tangermeme_deep_lift_shap(in_library_layers(model), X, target=1, references=REFERENCES, device="cpu")
    torch.testing.assert_close(ours, theirs.sum(1), rtol=0, atol=1e-5)


def test_attributions_equal_captum():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 26, 4), nn.ReLU(), nn.Linear(4, 2))
    ours = deep_lift_shap(model, X[:1], target=1, references=always(REFERENCES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum speaks of its hooks and of requires_grad
        theirs = captum.attr.DeepLiftShap(model).attribute(X[:1], REFERENCES[0], target=1)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_on_a_linear_model_a_base_gets_its_weight_minus_that_of_the_references():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(120, 1))
    weight = linear[1].weight.detach().reshape(4, 30)
    found = deep_lift_shap(linear, X, references=always(REFERENCES))
    torch.testing.assert_close(found, (X - REFERENCES.mean(1)) * weight)


def test_n_is_explained_without_complaint_and_gets_nothing_when_the_references_keep_it():
    x, references = X.clone(), REFERENCES.clone()
    x[..., 10:15] = 0
    references[..., 10:15] = 0
    model = network("valid_conv")
    found = deep_lift_shap(model, x, references=always(references))
    assert torch.isfinite(found).all()
    assert (found[..., 10:15] == 0).all()
    assert gap(model, x, references).max() < 1e-4


def test_inputs_need_not_be_one_hot():
    x, references = torch.rand(2, 4, 30), torch.rand(2, 3, 4, 30)
    assert gap(network("residual_dilated"), x, references).max() < 1e-4


def test_a_nonlinear_step_that_no_rule_knows_is_spoken_of():
    class Square(nn.Module):
        def forward(self, x):
            return x.square()

    model = nn.Sequential(nn.Flatten(), nn.Linear(120, 3), Square(), nn.Linear(3, 1))
    with pytest.warns(RuntimeWarning, match="no DeepLIFT rule"):
        deep_lift_shap(model, X, references=always(REFERENCES))


def test_the_model_is_not_touched():
    model = network("valid_conv").train()
    model.body[1].eval()
    modes = [module.training for module in model.modules()]
    layers, state = list(model.modules()), {name: value.clone() for name, value in model.state_dict().items()}
    deep_lift_shap(model, X, references=always(REFERENCES))
    assert [module.training for module in model.modules()] == modes
    assert list(model.modules()) == layers
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("layer", [RectifiedMaxPool(3), nn.Sequential(RectifiedMaxPool(3))])
def test_our_pooling_is_replaced_by_layers_of_the_library_that_compute_the_same(layer):
    x = torch.randn(2, 4, 11, generator=torch.Generator().manual_seed(0))
    twin = in_library_layers(layer)
    assert not any(isinstance(module, RectifiedMaxPool) for module in twin.modules())
    assert {type(module) for module in twin.modules()} == {nn.Sequential, nn.ReLU, nn.MaxPool1d}
    assert torch.equal(twin(x), layer(x))


def test_copies_of_a_counted_model_count_inputs_and_references_both_ways():
    counted = Counted(network("valid_conv"))
    deep_lift_shap(counted, X, references=always(REFERENCES))
    assert (counted.passes.forward, counted.passes.backward) == (2 * 15, 2 * 15)
