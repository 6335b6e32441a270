"""How many entries of a tensor are of a kind, and in which examples: counted on the device."""

import functools
import math
from typing import Any

from keras import ops

from keras_inits import backends
from keras_inits.models.examples import MAX_EXAMPLES

Tensor = Any


def nonfinite_count(tensor: Tensor) -> int:
    """How many entries are infinite or not a number."""
    return int(math.prod(tensor.shape)) - count_of(ops.isfinite(tensor))


def minus_infinite(tensor: Tensor) -> int:
    """How many entries are minus infinity."""
    return count_of(ops.equal(tensor, -math.inf))


def bad_examples(tensor: Tensor) -> tuple[int, ...]:
    """The first examples, along the first axis, that have an entry which is not finite; one more than are shown."""
    if not tensor.shape:
        return ()
    bad = ops.any(ops.reshape(~ops.isfinite(tensor), (tensor.shape[0], -1)), axis=1)
    numbers = ops.where(bad, ops.arange(tensor.shape[0]), tensor.shape[0])
    first = ops.convert_to_numpy(ops.sort(numbers)[: MAX_EXAMPLES + 1])
    return tuple(int(number) for number in first if number < tensor.shape[0])


def examples_with(tensor: Tensor) -> int:
    """How many examples, along the first axis, have an entry that is not zero."""
    if not tensor.shape:
        return count_of(ops.not_equal(tensor, 0))
    return count_of(ops.any(ops.reshape(ops.not_equal(tensor, 0), (tensor.shape[0], -1)), axis=1))


def count_of(mask: Tensor) -> int:
    """How many entries of a mask are true."""
    return int(ops.convert_to_numpy(_counted()(mask)))


@functools.cache
def _counted() -> Any:
    return backends.current().compiled(lambda mask: ops.sum(ops.cast(mask, "int32")))
