"""Training steps that also hand out rows of measures: what each folder's `recording` has.

    model, plan -> RecordingStep  Keras's own training function, in which each call of an optimizer leaves a row
                -> its `rows`     where the rows wait: they hold neither the model nor its optimizers
    row number  -> rows.fetch     the rows from there on, as arrays of the host

What can be measured stands in `measures`; the rows of TensorFlow wait in the variables of its `ring`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import keras
import numpy as np

from keras_inits.backends import of_backend
from keras_inits.backends.measures import ABSENT, SCALED

if TYPE_CHECKING:
    from keras_inits.backends.jax import recording as _jax
    from keras_inits.backends.tensorflow import recording as _tensorflow
    from keras_inits.backends.torch import recording as _torch

    _: "tuple[Recording, ...]" = (_jax, _tensorflow, _torch)

ROWS_WAITING = 512
"""How many rows may wait on the device before they are fetched: 512 rows of 1,000 variables take 4 MB."""

Tensor = Any


class Own(NamedTuple):
    """A quantity of the user's own: a function of the gradient, the weights before the step, and their change."""

    name: str
    function: Callable[[Tensor, Tensor, Tensor], Tensor]
    per: str


class Arranger(Protocol):
    """Puts what belongs to variables into the columns of a row."""

    def arrange(self, values: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
        """For each column the value of its variable, or None where it has none."""

    def groups(self, per: str) -> list[list[int]]:
        """For each name, of a layer or of a variable, its columns."""


@dataclass(frozen=True)
class Plan:
    """The contents of a recording step's rows.

    Args:
        columns: Where the values of variables stand in a row.
        measures: Those that are taken of each variable.
        own: Quantities of the user's own.
        every: Only the rows of one step in so many are computed and kept.
        state: Whether a row has some weights, by which the state of a training is known again.
        optimizers: Those whose calls leave rows.
    """

    columns: Arranger
    measures: tuple[str, ...]
    own: tuple[Own, ...]
    every: int
    state: bool
    optimizers: tuple[Any, ...]

    @property
    def needs_weights(self) -> bool:
        """Whether something is measured of the weights, or of what the step changes in them."""
        return bool(self.own) or "weight" in self.measures or "change" in self.measures


@dataclass(frozen=True)
class FetchedRows:
    """Rows of the host: for each its step, which optimizer was called, and how often that had been called before."""

    steps: np.ndarray
    optimizers: np.ndarray
    calls: np.ndarray
    state: np.ndarray  # rows x some weights
    measures: dict[str, np.ndarray]  # rows x columns, float64, `ABSENT` where there is none
    own: dict[Own, np.ndarray]  # rows x names

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.steps)

    def where(self, kept: np.ndarray) -> "FetchedRows":
        """Some of the rows."""
        if kept.all():
            return self
        parts = (self.steps[kept], self.optimizers[kept], self.calls[kept], self.state[kept])
        measures = {name: values[kept] for name, values in self.measures.items()}
        return FetchedRows(*parts, measures, {one: values[kept] for one, values in self.own.items()})


class Rows(Protocol):
    """Where the rows of a recording step wait. Steps are counted on, whatever is fetched."""

    failure: Exception | None
    """The error that kept a row from being computed; training went on."""
    lost: dict[str, Exception]
    """The user's quantities whose functions failed, with their errors."""
    interrupt: BaseException | None
    """The exception that interrupted the step, when it could not be passed on at once."""

    @property
    def steps(self) -> int:
        """How many steps were trained, recorded or not."""

    @property
    def count(self) -> int:
        """How many rows there were."""

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows | None]:
        """The number of the row after these: from row `since` on, all or those that are there; lets those before go."""

    def nonfinite(self) -> bool:
        """Whether a gradient that was not finite is known of since this was asked last; waits for nothing."""


