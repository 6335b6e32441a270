"""From data as `fit` takes them to the examples that a start looks at: arrays, evenly spaced over all there are."""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

MAX_EXAMPLES = 10_000
"""Examples that means and deviations are taken of: they are right to one percent of a deviation."""
LEAST = 512
ENTRIES = 1 << 26
"""Numbers that are looked at in the inputs, and in the targets, at the most: a quarter of a gigabyte."""


class Sample(NamedTuple):
    """Some examples; each part is a structure of arrays with an example a row."""

    x: Any
    y: Any = None  # of more examples than x: classes may be rare
    sample_weight: Any = None  # of those of y

    def some(self, count: int) -> Any:
        """The inputs of so many examples at the most, evenly spaced."""
        return _spaced(self.x, -(-_lengths(self.x)[0] // count))


def sample_of(data: Any) -> Sample:
    """Returns some examples of x, (x, y), (x, y, sample_weight), or of a data set that yields batches of them.

    Raises:
        TypeError: If it is an iterator, whose batches would be lost to the training.
        ValueError: If it is none of these, has no examples, parts of different lengths, or values that are not finite.
    """
    if any(isinstance(leaf, Iterator) for leaf in keras.tree.flatten(data)):
        raise TypeError(
            f"initialize() received data={data!r}, which can be read once: the batches that it reads would be lost to "
            "the training. Expected arrays, or a data set that begins anew. Pass arrays, a tf.data.Dataset or a "
            "keras.utils.PyDataset."
        )
    parts = data if isinstance(data, tuple) else (data,)
    if not 1 <= len(parts) <= 3 or parts[0] is None:
        raise ValueError(
            f"initialize() received as data a tuple of {len(parts)} items. Expected (x, y) or (x, y, sample_weight), "
            "x alone, or a data set. Pass several inputs as a list or a dictionary: data=([x1, x2], y)."
        )
    if is_dataset(parts[0]):
        parts = _read(parts[0])
    parts = tuple(None if part is None else keras.tree.map_structure(_sliceable, part) for part in parts)
    x, y, weight = (*parts, None, None)[:3]
    _check_lengths({"x": x, "y": y, "sample_weight": weight})
    inputs, targets = _step(x, MAX_EXAMPLES), 1 if y is None else _step(y, ENTRIES)
    sample = Sample(_spaced(x, inputs), _spaced(y, targets), _spaced(weight, targets))
    _check_finite(sample.x)
    return sample


def is_dataset(x: Any) -> bool:
    """Whether this yields batches, as `tf.data.Dataset`, `PyDataset` and `DataLoader` do, and is no array."""
    leaf = keras.tree.flatten(x)[:1]
    known = isinstance(x, (str, bytes, int, float)) or hasattr(x, "dtype") or hasattr(x, "to_numpy")
    return bool(leaf) and leaf[0] is x and not known


def _read(dataset: Any) -> tuple[Any, ...]:
    """The first examples of a data set, which may be endless."""
    batches, count = [], 0
    indexed = isinstance(dataset, keras.utils.PyDataset)
    numbers = itertools.count() if not indexed or dataset.num_batches is None else range(dataset.num_batches)
    for batch in (dataset[number] for number in numbers) if indexed else iter(dataset):
        parts = batch if isinstance(batch, (tuple, list)) else (batch,)
        batches.append([keras.tree.map_structure(_array, part) for part in parts])
        count += _lengths(batches[-1][0])[0]
        entries = sum(math.prod(leaf.shape[1:]) for leaf in keras.tree.flatten(batches[-1][0]))
        if count >= MAX_EXAMPLES or count * entries >= ENTRIES:
            break
    if not batches:
        raise ValueError(
            f"initialize() received data={dataset!r}, which yields no batch. Expected some hundred examples. "
            "Pass the data set that the model is to be trained on."
        )
    return tuple(
        None if parts[0] is None else keras.tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)
        for parts in zip(*batches, strict=True)
    )


def _sliceable(leaf: Any) -> Any:
    return leaf if leaf is None or hasattr(leaf, "shape") else np.asarray(leaf)


def _step(part: Any, most: int) -> int:
    """Every which example is taken, for so many of them, and for as many numbers as memory should hold."""
    leaves = [leaf for leaf in keras.tree.flatten(part) if leaf is not None]
    entries = sum(math.prod(tuple(leaf.shape)[1:]) for leaf in leaves)
    count = min(most, max(LEAST, ENTRIES // max(1, entries)))
    return max(1, -(-_lengths(part)[0] // int(count)))


def _spaced(part: Any, step: int) -> Any:
    """Not the first ones: data sets are often sorted by class or by time."""

    def of(leaf: Any) -> Any:
        return None if leaf is None else _array(leaf.iloc[::step] if hasattr(leaf, "iloc") else leaf[::step])

    return None if part is None else keras.tree.map_structure(of, part)


def _array(leaf: Any) -> Any:
    if leaf is None:
        return None
    if keras.ops.is_tensor(leaf):
        return keras.ops.convert_to_numpy(leaf)
    return leaf.to_numpy() if hasattr(leaf, "to_numpy") else np.asarray(leaf)  # also a tensor of another backend


def _lengths(part: Any) -> list[int]:
    leaves = [leaf for leaf in keras.tree.flatten(part) if leaf is not None]
    return [int(leaf.shape[0]) if len(leaf.shape) else 0 for leaf in leaves]


def _check_lengths(parts: dict[str, Any]) -> None:
    given = {name: part for name, part in parts.items() if part is not None}
    lengths = {length for part in given.values() for length in _lengths(part)}
    if len(lengths) != 1 or 0 in lengths:
        shapes = {
            name: [tuple(leaf.shape) for leaf in keras.tree.flatten(part) if leaf is not None]
            for name, part in given.items()
        }
        raise ValueError(
            f"initialize() received data of the shapes {shapes}. Expected arrays of one length, at least one example, "
            "one a row. Pass what `fit` takes, such as data=(x, y)."
        )


def _check_finite(x: Any) -> None:
    for leaf in keras.tree.flatten(x):
        bad = np.issubdtype(leaf.dtype, np.floating) and not np.isfinite(leaf).all()
        if bad:
            raise ValueError(
                f"initialize() received as data inputs of the shape {leaf.shape}, of which "
                f"{int((~np.isfinite(leaf)).sum())} values are infinite or not a number. Expected finite ones: no "
                "weights keep such a signal. Fill them in, or drop these examples."
            )
