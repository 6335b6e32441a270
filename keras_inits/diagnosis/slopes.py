"""Where an activation is flat: its derivative, tabulated once, by the backend's own differentiation."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_inits import backends, thresholds
from keras_inits.backends import differentiation
from keras_inits.initializers.gains import gain

REACH = 32.0
PER_UNIT = 128
TYPICAL = 3.0  # within which 99.7 percent of inputs of the variance 1 lie: "largest" is meant there, exp has no other


class Slope:
    """A table of where the derivative of an activation is below a hundredth of its largest.

    Args:
        function: A function of one tensor that works on each entry on its own.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        count = int(2 * REACH * PER_UNIT)
        centres = ((np.arange(count) + 0.5) / PER_UNIT - REACH).astype("float32")  # of intervals that end at zero
        _, product = differentiation.current().vector_jacobian(function, centres, np.ones_like(centres))
        derivative = np.abs(np.asarray(keras.ops.convert_to_numpy(product), np.float64))
        largest = derivative[np.abs(centres) <= TYPICAL].max()
        self._flat = derivative < thresholds.SATURATED_DERIVATIVE * largest
        self._stretches = _stretches(self._flat)
        # Of normal inputs of the mean 0 and the variance 1.
        self._normal = float(np.average(self._flat, weights=np.exp(-(centres.astype("float64") ** 2) / 2)))

    def saturated_limit(self, units: int) -> float | None:
        """The share of flat places that so many units may have; None for what is not flat at both ends."""
        saturates = self._flat[0] and self._flat[-1]
        return thresholds.saturated_limit(self._normal, units) if saturates else None

    def flat(self, values: Any) -> int:
        """At how many entries of a tensor the activation is flat; those that are not numbers are left out."""
        return sum(int(keras.ops.convert_to_numpy(_entries_between()(values, *ends))) for ends in self._stretches)


def _stretches(flat: np.ndarray) -> list[tuple[float, float]]:
    """The stretches of flat intervals; of each interval the end counts, not the beginning: relu is flat at zero."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(np.int8)))
    ends = [(start / PER_UNIT - REACH, end / PER_UNIT - REACH) for start, end in changes.reshape(-1, 2)]
    beyond = {-REACH: -math.inf, REACH: math.inf}
    return [(beyond.get(low, low), beyond.get(high, high)) for low, high in ends]


@functools.cache
def _entries_between() -> Any:
    def entries_between(values: Any, low: float, high: float) -> Any:
        return keras.ops.sum(keras.ops.cast((values > low) & (values <= high), "int32"))

    return backends.current().compiled(entries_between)


def slope_of(function: Any) -> Slope | None:
    """The table of an activation; None for one that mixes units, or is no function of one tensor."""
    try:
        gain(function)
        return Slope(function)
    except Exception:  # of anybody's function: the rest of the numbers does not depend on it
        return None
