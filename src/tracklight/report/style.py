"""How every figure looks and is saved: one palette, no global plotting state, the same bytes for the same data."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tracklight.files import whole_file

# Okabe and Ito's palette: told apart by readers with any of the common colour-vision deficiencies.
POSITIVE, NEGATIVE, CANDIDATE, NEUTRAL = "#0072B2", "#D55E00", "#009E73", "#666666"
ACCENT, LIGHT = "#E69F00", "#BFBFBF"
SERIES = (POSITIVE, NEGATIVE, CANDIDATE, "#CC79A7", ACCENT, "#56B4E9")
LETTERS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}

DPI = 150
LOOK: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "svg.hashsalt": "tracklight",
    "svg.fonttype": "path",
}
# Matplotlib reads some of these when an artist is made, not when it is drawn: every figure function is `@styled`.
styled = matplotlib.rc_context(LOOK)
MEDIA = {"png": "image/png", "svg": "image/svg+xml"}
# Neither the date nor the version of the plotting library belongs into a result that is compared by checksum.
METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


@styled
def panels(*, width: float, height: float, ratios: Sequence[float] = (1,), columns: int = 1) -> tuple[Figure, Any]:
    """Make a figure that pyplot does not know.

    Parameters
    ----------
    width, height : float
        Size (inches).
    ratios : sequence of float
        Heights of the rows, one row of panels each.
    columns : int
        Panels per row.

    Returns
    -------
    Figure, ndarray of Axes (row, column)
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(len(ratios), columns, squeeze=False, height_ratios=list(ratios))


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as a whole; the suffix, `.png` or `.svg`, decides the format."""
    kind = Path(path).suffix.removeprefix(".")
    with whole_file(path) as temporary:
        temporary.write_bytes(encoded(figure, kind))


@styled
def encoded(figure: Figure, kind: str) -> bytes:
    """Return the bytes of a figure as `png` or `svg`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=METADATA[kind])
    return buffer.getvalue()


def figure_uri(figure: Figure, kind: str = "svg") -> str:
    """Return a figure as a `data:` URI for an HTML page."""
    return data_uri(encoded(figure, kind), kind)


def data_uri(content: bytes, kind: str) -> str:
    """Return the bytes of a `png` or `svg` image as a `data:` URI."""
    return f"data:{MEDIA[kind]};base64,{base64.b64encode(content).decode('ascii')}"


def light_grid(axes: Axes, axis: str = "x") -> None:
    """Draw a faint grid behind the marks along one axis."""
    axes.grid(axis=axis, color=LIGHT, linewidth=0.5, alpha=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
