import pytest
import torch

from tracklight.errors import InputError
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_checkpoint, load_model, save_checkpoint

VALID = {"filters": 4, "kernels": [5, 3], "pools": [2, 2], "hidden": 4, "dropout": 0.2, "batch_norm": True}
DILATED = {"filters": 4, "kernels": [5, 3], "blocks": 2, "hidden": 4, "dropout": 0.2}
POOLED = {"filters": 4, "kernels": [5, 3], "pool": "max", "dropout": 0.2}
SPECS = [
    ModelSpec("valid_conv", 4, 40, ("a", "b"), VALID),
    ModelSpec("residual_dilated", 4, 40, ("a", "b"), DILATED),
    ModelSpec("global_pool", 4, 40, ("a", "b"), POOLED),
]


@pytest.fixture(params=SPECS, ids=lambda spec: spec.arch)
def spec(request):
    return request.param


def checkpoint_of(spec):
    return Checkpoint(spec, build(spec, seed=1).state_dict(), "dna", {"epochs": 3}, {"seed": 1})


def test_every_architecture_maps_windows_to_one_value_per_target(spec):
    assert build(spec, seed=0)(torch.rand(5, 4, 40)).shape == (5, 2)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(spec):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (build(spec, seed=seed).output.weight for seed in (7, 7, 8))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_outputs_are_in_units_of_the_targets(spec):
    model = build(spec, seed=0).eval()
    x = torch.rand(3, 4, 40)
    raw = model(x)
    model.scale.copy_(torch.tensor([2.0, 3.0]))
    model.shift.copy_(torch.tensor([10.0, -1.0]))
    torch.testing.assert_close(model(x), raw * torch.tensor([2.0, 3.0]) + torch.tensor([10.0, -1.0]))
    torch.testing.assert_close(model.standardised(model(x)), raw)


def test_a_checkpoint_gives_back_the_same_network_in_evaluation_mode(spec, tmp_path):
    stored = checkpoint_of(spec)
    save_checkpoint(tmp_path / "model.pt", stored)
    model, found, checkpoint = load_model(tmp_path / "model.pt")
    assert found == spec
    assert checkpoint.settings == {"epochs": 3}
    assert checkpoint.decode == "dna"
    assert not model.training
    x = torch.rand(2, 4, 40)
    torch.testing.assert_close(model(x), build(spec, seed=1).eval()(x))


def test_folding_the_normalisation_into_convolutions_changes_no_output():
    model = build(SPECS[0], seed=2)
    for _ in range(3):
        model(torch.rand(16, 4, 40) * 3)  # running statistics away from their start
    folded = model.for_inference()
    x = torch.rand(4, 4, 40)
    torch.testing.assert_close(folded(x), model.eval()(x), rtol=1e-5, atol=1e-6)
    assert not any(isinstance(layer, torch.nn.BatchNorm1d) for layer in folded.modules())
    assert any(isinstance(layer, torch.nn.BatchNorm1d) for layer in model.modules())


def test_a_checkpoint_of_another_format_is_refused(tmp_path):
    torch.save({"format": 99}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model.pt: checkpoint has another format; got 99; allowed: 1"):
        load_checkpoint(tmp_path / "model.pt")


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    save_checkpoint(path, checkpoint_of(SPECS[0]))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"model.pt: not a whole checkpoint; delete it and train again$"):
        load_checkpoint(path)


def stored_with(folder, **changes):
    """A checkpoint file with fields changed; those of the spec are named `spec_...`, None removes one."""
    save_checkpoint(folder / "model.pt", checkpoint_of(SPECS[0]))
    stored = torch.load(folder / "model.pt", weights_only=True)
    for name, value in changes.items():
        place = stored["spec"] if name.startswith("spec_") else stored
        name = name.removeprefix("spec_")
        place.pop(name, None) if value is None else place.update({name: value})
    torch.save(stored, folder / "model.pt")
    return folder / "model.pt"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decode": None}, r"model.pt: checkpoint: missing field; got decode; allowed: spec, weights"),
        ({"author": "x"}, r"model.pt: checkpoint: unknown field; got author"),
        ({"weights": [1.0]}, r"checkpoint: field weights is of another type; got list; allowed: dict"),
        ({"weights": {"output.bias": 1.0}}, r"model.pt: field weights holds something else than Tensor"),
        ({"spec": "valid_conv"}, r"checkpoint: field spec is of another type; got str; allowed: dict"),
        ({"spec_length": None}, r"model.pt: spec: missing field; got length"),
        ({"spec_width": 3}, r"model.pt: spec: unknown field; got width"),
        ({"spec_length": "40"}, r"spec: field length is of another type; got str; allowed: int"),
        ({"spec_length": 0}, r"spec: field length is empty; got 0"),
        ({"spec_targets": ()}, r"spec: field targets is empty; got 0"),
        ({"spec_targets": (1, 2)}, r"model.pt: field targets holds something else than str"),
        ({"spec_arch": "lstm"}, r"model.pt: unknown architecture; got 'lstm'; allowed: valid_conv"),
        ({"spec_options": VALID | {"depth": 3}}, r"options: missing or unknown option; got depth; allowed: filters"),
        ({"spec_options": {"filters": 4}}, r"options: missing or unknown option; got batch_norm, .*kernels"),
    ],
)
def test_a_checkpoint_of_another_content_names_the_field(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        load_checkpoint(stored_with(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_a_pooling_that_does_not_exist_is_refused(tmp_path):
    save_checkpoint(tmp_path / "model.pt", checkpoint_of(SPECS[2]))
    stored = torch.load(tmp_path / "model.pt", weights_only=True)
    stored["spec"]["options"]["pool"] = "median"
    torch.save(stored, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"options do not describe a network; got .*median"):
        load_model(tmp_path / "model.pt")


@pytest.mark.parametrize("wrong", [{"filters": "many"}, {"filters": -1}, {"filters": 1.5}, {"kernels": 5}])
def test_options_that_describe_no_network_are_refused(tmp_path, wrong):
    path = stored_with(tmp_path, spec_options=VALID | wrong)
    with pytest.raises(InputError, match=r"model.pt: options: options do not describe a network; got .*train again"):
        load_model(path)


def test_weights_that_do_not_fit_the_network_are_refused(tmp_path):
    stored = checkpoint_of(SPECS[0])
    del stored.weights["output.bias"]
    save_checkpoint(tmp_path / "model.pt", stored)
    with pytest.raises(InputError, match=r"model.pt: weights do not fit the network; got Missing key.*output.bias"):
        load_model(tmp_path / "model.pt")


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    torch.save(torch.nn.Linear(1, 1), tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"not a whole checkpoint") as caught:
        load_checkpoint(tmp_path / "model.pt")
    assert "weights_only" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown architecture; got 'lstm'; allowed: valid_conv, residual_dilated"):
        build(ModelSpec("lstm", 4, 40, ("a",)), seed=0)


def test_kernels_and_pools_of_different_number_are_refused():
    spec = ModelSpec("valid_conv", 4, 40, ("a",), VALID | {"pools": [2]})
    with pytest.raises(InputError, match=r"kernels and pools must be equally many; got 2 and 1"):
        build(spec, seed=0)
