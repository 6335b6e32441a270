"""TensorFlow's derivatives."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_inits.backends.differentiation import Mode, Watch

Tensor = Any

stepwise: Mode | None = None
"""Loops and branches run one step after another as it is."""


def gradients(loss: Callable[[Watch], Tensor], variables: Sequence[Any]) -> list[Tensor]:
    """The gradients of what `loss` returns, run once, forward and backward, with nothing assigned."""
    values = [variable.value for variable in variables]
    with tf.GradientTape() as tape:

        def watch(tensor: Tensor, forward: Callable[[Tensor], None], backward: Callable[[Tensor], None]) -> Tensor:
            if not tf.executing_eagerly():
                return tensor
            forward(tensor)
            tape.watch(tensor)  # which it does not by itself where no variable comes before
            watched = _identity(tensor, backward)
            if hasattr(tensor, "_keras_logits"):  # from which Keras takes the loss, exact where probabilities round
                watched._keras_logits = tensor._keras_logits
            return watched

        with keras.StatelessScope():
            result = loss(watch)
    found = tape.gradient(result, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(gradient) for gradient in found]  # those of embeddings come as slices


def _identity(tensor: Tensor, backward: Callable[[Tensor], None]) -> Tensor:
    @tf.custom_gradient
    def identity(value: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        def run_backward(gradient: Tensor) -> Tensor:
            backward(gradient)
            return gradient

        return tf.identity(value), run_backward

    return identity(tensor)


def vector_jacobian(function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The function's values, and the vectors times its Jacobian."""
    points = tf.convert_to_tensor(points)
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = function(points)
    zero = tf.UnconnectedGradients.ZERO
    return values, tape.gradient(values, points, tf.cast(vectors, values.dtype), unconnected_gradients=zero)


def jacobian_vector(function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> Tensor:
    """The function's Jacobian times the vectors, as the transpose of `vector_jacobian`: both follow the same rules."""
    points = tf.convert_to_tensor(points)
    zero = tf.UnconnectedGradients.ZERO
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(points)
            values = function(points)
        left = tf.zeros_like(values)
        outer.watch(left)
        product = inner.gradient(values, points, left, unconnected_gradients=zero)
    return outer.gradient(product, left, tf.cast(vectors, product.dtype), unconnected_gradients=zero)


@contextlib.contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Has nothing to put back: all state of a model on TensorFlow is in its variables."""
    yield
