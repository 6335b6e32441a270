"""Checks of the weights that an initializer is asked for."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from keras_inits._names import shown

# Each with its largest number.
FLOATS = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38, "float64": 1.7976e308}
_NAMES = {
    "half": "float16",
    "float": "float32",
    "single": "float32",
    "double": "float64",
}  # as torch says
_LARGEST = {np.dtype(name): largest for name, largest in FLOATS.items()}  # a dtype is slow to tell its name


def check_axes(name: str, axes: Any) -> tuple[int, ...]:
    """Returns `axes` as a tuple of Python integers; a mask, whose entries count as 0 and 1 too, is none."""
    try:
        if not isinstance(axes, (Sequence, np.ndarray)) or any(isinstance(axis, bool) for axis in axes):
            raise TypeError
        if isinstance(axes, (str, bytes, bytearray, memoryview)):
            raise TypeError
        return tuple(map(operator.index, axes))
    except TypeError:
        raise TypeError(
            "Arguments `input_axes` and `output_axes` must be sequences of integers. "
            f"Received: {name}={shown(axes)}. Pass the axes of the weight, such as input_axes=(0,), output_axes=(1,)."
        ) from None


def check_two_sizes(initializer: str, reason: str, shape: tuple[int, ...]) -> None:
    """Raises an error for the shape of a vector or a scalar, in which there is no matrix to see."""
    if len(shape) < 2:
        raise ValueError(
            f"{initializer} expects a shape of at least two sizes, {reason}. Received: shape={shape}. "
            "Use Normal or Uniform for vectors, Zeros for biases."
        )


def check_shape(shape: Any) -> tuple[int, ...]:
    """Returns `shape` as a tuple of Python integers."""
    try:
        if not isinstance(shape, Iterable):
            raise TypeError
        dims = tuple(operator.index(dim) for dim in shape)
    except TypeError:
        raise TypeError(
            f"Argument `shape` must be a tuple of known sizes. Received: shape={shown(shape)}. "
            "Pass integers alone, such as (784, 64), or (64,) for a vector; build the model on a fully defined input."
        ) from None
    if any(dim < 0 for dim in dims):
        raise ValueError(
            f"Argument `shape` must hold sizes of at least 0. Received: shape={shown(shape)}. "
            "Look at how the negative size was computed."
        )
    return dims


def check_dtype(dtype: Any) -> np.dtype:
    """Returns the NumPy dtype (that of `ml_dtypes` for bfloat16) of a real floating dtype, `floatx()` for `None`."""
    name = _dtype_name(_NAMES.get(dtype, dtype) if isinstance(dtype, str) else dtype)
    if name not in FLOATS:
        raise ValueError(
            f"Initial weights are drawn in a real floating dtype. Received: dtype={shown(dtype)}. Expected one of "
            f"{', '.join(FLOATS)}. "
            "Draw in float32 and convert the result with `keras.ops.cast`, or use Zeros, Ones or Constant."
        )
    return np.dtype(name)


def _dtype_name(dtype: Any) -> str | None:
    """The name that Keras has for a dtype of its own, of a backend or of NumPy; None for what is none."""
    try:
        return str(keras.utils.standardize_dtype(dtype))
    except (TypeError, ValueError):  # a list; a name that Keras hands to its backend as it is, such as "f4"
        try:
            return str(np.dtype(dtype).name)
        except Exception:  # NumPy reads text and objects of many forms
            return None


def check_range(largest: float, dtype: np.dtype) -> None:
    """Raises an error if values as large as `largest` do not fit into `dtype`."""
    if not largest <= _LARGEST[dtype]:
        raise ValueError(
            f"The law reaches values of {largest:.3g}, which are infinite in the dtype of the weight. Received: "
            f"dtype={dtype.name!r}. Expected a law that stays below its largest number, {FLOATS[dtype.name]:.3g}. "
            "Choose a smaller scale, or a wider dtype."
        )
