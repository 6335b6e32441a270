"""An activation of a normal variable: its mean, its mean square, and the mean square of its derivative."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_inits import backends
from keras_inits.backends import differentiation
from keras_inits.initializers.gains import GAINS, check_elementwise, values_of
from keras_inits.initializers.quadrature import normal_mean

Function = Callable[[Any], Any]

DIGITS = 5
"""So many digits of a mean are kept: what a backend computes differs behind them, and weights follow from it."""


class Map(NamedTuple):
    """Means over x ~ N(mean, variance) of an activation f."""

    mean: float
    """E[f(x)]."""
    square: float
    """E[f(x)^2]."""
    slope: float
    """E[f'(x)^2], by which the mean square of a gradient is multiplied."""
    weighted: float
    """E[z^2 f(x)^2], z being (x - mean) / deviation."""

    @property
    def stability(self) -> float:
        """D log E[f^2] / d log variance: by how much a small relative error of the mean square is multiplied."""
        return (self.weighted / self.square - 1) / 2


def map_of(function: Function, mean: float = 0.0, variance: float = 1.0) -> Map:
    """Computes the means, by adaptive quadrature, to some digits.

    Raises:
        ValueError: If the function mixes entries, or a mean is not finite.
    """
    return (_cached if function in GAINS else _computed)(function, mean, variance)


def _computed(function: Function, mean: float, variance: float) -> Map:
    deviation = math.sqrt(variance)

    def integrands(z: np.ndarray) -> np.ndarray:
        values, slopes = _with_slopes(function, mean + deviation * z)
        squares = values**2
        return np.stack([values, squares, slopes**2, squares * z**2])

    with backends.current().in_float64(), np.errstate(over="ignore", invalid="ignore"):
        check_elementwise(function, {})
        precision = float(np.finfo(values_of(function, {}, np.zeros(1)).dtype).eps)
        means = normal_mean(integrands, precision)
    return _map(function, *map(float, means))


def map_of_points(function: Function, points: np.ndarray) -> Map:
    """The same means over points of equal weight, of a variable that is not normal."""
    with backends.current().in_float64(), np.errstate(over="ignore", invalid="ignore"):
        values, slopes = _with_slopes(function, points)
    return _map(function, *(float(np.mean(one)) for one in (values, values**2, slopes**2, values**2)))


def values_at(function: Function, points: np.ndarray) -> np.ndarray:
    """The values of an activation at these points."""
    with backends.current().in_float64():
        return values_of(function, {}, points).astype(np.float64)


def _map(function: Function, mean: float, square: float, slope: float, weighted: float) -> Map:
    means = mean, square, slope, weighted
    if not all(map(math.isfinite, means)):
        raise ValueError(f"The activation {function!r} has no finite mean square.")
    return Map(*(0.0 if abs(one) < 1e-9 * math.sqrt(square) else _rounded(one) for one in means))


_cached = functools.lru_cache(maxsize=4096)(_computed)


def _with_slopes(function: Function, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = values_of(function, {}, points)
    _, slopes = differentiation.current().vector_jacobian(function, points.astype(values.dtype), np.ones_like(values))
    return values.astype(np.float64), np.asarray(ops.convert_to_numpy(slopes), np.float64)


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
