"""Measures of tensors, computed on the device: one file for each backend, with the same table and function.

    MEASURES  name, columns (a tensor, or None where there is none) -> one number for each column, `ABSENT` for None
    norm      a tensor -> its norm, on the host

A norm is right wherever the entries are normal, finite numbers of float32: no square under- or overflows. `current()`
is the module of the backend that Keras runs on.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from keras_inits.backends import of_backend

NORMS = ("gradient", "accumulated", "weight", "change")
"""Norms: of the gradient of this step; of what accumulated, with this step's, divided by the number of steps; of the
weights before the step; of what the step changed in them."""

NUMBERS = ("largest", "peak", "nonzeros", "nonfinite")
"""The largest absolute entry of the gradient, and of that which an update uses; how many entries are not zero, or not
finite."""

MEASURED = {
    **dict.fromkeys(("gradient", "largest", "nonzeros", "nonfinite"), "gradient"),
    **dict.fromkeys(("accumulated", "peak"), "used"),
    "weight": "weight",
    "change": "change",
}
"""Of which tensor each measure is: the gradient of this step, what an update uses, the weights, or their change."""

SCALED = ("gradient", "largest")
"""What is measured of a gradient that still has its loss scale."""

LEAST_SAFE_MEAN_SQUARE = 1e6 * 2.0**-126
"""From here to the largest float32 a sum of squares, over their number, is right as it is. Below it, squares may have
been lost: each lost one was under 2**-126, so a sum that still reaches this is wrong by 1e-6 of itself at the most."""

RESCALING = 2.0**90
"""Unsafe numbers are multiplied (or divided) by this before they are squared, which is exact. The smallest normal
float32 then has the square 2**-72; the largest, 2**76, and 2**51 of those can still be added up."""

STACKED = 2**10
"""Tensors of one shape and at most so many entries are stacked and measured together on TensorFlow and JAX: on a
processor a copy costs less than an operation."""

ABSENT = -1.0
"""What stands in a row where a variable had no gradient. No measure is negative, and NaN is one that users must see."""


def current() -> ModuleType:
    """Returns the file of this folder for the backend that Keras runs on."""
    return of_backend(__name__)


def with_absent(values: list[Any], arranged: Sequence[Any], absent: Any) -> list[Any]:
    """Puts the values of what is present in its places, and this one in all others."""
    present = iter(values)
    return [absent if one is None else next(present) for one in arranged]
