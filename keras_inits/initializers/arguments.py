"""Checks of arguments: each error says what was received, what is expected, and how to mend it."""

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

# Each with its largest number.
FLOATS = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38, "float64": 1.7976e308}
_NAMES = {
    "half": "float16",
    "float": "float32",
    "single": "float32",
    "double": "float64",
}  # as torch says
_LARGEST = {np.dtype(name): largest for name, largest in FLOATS.items()}  # a dtype is slow to tell its name


def check_number(
    name: str, value: Any, lowest: float = -math.inf, above: float = -math.inf, highest: float = math.inf
) -> float:
    """Returns `value` as a float, if it is finite, from `lowest` to `highest`, and greater than `above`."""
    expected = "a finite number"
    if lowest > -math.inf:
        expected += f" of at least {lowest:g}"
    if above > -math.inf:
        expected += f" greater than {above:g}"
    if highest < math.inf:
        expected += f" and at most {highest:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"Argument `{name}` must be {expected}. Received: {name}={value!r} (of type {type(value).__name__}). "
            f"Pass a Python or NumPy number, such as {name}=1.0."
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and lowest <= number <= highest and number > above):
        raise ValueError(
            f"Argument `{name}` must be {expected}. Received: {name}={value!r}. "
            f"Look at how the value was computed, or choose one within these bounds."
        )
    return number


def check_whole(name: str, value: Any, lowest: int) -> int:
    """Returns `value` as a Python integer, if it is one of at least `lowest`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"Argument `{name}` must be a whole number of at least {lowest}. Received: {name}={value!r} (of type "
            f"{type(value).__name__}). Pass one such as {name}={lowest + 1}."
        )
    if value < lowest:
        raise ValueError(
            f"Argument `{name}` must be a whole number of at least {lowest}. Received: {name}={value!r}. "
            f"Pass one such as {name}={lowest + 1}."
        )
    return int(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...], hint: str) -> str:
    """Returns `value`, if it is one of the choices."""
    if value not in choices:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(map(repr, choices))}. Received: {name}={value!r}. {hint}"
        )
    return str(value)


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
            f"Argument `shape` must be a tuple of known sizes. Received: shape={shape!r}. "
            "Pass integers alone, such as (784, 64), or (64,) for a vector; build the model on a fully defined input."
        ) from None
    if any(dim < 0 for dim in dims):
        raise ValueError(
            f"Argument `shape` must hold sizes of at least 0. Received: shape={shape!r}. "
            "Look at how the negative size was computed."
        )
    return dims


def check_dtype(dtype: Any) -> np.dtype:
    """Returns the NumPy dtype (that of `ml_dtypes` for bfloat16) of a real floating dtype, `floatx()` for `None`."""
    name = _dtype_name(_NAMES.get(dtype, dtype) if isinstance(dtype, str) else dtype)
    if name not in FLOATS:
        raise ValueError(
            f"Initial weights are drawn in a real floating dtype. Received: dtype={dtype!r}. Expected one of "
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
        except (TypeError, ValueError):
            return None


def check_range(largest: float, dtype: np.dtype) -> None:
    """Raises an error if values as large as `largest` do not fit into `dtype`."""
    if not largest <= _LARGEST[dtype]:
        raise ValueError(
            f"The law reaches values of {largest:.3g}, which are infinite in the dtype of the weight. Received: "
            f"dtype={dtype.name!r}. Expected a law that stays below its largest number, {FLOATS[dtype.name]:.3g}. "
            "Choose a smaller scale, or a wider dtype."
        )
