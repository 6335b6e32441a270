"""What a model ends with: calls whose activation its loss undoes, found by the tensors that they put out."""

from collections.abc import Callable
from typing import Any

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
MOVING = (keras.layers.Flatten, keras.layers.Identity, keras.layers.Permute, keras.layers.Reshape)


class Endings:
    """Follows such a call's outputs to the model's, through what only moves or casts numbers, or passes them on."""

    def __init__(self) -> None:
        self._calls: list[tuple[Tensor, Callable[[], None]]] = []
        self._moved: list[tuple[Tensor, Tensor]] = []

    def add(self, outputs: Tensor, is_last: Callable[[], None]) -> None:
        """Adds a call, with what to do if it is the model's last."""
        self._calls.append((outputs, is_last))

    def move(self, outputs: Tensor, inputs: Tensor) -> None:
        """Adds what a layer put out that only moves numbers, and what it was given."""
        self._moved.append((outputs, inputs))

    def find(self, outputs: Any, watch: Watch) -> None:
        """Tells each call that is the model's last so; its outputs are known from here on."""
        ends = keras.tree.flatten(outputs)
        for moved, given in reversed(self._moved):
            if any(_is_same(moved, one, watch) for one in ends):
                ends.append(given)
        for tensor, is_last in self._calls:
            if any(_is_same(tensor, one, watch) for one in ends):
                is_last()
        self._calls, self._moved = [], []


def _is_same(tensor: Tensor, end: Any, watch: Watch) -> bool:
    """Whether this is the same tensor, or the same numbers in another dtype, as mixed precision has them at its end."""
    if tensor is end:
        return True
    if not ops.is_tensor(end) or tuple(end.shape) != tuple(tensor.shape) or end.dtype == tensor.dtype:
        return False
    values: list[Tensor] = []
    for one in (tensor, end):
        watch(one, values.append, lambda _: None)
    return len(values) == 2 and bool(ops.all(ops.equal(ops.cast(values[0], end.dtype), values[1])))
