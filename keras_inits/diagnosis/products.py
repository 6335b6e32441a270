"""Products with a model's Jacobian, at checked points: of finite numbers, or an error that says whose fault it is."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_inits import backends
from keras_inits.backends import differentiation
from keras_inits.diagnosis.jacobian_inputs import check_finite
from keras_inits.faults import ModelError, ours
from keras_inits.layers.tree import walk_layers

Tensor = Any
Run = Callable[[Tensor], Tensor]
Multiply = Callable[[Run, Tensor, np.ndarray], Tensor]

ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""By how much, relative to its size, a dtype rounds a number at the most."""

FLOAT16_SCALES = tuple(2.0**exponent for exponent in range(15, -46, -10))
"""What vectors, of the largest entry 1, are multiplied by where a layer computes in float16: the first scale at which
the product is finite loses the least to zero. A product is linear, so that the scale is taken off again."""


WHERE = "Call diagnose(model, x), which says in which layer they arise."
DERIVATIVES = f"{WHERE} A root and a norm have infinite derivatives at zero, and numbers in float16 end at 65504."


class Products:
    """Products with the Jacobian of a model's output by its input, at each example.

    Args:
        model: The model.
        points: The examples, as a tensor.
        called: Makes of a tensor what the model is called with.

    Raises:
        ModelError: If the model fails at these points, or its outputs are none that have a Jacobian.
    """

    def __init__(self, model: Any, points: Tensor, called: Callable[[Tensor], Any]) -> None:
        self._model, self._points, self._called = model, points, called
        try:
            values = self._run(points)
        except Exception as error:
            raise ModelError(
                f"jacobian_spectrum calls the model on x, and that ended with {type(error).__name__}, with "
                f"no part of keras_inits in it: {error}. Received: x of the shape {tuple(points.shape)}. Expected "
                "examples that the model takes, as `model.predict` would. Call model(x, training=False) alone "
                "to see where it fails."
            ) from error
        self.examples, self._shape = int(points.shape[0]), tuple(int(size) for size in values.shape)
        self._dtype = keras.backend.standardize_dtype(values.dtype)
        _check_outputs(self._shape, self._dtype, self.examples)
        with ours("while it looked for outputs that are not finite"):
            check_finite(values, "the outputs, though the weights and x are finite", WHERE)
        self.sizes = math.prod(points.shape[1:]), math.prod(self._shape[1:])
        with ours("while it looked for the dtypes of the layers"):
            dtypes = self._dtypes()
        self.roundoff = max(ROUNDOFF.get(dtype, 0.0) for dtype in dtypes)
        self._scales: Sequence[float] = FLOAT16_SCALES if "float16" in dtypes else (1.0,)

    def forward(self, vectors: np.ndarray) -> np.ndarray:
        """The Jacobian times vectors of inputs, each with its example's."""
        return self._product(differentiation.current().jacobian_vector, vectors, tuple(self._points.shape))

    def backward(self, vectors: np.ndarray) -> np.ndarray:
        """The transposed Jacobian times vectors of outputs."""
        return self._product(lambda *given: differentiation.current().vector_jacobian(*given)[1], vectors, self._shape)

    def _run(self, tensor: Tensor) -> Tensor:
        (output,) = keras.tree.flatten(self._model(self._called(tensor), training=False))
        return output

    def _product(self, multiply: Multiply, vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        while True:
            scales = self._scales[0] / largest
            product = self._multiplied(multiply, (vectors * scales).reshape(shape))
            with ours("while it read a product with the Jacobian"):
                wide = keras.ops.cast(product, backends.current().widest_float())
                read = np.asarray(keras.ops.convert_to_numpy(wide), np.float64)
                values: np.ndarray = read.reshape(self.examples, -1) / scales
                if len(self._scales) > 1 and not np.isfinite(values).all():
                    self._scales = self._scales[1:]
                    continue
                check_finite(product, "the derivatives, though the weights, x and the outputs are finite", DERIVATIVES)
                return values

    def _multiplied(self, multiply: Multiply, vectors: np.ndarray) -> Tensor:
        try:
            return multiply(self._run, self._points, vectors)
        except Exception as error:
            raise self._attributed(multiply, vectors, error) from error

    def _attributed(self, multiply: Multiply, vectors: np.ndarray, error: Exception) -> Exception:
        """Does the same with a sum in the model's stead: what fails with the model alone is the model's failure."""

        def stand_in(tensor: Tensor) -> Tensor:
            return keras.ops.cast(keras.ops.sum(tensor), self._dtype) * keras.ops.ones(self._shape, self._dtype)

        with ours("while it multiplied vectors with the Jacobian"):
            multiply(stand_in, self._points, vectors)
        return ModelError(
            f"jacobian_spectrum differentiates the model, and that ended with {type(error).__name__}, with "
            f"no part of keras_inits in it: {error}. Received: the model {self._model.name!r}, which runs on x. "
            f"Expected operations that {keras.backend.backend()} can differentiate, and the derivative too, by what it "
            "is multiplied with. Leave out the layer that the traceback names, or give it an operation that has both."
        )

    def _dtypes(self) -> set[str]:
        """The dtypes that the products run through. Keras multiplies float64 in float32 on JAX and on torch."""
        parts = [layer for _, layer in walk_layers(self._model) if not isinstance(layer, keras.Model)]
        named = {keras.backend.standardize_dtype(layer.compute_dtype) for layer in parts}
        named |= {keras.backend.standardize_dtype(self._points.dtype), self._dtype}
        return {keras.backend.result_type(one, one) for one in named}


def _check_outputs(shape: tuple[int, ...], dtype: str, examples: int) -> None:
    if "float" not in dtype:
        raise ModelError(
            "A Jacobian is of outputs that are floating-point numbers. Received: a model whose output has the dtype "
            f"{dtype}. Expected float32 or another such dtype. Take the Jacobian of what comes before the rounding or "
            "the comparison: keras.Model(model.inputs[0], layer.output) of the layer before it."
        )
    if shape[:1] != (examples,) or 0 in shape:
        raise ModelError(
            f"A Jacobian belongs to each example. Received: an output of the shape {shape} for {examples} examples. "
            "Expected at least one number for each example along the first axis. Take the Jacobian of the layer before "
            "the examples are put together: keras.Model(model.inputs[0], layer.output)."
        )
