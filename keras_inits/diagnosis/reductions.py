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
from keras_inits.backends import measures
from keras_inits.diagnosis.numbers import Moments

Tensor = Any

ROWS_AT_A_TIME = 1 << 18  # how long the random vectors are
SEED = 1_947_205_633
"""Of random vectors; nobody else's number: what looks at a batch must not be drawn as the batch was."""
PROJECTIONS = 4
EQUAL = 1e-5
"""Up to this share of their size the sums of two units may differ and be equal: float32 rounds sums of a million
products by about as much, and `PROJECTIONS` random sums that follow from different numbers never come so close."""
SAFE_RANGE = (1e-30, 1e30)
"""Tensors whose largest entry lies outside are scaled before they are summed."""
SAFE_NORMS = (1e-140, 1e150)
"""Norms in float64 outside are taken again, of scaled entries: squares may have left the range."""
HIDDEN_DEVIATION = 0.1
"""A deviation below this share of the root mean square is computed from centred entries: the difference of the mean
square and the squared mean would lose a hundred times float32's rounding."""
LEAST_MASK = 1e3
"""Values below its negative may stand for minus infinity, as attention has them where it must not look: -1e4, -1e9, the
dtype's least. Above it they change no deviation so that it would count as exploding."""
NEAR_MASK = 0.9
"""From the least value up to this share of it they may lie: a score is added to each."""
BESIDE_MASK = 0.01
"""All others are below this share of it in size; of numbers of one kind many would lie between."""
MOST_EXAMPLES = 8


class Units(NamedTuple):
    """Of each unit random sums over all entries, from which zero and equal units are told."""

    sums: np.ndarray  # sums x units

    @property
    def number(self) -> int:
        """How many units there are."""
        return int(self.sums.shape[1])

    @property
    def alive(self) -> np.ndarray:
        """Which units are not zero throughout: a random sum of other entries is not zero."""
        alive: np.ndarray = (self.sums != 0).any(axis=0)
        return alive

    @property
    def dead(self) -> float:
        """The share of units that are zero throughout."""
        return 1 - float(self.alive.mean()) if self.number else 0.0


class Reduced(NamedTuple):
    """What is left of a tensor."""

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
    count, nonfinite, size = math.prod(rows.shape), 0, _norm(rows)
    if not math.isfinite(size):
        mask = ops.isfinite(rows)
        nonfinite = count - _count(mask)
        rows = ops.where(mask, rows, ops.zeros_like(rows))
    low, high = _range(rows) if count else (0.0, 0.0)
    left_out = nonfinite
    if masks and low <= -LEAST_MASK:
        rows, low, high, masked = _without_masks(rows, low, high)
        left_out += masked
    largest, factor = max(-low, high), 1.0
    if largest and not SAFE_RANGE[0] < largest < SAFE_RANGE[1]:
        most = 1021 if keras.backend.standardize_dtype(rows.dtype) == "float64" else 126
        factor = 2.0 ** -max(-most, min(most, math.frexp(largest)[1]))
        rows = rows * factor
    if factor != 1 or left_out:
        size = _norm(rows)
    sums = _sums(rows)
    mean = float(sums[0].sum()) / max(1, count - left_out)
    stddev = _stddev(rows, size, mean, left_out)
    if low == high and not left_out:
        mean, stddev = low * factor, 0.0
    moments = Moments(mean / factor, stddev / factor, largest, nonfinite)
    return Reduced(count - left_out, moments, Units(sums[1:]))


def _without_masks(rows: Tensor, low: float, high: float) -> tuple[Tensor, float, float, int]:
    """The rows with zeros for values that stand for minus infinity, their range, and how many of these there were."""
    far = rows <= NEAR_MASK * low
    rest = ops.where(far, ops.zeros_like(rows), rows)
    least, most = _range(rest)
    masked = _count(far)
    if max(-least, most) > -BESIDE_MASK * low or masked in (1, math.prod(rows.shape)):
        return rows, low, high, 0
    return rest, least, most, masked


def norm_of(tensor: Tensor) -> tuple[float, int]:
    """The root of the sum of squares, and how many entries are not finite; it is not a number if there is one."""
    norm = _norm(_as_float(tensor))
    if math.isfinite(norm):
        return norm, 0
    nonfinite = nonfinite_count(tensor)
    return (math.nan if nonfinite else norm), nonfinite


def nonfinite_count(tensor: Tensor) -> int:
    """How many entries are infinite or not a number."""
    return int(math.prod(tensor.shape)) - _count(ops.isfinite(tensor))


def minus_infinite(tensor: Tensor) -> int:
    """How many entries are minus infinity."""
    return _count(ops.equal(tensor, -math.inf))


def bad_examples(tensor: Tensor) -> tuple[int, ...]:
    """The first examples, along the first axis, that have an entry which is not finite."""
    if not tensor.shape:
        return ()
    bad = ops.any(ops.reshape(~ops.isfinite(tensor), (tensor.shape[0], -1)), axis=1)
    numbers = ops.where(bad, ops.arange(tensor.shape[0]), tensor.shape[0])
    first = ops.convert_to_numpy(ops.sort(numbers)[:MOST_EXAMPLES])
    return tuple(int(number) for number in first if number < tensor.shape[0])


def merged(parts: Sequence[tuple[int, Moments]]) -> Moments:
    """The moments of all parts together, each given with its number of entries."""
    total = max(1, sum(count for count, _ in parts))
    mean = sum(count * one.mean for count, one in parts) / total
    # Of roots, not squares, which leave even float64's range.
    stddev = math.hypot(*(math.sqrt(count / total) * math.hypot(one.stddev, one.mean - mean) for count, one in parts))
    return Moments(mean, stddev, max(one.largest for _, one in parts), sum(one.nonfinite for _, one in parts))


