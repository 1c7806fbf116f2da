from pathlib import Path

import numpy as np
import pandas as pd
import pyBigWig
import pytest
import torch

from tracklight import cli
from tracklight.models.spec import Checkpoint, ModelSpec, build, save_checkpoint

SETTINGS = '{"bootstrap": 100, "smoothing_bp": 1, "top_fraction": 0.2}'


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"filters": 4, "kernels": [5], "pools": [2], "hidden": 4, "dropout": 0.0, "batch_norm": False}
    spec = ModelSpec("valid_conv", 4, 30, ("x",), options)
    path = tmp_path_factory.mktemp("model") / "model.pt"
    save_checkpoint(path, Checkpoint(spec, build(spec, seed=9).state_dict(), "dna", {}, {}))
    return path


def bigwig(path: Path, values: dict[str, np.ndarray]) -> Path:
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("a", 120), ("b", 120)])
        for contig, track in values.items():
            file.addEntries(contig, 0, values=track.astype(np.float32), span=1, step=1)
    return path


def evaluate(run: Path, model: Path, out: Path, *extra: str) -> int:
    folders = ["--genome", str(run / "genome"), "--windows", str(run / "windows"), "--models", str(model)]
    elements = ["--elements", str(run / "elements.bed"), "--settings", SETTINGS]
    return cli.main(["evaluate-elements", *folders, *elements, "--out", str(out), *extra])


def shining(*stretches: tuple[int, int], sign: float = 1.0) -> np.ndarray:
    track = np.zeros(120)
    for start, end in stretches:
        track[start:end] = sign
    return track


