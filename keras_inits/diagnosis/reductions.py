"""From tensors to numbers: reduced on the device, so that no more than one number a unit is copied to the host.

All sums are taken in float32, those of float64 in float64. A tensor is scaled first if squares or sums of its entries
could leave the range, and centred first if its mean would hide its deviation.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_inits import backends
from keras_inits.diagnosis.counts import count_of
from keras_inits.diagnosis.masks import LEAST_MASK, without_masks
from keras_inits.diagnosis.norms import as_float, norm, range_of
from keras_inits.diagnosis.numbers import Moments
from keras_inits.diagnosis.unit_sums import Units, sums_of

Tensor = Any

SAFE_RANGE = (1e-30, 1e30)
"""Tensors whose largest entry lies outside are scaled before they are summed."""
HIDDEN_DEVIATION = 0.1
"""A deviation below this share of the root mean square is computed from centred entries: the difference of the mean
square and the squared mean would lose a hundred times float32's rounding."""


class Reduced(NamedTuple):
    """The statistics of a tensor."""

    entries: int
    """How many are finite, and stand for themselves."""
    moments: Moments
    units: Units


def reduced(tensor: Tensor, unit_axes: tuple[int, ...] = (-1,), masks: bool = False) -> Reduced:
    """Reduces a tensor to its moments and to random sums of each unit; entries that are left out count as zero there.

    Args:
        tensor: Of floating-point numbers. Those that are not finite are left out.
        unit_axes: The axes whose entries are units.
        masks: Whether to leave out finite values that stand for minus infinity too.
    """
    rows = _as_rows(tensor, unit_axes)
    count, nonfinite, size = math.prod(rows.shape), 0, norm(rows)
    if not math.isfinite(size):
        mask = ops.isfinite(rows)
        nonfinite = count - count_of(mask)
        rows = ops.where(mask, rows, ops.zeros_like(rows))
    low, high = range_of(rows) if count else (0.0, 0.0)
    left_out = nonfinite
    if masks and low <= -LEAST_MASK:
        rows, low, high, masked = without_masks(rows, low, high)
        left_out += masked
    largest, factor = max(-low, high), 1.0
    if largest and not SAFE_RANGE[0] < largest < SAFE_RANGE[1]:
        most = 1021 if keras.backend.standardize_dtype(rows.dtype) == "float64" else 126
        factor = 2.0 ** -max(-most, min(most, math.frexp(largest)[1]))
        rows = rows * factor
    if factor != 1 or left_out:
        size = norm(rows)
    sums = sums_of(rows)
    mean = float(sums[0].sum()) / max(1, count - left_out)
    stddev = _stddev(rows, size, mean, left_out)
    if low == high and not left_out:
        mean, stddev = low * factor, 0.0
    moments = Moments(mean / factor, stddev / factor, largest, nonfinite)
    return Reduced(count - left_out, moments, Units(sums[1:]))


def across_examples(tensor: Tensor, moments: Moments) -> float | None:
    """The deviation of each unit across examples, as a root mean square over units; None for a single example.

    What all examples have in common is taken off: the deviation of all entries counts what tells units apart, too.

    Args:
        tensor: With an example a row.
        moments: Its own.
    """
    if len(tensor.shape) < 2 or tensor.shape[0] < 2 or moments.nonfinite or not moments.largest < SAFE_RANGE[1]:
        return None
    values = as_float(tensor)
    common = _common()(values)
    square = math.hypot(moments.stddev, moments.mean) ** 2
    variance = square - norm(common) ** 2 / max(1, math.prod(common.shape))
    if variance < HIDDEN_DEVIATION**2 * square:
        variance = norm(values - common) ** 2 / max(1, math.prod(values.shape))
    return math.sqrt(max(0.0, variance))


@functools.cache
def _common() -> Any:
    return backends.current().compiled(lambda values: ops.mean(values, axis=0))


def merged(parts: Sequence[tuple[int, Moments]]) -> Moments:
    """The moments of all parts together, each given with its number of entries."""
    total = max(1, sum(count for count, _ in parts))
    mean = sum(count * one.mean for count, one in parts) / total
    # Of roots, not squares, which leave even float64's range.
    stddev = math.hypot(*(math.sqrt(count / total) * math.hypot(one.stddev, one.mean - mean) for count, one in parts))
    return Moments(mean, stddev, max(one.largest for _, one in parts), sum(one.nonfinite for _, one in parts))


def _as_rows(tensor: Tensor, unit_axes: tuple[int, ...]) -> Tensor:
    """As rows x units."""
    values = as_float(tensor)
    if len(values.shape) < 2:
        return ops.reshape(values, (-1, 1))
    axes = {axis % len(values.shape) for axis in unit_axes}
    order = [axis for axis in range(len(values.shape)) if axis not in axes] + sorted(axes)
    if order != sorted(order):
        values = ops.transpose(values, order)
    return ops.reshape(values, (-1, math.prod(tensor.shape[axis] for axis in unit_axes)))


def _stddev(rows: Tensor, size: float, mean: float, left_out: int) -> float:
    """The standard deviation of the entries, of which those that are left out are zero here; `size` is the norm."""
    entries = max(1, math.prod(rows.shape) - left_out)
    square = size**2 / entries
    variance = square - mean**2
    if variance < HIDDEN_DEVIATION**2 * square:
        # The zeros that stand for others become -mean; so much is taken off again.
        in_float64 = keras.backend.standardize_dtype(rows.dtype) == "float64"
        shift = mean if in_float64 else float(np.float32(mean))
        centred = norm(rows - shift) ** 2 - left_out * shift**2
        variance = centred / entries - (mean - shift) ** 2
    return math.sqrt(max(0.0, variance))
