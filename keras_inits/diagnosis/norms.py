"""Norms of tensors, on the device: in float32, those of float64 in float64, whose range squares may leave."""

import functools
import math
from typing import Any

import keras
from keras import ops

from keras_inits import backends
from keras_inits.backends import measures
from keras_inits.diagnosis.counts import nonfinite_count

Tensor = Any

SAFE_NORMS = (1e-140, 1e150)
"""Norms in float64 outside are taken again, of scaled entries: squares may have left the range."""


def norm_of(tensor: Tensor) -> tuple[float, int]:
    """The root of the sum of squares, and how many entries are not finite; it is not a number if there is one."""
    size = norm(as_float(tensor))
    if math.isfinite(size):
        return size, 0
    nonfinite = nonfinite_count(tensor)
    return (math.nan if nonfinite else size), nonfinite


def as_float(tensor: Tensor) -> Tensor:
    """In the dtype that sums are taken in."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return tensor if dtype in ("float32", "float64") else ops.cast(tensor, "float32")


def norm(values: Tensor) -> float:
    """The root of the sum of squares, of a tensor of float32 or float64."""
    if keras.backend.standardize_dtype(values.dtype) == "float64":
        size = _norm_in_float64(values)
        return size if math.isnan(size) or SAFE_NORMS[0] < size < SAFE_NORMS[1] else _rescaled_norm(values)
    return float(measures.current().norm(values))


def _rescaled_norm(values: Tensor) -> float:
    """The norm of finite or infinite numbers of float64, of any size."""
    low, high = range_of(values) if math.prod(values.shape) else (0.0, 0.0)
    largest = max(-low, high)
    if not 0 < largest < math.inf:
        return largest
    factor = 2.0 ** -max(-1021, min(1021, math.frexp(largest)[1]))
    return _norm_in_float64(values * factor) / factor


def _norm_in_float64(values: Tensor) -> float:
    return float(ops.convert_to_numpy(ops.sqrt(ops.sum(ops.square(values)))))


def range_of(rows: Tensor) -> tuple[float, float]:
    """The least and the largest entry."""
    low, high = (float(ops.convert_to_numpy(one)) for one in _extremes()(rows))
    return low, high


@functools.cache
def _extremes() -> Any:
    return backends.current().compiled(lambda rows: (ops.min(rows), ops.max(rows)))
