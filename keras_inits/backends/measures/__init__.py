"""Measures of tensors, computed on the device: one file for each backend, with the same two functions.

    measured  columns (a tensor, or None where there is none), kinds -> one number for each kind and column, `ABSENT`
              for None; each tensor is read as seldom as can be for all kinds together
    norm      a tensor -> its norm, on the host

A norm is right wherever the entries are normal, finite numbers of float32: no square under- or overflows. `current()`
is the module of the backend that Keras runs on.
"""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from keras_inits.backends import of_backend

NORM, LARGEST, NONZEROS, NONFINITE = "norm", "largest", "nonzeros", "nonfinite"
"""Kinds: the norm; the largest absolute entry; how many entries are not zero, or not finite."""


class Measure(NamedTuple):
    """A number that is taken of each variable."""

    kind: str
    of: str  # "gradient"; "used", what an update uses of it; "weight", before the step; "change", what the step makes


MEASURES = {
    "gradient": Measure(NORM, "gradient"),
    "accumulated": Measure(NORM, "used"),
    "weight": Measure(NORM, "weight"),
    "change": Measure(NORM, "change"),
    "largest": Measure(LARGEST, "gradient"),
    "peak": Measure(LARGEST, "used"),
    "nonzeros": Measure(NONZEROS, "gradient"),
    "nonfinite": Measure(NONFINITE, "gradient"),
}
"""Of which tensor each measure is. What accumulated, with this step's, is divided by the number of steps."""

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


def taken(
    measured: Callable[[list[Any], list[str]], dict[str, Any]], tensors: Mapping[str, list[Any]], names: Sequence[str]
) -> dict[str, Any]:
    """These measures of the tensors, by their names; all of one tensor are taken together.

    Args:
        measured: The function of a backend.
        tensors: For each `Measure.of` the columns.
        names: Which measures.
    """
    found: dict[str, Any] = {}
    for of in dict.fromkeys(MEASURES[name].of for name in names):
        kinds = {name: MEASURES[name].kind for name in names if MEASURES[name].of == of}
        values = measured(tensors[of], list(kinds.values()))
        found |= {name: values[kind] for name, kind in kinds.items()}
    return found


def with_absent(values: list[Any], arranged: Sequence[Any], absent: Any) -> list[Any]:
    """Puts the values of what is present in its places, and this one in all others."""
    present = iter(values)
    return [absent if one is None else next(present) for one in arranged]
