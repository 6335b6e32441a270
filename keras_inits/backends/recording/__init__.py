"""Training steps that also hand out rows of measures: one file for each backend, with the same class `RecordingStep`.

    model, plan   -> RecordingStep      Keras's own training function, in which each call of an optimizer leaves a row
    row's number  -> its method `fetch` the rows from there on, as arrays of the host; without `wait`, those that are
                                        still computed may be left for later

What can be measured stands in `backends.measures`; the rows of TensorFlow wait in the variables of `tensorflow_ring`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from keras_inits.backends import of_backend, swapped
from keras_inits.backends.measures import ABSENT

ROWS_WAITING = 512
"""How many rows may wait on the device before they are fetched: 512 rows of 1,000 variables take 4 MB."""


@dataclass(frozen=True)
class Plan:
    """What a recording step records.

    Args:
        arrange: From values and their variables to one value, or None, for each column of a row.
        measures: Those that are taken of each variable.
        every: Only the rows of the steps 0, every, 2 * every, ... are computed and kept.
        optimizers: Those whose calls leave rows.
    """

    arrange: Callable[[Sequence[Any], Sequence[Any]], list[Any]]
    measures: tuple[str, ...]
    every: int
    optimizers: tuple[Any, ...]


@dataclass(frozen=True)
class FetchedRows:
    """Rows of the host: for each its step, which optimizer was called and how many of its calls had accumulated."""

    steps: np.ndarray
    optimizers: np.ndarray
    accumulated: np.ndarray
    measures: dict[str, np.ndarray]  # rows x columns, float64, `ABSENT` where there is none

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.steps)

    def where(self, kept: np.ndarray, ahead: int) -> "FetchedRows":
        """Some of the rows, with steps counted from elsewhere."""
        if not ahead and kept.all():
            return self
        measures = {name: values[kept] for name, values in self.measures.items()}
        return FetchedRows(self.steps[kept] + ahead, self.optimizers[kept], self.accumulated[kept], measures)


NO_ROWS = FetchedRows(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), {})


def current() -> ModuleType:
    """Returns the file of this folder for the backend that Keras runs on."""
    return of_backend(__name__)


def made_by_keras(model: Any, train_step: Callable[..., Any]) -> Any:
    """A training function of its own, as `fit` would make it now of this step; the model keeps the one that it has."""
    with swapped(model, "train_function", None), swapped(model, "train_step", train_step):
        model.make_train_function(force=True)
        return model.train_function


def innermost(optimizer: Any) -> Any:
    """The optimizer that a LossScaleOptimizer wraps, or else itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def loss_scale(optimizer: Any) -> Any:
    """By what the gradients that this optimizer is handed are too large: a Keras variable, a number, or None."""
    if hasattr(optimizer, "initial_scale"):  # a LossScaleOptimizer, which has its variable once it is built
        return optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor


def accumulators(optimizer: Any, variables: Sequence[Any]) -> list[Any]:
    """For each variable that in which its gradients accumulate; None before the optimizer is built, as good as zero."""
    inner = innermost(optimizer)
    if not inner.built:
        return [None] * len(variables)
    return [inner._accumulated_gradients[inner._get_variable_index(variable)] for variable in variables]


def unscaled(measures: dict[str, np.ndarray], scales: np.ndarray) -> dict[str, np.ndarray]:
    """Takes the loss scale out of what was measured of gradients that still had it."""
    scaled = ("gradient", "largest")
    return {
        name: np.where(values == ABSENT, ABSENT, values / scales[:, None]) if name in scaled else values
        for name, values in measures.items()
    }
