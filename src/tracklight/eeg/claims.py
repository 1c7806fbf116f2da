"""What may be claimed of a feature, from the test of its attribution and the test of its power.

Attribution alone is not information: a network can use a feature to take back what another one let through, so that
its attribution follows the label while the signal there does not. Content is claimed where both follow it, within the
bins of every second stratifier too.
"""

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracklight.errors import complaint, existing_file
from tracklight.stats import holm

Floats = NDArray[np.float64]
CONTENT, INTERACTION, UNUSED, NO_CLAIM = "content", "used through interaction", "not used", ""
NOT_ROBUST = "not robust"  # and to what
CLAIMS = (CONTENT, NOT_ROBUST, INTERACTION, UNUSED)
ROBUST = "robust."  # and a second stratifier: columns of claims.tsv
FROM_ATTRIBUTION = {"theta": "theta_attribution", "low": "low", "high": "high", "g_z": "g_z",
                    "z": "z_attribution", "p_max": "p_attribution"}  # fmt: skip
# The pattern is of what networks read: power that goes with their output, not attribution that does.
FROM_POWER = {"pattern": "pattern", "theta": "theta_power", "z": "z_power", "p_max": "p_power"}
NEAR_HZ = 0.5  # a feature is in the truth's bin of 1 Hz that holds its frequency


class Truth(NamedTuple):
    """Where the content of a simulated study is.

    Attributes
    ----------
    planted : list of (str, float)
        Channel and frequency (Hz) of the bins that hold its power; none where nothing was planted.
    near : list of (str, float)
        Bins where a hit is neither right nor wrong.
    """

    planted: list[tuple[str, float]]
    near: list[tuple[str, float]]


def claims_table(axes: pd.DataFrame, attribution: pd.DataFrame, power: pd.DataFrame) -> pd.DataFrame:
    """Join the tests of attribution and power, one row per feature.

    Parameters
    ----------
    axes : DataFrame
        `feature` and where it is; its order is kept.
    attribution, power : DataFrame
        `strata.tsv` of both maps, of the same features in any order.

    Returns
    -------
    DataFrame
        The axes, the estimates of both, and `p_both`, the larger of the two family-wise p-values: the conjunction.
        Empty (NaN) where the design was refused.

    References
    ----------
    Nichols et al. (2005), NeuroImage 25:653, the conjunction null.
    """
    table = axes.copy()
    for source, columns in ((attribution, FROM_ATTRIBUTION), (power, FROM_POWER)):
        table = table.merge(source[["feature", *columns]].rename(columns=columns), on="feature", how="left")
    table["p_both"] = np.maximum(table["p_attribution"], table["p_power"])
    return table


def with_claims(table: pd.DataFrame, *, alpha: float, may_claim: bool) -> pd.DataFrame:
    """Return the table with `sign` and `claim`.

    Parameters
    ----------
    table : DataFrame
        As `claims_table` returns it.
    alpha : float
        Family-wise error.
    may_claim : bool
        Whether gate and placebo were passed; without them nothing is claimed.

    Returns
    -------
    DataFrame
        `sign` is that of the attribution's contrast: + where the feature speaks more for label 1 when that is the
        label. `claim` is `content` where attribution and power are significant, `used through interaction` where the
        attribution alone is, `not used` where the power alone is, else empty.
    """
    attributed, powered = table["p_attribution"] <= alpha, table["p_power"] <= alpha
    shown = [attributed & powered, attributed & ~powered, powered & ~attributed]
    known = table["p_both"].notna()  # one map alone says nothing where the other was refused
    words = np.select([kind & known for kind in shown], [CONTENT, INTERACTION, UNUSED], default=NO_CLAIM)
    sign = np.where(table["theta_attribution"] < 0, "-", "+")
    return table.assign(sign=sign, claim=words if may_claim else NO_CLAIM)


def robust(table: pd.DataFrame, *, alpha: float) -> pd.Series:
    """Tell of each feature whether the conjunction is significant; missing where the design was refused."""
    return (table["p_both"] <= alpha).astype("boolean").mask(table["p_both"].isna())


