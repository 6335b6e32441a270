"""TensorFlow's measures, in a graph or not."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_inits.backends.measures import (
    ABSENT,
    LARGEST,
    LEAST_SAFE_MEAN_SQUARE,
    MEASURES,
    NONFINITE,
    NONZEROS,
    NORM,
    RESCALING,
    STACKED,
    with_absent,
)

Tensor = Any

LONGEST_SUM = 2**18
"""XLA adds up long or many-dimensional sums nearly one after the other on a processor, in float32: 1e7 equal squares
come out wrong by 2e-4, a 3 x 3 x 512 x 512 kernel by 1e-4. Up to this size they are right to 3e-6, whatever their
shape; longer ones, flat and in pieces of it, to 1e-6."""

IN_FLOAT64 = 2**12
"""Tensors of at most so many entries are squared in float64, and need no branch: a branch costs more than that, since
until the last is summed it holds each tensor that it may have to sum again."""


class Group(NamedTuple):
    """Tensors that are measured together: one, as it is, or several small ones of one shape, a row for each."""

    places: list[int]
    tensor: Tensor

    @property
    def axes(self) -> int | None:
        """Over which it is reduced."""
        return None if len(self.places) == 1 else 1


def measured(arranged: list[Tensor], kinds: Sequence[str]) -> dict[str, Tensor]:
    """For each kind one number for each column; of a norm the sums of squares, then the factors that are in them."""
    groups = _groups([one for one in arranged if one is not None])
    order = np.argsort([place for group in groups for place in group.places])
    squares, factors = _squares(groups)
    finite = tf.reduce_all(tf.math.is_finite(squares))

    def in_columns(values: Tensor) -> Tensor:
        return _in_columns(tf.gather(values, order), arranged)

    take = {
        NORM: lambda: tf.concat([in_columns(squares), in_columns(factors)], 0),
        LARGEST: lambda: in_columns(_largest(groups, finite)),
        NONZEROS: lambda: in_columns(_each(_nonzeros, groups)),
        NONFINITE: lambda: in_columns(_nonfinite(groups, finite)),
    }
    return {kind: take[kind]() for kind in kinds}


def _groups(tensors: list[Tensor]) -> list[Group]:
    """The small ones first, and those of at most `STACKED` entries and one shape together."""
    alike: dict[Any, list[int]] = {}
    for place, one in enumerate(tensors):
        entries = one.shape.num_elements()
        alike.setdefault(place if entries is None or entries > STACKED else tuple(one.shape), []).append(place)
    groups = [
        Group(places, tensors[places[0]])
        if len(places) == 1
        else Group(places, tf.reshape(tf.stack([tensors[place] for place in places]), [len(places), -1]))
        for places in alike.values()
    ]
    return sorted(groups, key=_is_large)


def _is_large(group: Group) -> bool:
    entries = group.tensor.shape.num_elements()
    return entries is None or entries > IN_FLOAT64 * len(group.places)


def _each(reduced: Callable[[Tensor, int | None], Tensor], groups: list[Group], tensors: Any = ()) -> Tensor:
    """A function's results for each tensor of the groups, one after the other."""
    pairs = zip(groups, tensors or [group.tensor for group in groups], strict=True)
    return tf.concat([tf.reshape(reduced(tensor, group.axes), [-1]) for group, tensor in pairs], 0)


def _squares(groups: list[Group]) -> tuple[Tensor, Tensor]:
    """The sums of squares, and the factors that the numbers had when they were squared."""
    small, large = ([group for group in groups if _is_large(group) is size] for size in (False, True))
    sums = _each(_sum_in_float64, small) if small else tf.zeros(0, tf.float64)
    pairs = [(sums, tf.ones_like(sums))]
    if large:
        pairs.append(_safe_sums([group.tensor for group in large]))
    squares, factors = (tf.concat(parts, 0) for parts in zip(*pairs, strict=True))
    return squares, factors


def _sum_in_float64(tensor: Tensor, axes: int | None) -> Tensor:
    wide = tf.cast(tensor, tf.float64)
    return 2.0 * tf.nn.l2_loss(wide) if axes is None else tf.reduce_sum(tf.square(wide), axes)


def _safe_sums(tensors: list[Tensor]) -> tuple[Tensor, Tensor]:
    plain = _sums_of_squares(tensors)
    safe = (plain >= LEAST_SAFE_MEAN_SQUARE * tf.stack([_entries(one) for one in tensors])) & (plain < np.inf)
    squares, factors = _branch(tf.reduce_all(safe), _as_they_are, _rescaled, [plain, safe, *tensors])
    return tf.cast(squares, tf.float64), tf.cast(factors, tf.float64)


def _largest(groups: list[Group], finite: Tensor) -> Tensor:
    # An empty one has no largest; and a maximum may lose a NaN, which a sum keeps.
    largest = tf.maximum(_each(lambda tensor, axes: tf.reduce_max(tf.abs(tensor), axes), groups), 0.0)

    def as_it_is(largest: Tensor, *_: Tensor) -> tuple[Tensor]:
        return (largest,)

    def with_nan(largest: Tensor, *tensors: Tensor) -> tuple[Tensor]:
        sums = _each(lambda tensor, axes: tf.reduce_sum(tf.abs(tensor), axes), groups, tensors)
        return (tf.where(tf.math.is_nan(sums), sums, largest),)

    (found,) = _branch(finite, as_it_is, with_nan, [largest, *(group.tensor for group in groups)])
    return found


def _nonfinite(groups: list[Group], finite: Tensor) -> Tensor:
    number = sum(len(group.places) for group in groups)

    def none(*_: Tensor) -> tuple[Tensor]:
        return (tf.zeros(number),)

    def counts(*tensors: Tensor) -> tuple[Tensor]:
        return (_each(lambda tensor, axes: _count(~tf.math.is_finite(tensor), axes), groups, tensors),)

    (found,) = _branch(finite, none, counts, [group.tensor for group in groups])
    return found


def _nonzeros(tensor: Tensor, axes: int | None) -> Tensor:
    return _count(tf.cast(tensor, tf.bool), axes)


def _count(tensor: Tensor, axes: int | None) -> Tensor:
    return tf.reduce_sum(tf.cast(tensor, tf.float32), axes)


def width_of(measures: Sequence[str]) -> int:
    """How many numbers these measures have for each column: of a norm the sum of squares and the factor in them."""
    return sum(2 if MEASURES[name].kind == NORM else 1 for name in measures)


def parted_measures(table: np.ndarray, measures: Sequence[str]) -> dict[str, np.ndarray]:
    """Splits rows of such numbers, now of the host and float64, into the measures."""
    parts = iter(np.split(table, width_of(measures), axis=1))
    return {
        name: _norms_of(next(parts), next(parts)) if MEASURES[name].kind == NORM else next(parts) for name in measures
    }


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


def _in_columns(values: Tensor, arranged: list[Tensor]) -> Tensor:
    """The values of what is there, and `ABSENT` in all other columns."""
    present = sum(one is not None for one in arranged)
    if present == len(arranged):
        return values
    places = with_absent(list(range(present)), arranged, present)
    return tf.gather(tf.concat([values, tf.constant([ABSENT], values.dtype)], 0), places)


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
