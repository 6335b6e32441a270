"""At which mean square an activation passes signals and gradients on."""

import math
from typing import NamedTuple

from keras_inits.models.signal.maps import Function, Map, map_of

STEPS = 4
"""So many points to each factor of two: finer ones change a gain by less than the seeds of a training do."""
LOWEST, HIGHEST = -2, 6  # powers of two
CHANGE = 1.0
"""By how much the logarithm of a mean square may change over the depth: by a factor of e, up or down."""
OUTPUTS = (0.1, 4.0)
"""Between these the mean square of what an activation puts out stays, if it does at the point 1."""


class Point(NamedTuple):
    """Where an activation works: x ~ N(0, variance), and what the map is there."""

    variance: float
    map: Map

    @property
    def gradient(self) -> float:
        """By how much one layer multiplies the mean square of a gradient: variance E[f'^2] / E[f^2]."""
        return self.variance * self.map.slope / self.map.square

    def change(self, depth: int) -> float:
        """How far the logarithm of a gradient's mean square, or of an error of the signal's, moves over the depth.

        What one layer does is a constant, as a learning rate is; only what layer after layer does adds up.
        """
        if depth == 1:
            return 0.0
        gradient = abs(math.log(self.gradient)) if self.gradient > 0 else math.inf
        return (depth - 1) * max(gradient, math.log(max(1.0, self.map.stability)))


def operating_point(function: Function, depth: int) -> Point:
    """Returns the point nearest to the variance 1 at which the change over the depth is bounded.

    If there is none, the one with the least change; without a slope, the variance 1.

    Args:
        function: An activation that works on each entry on its own.
        depth: How many layers with an activation a signal goes through.

    Raises:
        ValueError: As `map_of`.
    """
    first = Point(1.0, map_of(function))
    bounds = min(OUTPUTS[0], first.map.square), max(OUTPUTS[1], first.map.square)
    found = [first]
    for step in sorted(range(LOWEST * STEPS, HIGHEST * STEPS + 1), key=lambda step: (abs(step), step)):
        if found[-1].change(depth) <= CHANGE:
            return found[-1]
        variance = 2.0 ** (step / STEPS)
        try:
            point = Point(variance, map_of(function, 0.0, variance))
        except ValueError:  # too large for it
            continue
        if bounds[0] <= point.map.square <= bounds[1]:
            found.append(point)
    return min(found, key=lambda point: point.change(depth))
