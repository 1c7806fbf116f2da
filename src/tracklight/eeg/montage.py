"""Where electrodes of the 10-10 system sit on a sphere, and which of them are neighbours.

The system is defined by arcs over the head in steps of a tenth, 18 degrees: the midline from the nose over the vertex
to the inion, a ring through Fpz, T7, Oz and T8, and rows from one side of the ring over the midline to the other.
Positions follow from that definition; a real head is no sphere, but who is next to whom is the same.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP_DEG = 18.0  # a tenth of the arc from the nose to the inion
RING, BELOW = 4, 5  # steps from the vertex: the ring, and the electrodes 9 and 10 below it
# Steps from the front along the ring to the outermost electrode of each row.
ROWS = {"FP": 1, "AF": 2, "F": 3, "FT": 4, "FC": 4, "T": 5, "C": 5, "TP": 6, "CP": 6, "P": 7, "PO": 8, "O": 9}
MIDLINE = ["Nz", "Fpz", "AFz", "Fz", "FCz", "Cz", "CPz", "Pz", "POz", "Oz", "Iz"]
ON_MIDLINE = {name.upper(): place for place, name in enumerate(MIDLINE)}
ONLY_ON_RING = ("FP", "O")  # these rows are so short that they have no electrode inside the ring
OUTERMOST_ONLY = ("FT", "T", "TP")  # names of 7 to 10 in the rows FC, C and CP
# The old names of the 10-20 system, and earlobes and mastoids, which sit at or just below the lowest electrodes.
ALSO = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8", "A1": "T9", "A2": "T10", "M1": "TP9", "M2": "TP10"}


def position(channel: str) -> Floats | None:
    """Return where an electrode sits.

    Parameters
    ----------
    channel : str
        Its name in the 10-10 or 10-20 system; capitals do not count.

    Returns
    -------
    ndarray of float64 (3,) or None
        On the unit sphere: x to the right ear, y to the nose, z up; None for other names (EOG, bipolar channels).
    """
    name = ALSO.get(channel.strip().upper(), channel.strip().upper())
    if name in ON_MIDLINE:
        return _on_midline(ON_MIDLINE[name])
    parts = re.fullmatch(r"([A-Z]{1,2})(10|[1-9])", name)
    if parts is None or parts[1] not in ROWS:
        return None
    row, number = parts[1], int(parts[2])
    rank, side = (number + 1) // 2, 1 if number % 2 == 0 else -1  # even numbers are on the right
    if row in ONLY_ON_RING:
        return _on_arc(row, RING, side) if rank == 1 else None
    if (row in OUTERMOST_ONLY) != (rank >= 4) and row in (*OUTERMOST_ONLY, "FC", "C", "CP"):
        return None
    return _on_arc(row, BELOW, side) if rank == 5 else _in_row(row, rank / 4, side)


def angle_deg(a: Floats, b: Floats) -> float:
    """Return the angle between two positions on the sphere, each `(3,)` (degrees)."""
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b)))


def neighbours(channels: Sequence[str], *, within_deg: float) -> list[tuple[str, str]]:
    """Return the pairs of channels that are nearer to each other than an angle.

    Parameters
    ----------
    channels : sequence of str
        Their names.
    within_deg : float
        Largest angle between neighbours, seen from the middle of the head (degrees).

    Returns
    -------
    list of (str, str)
        In the order of the channels, every pair once; channels without a known position are in none.
    """
    placed = [(name, place) for name in channels if (place := position(name)) is not None]
    return [
        (name, other)
        for number, (name, place) in enumerate(placed)
        for other, at in placed[number + 1 :]
        if angle_deg(place, at) <= within_deg
    ]


def _on_midline(place: int) -> Floats:
    """Return the site so many steps behind the nose, on the arc over the vertex."""
    from_vertex = math.radians((BELOW - place) * STEP_DEG)
    return np.array([0.0, math.sin(from_vertex), math.cos(from_vertex)])


def _on_arc(row: str, steps: int, side: int) -> Floats:
    """Return the site so many steps below the vertex, as far round as the outermost electrode of a row."""
    down, round_ = math.radians(steps * STEP_DEG), math.radians(ROWS[row] * STEP_DEG)
    return np.array([side * math.sin(down) * math.sin(round_), math.sin(down) * math.cos(round_), math.cos(down)])


def _in_row(row: str, share: float, side: int) -> Floats:
    """Return the site at a share of the way from the midline to the ring, on the circle through both sides."""
    outer, middle = _on_arc(row, RING, 1), _on_midline(ROWS[row])
    foot = outer * [0, 1, 1]  # midway between both sides: from here the circle is seen flat
    height = float(np.linalg.norm(middle - foot))
    centre = (height**2 - outer[0] ** 2) / (2 * height)
    radius, turn = height - centre, share * math.atan2(outer[0], -centre)
    up = (middle - foot) / height
    across = np.array([side * radius * math.sin(turn), 0.0, 0.0])
    return np.asarray(foot + up * (centre + radius * math.cos(turn)) + across, np.float64)
