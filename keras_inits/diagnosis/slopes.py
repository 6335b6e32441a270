"""Where an activation is flat: its derivative, tabulated once, by the backend's own differentiation."""

import functools
import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import keras
import numpy as np

from keras_inits import backends, thresholds
from keras_inits.backends import differentiation
from keras_inits.initializers.gains import gain

LARGEST_INPUT = 32.0
PER_UNIT = 128
TYPICAL = 3.0  # within which 99.7 percent of inputs of the variance 1 lie: "largest" is meant there, exp has no other


class Slope:
    """A table of where the derivative of an activation is below a hundredth of its largest.

    Args:
        function: A function of one tensor that works on each entry on its own.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        count = int(2 * LARGEST_INPUT * PER_UNIT)
        centres = ((np.arange(count) + 0.5) / PER_UNIT - LARGEST_INPUT).astype(
            "float32"
        )  # of intervals that end at zero
        _, product = differentiation.current().vector_jacobian(function, centres, np.ones_like(centres))
        derivative = keras.ops.abs(product)
        middle, reach = count // 2, int(TYPICAL * PER_UNIT)
        largest = keras.ops.max(derivative[middle - reach : middle + reach])
        self._stretches = _stretches(derivative < thresholds.SATURATED_DERIVATIVE * largest)

    @property
    def saturates(self) -> bool:
        """Whether it is flat at both ends, as tanh is."""
        return {-math.inf, math.inf} <= {end for stretch in self._stretches for end in stretch}

    def flat_share(self, variance: float = 1.0) -> float:
        """The share of flat places for normal inputs of this variance. If it is less than 1, 1 counts all the same."""
        good = NormalDist(0.0, math.sqrt(max(1.0, variance)))
        return sum(good.cdf(high) - good.cdf(low) for low, high in self._stretches)

    def flat(self, values: Any) -> int:
        """At how many entries of a tensor the activation is flat; those that are not numbers are left out."""
        return sum(int(keras.ops.convert_to_numpy(_entries_between()(values, *ends))) for ends in self._stretches)


def _stretches(flat: Any) -> list[tuple[float, float]]:
    """The stretches of flat intervals; of each interval the end counts, not the beginning: relu is flat at zero."""
    edge = keras.ops.zeros((1,), "int32")
    padded = keras.ops.concatenate([edge, keras.ops.cast(flat, "int32"), edge])
    changes = np.asarray(keras.ops.convert_to_numpy(keras.ops.nonzero(padded[1:] != padded[:-1])[0]))
    ends = [(start / PER_UNIT - LARGEST_INPUT, end / PER_UNIT - LARGEST_INPUT) for start, end in changes.reshape(-1, 2)]
    beyond = {-LARGEST_INPUT: -math.inf, LARGEST_INPUT: math.inf}
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
