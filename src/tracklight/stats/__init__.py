"""Statistics on plain arrays: scores and their p-values, and contrasts of two labels within strata.

What lives here: `scores` (empirical p-values, calibration, ranking; all of it importable from here), and the engine of
stratified statistics: `strata` (design and estimate), `subjects` (intervals over subjects), `decomposition`,
`exchange` (labels under the null), `permutation` (the tests), `clusters`.
May import: numpy, scipy, scikit-learn, errors.
To add: a function on arrays with its closed-form or brute-force witness in `tests/stats/`.
"""

from tracklight.stats.scores import (
    CALLED,
    INTERVAL,
    Calibrator,
    Floats,
    auprc,
    auroc,
    benjamini_hochberg,
    bootstrap_weights,
    empirical_p,
    expected_calibration_error,
    fewest_calls,
    grouped_out_of_fold,
    holm,
    isotonic,
    mean_interval,
    reliability_curve,
    uniformity_check,
)

__all__ = [
    "CALLED",
    "INTERVAL",
    "Calibrator",
    "Floats",
    "auprc",
    "auroc",
    "benjamini_hochberg",
    "bootstrap_weights",
    "empirical_p",
    "expected_calibration_error",
    "fewest_calls",
    "grouped_out_of_fold",
    "holm",
    "isotonic",
    "mean_interval",
    "reliability_curve",
    "uniformity_check",
]
