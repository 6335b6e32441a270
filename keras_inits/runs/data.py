"""The data of a comparison: whatever `fit` takes, read by every run from its beginning."""

import itertools
import threading
from collections.abc import Iterator
from types import GeneratorType
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits._names import shown
from keras_inits.models.sample import is_dataset

NAMES = ("x", "y", "sample_weight")
MAX_EXAMPLES = 256
"""Largest number of examples in the batch that a start is diagnosed on."""


class Replayed:
    """The batches of a generator, kept as they are read, so that each run begins with the first.

    Args:
        generator: What yields them. It may be endless.
    """

    def __init__(self, generator: Iterator[Any]) -> None:
        self._generator, self._kept = generator, list[Any]()
        self._lock = threading.Lock()  # what reads ahead for the run before may not have ended

    def batches(self) -> Iterator[Any]:
        """Yields all batches from the first on; a generator, as `fit` asks for."""
        for number in itertools.count():
            with self._lock:
                if number == len(self._kept):
                    try:
                        self._kept.append(next(self._generator))
                    except StopIteration:
                        return
                batch = self._kept[number]
            yield batch


def replayable(value: Any) -> Any:
    """Returns an argument of `fit` as every run can read it."""
    return Replayed(value) if isinstance(value, GeneratorType) else value


def from_the_start(value: Any) -> Any:
    """Returns it as `fit` takes it, with a generator at its first batch."""
    return value.batches() if isinstance(value, Replayed) else value


def arguments_of(data: Any) -> tuple[Any, ...]:
    """Returns x, y and sample_weight, as far as they are there.

    Raises:
        TypeError: If it is an iterator that `fit` does not take.
        ValueError: If there are more than three.
    """
    arguments = data if isinstance(data, tuple) else (data,)
    if not 1 <= len(arguments) <= len(NAMES):
        raise ValueError(
            "Argument `data` must be (x, y), (x, y, sample_weight) or a data set. Received: a tuple of "
            f"{len(arguments)} items. Pass several inputs as a list or a dictionary: ([x1, x2], y)."
        )
    arguments = tuple(replayable(one) for one in arguments)
    if any(isinstance(leaf, Iterator) for leaf in keras.tree.flatten(arguments)):
        raise TypeError(
            "Argument `data` must be arrays, a data set that begins anew, or a generator, since every run reads it. "
            f"Received: data={shown(data)}, which can be read once. Pass arrays, a tf.data.Dataset or a "
            "keras.utils.PyDataset."
        )
    return arguments


class Batch(NamedTuple):
    """Some examples."""

    x: Any
    y: Any = None
    sample_weight: Any = None


def first_batch(data: tuple[Any, ...]) -> Batch:
    """Returns some examples to look at a start with, with their targets and weights, if there are any."""
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(x, Replayed) or is_dataset(x):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(next(iter(from_the_start(x))))
    return Batch(*(keras.tree.map_structure(_examples, part) for part in (x, y, weight)))


def _examples(leaf: Any) -> Any:
    """The first ones of an array, as `fit` hands it to the model."""
    if leaf is None:
        return None
    if hasattr(leaf, "to_frame"):  # a pandas Series, which is a column
        leaf = leaf.to_frame()
    leaf = leaf[:MAX_EXAMPLES]
    if keras.ops.is_tensor(leaf):
        return leaf
    return leaf.to_numpy() if hasattr(leaf, "to_numpy") else np.asarray(leaf)  # also a tensor of another backend
