"""Agreement of predictions with measurements, missing values left out."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from tracklight.stats import auprc, auroc

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
