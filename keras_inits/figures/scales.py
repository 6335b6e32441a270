"""Scales of pictures: logarithmic, or linear for what may be negative or is a share."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import LogNorm, Normalize

OUTERMOST = 1e150
"""Beyond it no end of a scale lies: its square would leave the range of float64, and so would ticks beside it."""

# What a scale cannot show, zero only a logarithmic one: (name, test, marker, end of the axis, points from there).
ODD: tuple[tuple[str, Any, str, int, float], ...] = (
    ("zero", lambda values: values == 0, "v", 0, 5.0),
    ("NaN", np.isnan, "x", 1, -14.0),
    ("infinite", np.isinf, "^", 1, -5.0),
)


class Scale(NamedTuple):
    """A scale that all of a quantity's values are on, but for those that are odd."""

    name: str  # as matplotlib calls it

    @property
    def is_log(self) -> bool:
        """Whether it has only what is positive."""
        return self.name == "log"

    @property
    def odd(self) -> tuple[tuple[str, Any, str, int, float], ...]:
        """A mask of the values that the scale cannot show."""
        return ODD if self.is_log else tuple(one for one in ODD if one[0] != "zero")

    def drawable(self, values: np.ma.MaskedArray) -> np.ndarray:
        """The values that it can show, and NaN for the others."""
        numbers = values.filled(np.nan)
        return np.where(np.isfinite(numbers) & ((numbers > 0) | (not self.is_log)), numbers, np.nan)

    def limits(self, values: np.ma.MaskedArray, *others: float, room: float = 0.0) -> tuple[float, float]:
        """Its ends.

        Args:
            values: What will be drawn.
            *others: What has to be on the scale too.
            room: The share of the scale to leave free at each end.
        """
        numbers = np.append(self.drawable(values).ravel(), others)
        numbers = numbers[np.isfinite(numbers)]
        if not self.is_log:
            low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
            low, high = max(low, -OUTERMOST), min(high, OUTERMOST)
            free = max(room * (high - low), 0.01 * max(abs(low), abs(high)), 1e-9)
            return float(low - free), float(high + free)
        numbers = np.log10(numbers)
        low, high = (numbers.min(), numbers.max()) if len(numbers) else (-1.0, 0.0)
        free = max(room * (high - low), 0.1)
        return max(10.0 ** float(low - free), 1 / OUTERMOST), 10.0 ** min(float(high + free), np.log10(OUTERMOST))

    def colours(self, values: np.ma.MaskedArray) -> Normalize:
        """How far along a map of colours values lie."""
        return LogNorm(*self.limits(values)) if self.is_log else Normalize(*self.limits(values))


LOG, LINEAR = Scale("log"), Scale("linear")
