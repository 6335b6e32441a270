"""TensorFlow's measures, in a graph or not."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_inits.backends.measures import ABSENT, LEAST_SAFE_MEAN_SQUARE, NORMS, RESCALING, STACKED, with_absent

Tensor = Any

LONGEST_SUM = 2**18
"""XLA adds up long or many-dimensional sums nearly one after the other on a processor, in float32: 1e7 equal squares
come out wrong by 2e-4, a 3 x 3 x 512 x 512 kernel by 1e-4. Up to this size they are right to 3e-6, whatever their
shape; longer ones, flat and in pieces of it, to 1e-6."""

IN_FLOAT64 = 2**12
"""Tensors of at most so many entries are squared in float64, and need no branch: a branch costs more than that, since
until the last is summed it holds each tensor that it may have to sum again."""


def _norms(arranged: list[Tensor]) -> Tensor:
    """For all columns the sums of squares, then for all the factors that the numbers had when they were squared."""
    present = [one for one in arranged if one is not None]
    small, large = _by_size(present)
    pairs = [(sums, tf.ones_like(sums)) for sums in (_sums_in_float64(present, places) for places in small)]
    if large:
        pairs.append(_safe_sums([present[place] for place in large]))
    order = np.argsort([place for places in (*small, large) for place in places])
    squares, factors = (tf.gather(tf.concat(parts, 0), order) for parts in zip(*pairs, strict=True))
    return tf.concat([_with_absent(squares, arranged, ABSENT), _with_absent(factors, arranged, 1.0)], 0)


def _by_size(tensors: list[Tensor]) -> tuple[list[list[int]], list[int]]:
    """The places of the small ones, in groups that are summed together, and of the large ones."""
    groups: dict[Any, list[int]] = {"large": [], "lone": []}
    for place, one in enumerate(tensors):
        entries = one.shape.num_elements()
        size = "large" if entries is None or entries > IN_FLOAT64 else "lone" if entries > STACKED else tuple(one.shape)
        groups.setdefault(size, []).append(place)
    large = groups.pop("large")
    return [places for places in groups.values() if places], large


def _sums_in_float64(present: list[Tensor], places: list[int]) -> Tensor:
    tensors = [present[place] for place in places]
    if tensors[0].shape.num_elements() > STACKED:
        return _sums_of_squares(tf.cast(one, tf.float64) for one in tensors)
    stack = tf.cast(tf.reshape(tf.stack(tensors), [len(tensors), -1]), tf.float64)
    return tf.reduce_sum(tf.square(stack), 1)


def _safe_sums(tensors: list[Tensor]) -> tuple[Tensor, Tensor]:
    plain = _sums_of_squares(tensors)
    safe = (plain >= LEAST_SAFE_MEAN_SQUARE * tf.stack([_entries(one) for one in tensors])) & (plain < np.inf)
    squares, factors = _branch(tf.reduce_all(safe), _as_they_are, _rescaled, [plain, safe, *tensors])
    return tf.cast(squares, tf.float64), tf.cast(factors, tf.float64)


def _of_present(measure: Callable[[list[Tensor]], Tensor]) -> Callable[[list[Tensor]], Tensor]:
    """Measures what is there, and puts `ABSENT` in all other columns."""

    def measured(arranged: list[Tensor]) -> Tensor:
        return _with_absent(measure([one for one in arranged if one is not None]), arranged, ABSENT)

    return measured


def _largest(present: list[Tensor]) -> Tensor:
    # An empty one has no largest; and a maximum may lose a NaN, which a sum keeps.
    largest = tf.stack([tf.maximum(tf.reduce_max(tf.abs(one)), 0.0) for one in present])

    def as_it_is(largest: Tensor, *_: Tensor) -> tuple[Tensor]:
        return (largest,)

    def with_nan(largest: Tensor, *tensors: Tensor) -> tuple[Tensor]:
        sums = tf.stack([tf.reduce_sum(tf.abs(tensor)) for tensor in tensors])
        return (tf.where(tf.math.is_nan(sums), sums, largest),)

    (found,) = _branch(_all_finite(present), as_it_is, with_nan, [largest, *present])
    return found


def _nonfinite(present: list[Tensor]) -> Tensor:
    def none(*tensors: Tensor) -> tuple[Tensor]:
        return (tf.zeros(len(tensors)),)

    def counts(*tensors: Tensor) -> tuple[Tensor]:
        return (tf.stack([_count(~tf.math.is_finite(tensor)) for tensor in tensors]),)

    (found,) = _branch(_all_finite(present), none, counts, present)
    return found


def _all_finite(present: list[Tensor]) -> Tensor:
    """Whether all sums of squares are, which a graph computes once for this and for the norms."""
    small, large = _by_size(present)
    sums = [_sums_in_float64(present, places) for places in small]
    if large:
        sums.append(tf.cast(_sums_of_squares([present[place] for place in large]), tf.float64))
    return tf.reduce_all(tf.math.is_finite(tf.concat(sums, 0)))


def _nonzeros(present: list[Tensor]) -> Tensor:
    return tf.stack([_count(tf.cast(one, tf.bool)) for one in present])


def _count(tensor: Tensor) -> Tensor:
    return tf.reduce_sum(tf.cast(tensor, tf.float32))


MEASURES: dict[str, Callable[[list[Tensor]], Tensor]] = {
    **dict.fromkeys(NORMS, _norms),
    **dict.fromkeys(("largest", "peak"), _of_present(_largest)),
    "nonzeros": _of_present(_nonzeros),
    "nonfinite": _of_present(_nonfinite),
}


def width_of(measures: Sequence[str]) -> int:
    """How many numbers these measures have for each column: of a norm the sum of squares and the factor in them."""
    return sum(2 if name in NORMS else 1 for name in measures)


def parted_measures(table: np.ndarray, measures: Sequence[str]) -> dict[str, np.ndarray]:
    """Splits rows of such numbers, now of the host and float64, into the measures."""
    parts = iter(np.split(table, width_of(measures), axis=1))
    return {name: _norms_of(next(parts), next(parts)) if name in NORMS else next(parts) for name in measures}


def norm(tensor: Tensor) -> float:
    """The norm of one tensor of float32, on the host; infinite or not a number only if an entry is.

    No XLA sums here: one operation sums any length in a tree, right to 3e-6.
    """
    entries = tensor.shape.num_elements()
    if entries <= IN_FLOAT64:
        return math.sqrt(2 * float(tf.nn.l2_loss(tf.cast(tensor, tf.float64))))
    square = 2 * float(tf.nn.l2_loss(tensor))
    if LEAST_SAFE_MEAN_SQUARE * entries <= square < math.inf:
        return math.sqrt(square)
    factor = RESCALING if square < 1 else 1 / RESCALING
    return math.sqrt(2 * float(tf.nn.l2_loss(tensor * factor))) / factor


def _norms_of(squares: np.ndarray, factors: np.ndarray) -> np.ndarray:
    present = squares != ABSENT
    return np.where(present, np.sqrt(np.where(present, squares, 0.0)) / factors, ABSENT)


def _with_absent(values: Tensor, arranged: list[Tensor], absent: float) -> Tensor:
    if all(one is not None for one in arranged):
        return values
    numbers = iter(range(len(arranged)))
    places = with_absent(list(numbers), arranged, sum(one is not None for one in arranged))
    return tf.gather(tf.concat([values, tf.constant([absent], values.dtype)], 0), places)


def _entries(tensor: Tensor) -> Any:
    number = tensor.shape.num_elements()
    return tf.cast(tf.size(tensor), tf.float32) if number is None else float(number)


def _as_they_are(plain: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    return plain, tf.ones_like(plain)


def _rescaled(plain: Tensor, safe: Tensor, *gradients: Tensor) -> tuple[Tensor, Tensor]:
    factors = tf.where(safe, 1.0, tf.where(plain < 1.0, RESCALING, 1.0 / RESCALING))
    pairs = zip(gradients, tf.unstack(factors), strict=True)
    return _sums_of_squares([gradient * factor for gradient, factor in pairs]), factors


def _branch(condition: Tensor, then: Callable[..., Any], otherwise: Callable[..., Any], operands: list[Tensor]) -> Any:
    """`tf.cond`, which would slow the whole step down: its graph would be run by the executor for graphs that loop."""
    if tf.executing_eagerly():
        return (then if condition else otherwise)(*operands)
    shapes = [tf.TensorSpec(x.shape, x.dtype, name=f"operand_{i}") for i, x in enumerate(operands)]
    functions = [tf.function(f, autograph=False).get_concrete_function(*shapes) for f in (then, otherwise)]
    types = [output.dtype for output in functions[0].outputs]
    return tf.raw_ops.StatelessIf(
        cond=condition, input=operands, Tout=types, then_branch=functions[0], else_branch=functions[1]
    )


def _sums_of_squares(gradients: Iterable[Tensor]) -> Tensor:
    return 2.0 * tf.stack([_half_sum_of_squares(gradient) for gradient in gradients])


def _half_sum_of_squares(gradient: Tensor) -> Tensor:
    pieces, rest = divmod(gradient.shape.num_elements() or 0, LONGEST_SUM)
    if not pieces:
        return tf.nn.l2_loss(gradient)
    split = tf.split(tf.reshape(gradient, [-1]), [LONGEST_SUM] * pieces + [rest])
    return tf.add_n([tf.nn.l2_loss(piece) for piece in split])


def dense(gradient: Tensor) -> Tensor:
    """The gradient in float32, or of an embedding the rows that it touches, each added up over its repetitions."""
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.cast(gradient, tf.float32)
    order = tf.argsort(gradient.indices)
    indices = tf.gather(gradient.indices, order)
    values = tf.gather(tf.cast(gradient.values, tf.float32), order)
    runs = tf.cumsum(tf.cast(indices[1:] != indices[:-1], tf.int32))
    return tf.math.unsorted_segment_sum(values, tf.concat([[0], runs], 0), tf.size(indices))