def equal_share(*several: Units, alive: bool = False) -> float:
    """The share of units that are equal to another one in each of `several`; of those alive alone, if so asked."""
    count = several[0].number
    chosen = several[0].alive if alive else np.ones(count, bool)
    if np.count_nonzero(chosen) < 2:
        return 0.0
    sums = np.concatenate([one.sums[:, chosen] for one in several])
    sizes = np.concatenate(
        [np.broadcast_to(np.sqrt(np.square(one.sums).mean(axis=0)), one.sums.shape)[:, chosen] for one in several]
    )
    largest = sizes.max(axis=1, keepdims=True)
    keys = np.random.default_rng(SEED + 1).standard_normal(len(sums)) @ (sums / np.where(largest > 0, largest, 1.0))
    order = np.argsort(keys)  # equal units come to lie beside each other
    sums, sizes = sums[:, order], sizes[:, order]
    same = (np.abs(np.diff(sums)) <= EQUAL * np.maximum(sizes[:, 1:], sizes[:, :-1])).all(axis=0)
    has_equal = np.append(same, False) | np.append(False, same)
    return float(np.count_nonzero(has_equal) / count)


def _as_float(tensor: Tensor) -> Tensor:
    """In the dtype that sums are taken in."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return tensor if dtype in ("float32", "float64") else ops.cast(tensor, "float32")


def _as_rows(tensor: Tensor, unit_axes: tuple[int, ...]) -> Tensor:
    """As rows x units."""
    values = _as_float(tensor)
    if len(values.shape) < 2:
        return ops.reshape(values, (-1, 1))
    axes = {axis % len(values.shape) for axis in unit_axes}
    order = [axis for axis in range(len(values.shape)) if axis not in axes] + sorted(axes)
    if order != sorted(order):
        values = ops.transpose(values, order)
    return ops.reshape(values, (-1, math.prod(tensor.shape[axis] for axis in unit_axes)))


def _range(rows: Tensor) -> tuple[float, float]:
    low, high = (float(ops.convert_to_numpy(one)) for one in _extremes()(rows))
    return low, high


@functools.cache
def _extremes() -> Any:
    return backends.current().compiled(lambda rows: (ops.min(rows), ops.max(rows)))


def _sums(rows: Tensor) -> np.ndarray:
    """For each unit the sum of its entries, and random sums of them, in float64 on the host."""
    count, dtype = rows.shape[0], keras.backend.standardize_dtype(rows.dtype)
    sums = None
    for piece, start in enumerate(range(0, count, ROWS_AT_A_TIME)):
        part = rows[start : start + ROWS_AT_A_TIME] if count > ROWS_AT_A_TIME else rows
        weights = np.append(1.0, np.random.default_rng([SEED, piece]).standard_normal(PROJECTIONS))
        product = ops.matmul(_vectors(part.shape[0], dtype), part) * ops.cast(weights[:, None], dtype)
        sums = product if sums is None else sums + product
    if sums is None:
        return np.zeros((1 + PROJECTIONS, rows.shape[1]))
    return np.stack([np.asarray(ops.convert_to_numpy(one), np.float64) for one in ops.unstack(sums, axis=0)])


@functools.lru_cache(maxsize=8)
def _vectors(count: int, dtype: str) -> Tensor:
    """Ones, and random vectors, of this length."""
    random = np.random.default_rng(SEED).standard_normal((count, PROJECTIONS)).T
    return backends.current().to_tensor(np.concatenate([np.ones((1, count)), random]).astype(dtype))


def _stddev(rows: Tensor, size: float, mean: float, left_out: int) -> float:
    """The standard deviation of the entries, of which those that are left out are zero here; `size` is the norm."""
    entries = max(1, math.prod(rows.shape) - left_out)
    square = size**2 / entries
    variance = square - mean**2
    if variance < HIDDEN_DEVIATION**2 * square:
        # The zeros that stand for others become -mean; so much is taken off again.
        in_float64 = keras.backend.standardize_dtype(rows.dtype) == "float64"
        shift = mean if in_float64 else float(np.float32(mean))
        centred = _norm(rows - shift) ** 2 - left_out * shift**2
        variance = centred / entries - (mean - shift) ** 2
    return math.sqrt(max(0.0, variance))


def _norm(values: Tensor) -> float:
    if keras.backend.standardize_dtype(values.dtype) == "float64":
        size = _norm_in_float64(values)
        return size if math.isnan(size) or SAFE_NORMS[0] < size < SAFE_NORMS[1] else _rescaled_norm(values)
    return float(measures.current().norm(values))


def _rescaled_norm(values: Tensor) -> float:
    """The norm of finite or infinite numbers of float64, of any size."""
    low, high = _range(values) if math.prod(values.shape) else (0.0, 0.0)
    largest = max(-low, high)
    if not 0 < largest < math.inf:
        return largest
    factor = 2.0 ** -max(-1021, min(1021, math.frexp(largest)[1]))
    return _norm_in_float64(values * factor) / factor


def _norm_in_float64(values: Tensor) -> float:
    return float(ops.convert_to_numpy(ops.sqrt(ops.sum(ops.square(values)))))


def _count(mask: Tensor) -> int:
    return int(ops.convert_to_numpy(_counted()(mask)))


@functools.cache
def _counted() -> Any:
    return backends.current().compiled(lambda mask: ops.sum(ops.cast(mask, "int32")))
