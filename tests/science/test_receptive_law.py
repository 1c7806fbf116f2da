"""Does the receptive field grow with the root of the depth? Random stacks, five seeds; and where it does not.

Refreshes `docs/images/receptive_field.png` and its numbers beside it.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tracklight.core.receptive import luo_size, profile, shape
from tracklight.core.receptive_stacks import DEGENERATE, STACKS, Stack, power_law, stack_maps
from tracklight.files import whole_file
from tracklight.report.field import law_figure
from tracklight.report.style import save

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SEEDS = range(5)
LAWLESS = [
    f"{space}{name}" for name in ("ReLU, doubling dilation", "ReLU, residual", DEGENERATE) for space in ("", "2-D ")
]
# Draws: 30 leave the exponent of rectified stacks uncertain by 0.06 (SD over seeds); 120 by half of that.
SIZES = {1: {"draws": 120, "channels": 16}, 2: {"draws": 20, "channels": 8}}
DEPTHS = {1: [4, 8, 16, 32, 64], 2: [4, 8, 16, 32]}
DOUBLING = {1: [2, 3, 4, 5, 6, 7, 8], 2: [2, 3, 4, 5, 6]}  # theoretical fields of up to 511 and 127 positions


def depths(stack: Stack) -> list[int]:
    return (DOUBLING if stack.dilation == "doubling" else DEPTHS)[stack.dimension]


def measured(name: str) -> pd.DataFrame:
    """Sigma and Luo's size of every depth and seed, and the exponent of every seed."""
    stack, rows = STACKS[name], []
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        for depth in depths(stack):
            maps = stack_maps(stack, depth=depth, **SIZES[stack.dimension], generator=generator)
            found = shape(profile(maps[stack.power], 0), mass=0.95)
            limit = stack.theoretical(depth)
            rows.append((name, seed, depth, found.sigma, limit, found.kurtosis, found.gaussian_r2, luo_size(maps[1])))
    columns = ["stack", "seed", "depth", "sigma", "theoretical", "kurtosis", "gaussian_r2", "luo_size"]
    table = pd.DataFrame(rows, columns=columns)
    laws = {seed: power_law(rows["depth"], rows["sigma"]) for seed, rows in table.groupby("seed")}
    return table.assign(
        **{
            name: table["seed"].map({s: law._asdict()[name] for s, law in laws.items()})
            for name in ("exponent", "error", "prefactor")
        }
    )


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """All stacks; written to results/, and averaged over seeds to docs/images/, with the figure."""
    torch.set_num_threads(1)
    table = pd.concat([measured(name) for name in STACKS], ignore_index=True)
    means = summary(table)
    write(ROOT / "results/science_receptive_field.tsv", table)
    write(ROOT / "docs/images/receptive_field.tsv", means)
    save(law_figure(means, lawless=LAWLESS), ROOT / "docs/images/receptive_field.png")
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds; the exponent is left out where there is no power law."""
    by = table.groupby(["stack", "depth"], sort=False)
    columns = ["sigma", "theoretical", "kurtosis", "gaussian_r2", "luo_size", "exponent", "prefactor"]
    means = (
        by[columns]
        .mean()
        .assign(sigma_sd=by["sigma"].std(), exponent_sd=by["exponent"].std(), exponent_error=by["error"].mean())
    )
    means = means.reset_index()
    lawless = [STACKS[name].dilation == "doubling" for name in means["stack"]]
    means.loc[lawless, ["exponent", "exponent_sd", "exponent_error", "prefactor"]] = np.nan
    return means


def write(path: Path, table: pd.DataFrame) -> None:
    with whole_file(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.4g")


def exponents(results: pd.DataFrame, name: str) -> pd.Series:
    return results[results["stack"] == name].groupby("seed")["exponent"].first()


@pytest.mark.parametrize("name", ["uniform", "2-D uniform"])
def test_equal_weights_give_the_root_of_the_depth(results, name):
    assert exponents(results, name).between(0.49, 0.51).all()


@pytest.mark.parametrize("name", ["random linear", "ReLU, noise", "2-D random linear", "2-D ReLU, noise"])
def test_random_weights_give_the_root_of_the_depth_for_every_seed(results, name):
    assert exponents(results, name).between(0.42, 0.58).all()


@pytest.mark.parametrize(
    "name",
    [
        "positive",
        "tanh, noise",
        "ReLU, impulse + noise",
        "ReLU, impulse, random biases",
        "ReLU, dilation 2",
        "2-D tanh, noise",
        "2-D ReLU, dilation 2",
    ],
)
def test_the_root_stands_up_to_other_weights_signals_and_dilation_on_average(results, name):
    assert 0.42 < exponents(results, name).mean() < 0.58


@pytest.mark.parametrize("name", [DEGENERATE, f"2-D {DEGENERATE}"])
def test_an_impulse_on_nothing_has_no_such_law(results, name):
    found = results[results["stack"] == name]
    assert abs(exponents(results, name).mean()) < 0.1
    assert found["sigma"].max() < 1.5


@pytest.mark.parametrize("space", ["", "2-D "])
def test_skip_connections_make_the_field_smaller_and_its_growth_slower(results, space):
    plain, residual = (
        results[results["stack"] == name].set_index(["seed", "depth"])["sigma"]
        for name in (f"{space}ReLU, noise", f"{space}ReLU, residual")
    )
    assert (residual < plain).all()
    slower = exponents(results, f"{space}ReLU, residual")
    assert slower.mean() < 0.45
    assert slower.max() < exponents(results, f"{space}ReLU, noise").min()


@pytest.mark.parametrize("name", ["ReLU, doubling dilation", "2-D ReLU, doubling dilation"])
def test_doubling_dilation_doubles_the_field_with_every_layer(results, name):
    means = summary(results[results["stack"] == name])["sigma"].tolist()
    assert [after / before for before, after in pairwise(means)] == pytest.approx([2] * (len(means) - 1), rel=0.1)


@pytest.mark.parametrize(("name", "per_sigma"), [("uniform", 2.486 * 2), ("2-D uniform", 2.486 * np.pi**0.5)])
def test_the_published_size_is_that_of_a_gaussian_of_the_measured_sigma(results, name, per_sigma):
    deep = summary(results[results["stack"] == name]).iloc[-1]
    assert deep["luo_size"] == pytest.approx(per_sigma * deep["sigma"], rel=0.05)  # sqrt(2 ln(1 / 0.0455)) = 2.486


@pytest.mark.parametrize("name", ["uniform", "random linear", "ReLU, noise", "2-D uniform", "2-D ReLU, noise"])
def test_the_theoretical_field_grows_with_the_depth_and_the_part_that_is_used_shrinks(results, name):
    means = summary(results[results["stack"] == name])
    assert 0.94 < power_law(means["depth"], means["theoretical"]).exponent < 1.0
    assert (np.diff(means["sigma"] / means["theoretical"]) < 0).all()


def test_the_field_of_random_linear_stacks_is_a_gaussian(results):
    deep = summary(results).query("stack == 'random linear' and depth == 64").iloc[0]
    assert deep["gaussian_r2"] > 0.95
