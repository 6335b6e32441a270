"""Measures of tensors, computed on the device: what each folder's `measures` has.

A norm is right wherever the entries are normal, finite numbers of float32: no square under- or overflows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from keras_inits.backends import of_backend

if TYPE_CHECKING:
    from keras_inits.backends.jax import measures as _jax
    from keras_inits.backends.tensorflow import measures as _tensorflow
    from keras_inits.backends.torch import measures as _torch

    _: "tuple[Measures, ...]" = (_jax, _tensorflow, _torch)

Tensor = Any

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
"""The tensor of each measure. The accumulated gradient, with this step's, is divided by the number of steps."""

SCALED = ("gradient", "largest")
"""Measures of a gradient that still has its loss scale."""

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
"""The entry of a variable without a gradient. No measure is negative, and NaN is one that users must see."""


class Measures(Protocol):
    """The functions of each backend's module `measures`."""

    def measured(self, arranged: list[Tensor], kinds: Sequence[str]) -> dict[str, Any]:
        """For each kind one number for each column, `ABSENT` for a column of None.

        Each tensor is read as seldom as can be for all kinds together. TensorFlow gives of a norm the sums of squares,
        and then the factors that are in them.
        """

    def norm(self, tensor: Tensor) -> float:
        """The norm of one tensor of float32, on the host; infinite or not a number only if an entry is."""


def current() -> Measures:
    """Returns the measures of the backend that Keras runs on."""
    module: Measures = of_backend("measures")
    return module


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
