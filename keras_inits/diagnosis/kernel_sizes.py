"""Whether a kernel's weights are of another size than `initialize` gives them, by more than chance."""

import math

from keras_inits import thresholds
from keras_inits.diagnosis.numbers import KernelNumbers

OFF_BY = thresholds.WRONG_FANS_FACTOR**0.5  # in standard deviations, what that is in variances


def too_small(kernel: KernelNumbers) -> bool:
    """Whether its weights are smaller than `initialize` would have them, by more than chance makes of so few."""
    return bool(kernel.auto and _size(kernel) < kernel.auto / OFF_BY / (1 + _error(kernel)))


def too_large(kernel: KernelNumbers) -> bool:
    """Whether its weights are larger than `initialize` would have them, by more than chance makes of so few."""
    return bool(kernel.auto and _size(kernel) > kernel.auto * OFF_BY * (1 + _error(kernel)))


def _error(kernel: KernelNumbers) -> float:
    """By how much of itself a deviation of so many normal numbers may be off: four of its errors, sqrt(1 / 2n)."""
    return thresholds.FANS_DEVIATIONS * math.sqrt(0.5 / max(1, math.prod(kernel.shape)))


def _size(kernel: KernelNumbers) -> float:
    return math.hypot(kernel.moments.mean, kernel.moments.stddev)
