"""The ends of a model: the calls that return its outputs, found by the tensors that they return."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from keras_inits.backends.differentiation import Watch

Tensor = Any

CANCELLED = (
    *(keras.activations.sigmoid, keras.activations.exponential, keras.activations.softplus),
    *(keras.ops.sigmoid, keras.ops.exp, keras.ops.softplus),
)
"""Activations that losses undo: that of binary cross-entropy by its outputs p is of the size 1/p or 1/(1-p), by the
sigmoid's inputs p less the target. Softmax, which mixes units, is another of them."""
LATEST = 16
"""How many calls are held back, of those whose activation no loss undoes: outputs come from the last ones."""


class Ending(Protocol):
    """A call that may be one of the last."""

    def see_end(self) -> None:
        """Learns that it is."""


class Output(NamedTuple):
    """One output of the model, and where it comes from."""

    values: Tensor
    """As they are on the device."""
    call: Any
    """The call that put it out; None if code of the model's own did, or a layer without a probe."""
    before: tuple[tuple[Any, Tensor], ...]
    """Without a call: the last ones that put out as many numbers, with these: the output may be a function of them."""


class Endings:
    """Follows calls' outputs to the model's, through what only moves or casts numbers, or passes them on."""

    def __init__(self) -> None:
        self._undone: list[tuple[Tensor, Ending]] = []
        self._latest: deque[tuple[Tensor, Ending]] = deque(maxlen=LATEST)
        self._moved: list[tuple[Tensor, Tensor]] = []

    def add(self, outputs: Tensor, call: Ending, is_undone: bool) -> None:
        """Adds a call, whose activation a loss undoes or not."""
        (self._undone if is_undone else self._latest).append((outputs, call))

    def move(self, outputs: Tensor, inputs: Tensor) -> None:
        """Adds what a layer put out that only moves numbers, and what it was given."""
        self._moved.append((outputs, inputs))

    def find(self, outputs: Sequence[Any], watch: Watch) -> tuple[Output, ...]:
        """Tells each call that is one of the model's last so; its outputs are known from here on."""
        found = tuple(self._output(end, watch) if ops.is_tensor(end) else Output(end, None, ()) for end in outputs)
        self._undone, self._moved = [], []
        self._latest.clear()
        return found

    def _output(self, end: Tensor, watch: Watch) -> Output:
        ends = [end]
        for moved, given in reversed(self._moved):
            if any(_is_same(moved, one, watch) for one in ends):
                ends.append(given)
        calls = [*self._undone, *self._latest]
        last = next((call for tensor, call in calls if any(_is_same(tensor, one, watch) for one in ends)), None)
        if last is not None:
            last.see_end()
            return Output(_value(end, watch), last, ())
        before = [(call, _value(tensor, watch)) for tensor, call in self._latest if _size(tensor) == _size(end)]
        return Output(_value(end, watch), None, tuple(before))


def _size(tensor: Tensor) -> int:
    size = 1
    for length in tensor.shape:
        size *= length
    return size


def _value(tensor: Tensor, watch: Watch) -> Tensor:
    """The numbers in a tensor that is differentiated."""
    values: list[Tensor] = []
    if "float" in keras.backend.standardize_dtype(tensor.dtype):
        watch(tensor, values.append, lambda _: None)
    return values[0] if values else tensor


def _is_same(tensor: Tensor, end: Any, watch: Watch) -> bool:
    """Whether this is the same tensor, or the same numbers in another dtype, as mixed precision has them at its end."""
    if tensor is end:
        return True
    if tuple(end.shape) != tuple(tensor.shape) or end.dtype == tensor.dtype:
        return False
    return bool(ops.all(ops.equal(ops.cast(_value(tensor, watch), end.dtype), _value(end, watch))))