class RecordingStep(Protocol):
    """A training function made by Keras whose optimizers also leave rows."""

    rows: Rows
    may_skip_steps: bool
    clips_before: bool

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here, and has those recorded whose number and this shift make a multiple of `every`."""

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""


class Recording(Protocol):
    """The class of each backend's module `recording`."""

    def RecordingStep(self, model: Any, plan: Plan) -> RecordingStep:  # noqa: N802
        """A training function made by Keras whose optimizers also leave rows, as the plan says."""


def current() -> Recording:
    """Returns the recording of the backend that Keras runs on."""
    module: Recording = of_backend("recording")
    return module


def loss_scale(optimizer: Any) -> Any:
    """The loss scale of the gradients that this optimizer is handed: a Keras variable, a number, or None."""
    if hasattr(optimizer, "initial_scale"):  # a LossScaleOptimizer, which has its variable once it is built
        return optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor


def handed_over(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> "HandedOver":
    """The arguments of a call of an optimizer's `apply`, whatever more a subclass has it take."""
    found = []
    for place, name in enumerate(("grads", "trainable_variables")):
        value = keywords.get(name, arguments[place] if place < len(arguments) else None)
        if value is not None and not isinstance(value, list):
            value = list(value)  # it may be read once only
            if name in keywords:
                keywords = {**keywords, name: value}
            else:
                arguments = (*arguments[:place], value, *arguments[place + 1 :])
        found.append(value)
    return HandedOver(found[0], found[1], arguments, keywords)


class HandedOver(NamedTuple):
    """Gradients and their variables (None: those that the optimizer was built for), and how to hand them on."""

    gradients: Any
    variables: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


MAX_STATE = 4
"""Number of weights with an entry in a row's state."""


def some_entries(values: Sequence[Any]) -> list[Any]:
    """One entry each of a few weights, spread over the model: all change as it trains, and tell its states apart."""
    count = min(MAX_STATE, len(values))
    chosen = [values[(len(values) - 1) * number // max(count - 1, 1)] for number in range(count)]
    return [one[tuple(size // 2 for size in one.shape)] for one in chosen if 0 not in tuple(one.shape)]


def own_values(plan: Plan, operands: dict[str, list[Tensor]], failed: dict[str, Exception]) -> list[list[Tensor]]:
    """For each quantity of the user's own its value for each name; 0 where the function failed, which is noted.

    Args:
        plan: Which.
        operands: For each column, under "gradient", "weight" and "change", a tensor or None.
        failed: Gets what went wrong, by the quantity's name.
    """
    return [[_own_value(one, group, operands, failed) for group in plan.columns.groups(one.per)] for one in plan.own]


def _own_value(own: Own, group: list[int], operands: dict[str, list[Tensor]], failed: dict[str, Exception]) -> Tensor:
    present = [column for column in group if operands["gradient"][column] is not None]
    zero = keras.ops.zeros(())
    if not present or own.name in failed:
        return zero
    try:
        tensors = [[operands[name][column] for column in present] for name in ("gradient", "weight", "change")]
        if own.per == "layer":  # all weights of a layer as one vector
            joined = [keras.ops.concatenate([keras.ops.reshape(one, (-1,)) for one in parts]) for parts in tensors]
        else:
            joined = [parts[0] for parts in tensors]
        value = keras.ops.convert_to_tensor(own.function(*joined))
        if tuple(value.shape):
            raise ValueError(f"it gave a tensor of the shape {tuple(value.shape)}, and a scalar is expected")
        return keras.ops.cast(value, "float32")
    except Exception as error:  # of the user's function: it ends this quantity alone
        failed[own.name] = error
        return zero


def unscaled(measures: dict[str, np.ndarray], scales: np.ndarray) -> dict[str, np.ndarray]:
    """Takes the loss scale out of what was measured of gradients that still had it."""
    return {
        name: np.where(values == ABSENT, ABSENT, values / scales[:, None]) if name in SCALED else values
        for name, values in measures.items()
    }


def parted(table: np.ndarray, widths: Sequence[int]) -> list[np.ndarray]:
    """Splits the columns of a table into parts of these widths."""
    return np.split(table, np.cumsum(widths)[:-1], axis=1)
