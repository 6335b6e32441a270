"""Checks of arguments: each error says what was received, what is expected, and how to mend it."""

import math
import numbers
import operator
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

FLOATS = ("float16", "bfloat16", "float32", "float64")


def check_number(name: str, value: Any, lowest: float = -math.inf, above: float = -math.inf) -> float:
    """Returns `value` as a float, if it is finite, at least `lowest` and greater than `above`."""
    expected = "a finite number"
    if lowest > -math.inf:
        expected += f" of at least {lowest:g}"
    if above > -math.inf:
        expected += f" greater than {above:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"Argument `{name}` must be {expected}. Received: {name}={value!r} (of type {type(value).__name__}). "
            f"Pass a Python or NumPy number, such as {name}=1.0."
        )
    number = float(value)
    if not (math.isfinite(number) and number >= lowest and number > above):
        raise ValueError(
            f"Argument `{name}` must be {expected}. Received: {name}={value!r}. "
            f"Look at how the value was computed, or leave `{name}` out for its default."
        )
    return number


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
    name = keras.utils.standardize_dtype(dtype)
    if name not in FLOATS:
        raise ValueError(
            f"Initial weights are drawn in a real floating dtype. Received: dtype={name!r}. Expected one of "
            f"{', '.join(FLOATS)}. "
            "Draw in float32 and convert the result with `keras.ops.cast`, or use Zeros, Ones or Constant."
        )
    return np.dtype(str(name))