@pytest.fixture(scope="session")
def table(tiny_run: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("elements")
    # the known boxes of the test windows: 10-16 on +, 54-60 on -, 90-96 on + of contig b
    plus = bigwig(folder / "plus.bw", {"b": shining((10, 16), (90, 96))})
    minus = bigwig(folder / "minus.bw", {"b": shining((54, 60), sign=-1.0)})
    (folder / "list.bed").write_text("b\t10\t16\tx\t9\t+\nb\t54\t60\ty\t5\t-\nb\t40\t50\tz\t1\t-\n")
    tracks = ["--tracks", f"both={plus},{minus}", f"plus={plus}", "--lists", f"mine={folder / 'list.bed'}"]
    assert evaluate(tiny_run, model, folder / "out.tsv", *tracks) == 0
    return pd.read_csv(folder / "out.tsv", sep="\t")


def value(table: pd.DataFrame, track: str, metric: str) -> float:
    (found,) = table.loc[(table["track"] == track) & (table["metric"] == metric), "value"]
    return float(found)


def test_every_track_list_and_control_has_three_metrics(table: pd.DataFrame) -> None:
    names = ["both", "|both|", "plus", "|plus|", "mine", "at_content", "position_prior"]
    assert list(dict.fromkeys(table["track"])) == [*names, *(f"untrained{seed}" for seed in range(5))]
    assert list(table["metric"][:3]) == ["auroc", "auprc", "enrichment"]
    assert list(table.columns) == ["track", "metric", "value", "low", "high", "n_positive", "n_negative", "n_windows"]


def test_universe_is_every_base_of_the_test_windows_with_an_element(table: pd.DataFrame) -> None:
    counts = table[["n_positive", "n_negative", "n_windows"]].drop_duplicates().to_numpy().tolist()
    assert counts == [[18, 72, 3]]


def test_absolute_value_finds_what_the_sign_hides(table: pd.DataFrame) -> None:
    # signed: 12 of 18 boxes on top, 6 at the very bottom, all background tied between
    assert value(table, "both", "auroc") == pytest.approx(12 / 18)
    assert value(table, "|both|", "auroc") == 1
    assert value(table, "|both|", "auprc") == 1
    assert value(table, "|both|", "enrichment") == pytest.approx(5)


def test_one_file_serves_both_strands(table: pd.DataFrame) -> None:
    # the plus track is flat under the minus window: 12 boxes found, 6 tied with all background
    assert value(table, "plus", "auroc") == pytest.approx((12 + 6 / 2) / 18)


def test_a_list_counts_its_own_score_on_its_own_strand(table: pd.DataFrame) -> None:
    # listed: 12 of 18 positives above 10 wrong bases; the last 6 positives tie with 62 unlisted bases
    wins = 12 * 72 + 6 * 62 / 2
    assert value(table, "mine", "auroc") == pytest.approx(wins / (18 * 72))


def test_controls_know_what_they_should(table: pd.DataFrame) -> None:
    assert value(table, "at_content", "auroc") == 1  # the background is C and G only
    assert value(table, "position_prior", "auroc") == 1  # the boxes stand where those of the training windows do
    untrained = [value(table, f"untrained{seed}", "auroc") for seed in range(5)]
    assert len(set(untrained)) > 1


def test_intervals_hold_the_value(table: pd.DataFrame) -> None:
    assert (table["low"] <= table["value"] + 1e-9).all()
    assert (table["value"] <= table["high"] + 1e-9).all()


def test_global_random_state_is_left_alone(tiny_run: Path, model: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert evaluate(tiny_run, model, tmp_path / "out.tsv") == 0
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--tracks", "nameless.bw"], "track is not NAME=FILE with a name of its own; got nameless.bw"),
        (["--tracks", "a=nowhere.bw"], "nowhere.bw: track not found"),
        (["--lists", "a=nowhere.bed"], "nowhere.bed: list not found"),
        (["--models", "nowhere.pt"], "nowhere.pt: checkpoint not found"),
        (["--elements", "nowhere.bed"], "nowhere.bed"),
        (["--lists", f"at_content={__file__}"], "is that of another or of a control; got at_content"),
        (["--lists", f"position_prior={__file__}"], "is that of another or of a control; got position_prior"),
        (["--lists", f"untrained0={__file__}"], "is that of another or of a control; got untrained0"),
        (["--tracks", f"a={__file__}", "--predictions", f"a={__file__}"], "of another or of a control; got a;"),
        (["--tracks", f"a={__file__}", "--lists", f"|a|={__file__}"], "of another or of a control; got |a|;"),
        (["--contig-names", '{"a": ["x"]}'], "--contig-names: not a mapping from text to text"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tiny_run: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], complaint: str
) -> None:
    assert evaluate(tiny_run, model, tmp_path / "out.tsv", *extra) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out.tsv").exists()


def test_a_third_file_for_a_track_is_refused(
    tiny_run: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bigwig(tmp_path / "a.bw", {"b": shining((0, 1))})
    assert evaluate(tiny_run, model, tmp_path / "out.tsv", "--tracks", f"a={path},{path},{path}") == 2
    assert "too many files for a track" in capsys.readouterr().err


def test_elements_outside_the_test_windows_are_refused(
    tiny_run: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "far.bed").write_text("a\t10\t16\tx\t0\t+\n")
    assert evaluate(tiny_run, model, tmp_path / "out.tsv", "--elements", str(tmp_path / "far.bed")) == 2
    assert "no test window overlaps a known element" in capsys.readouterr().err


def test_names_of_contigs_are_mapped_in_known_elements_and_lists(
    tiny_run: Path, model: Path, tmp_path: Path, table: pd.DataFrame
) -> None:
    named = "".join(f"chr_{line}\n" for line in (tiny_run / "elements.bed").read_text().splitlines())
    (tmp_path / "elements.bed").write_text(named)
    (tmp_path / "list.bed").write_text("chr_b\t10\t16\tx\t9\t+\nchr_b\t54\t60\ty\t5\t-\nchr_b\t40\t50\tz\t1\t-\n")
    extra = ["--elements", str(tmp_path / "elements.bed"), "--lists", f"mine={tmp_path / 'list.bed'}"]
    assert (
        evaluate(tiny_run, model, tmp_path / "out.tsv", *extra, "--contig-names", '{"chr_a": "a", "chr_b": "b"}') == 0
    )
    found = pd.read_csv(tmp_path / "out.tsv", sep="\t")
    assert value(found, "mine", "auroc") == value(table, "mine", "auroc")


def test_an_empty_list_means_that_nothing_was_called(tiny_run: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "list.bed").write_text("")
    assert evaluate(tiny_run, model, tmp_path / "out.tsv", "--lists", f"mine={tmp_path / 'list.bed'}") == 0
    found = pd.read_csv(tmp_path / "out.tsv", sep="\t")
    assert value(found, "mine", "auroc") == 0.5  # every base ties
