"""How well maps agree, collected row by row: means over pairs of networks, intervals over genome blocks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from tracklight.core.agreement import rank_agreement, signed_agreement
from tracklight.stats import mean_interval

MEASURES = {"agreement": rank_agreement, "signed agreement": signed_agreement}
NAN = float("nan")
Values = NDArray[np.float64]
Pairs = Sequence[tuple[Tensor, Tensor]]  # of maps (window, position)


@dataclass
class Agreements:
    """Rows of `sanity.tsv`.

    Attributes
    ----------
    groups : ndarray of str (window,)
        Genome block of each window.
    samples : int
        Bootstrap samples.
    seed : int
        Of the bootstrap; every interval draws the same blocks.
    rows : list of dict
        `check variant what value low high spread n`.
    """

    groups: NDArray[np.str_]
    samples: int
    seed: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    def interval(self, values: Values) -> tuple[float, float, float]:
        """Return the mean of `(window,)` and its 95 % interval over genome blocks."""
        generator = np.random.default_rng(self.seed)
        mean, low, high = mean_interval(values, self.groups, samples=self.samples, generator=generator)
        return float(mean), float(low), float(high)

    def compare(self, check: str, variant: str, pairs: Pairs) -> Values:
        """Note how well pairs of maps agree; return the rank agreement, mean over pairs, `(window,)`."""
        each = {
            what: np.stack([measure(a, b).numpy() for a, b in pairs]) if pairs else np.full((1, len(self.groups)), NAN)
            for what, measure in MEASURES.items()
        }
        return {what: self.add(check, variant, values, what=what) for what, values in each.items()}["agreement"]

    def add(self, check: str, variant: str, each: Values, *, what: str) -> Values:
        """Note a measurement `(pair, window)`, NaN where there is none; return its mean over pairs `(window,)`."""
        values, by_pair = mean_of_known(each, axis=0), mean_of_known(each, axis=1)
        mean, low, high = self.interval(values)
        spread = float(by_pair.std(ddof=1)) if len(by_pair) > 1 else NAN
        self._note(check, variant, what, value=mean, low=low, high=high, spread=spread, n=np.isfinite(values).sum())
        return values

    def single(self, check: str, variant: str, what: str, *, value: float, n: int) -> None:
        """Note a number without an interval, of `n` windows."""
        self._note(check, variant, what, value=value, low=NAN, high=NAN, spread=NAN, n=n)

    def table(self) -> pd.DataFrame:
        """Return the rows."""
        return pd.DataFrame(self.rows)

    def _note(self, check: str, variant: str, what: str, **numbers: float) -> None:
        numbers["n"] = int(numbers["n"])
        self.rows.append({"check": check, "variant": variant, "what": what, **numbers})


def mean_of_known(values: Values, *, axis: int) -> Values:
    """Return the mean over an axis, NaN left out; NaN where nothing is known."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis) / known.sum(axis))
