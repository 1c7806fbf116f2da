"""Agreement of predictions with measurements, missing values left out."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from scipy.stats import pearsonr, spearmanr

from tracklight.stats import auprc, auroc, expected_calibration_error

METRICS = ("pearson", "spearman", "auroc", "auprc")


def score(
    prediction: NDArray[np.floating], value: NDArray[np.floating], active: NDArray[np.floating]
) -> dict[str, float]:
    """Return `pearson, spearman, auroc, auprc` of one target.

    Parameters
    ----------
    prediction, value : ndarray (example,)
        Prediction and measured value; examples with a NaN value are left out.
    active : ndarray (example,)
        1 for active, 0 for inactive.

    Returns
    -------
    dict of str to float
        NaN where a metric is undefined: a constant prediction, fewer than two values, or one class only.
    """
    measured = ~np.isnan(value)
    prediction, value, active = prediction[measured], value[measured], active[measured]
    varies = len(value) > 1 and np.ptp(prediction) > 0 and np.ptp(value) > 0
    return {
        "pearson": float(pearsonr(prediction, value).statistic) if varies else float("nan"),
        "spearman": float(spearmanr(prediction, value).statistic) if varies else float("nan"),
        "auroc": auroc(prediction, active),
        "auprc": auprc(prediction, active),
    }


def class_score(log_odds: NDArray[np.floating], labels: NDArray[np.floating]) -> dict[str, float]:
    """Return `accuracy, nll, ece` of classes that exclude each other.

    Parameters
    ----------
    log_odds : ndarray (example, class)
        Predictions; softmax makes them probabilities.
    labels : ndarray (example, class)
        1 in one class and 0 in the others; examples with NaN are left out.

    Returns
    -------
    dict of str to float
        Share of examples whose most probable class is theirs; mean negative log-likelihood (nat); expected calibration
        error of the most probable class (Guo et al. 2017, ICML).
    """
    measured = ~np.isnan(labels).any(axis=1)
    logs = log_softmax(log_odds[measured].astype(np.float64), axis=1)
    right = logs.argmax(axis=1) == labels[measured].argmax(axis=1)
    return {
        "accuracy": float(right.mean()),
        "nll": float(-(logs * labels[measured]).sum(axis=1).mean()),
        "ece": expected_calibration_error(np.exp(logs.max(axis=1)), right),
    }