def only_robust(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table where content that is lost within bins of a second stratifier is claimed no more.

    Parameters
    ----------
    table : DataFrame
        As `with_claims` returns it, with a column `robust.<name>` for each second stratifier.

    Returns
    -------
    DataFrame
        Its `claim` is `not robust to <name> and <name>` where content does not hold within the bins of those.
    """
    claim = table["claim"].to_numpy(object, copy=True)
    names = [name for name in table.columns if name.startswith(ROBUST)]
    holds = table[names].fillna(value=False).to_numpy(bool)
    for row in np.flatnonzero((claim == CONTENT) & ~holds.all(axis=1)):
        lost = [name.removeprefix(ROBUST) for name, there in zip(names, holds[row], strict=True) if not there]
        claim[row] = f"{NOT_ROBUST} to {' and '.join(lost)}"
    return table.assign(claim=claim)


def kinds(claim: pd.Series) -> pd.Series:
    """Return which of `CLAIMS` each claim is, whatever it is not robust to."""
    return claim.mask(claim.str.startswith(NOT_ROBUST), NOT_ROBUST)


def map_p(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, float | None]]:
    """Return the smallest p of the conjunction in each pre-declared map, and Holm's adjustment for their number."""
    smallest = {name: float(table["p_both"].min()) for name, table in tables.items()}
    known = {name: p for name, p in smallest.items() if np.isfinite(p)}
    adjusted = dict(zip(known, holm(list(known.values())).tolist(), strict=True))
    return {name: {"smallest_p": known.get(name), "p_holm": adjusted.get(name)} for name in tables}


def read_truth(path: Path, *, channels: Iterable[str]) -> Truth:
    """Read where the content of a simulated study is, from `truth_maps.npz`; one without these channels is refused."""
    try:
        with existing_file(path, what="truth of a simulated study").open("rb") as handle, np.load(handle) as file:
            truth = {name: file[name] for name in ("channels", "frequency_hz", "burst_bins", "near_bins", "bursts")}
        there = bool(truth["bursts"].any())
        if truth["burst_bins"].shape != (len(truth["channels"]), len(truth["frequency_hz"])):
            raise ValueError(f"bins of the shape {truth['burst_bins'].shape}")
        places = [
            _places(truth["channels"], truth["frequency_hz"], truth[name]) for name in ("burst_bins", "near_bins")
        ]
    except (OSError, KeyError, ValueError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise complaint("not the truth of a simulated study", where=path, got=error, do="run simulate-eeg") from None
    if unknown := sorted(set(channels) - set(truth["channels"].tolist())):
        raise complaint(
            "truth of another study", where=path, got=f"no channel {', '.join(unknown)}",
            allowed=truth["channels"].tolist(), do="give that of the simulated recordings",
        )  # fmt: skip
    return Truth(*places) if there else Truth([], [])


def count_hits(hits: Iterable[tuple[str, float]], truth: Truth) -> dict[str, int]:
    """Count significant features against the truth.

    Parameters
    ----------
    hits : iterable of (str, float)
        Channel and frequency (Hz) of each.
    truth : Truth
        Where the content is.

    Returns
    -------
    dict of str to int
        `planted` bins, how many of them were `found`, how many hits were `inside` of them, `near` and `outside`.
    """
    hits = list(hits)
    inside = [hit for hit in hits if _one_of(hit, truth.planted)]
    near = [hit for hit in hits if hit not in inside and _one_of(hit, truth.near)]
    found = sum(_one_of(bin_, hits) for bin_ in truth.planted)
    counts = {"planted": len(truth.planted), "found": found, "inside": len(inside), "near": len(near)}
    return counts | {"outside": len(hits) - len(inside) - len(near)}


def _places(channels: NDArray[np.str_], hertz: Floats, mask: NDArray[np.bool_]) -> list[tuple[str, float]]:
    return [(str(channels[channel]), float(hertz[at])) for channel, at in np.argwhere(mask)]


def _one_of(place: tuple[str, float], places: Iterable[tuple[str, float]]) -> bool:
    return any(place[0] == channel and abs(place[1] - hertz) < NEAR_HZ for channel, hertz in places)
