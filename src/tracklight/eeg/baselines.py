"""Decoders that a network has to be set against: power, eyes and muscle, stage, covariates; and a model of a stage.

Each is fitted on one half of the subjects and asked about the other, as the networks are. Predictions are of reports:
the mean over those epochs of a report that are of the stage of its last one.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype
from sklearn.linear_model import LogisticRegression

from tracklight.core.spectral import bins
from tracklight.eeg.dataset import Epochs
from tracklight.learning.band_power import log_band_power, power_ridge
from tracklight.settings.gate_eeg import PowerRidge

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
KEY = ["recording", "report"]  # of a report; its name alone may come back in another night
BATCH = 256  # epochs transformed at once


def subject_log_power(epochs: Epochs, *, bin_hz: float) -> Floats:
    """Return the log power of every epoch, `(epoch, channel, bin)`, in V^2, reading one subject at a time.

    Bins are `bin_hz` wide (Hz), around 0, `bin_hz`, ... up to half the sampling rate.
    """
    bands = bins(epochs.rate_hz / 2, width=bin_hz)
    power = np.empty((len(epochs.index), len(epochs.channels), len(bands)))
    for rows in epochs.index.groupby("group", sort=False).indices.values():
        signals = epochs.signals(np.asarray(rows, np.int64))
        power[rows] = log_band_power(signals, rate=epochs.rate_hz, bands=bands, batch_size=BATCH)
    return power


def by_ridge(epochs: Epochs, features: Floats, values: Floats, *, how: PowerRidge) -> pd.Series:
    """Return the predictions of ridge regressions for all reports, each by the one of the other half.

    Parameters
    ----------
    epochs : Epochs
        Whose splits say who is trained on and asked about.
    features : ndarray of float64 (epoch, ...)
        Log power of some channels.
    values : ndarray of float64 (epoch,)
        0 or 1, what is predicted.
    how : PowerRidge
        Penalties, chosen on the validation subjects of the half.

    Returns
    -------
    Series
        Indexed by `recording` and `report`; higher for 1.
    """
    parts = []
    for half in ("A", "B"):
        rows = {name: numbers.numpy() for name, numbers in epochs.rows(half).items()}
        prediction, _ = power_ridge(
            features, values, train=rows["train"], validation=rows["validation"], penalties=how.penalties
        )
        parts.append(report_means(epochs.index, rows["test"], values=prediction[rows["test"]]))
    return pd.concat(parts)


def report_means(index: pd.DataFrame, rows: Rows, *, values: Floats) -> pd.Series:
    """Return the mean of epochs' values per report, over those of the stage of its last epoch.

    Parameters
    ----------
    index : DataFrame
        Of all epochs.
    rows : ndarray of int64 (chosen,)
        Row numbers of some epochs: all of their reports.
    values : ndarray of float64 (chosen,)
        One per epoch.

    Returns
    -------
    Series
        Indexed by `recording` and `report`.
    """
    chosen = index.iloc[rows].rename(columns={"contig": "recording"}).assign(value=values).sort_values("epoch")
    last = chosen.groupby(KEY)["stage"].transform("first")
    return chosen[chosen["stage"] == last].groupby(KEY)["value"].mean()


def reports_of(index: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """Return the last epoch of each report, indexed by `recording` and `report`: its stage, label and covariates."""
    chosen = index.iloc[rows].rename(columns={"contig": "recording"})
    return chosen.sort_values("epoch").drop_duplicates(KEY).set_index(KEY).sort_index()


def two_halves(epochs: Epochs, half: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reports of a half, validation subjects included, and those of the other."""
    rows = {name: numbers.numpy() for name, numbers in epochs.rows(half).items()}
    own = np.sort(np.concatenate([rows["train"], rows["validation"]]))
    return reports_of(epochs.index, own), reports_of(epochs.index, rows["test"])


def by_stage(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    """Return for each report the share of label 1 among training reports of its stage; of all where there are none."""
    labels = train["label"].astype(float)
    return test["stage"].map(labels.groupby(train["stage"]).mean()).fillna(labels.mean())


def numeric_columns(table: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns that hold numbers, not all of them missing."""
    return [name for name in names if is_numeric_dtype(table[name]) and table[name].notna().any()]


def by_stage_and_covariates(
    train: pd.DataFrame, test: pd.DataFrame, *, columns: Sequence[str], penalty: float
) -> pd.Series:
    """Return the log-odds of label 1 by a logistic regression on the stage and some columns.

    Parameters
    ----------
    train, test : DataFrame
        Reports, as `reports_of` gives them.
    columns : sequence of str
        Numeric columns: time of night, order of the awakening, what else was declared. They are standardised on the
        training reports; a missing value counts as their mean.
    penalty : float
        Of the sum of squared weights.
    """
    stages = sorted(train["stage"].unique())
    numbers = train[list(columns)].astype(float)
    centre, spread = numbers.mean(), numbers.std(ddof=0).replace(0.0, 1.0)

    def features(table: pd.DataFrame) -> Floats:
        standardised = ((table[list(columns)].astype(float) - centre) / spread).fillna(0.0)
        dummies = np.stack([table["stage"] == stage for stage in stages], axis=1)
        return np.hstack([dummies.astype(np.float64), standardised.to_numpy(np.float64)])

    model = LogisticRegression(C=1 / penalty, max_iter=1000)
    model.fit(features(train), train["label"].astype(int))
    return pd.Series(model.decision_function(features(test)), index=test.index)
