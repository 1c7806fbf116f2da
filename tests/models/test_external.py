import numpy as np
import pytest
import torch
from torch import nn

from tracklight.errors import InputError
from tracklight.models.external import filled, network_class
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_model, save_checkpoint
from tracklight.settings import validate
from tracklight.settings.eeg_learning import EegArchitecture

NETS = """
from torch import nn

def function(**arguments):
    raise SystemExit("called")

class NoNetwork:
    def __init__(self, **arguments):
        raise SystemExit("called")

number = 3

class Net(nn.Module):
    def __init__(self, channels, outputs, lazy=False):
        super().__init__()
        self.conv = nn.LazyConv1d(4, 3) if lazy else nn.Conv1d(channels, 4, 3)
        self.norm, self.dropout, self.output = nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, outputs)

    def forward(self, x):
        return self.output(self.dropout(self.norm(self.conv(x)).relu().mean(-1)))

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(2, 1)

    def forward(self, x):
        return self.output(x.mean(-1))[:, 0]

class Pair(nn.Module):
    def forward(self, x):
        return x.mean((1, 2))[:, None], x
"""


@pytest.fixture(autouse=True)
def nets(tmp_path, monkeypatch):
    (tmp_path / "nets_of_another.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)


def spec(name="Net", *, targets=("label",), length=20, **arguments):
    return ModelSpec("external", 2, length, targets, {"module": f"nets_of_another:{name}", "arguments": arguments})


def epochs(length=20):
    return torch.randn(5, 2, length, generator=torch.Generator().manual_seed(0))


def test_one_logit_is_the_output():
    model, x = build(spec(channels=2, outputs=1), seed=0).eval(), epochs()
    assert model(x).shape == (5, 1)
    torch.testing.assert_close(model(x), model.body(x))


def test_of_two_logits_the_output_is_the_log_odds_of_the_second_label():
    model, x = build(spec(channels=2, outputs=2), seed=0).eval(), epochs()
    p = torch.softmax(model.body(x).double(), 1)
    expected = torch.log(p[:, 1] / p[:, 0])[:, None]
    torch.testing.assert_close(model(x).double(), expected, rtol=1e-5, atol=1e-6)


def test_with_several_targets_there_is_one_logit_for_each():
    model = build(spec(targets=("a", "b", "c"), channels=2, outputs=3), seed=0).eval()
    torch.testing.assert_close(model(epochs()), model.body(epochs()))
    with pytest.raises(InputError, match=r"does not give logits for 20 positions; got \(2, 2\); allowed: \(2, 3\)"):
        build(spec(targets=("a", "b", "c"), channels=2, outputs=2), seed=0)


def test_it_is_what_its_class_gives_under_the_same_seed_and_leaves_the_generator_alone():
    torch.manual_seed(3)
    plain = network_class("nets_of_another:Net")(channels=2, outputs=1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model = build(spec(channels=2, outputs=1), seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in plain.state_dict().items():
        assert torch.equal(model.body.state_dict()[name], value)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("lazy", [False, True])
def test_a_checkpoint_gives_back_the_same_network_in_evaluation_mode(tmp_path, lazy):
    what = spec(channels=2, outputs=2, lazy=lazy)
    model = build(what, seed=1)
    model(3 * epochs())  # running statistics away from their start
    save_checkpoint(tmp_path / "model.pt", Checkpoint(what, model.state_dict(), "eeg", {}, {}))
    found, kept, _ = load_model(tmp_path / "model.pt")
    assert kept == what
    torch.testing.assert_close(found(epochs()), model.eval()(epochs()))


@pytest.mark.parametrize("name", ["function", "NoNetwork", "number"])
def test_only_classes_of_networks_are_ever_called(tmp_path, name):
    with pytest.raises(InputError, match=rf"another:{name}: not a network; got \w+; allowed: a class of torch.nn.Mod"):
        build(spec(name, channels=2, outputs=1), seed=0)
    weights = {"scale": torch.ones(1), "shift": torch.zeros(1)}
    save_checkpoint(tmp_path / "model.pt", Checkpoint(spec(name), weights, "eeg", {}, {}))
    with pytest.raises(InputError, match=rf"another:{name}: not a network"):
        load_model(tmp_path / "model.pt")


@pytest.mark.parametrize("module", ["nets_of_another:Absent", "package_that_is_not_there:Net", "nets_of_another.x:Net"])
def test_a_class_that_cannot_be_imported_is_one_line(module):
    with pytest.raises(InputError, match=rf"{module}: cannot import the network; got .*; install its package, or"):
        network_class(module)


def test_a_module_with_an_error_in_it_is_one_line(tmp_path):
    (tmp_path / "broken_net.py").write_text("def Net(:\n")
    with pytest.raises(InputError, match="broken_net:Net: cannot import the network") as caught:
        network_class("broken_net:Net")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Net", {"channels": 3, "outputs": 1}, "cannot build the network for 2 channels and 20 positions; got Runtime"),
        ("Net", {"channels": 2, "outputs": 1, "depth": 2}, "got TypeError: .*depth.*; correct its arguments"),
        ("Net", {"channels": -1, "outputs": 1}, "cannot build the network for 2 channels and 20 positions; got "),
        ("Net", {"channels": 2, "outputs": 3}, r"got \(2, 3\); allowed: \(2, 1\) or \(2, 2\)"),
        ("Flat", {}, r"does not give logits for 20 positions; got \(2,\); allowed: \(2, 1\) or \(2, 2\)"),
        ("Pair", {}, "does not give logits for 20 positions; got tuple"),
    ],
)
def test_a_network_that_does_not_fit_is_one_line_before_training(name, arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        build(spec(name, **arguments), seed=0)
    assert "\n" not in str(caught.value)


def test_what_is_built_stands_in_its_name_so_that_other_arguments_are_another_network():
    first, second = (repr(build(spec(channels=2, outputs=n), seed=0)) for n in (1, 2))
    assert "nets_of_another:Net, {'channels': 2, 'outputs': 1}" in first
    assert first != second


def test_sizes_fill_their_places_in_lists_and_mappings():
    arguments = {"n_chans": "$channels", "kernels": ["$length", 3], "more": {"rate": "$rate_hz"}, "name": "elu"}
    assert filled(arguments, {"channels": 6, "length": 800, "rate_hz": 100.0}) == {
        "n_chans": 6, "kernels": [800, 3], "more": {"rate": 100.0}, "name": "elu",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"arguments: unknown size; got '\$width'; allowed: \$channels, \$length"):
        filled(["$width"], {"channels": 6, "length": 800})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "external"}, "module: a class for name: external, and for no other name"),
        ({"module": "a.b:C"}, "module: a class for name: external, and for no other name"),
        ({"arguments": {"n": 1}}, "arguments: for name: external only"),
        ({"name": "external", "module": "a.b"}, "setting is not allowed"),
        ({"name": "external", "module": "os:system('x')"}, "setting is not allowed"),
        ({"name": "external", "module": "a:B", "arguments": {"n": {"m": 1}}}, "setting is not allowed"),
    ],
)
def test_settings_name_a_class_and_plain_arguments(values, message):
    with pytest.raises(InputError, match=message):
        validate(EegArchitecture, values, where="architecture")


def test_integrated_gradients_and_gradients_reach_through_it():
    model = build(spec(channels=2, outputs=2), seed=0).double().for_inference()
    x = epochs().double().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).sum(), x)
    step, at = 1e-6, (2, 1, 7)
    moved = x.detach().clone()
    moved[at] += step
    slope = (model(moved) - model(x))[2, 0].item() / step
    assert gradient[at].item() == pytest.approx(slope, rel=1e-4, abs=1e-8)
    assert np.isfinite(gradient.numpy()).all()
    assert isinstance(model.body, nn.Module)
