"""The quantities that can be recorded, and the outcomes of a step: one entry each, for tables, files and plots."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_inits.backends.measures import ABSENT
from keras_inits.recording.columns import Layout

Tensor = Any
Measures = dict[str, np.ndarray]

UPDATE, ACCUMULATE, SKIP = "update", "accumulate", "skip"
"""What the optimizer did with the gradient of a step: it changed the weights; it added it to those before; it left it
out, because it had overflowed under a dynamic loss scale."""

OUTCOMES = (UPDATE, ACCUMULATE, SKIP)
OUTCOME_TYPE = f"U{max(map(len, OUTCOMES))}"
"""The dtype of arrays of them."""


@dataclass(frozen=True)
class Quantity:
    """A quantity of one's own, recorded of each layer at each step beside those that `track=` knows by name.

    Args:
        name: What it is called in traces, plots, files and logs.
        function: Takes the gradient, the weights before the step and what the step changed in them, and returns a
            scalar. It is written with `keras.ops`, and runs in the compiled step. The three are tensors of one shape:
            with `per="variable"` that of the weight, with `per="layer"` a vector of all of the layer's weights that
            have a gradient. A loss scale is taken out of the gradient; there is no clipping in it.

    Raises:
        TypeError: If the name is no string, or the function cannot be called.
        ValueError: If the name is taken, or is not made of letters, digits, spaces and any of `_.:-`, a letter or
            digit first.

    Example:
        >>> from keras import ops
        >>> from keras_inits import GradientNormLogger, Quantity
        >>> def cosine(gradient, weight, update):
        ...     return -ops.sum(gradient * update) / (ops.norm(gradient) * ops.norm(update) + 1e-30)
        >>> logger = GradientNormLogger(track=["weight", Quantity("cosine", cosine)])
    """

    name: str
    function: Callable[[Tensor, Tensor, Tensor], Tensor]

    def __post_init__(self) -> None:
        """Checks both."""
        if not isinstance(self.name, str):
            raise TypeError(
                f"Quantity received name={self.name!r}, of type {type(self.name).__name__}. It expects a string. "
                'Pass a name, such as "cosine".'
            )
        if not callable(self.function):
            raise TypeError(
                f"Quantity received function={self.function!r}, of type {type(self.function).__name__}. It expects a "
                "function of the gradient, the weight and the update. Pass one that is written with keras.ops."
            )
        if self.name in RECORDED or self.name in RESERVED or not re.fullmatch(r"\w[\w .:-]*", self.name):
            raise ValueError(
                f"Quantity received name={self.name!r}. It expects letters, digits, spaces and any of _.:-, a letter "
                f"or digit first, and none "
                f"of the names {', '.join(map(repr, (*RECORDED, *RESERVED)))}. Choose another name."
            )


class Recorded(NamedTuple):
    """A quantity that the recorder itself knows: what it is called, what is measured for it, what that says."""

    label: str
    measures: tuple[str, ...]
    read: Callable[[Measures, Layout], np.ma.MaskedArray]
    linear: bool = False  # whether pictures have it on a linear scale


def _norms(name: str) -> Callable[[Measures, Layout], np.ma.MaskedArray]:
    return lambda measures, layout: layout.norms(measures[name])


def _update(measures: Measures, layout: Layout) -> np.ma.MaskedArray:
    change, weight = layout.norms(measures["change"]), layout.norms(measures["weight"])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = change.data / weight.data
    return np.ma.MaskedArray(np.where(change.data == 0, 0.0, ratio), mask=change.mask)


def _zeros(measures: Measures, layout: Layout) -> np.ma.MaskedArray:
    counts = layout.sums(measures["nonzeros"])
    sizes = layout.sums(np.where(measures["nonzeros"] != ABSENT, layout.sizes, ABSENT))
    return np.ma.MaskedArray(1.0 - counts.data / np.maximum(sizes.data, 1.0), mask=counts.mask)


RECORDED = {
    "gradient": Recorded("norm of the gradient", ("gradient",), _norms("gradient")),
    "accumulated": Recorded("norm of the accumulated gradient", ("accumulated",), _norms("accumulated")),
    "weight": Recorded("norm of the weights", ("weight",), _norms("weight")),
    "update": Recorded("norm of the update / norm of the weights", ("weight", "change"), _update),
    "largest": Recorded(
        "largest absolute entry of the gradient",
        ("largest",),
        lambda measures, layout: layout.largest(measures["largest"]),
    ),
    "zeros": Recorded("share of zero entries of the gradient", ("nonzeros",), _zeros, linear=True),
    "nonfinite": Recorded(
        "non-finite entries of the gradient",
        ("nonfinite",),
        lambda measures, layout: layout.sums(measures["nonfinite"]),
        linear=True,
    ),
}
"""The first is always recorded, the second wherever gradients accumulate."""

GRADIENT, ACCUMULATED = "gradient", "accumulated"

TRACKED = tuple(name for name in RECORDED if name != ACCUMULATED)
"""The quantities that a user can ask for by name."""

RESERVED = ("step", "layer", "global_norm", "outcome", "clipped", "state", "check")
"""Columns of tables and files that no quantity is called by."""


def in_order(names: Any) -> list[str]:
    """Names of quantities, those of `RECORDED` first."""
    given = list(dict.fromkeys(names))
    return [*(name for name in RECORDED if name in given), *(name for name in given if name not in RECORDED)]
