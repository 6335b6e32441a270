"""Looking at a layer while a batch goes through: what comes to its numbers, and is then let go."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_inits.backends import swapped
from keras_inits.backends.differentiation import Watch
from keras_inits.diagnosis.reductions import Total, Units, pieces
from keras_inits.diagnosis.slopes import slope_of
from keras_inits.diagnosis.watched import Watched, activation_of, output_axis

Tensor = Any


class Look:
    """Looks at one layer, at all of its calls together.

    Args:
        watched: The layer.
        order: To which the look adds itself at the layer's first call.
    """

    def __init__(self, watched: Watched, order: list["Look"]) -> None:
        self.watched, self._order = watched, order
        self.activation = activation_of(watched.layer)
        self.slope = slope_of(self.activation) if self.activation is not None else None
        self.shape: tuple[int, ...] = ()
        self.inputs, self.outputs, self.units = Total(), Total(), Units()
        self.flat = self.entered = 0
        self.gradient, self.had_gradient = Total(), False
        # Softmax makes every gradient small, of the more units the more: the layer's own is the one before that.
        mixes = self.activation is not None and self.slope is None
        self._before_activation, self._behind = (self._see_gradient, _pass) if mixes else (_pass, self._see_gradient)

    @contextlib.contextmanager
    def open(self, watch: Watch) -> Iterator[None]:
        """Looks for as long as the block runs."""
        layer = self.watched.layer
        with contextlib.ExitStack() as stack:
            stack.enter_context(swapped(layer, "call", self._watching_call(layer.call, watch)))
            if self.activation is not None and self.activation is not layer:
                stack.enter_context(swapped(layer, "activation", self._watching_activation(self.activation, watch)))
            yield

    def _watching_call(self, call: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
        def watching_call(*arguments: Any, **options: Any) -> Any:
            if self.activation is self.watched.layer:
                arguments = (watch(arguments[0], self._see_inputs, self._before_activation), *arguments[1:])
            outputs = call(*arguments, **options)
            leaves = keras.tree.flatten(outputs)
            place = next((place for place, leaf in enumerate(leaves) if _is_float(leaf)), None)
            if place is None:
                return outputs
            leaves[place] = watch(leaves[place], self._see_outputs, self._behind)
            return keras.tree.pack_sequence_as(outputs, leaves)

        return watching_call

    def _watching_activation(self, activation: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
        def watching_activation(inputs: Tensor) -> Tensor:
            return activation(watch(inputs, self._see_inputs, self._before_activation))

        return watching_activation

    def _see_inputs(self, tensor: Tensor) -> None:
        for piece in pieces(_array(tensor), (-1,)):
            self.inputs.add(piece)
            if self.slope is not None:
                self.flat += self.slope.flat(piece)
            self.entered += piece.size

    def _see_outputs(self, tensor: Tensor) -> None:
        if not self.shape:
            self._order.append(self)
        values = _array(tensor)
        self.shape = values.shape
        for piece in pieces(values, (output_axis(self.watched.layer),)):
            self.outputs.add(piece)
            self.units.add(piece)

    def _see_gradient(self, tensor: Tensor) -> None:
        self.had_gradient = True
        for piece in pieces(_array(tensor), (-1,)):
            self.gradient.add(piece)


def _pass(tensor: Tensor) -> None:
    """Looks away."""


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _is_float(leaf: Any) -> bool:
    return keras.ops.is_tensor(leaf) and "float" in keras.backend.standardize_dtype(leaf.dtype)
