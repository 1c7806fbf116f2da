import numpy as np
import pytest
import torch

from tracklight.core.attribution import gradient_x_input
from tracklight.errors import InputError
from tracklight.models.spec import Checkpoint, ModelSpec, build, load_model, save_checkpoint
from tracklight.settings.eeg_learning import EegArchitecture

OPTIONS = {"filters": 3, "temporal_kernel": 4, "pool": 2, "mixing_kernel": 3, "dropout": 0.5}


def network(length=30, **changes):
    return build(ModelSpec("eeg_conv", 2, length, ("y",), OPTIONS | changes), seed=0).eval()


def epochs(count=4, channels=2, length=30):
    return torch.randn(count, channels, length, generator=torch.Generator().manual_seed(1))


def correlated(signal, weight):
    """Correlation written as a loop: `(channel, position)` and `(channel, width)` to `(position)`."""
    width = weight.shape[1]
    return np.array([(signal[:, p : p + width] * weight).sum() for p in range(signal.shape[1] - width + 1)])


def by_hand(model, x):
    spatial, temporal, _, _, mixing, _ = model.body
    spatial, temporal, mixing = (layer.weight.numpy(force=True).astype(float) for layer in (spatial, temporal, mixing))
    mixed = spatial[:, :, 0] @ x.numpy().astype(float)
    filtered = np.maximum([correlated(row[None], kernel) for row, kernel in zip(mixed, temporal, strict=True)], 0)
    pooled = np.stack([filtered[:, p : p + 2].mean(1) for p in range(0, filtered.shape[1] - 1, 2)], axis=1)
    units = np.maximum([correlated(pooled, kernel) for kernel in mixing], 0).mean(1)
    return model.output.weight.numpy(force=True)[0] @ units + model.output.bias.item()


def test_the_network_is_what_its_layers_say():
    model = network()
    for x in epochs():
        assert model(x[None]).item() == pytest.approx(by_hand(model, x), rel=1e-4)


def test_the_default_for_six_channels_has_2817_parameters():
    """6 x 16 spatial, 16 x 25 temporal, 16 x 16 x 9 mixing weights, 16 of the output and its bias."""
    model = build(ModelSpec("eeg_conv", 6, 800, ("y",), EegArchitecture().options()), seed=0)
    assert sum(weights.numel() for weights in model.parameters()) == 96 + 400 + 2304 + 16 + 1 == 2817
    assert [name for name, _ in model.named_parameters() if "bias" in name] == ["output.bias"]


def test_gradient_x_input_sums_to_the_output_above_its_bias():
    model, x = network().double(), epochs().double()
    total = gradient_x_input(model, x, correct=False).sum((1, 2))
    torch.testing.assert_close(total, (model(x) - model.output.bias)[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", [12, 29, 100])
def test_it_reads_epochs_of_any_length(length):
    model, x = network(), epochs(length=length)
    assert model(x[:1]).item() == pytest.approx(by_hand(model, x[0]), rel=1e-4)


def test_dropout_acts_in_training_only():
    model, x = network(), epochs()
    torch.testing.assert_close(model(x), model(x))
    assert not torch.equal(model.train()(x), model(x))


def test_an_epoch_too_short_for_its_filters_is_refused():
    with pytest.raises(InputError, match=r"window is too short for the network; got 7 bp with kernels \[4, 3\]"):
        network(length=7)


def test_a_checkpoint_gives_back_the_same_network(tmp_path):
    spec = ModelSpec("eeg_conv", 2, 30, ("y",), OPTIONS)
    checkpoint = Checkpoint(spec, build(spec, seed=1).state_dict(), "signal", {}, {})
    save_checkpoint(tmp_path / "model.pt", checkpoint)
    torch.testing.assert_close(load_model(tmp_path / "model.pt")[0](epochs()), build(spec, seed=1).eval()(epochs()))


@pytest.mark.parametrize("name", ["eeg_conv", "square_pool"])
def test_the_settings_hold_what_the_constructor_takes(name):
    options = EegArchitecture(name=name, filters=5).options()
    assert build(ModelSpec(name, 6, 800, ("y",), options), seed=0).body[0].weight.shape == (5, 6, 1)
