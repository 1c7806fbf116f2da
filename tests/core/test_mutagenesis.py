import captum.attr
import pytest
import torch
from tangermeme.saturation_mutagenesis import saturation_mutagenesis
from torch import nn

from tracklight.core import mutagenesis
from tracklight.core.attribution import gradient_x_input
from tracklight.core.counting import Counted
from tracklight.core.mutagenesis import in_silico_mutagenesis, mutagenesis_table


def one_hot(*shape, seed=0):
    codes = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, 4).movedim(-1, 1).float()


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6 * 8, 2)).eval()


def brute_force(model, x, target):
    table = torch.zeros_like(x)
    for example in range(len(x)):
        for place in range(x.shape[-1]):
            for channel in range(4):
                mutant = x[example].clone()
                mutant[:, place] = torch.eye(4)[channel]
                table[example, channel, place] = model(mutant[None])[0, target].item()
    return table - table.mean(1, keepdim=True)


def test_the_table_is_what_every_base_does_alone():
    model, x = network(), one_hot(2, 20)
    torch.testing.assert_close(mutagenesis_table(model, x, target=1), brute_force(model, x, 1), rtol=0, atol=1e-5)


def test_the_table_equals_tangermeme():
    model, x = network(), one_hot(2, 20)
    theirs = saturation_mutagenesis(model, x, target=1, hypothetical=True, device="cpu")
    torch.testing.assert_close(mutagenesis_table(model, x, target=1), theirs, rtol=0, atol=1e-5)


def test_differences_of_the_table_equal_the_ablation_of_captum():
    """Captum puts one value into one channel; with the base that is there set to 0 that is a mutation."""
    model, x = network(), one_hot(1, 20)
    place = 7
    there = int(x[0, :, place].argmax())
    removed = x.clone()
    removed[0, there, place] = 0
    baseline = torch.zeros_like(x)
    baseline[0, :, place] = 1
    mask = torch.zeros_like(x, dtype=torch.long)
    mask[0, :, place] = torch.arange(1, 5)
    drops = captum.attr.FeatureAblation(model).attribute(removed, baselines=baseline, target=0, feature_mask=mask)
    table = mutagenesis_table(model, x, target=0)[0, :, place]
    ablated = -drops[0, :, place]  # output with each base minus output with none
    torch.testing.assert_close(table, ablated - ablated.mean(), rtol=0, atol=1e-5)


def test_on_a_linear_model_it_is_gradient_x_input_with_the_corrected_gradient():
    linear, x = nn.Sequential(nn.Flatten(), nn.Linear(80, 1)), one_hot(3, 20)
    torch.testing.assert_close(in_silico_mutagenesis(linear, x), gradient_x_input(linear, x, correct=True))


def test_absent_bases_and_n_get_nothing():
    model, x = network(), one_hot(2, 20)
    x[..., 4:7] = 0
    found = in_silico_mutagenesis(model, x)
    assert (found[x == 0] == 0).all()
    assert (found[x == 1] != 0).any()


def test_what_stands_there_already_is_not_evaluated_again():
    counted, x = Counted(network()), one_hot(2, 20)
    x[0, :, 0] = 0  # N: all four bases are changes
    mutagenesis_table(counted, x)
    assert counted.passes.forward == 2 + 2 * 20 * 3 + 1
    assert counted.passes.backward == 0


def test_memory_is_bounded_by_the_batch_of_mutants_and_the_result_does_not_depend_on_it(monkeypatch):
    model, x = network(), one_hot(2, 20)
    expected = mutagenesis_table(model, x)
    sizes = []
    monkeypatch.setattr(mutagenesis, "MUTANTS_PER_BATCH", 7)

    def watched(batch):
        sizes.append(len(batch))
        return model(batch)

    torch.testing.assert_close(mutagenesis_table(watched, x), expected, rtol=0, atol=1e-6)
    assert max(sizes) == 7


def test_images_are_changed_place_by_place():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Conv2d(4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 2 * 3, 1)), one_hot(2, 3, 4)
    mutant = x.clone()
    mutant[1, :, 2, 1] = torch.tensor([0.0, 0.0, 1.0, 0.0])
    table = mutagenesis_table(model, x)
    here = int(x[1, :, 2, 1].argmax())
    effect = (table[1, 2, 2, 1] - table[1, here, 2, 1]).item()
    assert effect == pytest.approx((model(mutant)[1, 0] - model(x)[1, 0]).item(), abs=1e-6)
