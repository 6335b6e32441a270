"""Means over a standard normal variable, by adaptive Gauss-Kronrod quadrature.

The line is cut at multiples of 1/2, where activations have most of their kinks, and an interval is halved for as long
as its two rules, of 7 and of 15 points, disagree: a kink or a jump that lies elsewhere is closed in on.

Kronrod, Nodes and weights of quadrature formulas (1965); the numbers are those of QUADPACK's QK15.
"""

from collections.abc import Callable

import numpy as np

MAX_DEVIATIONS = 14.0  # a square of what grows like exp(3 |z|) has less than 1e-15 of its mean beyond
DEPTH = 40  # halvings, after which an interval is as narrow as neighbouring numbers are close
MAX_INTERVALS = 4096  # at a time; a kink or a jump takes one
TOLERANCE = 1e-13  # of the mean, for each interval; or TOLERANCE_ROUNDING, where values are rounded more coarsely
TOLERANCE_ROUNDING = 4  # times the rounding of the values

_NODES = [0.991455371120812639206854697526329, 0.949107912342758524526189684047851, 0.864864423359769072789712788640926]
_NODES += [
    0.741531185599394439863864773280788,
    0.586087235467691130294144691693013,
    0.405845151377397166906606412076961,
]
_NODES += [0.207784955007898467600689403773245]
_KRONROD = [0.022935322010529224963732008058970, 0.063092092629978553290700663189204]
_KRONROD += [0.104790010322250183839876322541518, 0.140653259715525918745189590510238]
_KRONROD += [0.169004726639267902826583426598550, 0.190350578064785409913256402421014]
_KRONROD += [0.204432940075298892414161999234649]
_GAUSS = [0.129484966168869693270611432679082, 0.279705391489276667901467771423780, 0.381830050505118944950369775488975]
NODES = np.array([*(-x for x in _NODES), 0.0, *reversed(_NODES)])
KRONROD = np.array([*_KRONROD, 0.209482141084727828012999174891714, *reversed(_KRONROD)])
GAUSS = np.array([*_GAUSS, 0.417959183673469387755102040816327, *reversed(_GAUSS)])


def normal_mean(integrands: Callable[[np.ndarray], np.ndarray], rounding: float = 0.0) -> np.ndarray:
    """Returns the means of several functions of z ~ N(0, 1), to a relative error of 1e-10 or of some `rounding`.

    A mean that is still growing at `MAX_DEVIATIONS` is infinite; where a function is not a number, or another one at
    each call, its mean is not a number.

    Args:
        integrands: From n numbers to an array of shape (functions, n).
        rounding: The relative rounding error of what it returns.
    """
    tolerance = max(TOLERANCE, TOLERANCE_ROUNDING * rounding)
    edges = np.arange(-MAX_DEVIATIONS, MAX_DEVIATIONS + 0.25, 0.5)
    left, half = edges[:-1], np.full(edges.size - 1, 0.25)
    total, size = 0.0, None
    for _ in range(DEPTH):
        points = (left + half)[:, None] + half[:, None] * NODES
        density = np.exp(-0.5 * points**2) / np.sqrt(2 * np.pi)
        values = integrands(points.ravel()).reshape(-1, *points.shape) * (half[:, None] * density)
        fine = values @ KRONROD
        if size is None:
            size = np.abs(fine).sum(axis=1, keepdims=True)
            if (np.abs(fine[:, [0, -1]]) > 1e-10 * size).any():
                return np.full(len(fine), np.inf)
        if not np.isfinite(fine).all() or half.size > MAX_INTERVALS:
            return np.full(len(fine), np.nan)
        settled = (np.abs(fine - values[..., 1::2] @ GAUSS) <= tolerance * size).all(axis=0)
        total = total + fine[:, settled].sum(axis=1)
        if settled.all():
            return np.asarray(total)
        half = np.repeat(half[~settled], 2) / 2
        left = np.repeat(left[~settled], 2) + np.tile([0.0, 1.0], half.size // 2) * 2 * half
    return np.asarray(total + fine[:, ~settled].sum(axis=1))
