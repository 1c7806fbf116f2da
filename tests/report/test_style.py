from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot

from tracklight.errors import InputError
from tracklight.report.style import LETTERS, data_uri, encoded, figure_uri, panels, save


def drawn() -> matplotlib.figure.Figure:
    figure, axes = panels(width=2, height=1)
    axes[0][0].plot([0, 1], [0, 1])
    return figure


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_figures_are_whole_files_of_the_asked_kind(tmp_path: Path, kind: str, start: bytes) -> None:
    save(drawn(), tmp_path / "new" / f"a.{kind}")
    assert (tmp_path / "new" / f"a.{kind}").read_bytes().startswith(start)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"a.{kind}"]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_same_figure_gives_the_same_bytes(kind: str) -> None:
    assert encoded(drawn(), kind) == encoded(drawn(), kind)


def test_no_plotting_state_is_left_behind() -> None:
    before = dict(matplotlib.rcParams)
    figure_uri(drawn())
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_images_become_data_uris() -> None:
    assert data_uri(b"abc", "png") == "data:image/png;base64,YWJj"
    assert figure_uri(drawn()).startswith("data:image/svg+xml;base64,")


def test_letters_take_four_colours_of_the_colour_blind_safe_palette() -> None:
    assert LETTERS == {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}


def test_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"file/a\.png: cannot write"):
        save(drawn(), tmp_path / "file" / "a.png")
