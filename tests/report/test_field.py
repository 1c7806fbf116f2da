"""The section on the receptive field says what its tables hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracklight.report.field import (
    field_figure,
    field_section,
    fit_sentence,
    law_figure,
    training_sentence,
    width_sentence,
)
from tracklight.report.run_folder import RunFolder
from tracklight.report.style import encoded

LENGTH = 40
NAMES = ("", "_profile", "_checks")


def rows() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "network": ["seed0", "seed0", "seed1", "seed1", "untrained0", "untrained0"],
            "trained": [1, 1, 1, 1, 0, 0],
            "unit": ["prediction", "convolution 1"] * 3,
            "sigma_bp": [8.0, 3.0, 9.0, 3.2, 11.0, 3.1],
            "theoretical_bp": [40, 11] * 3,
            "mass_bp": [28, 11, 30, 10, 36, 11],
            "gaussian_r2": [0.6, 0.9, 0.7, 0.8, 0.5, 0.9],
            "kurtosis": [0.0, -1.2, 0.1, -1.2, -1.1, -1.2],
        }
    )
    return table.assign(ratio=table["sigma_bp"] / table["theoretical_bp"], mass=0.95)


def profiles() -> pd.DataFrame:
    at = np.arange(LENGTH)
    heap = np.exp(-((at - 25) ** 2) / 50)
    parts = []
    for unit, mask in (("prediction", at >= 0), ("convolution 1", (at >= 14) & (at < 25))):
        shares = np.where(mask, heap, 0) / heap[mask].sum()
        inside = ((at >= 10) & (at < 39)).astype(int)
        columns = {"trained": shares, "untrained": mask / mask.sum(), "gaussian": shares, "inside": inside}
        parts.append(pd.DataFrame({"unit": unit, "position": at, **columns}))
    return pd.concat(parts, ignore_index=True)


def checks(used: str, enough: str) -> pd.DataFrame:
    names = [f"receptive-field: {name}" for name in ("used", "enough", "width")]
    return pd.DataFrame({"check": names, "value": [0.7, 0.7, 29.0], "verdict": [used, enough, "info"]})


def run_of(tmp_path: Path, used: str = "pass", enough: str = "pass") -> RunFolder:
    (tmp_path / "trust").mkdir()
    files = [f"trust/receptive_field{name}.tsv" for name in NAMES]
    for file, table in zip(files, (rows(), profiles(), checks(used, enough)), strict=True):
        table.to_csv(tmp_path / file, sep="\t", index=False)
    return RunFolder(tmp_path, frozenset(files))


def test_the_finding_gives_the_width_with_its_spread_and_control_first(tmp_path: Path) -> None:
    first = field_section(run_of(tmp_path)).blocks[0]
    assert first.strong
    assert first.text == (
        "95% of what moves the prediction lies within 29 of the 40 bp of the window "
        "(mean of 2 networks, SD 1.4; untrained networks: 36 bp)."
    )


def test_a_single_network_has_no_spread() -> None:
    assert "within 28 of the 40 bp of the window (one network; untrained" in width_sentence(
        rows()[rows()["network"] != "seed1"], LENGTH
    )


@pytest.mark.parametrize(
    ("used", "enough", "start"),
    [
        ("pass", "pass", "The window is neither"),
        ("warn", "pass", "Most of the window"),
        ("pass", "warn", "The field fills"),
    ],
)
def test_the_verdicts_are_said_in_words(tmp_path: Path, used: str, enough: str, start: str) -> None:
    assert fit_sentence(used, enough).startswith(start)
    assert field_section(run_of(tmp_path, used, enough)).blocks[1].text.startswith(start)


@pytest.mark.parametrize(
    ("untrained", "sd", "start"),
    [
        (11.0, 0.7, "Training narrowed it: σ is 8.5 bp, in untrained networks 11.0 bp."),
        (6.0, 0.7, "Training widened it"),
        (9.0, 0.7, "Training changed its width by no more"),
        (11.0, np.nan, "Training changed its width by no more"),
    ],
)
def test_what_training_did_is_held_against_the_spread_of_networks(untrained: float, sd: float, start: str) -> None:
    units = pd.DataFrame({"unit": ["prediction"], "sigma": [8.5], "sigma_sd": [sd], "sigma_untrained": [untrained]})
    assert training_sentence(units).startswith(start)


def test_every_unit_has_a_row_of_means(tmp_path: Path) -> None:
    picture, table = field_section(run_of(tmp_path)).blocks[-2:]
    assert "trust/receptive_field_profile.tsv" in picture.caption
    assert [row[0].text for row in table.rows] == ["prediction", "convolution 1"]
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown["σ (bp)"].value == pytest.approx(8.5)
    assert shown["SD over networks"].value == pytest.approx(0.7071, abs=1e-4)
    assert shown["σ, untrained"].value == 11
    assert shown["width of the field (bp)"].value == 29


def test_a_run_without_the_stage_says_so(tmp_path: Path) -> None:
    (block,) = field_section(RunFolder(tmp_path, frozenset())).blocks
    assert block.text == "This run has no receptive field."


def test_the_figure_shows_trained_and_untrained_profile_and_the_shaded_width() -> None:
    left, right = field_figure(profiles()).axes
    untrained, trained, gaussian = left.lines
    of = profiles().query("unit == 'prediction'")
    assert list(trained.get_ydata()) == pytest.approx(of["trained"].tolist())
    assert list(untrained.get_ydata()) == pytest.approx([1 / LENGTH] * LENGTH)
    assert gaussian.get_linestyle() == "--"
    (shade,) = left.patches
    assert (shade.get_x(), shade.get_width()) == (9.5, 29)
    assert list(right.lines[1].get_xdata()) == list(range(-5, 6))  # eleven positions about the middle


def test_networks_without_a_field_are_drawn_as_nothing() -> None:
    table = profiles().assign(trained=np.nan, gaussian=np.nan, inside=0)
    assert encoded(field_figure(table), "png")


def test_the_law_is_drawn_with_its_fit_and_without_one_as_it_was_measured() -> None:
    table = pd.DataFrame({"stack": ["a"] * 3 + ["b"] * 3, "depth": [4, 16, 64] * 2, "sigma": [2.0, 4, 8, 1, 1, 1]})
    table = table.assign(
        sigma_sd=0.1, exponent=[0.5] * 3 + [np.nan] * 3, exponent_sd=0.01, prefactor=[1.0] * 3 + [np.nan] * 3
    )
    left, right = law_figure(table, lawless=["b"]).axes
    assert list(left.lines[2].get_ydata()) == pytest.approx([2, 4, 8])
    assert list(right.lines[2].get_ydata()) == [1, 1, 1]
    assert list(left.lines[1].get_ydata()) == pytest.approx(np.sqrt([8 / 3, 128 / 3]))
    labels = [text.get_text() for panel in (left, right) for text in panel.get_legend().get_texts()]
    assert "a: 0.50 ± 0.01" in labels
    assert "b: no power of L" in labels
