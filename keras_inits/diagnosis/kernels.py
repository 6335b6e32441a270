"""The numbers of kernels: their moments, what the rules give, and which units start and stay equal."""

import contextlib
from typing import Any

import keras
import numpy as np

from keras_inits.diagnosis.numbers import KernelNumbers
from keras_inits.diagnosis.reductions import Total, Units, equal_share, pieces
from keras_inits.diagnosis.watched import kernel_axes
from keras_inits.models.auto import auto_law
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight


def kernel_numbers(weight: Weight, graph: Graph, gradient: np.ndarray | None) -> KernelNumbers:
    """Looks at one kernel, and at the gradient of it if it is trained."""
    assert weight.fans is not None
    values = np.asarray(keras.ops.convert_to_numpy(weight.variable.value))
    total, units, moved = Total(), Units(), Units()
    axes = kernel_axes(weight)
    for piece in pieces(values, axes):
        total.add(piece)
        units.add(piece)
    for piece in pieces(gradient, axes) if gradient is not None else ():
        moved.add(piece)
    symmetric = equal_share(units, moved) if gradient is not None else 0.0
    path, shape = weight.path, tuple(values.shape)
    auto = _stddev(auto_law(weight, graph), shape, weight)
    return KernelNumbers(
        path, shape, weight.fans, total.moments, auto, equal_share(units), symmetric, weight.variable.trainable
    )


def _stddev(initializer: Any, shape: tuple[int, ...], weight: Weight) -> float | None:
    with contextlib.suppress(AttributeError):  # of Keras's own, which promise none
        return initializer._stddev(shape, weight.fans)  # type: ignore[no-any-return]
    return None
