"""Maps made smooth before they are cut: by a box, and by total variation; one dimension of space or more."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from skimage.restoration import denoise_tv_chambolle

Values = NDArray[np.float64]


def box_smoothed(scores: NDArray[np.floating], *, width: int) -> Values:
    """Return means over a box, `(batch, *space)`; the box stops at the edges, and an even width leans to the left."""
    axes = tuple(range(1, scores.ndim))
    total, count = (
        uniform_filter(values, size=width, mode="constant", axes=axes)
        for values in (scores.astype(np.float64), np.ones(scores.shape))
    )
    return np.asarray(total / count)


def total_variation(scores: NDArray[np.floating], *, weight: float) -> Values:
    """Return `argmin_u 0.5 ||u - s||^2 + weight * sum |Du|` for each map.

    Parameters
    ----------
    scores : ndarray (batch, *space)
        Maps.
    weight : float
        Price of a step, in units of the score times places.

    Returns
    -------
    ndarray of float64 (batch, *space)
        Exact for one dimension (taut string, Davies & Kovac 2001, Annals of Statistics 29:1); for more, the isotropic
        form by Chambolle's iteration (2004, Journal of Mathematical Imaging and Vision 20:89).
    """
    values = np.asarray(scores, np.float64)
    if weight == 0:
        return values
    if values.ndim == 2:
        return np.stack([_taut_string(row, weight) for row in values])
    return np.stack([denoise_tv_chambolle(image, weight=weight, eps=1e-6, max_num_iter=500) for image in values])


def _taut_string(values: Values, weight: float) -> Values:
    """Pull a string tight in a tube of half-width `weight` around the running sum; its slopes are the solution."""
    middle = np.concatenate([[0.0], np.cumsum(values)])
    lower, upper = (middle - weight).tolist(), (middle + weight).tolist()
    end = len(values)
    lower[0] = upper[0] = 0.0
    lower[end] = upper[end] = float(middle[end])
    slopes, start, height = np.empty(end), 0, 0.0
    while start < end:
        knot, slope = _next_knot(lower, upper, start, height)
        slopes[start:knot] = slope
        height += slope * (knot - start)
        start = knot
    return slopes


def _next_knot(lower: list[float], upper: list[float], start: int, height: float) -> tuple[int, float]:
    """Return where the tight string next touches the tube, and its slope up to there."""
    steepest, flattest = np.inf, -np.inf  # slopes that stay below the ceiling, and above the floor
    ceiling = floor = start + 1
    for place in range(start + 1, len(lower)):
        length = place - start
        down, up = (lower[place] - height) / length, (upper[place] - height) / length
        if down > steepest:
            return ceiling, steepest
        if up < flattest:
            return floor, flattest
        if up <= steepest:
            steepest, ceiling = up, place
        if down >= flattest:
            flattest, floor = down, place
    return len(lower) - 1, steepest
