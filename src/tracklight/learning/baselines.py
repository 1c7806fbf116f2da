"""Baselines every network has to beat: k-mer ridge regression and AT content."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge

AMBIGUOUS = 4


def at_content(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the share of A and T among the known bases of windows `(example, position)`; 0.5 where none is known."""
    known = (codes != AMBIGUOUS).sum(1)
    weak = ((codes == 0) | (codes == 3)).sum(1)
    return np.where(known > 0, weak / np.maximum(known, 1), 0.5)


def kmer_counts(codes: NDArray[np.uint8], k: int) -> csr_matrix:
    """Count the k-mers of windows.

    Parameters
    ----------
    codes : ndarray of uint8 (example, position)
        A0 C1 G2 T3, anything else ambiguous; k-mers with an ambiguous base are not counted.
    k : int
        Length of a k-mer.

    Returns
    -------
    csr_matrix of float64 (example, 4**k)
        The column is the k-mer read as a number in base 4, first base leading.
    """
    count = codes.shape[1] - k + 1
    number = np.zeros((len(codes), count), np.int64)
    known = np.ones_like(number, bool)
    for offset in range(k):
        base = codes[:, offset : offset + count]
        number = number * 4 + np.minimum(base, 3)
        known &= base != AMBIGUOUS
    rows = np.repeat(np.arange(len(codes)), known.sum(1))
    return csr_matrix((np.ones(len(rows)), (rows, number[known])), shape=(len(codes), 4**k))


def kmer_ridge(
    codes: NDArray[np.uint8],
    values: NDArray[np.float64],
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    *,
    lengths: Sequence[int],
    penalties: Iterable[float],
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Fit ridge regressions on k-mer counts and predict with the one that is best on validation windows.

    Parameters
    ----------
    codes : ndarray of uint8 (example, position)
        Windows as the network reads them.
    values : ndarray of float64 (example,)
        Target, NaN where not measured.
    train, validation : ndarray of int64
        Row numbers.
    lengths, penalties
        Lengths of k-mers and ridge penalties to choose from, by Pearson correlation on the validation windows.

    Returns
    -------
    prediction : ndarray of float64 (example,)
    choice : dict
        `k`, `penalty` and `validation_pearson` of the chosen one.
    """
    train, validation = (rows[~np.isnan(values[rows])] for rows in (train, validation))
    best, choice = np.zeros(len(codes)), {"validation_pearson": -np.inf}
    penalties = list(penalties)
    for k in lengths:
        counts = kmer_counts(codes, k)
        for penalty in penalties:
            fitted = Ridge(alpha=penalty, solver="sparse_cg" if k > 4 else "auto", tol=1e-4)
            prediction = fitted.fit(counts[train], values[train]).predict(counts)
            found = float(pearsonr(prediction[validation], values[validation]).statistic)
            if found > choice["validation_pearson"]:
                best, choice = prediction, {"k": k, "penalty": penalty, "validation_pearson": found}
    return best, choice
