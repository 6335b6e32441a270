"""The numbers of a batch: what the model is given, before any layer."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits._names import shown
from keras_inits.diagnosis.counts import bad_examples, nonfinite_count
from keras_inits.diagnosis.numbers import Moments, mean_cosine
from keras_inits.diagnosis.reductions import across_examples, merged, reduced
from keras_inits.models.sample import is_dataset


class Nonfinite(NamedTuple):
    """Values that are infinite or not a number."""

    values: int
    examples: tuple[int, ...]
    """The first examples that have one."""


class BatchNumbers(NamedTuple):
    """Statistics of a batch."""

    inputs: Moments | None
    """Moments of all inputs that are floating-point numbers; None if there are none."""
    bad_inputs: Nonfinite
    bad_targets: Nonfinite
    loss_is_finite: bool = True
    examples: int = 0
    are_equal: bool = False
    """Whether all examples are the same, of two or more."""
    are_zero: bool = False
    """Whether all inputs of all examples are zero, as of blank images or of padding."""
    across: float | None = None
    """The inputs' deviation across examples, the largest of several; None if they are no floating-point numbers."""

    @property
    def alike(self) -> float | None:
        """The mean cosine between two examples' inputs."""
        return None if self.inputs is None else mean_cosine(self.inputs, self.across, self.examples)

    @property
    def is_finite(self) -> bool:
        """Whether all inputs and targets are finite."""
        return not (self.bad_inputs.values or self.bad_targets.values)


def batch_of(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Returns one batch of what `fit` takes: as it is, or the first one of a data set.

    Raises:
        ValueError: If there are targets or weights beside a data set, which has its own, or it has no batch.
    """
    if isinstance(x, Iterator) or not is_dataset(x):
        return x, y, sample_weight
    if y is not None or sample_weight is not None:
        raise ValueError(
            f"A data set yields its targets and weights itself. Received: x={shown(x)} and beside it "
            f"{'y' if y is not None else 'sample_weight'}. Expected the data set alone. Leave the others out."
        )
    batch = x[0] if isinstance(x, keras.utils.PyDataset) and x.num_batches != 0 else next(iter(x), None)
    if batch is None:
        raise ValueError(
            f"A diagnosis is of a batch of examples. Received: x={shown(x)}, which yields none. Expected some hundred. "
            "Pass the data set that the model is to be trained on."
        )
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    return x, y, sample_weight


def batch_numbers(x: Any, y: Any) -> BatchNumbers:
    """Looks at the inputs and the targets.

    Raises:
        ValueError: If there are no examples.
    """
    inputs, targets = _leaves(x), _leaves(y)
    if any(leaf.shape[:1] == (0,) for leaf in inputs):
        shapes = [tuple(leaf.shape) for leaf in inputs]
        raise ValueError(
            f"A diagnosis is of a batch of examples. Received: x of the shapes {shapes}, without any. Expected some "
            "hundred. Pass the first batch that the model is to be trained on."
        )
    tensors = [keras.ops.convert_to_tensor(leaf) for leaf in inputs if _is_float(leaf)]
    found = [reduced(tensor) for tensor in tensors]
    moments = merged([(one.entries, one.moments) for one in found]) if found else None
    bad_targets = [keras.ops.convert_to_tensor(leaf) for leaf in targets if _is_float(leaf)]
    examples = max((int(leaf.shape[0]) for leaf in inputs if leaf.shape), default=0)
    are_equal = examples > 1 and all(_all(leaf, leaf[:1]) for leaf in inputs if leaf.shape)
    are_zero = examples > 0 and all(_all(leaf, 0) for leaf in inputs)
    bad = _nonfinite(tensors), _nonfinite(bad_targets)
    pairs = [
        across for tensor, one in zip(tensors, found, strict=True) if (across := across_examples(tensor, one.moments))
    ]
    return BatchNumbers(
        moments, *bad, examples=examples, are_equal=are_equal, are_zero=are_zero, across=max(pairs, default=None)
    )


def _all(leaf: Any, value: Any) -> bool:
    """Whether all entries are equal to this."""
    if isinstance(leaf, np.ndarray):
        return bool(np.all(leaf == value))
    try:
        return bool(keras.ops.convert_to_numpy(keras.ops.all(keras.ops.equal(leaf, value))))
    except (TypeError, ValueError):  # of a dtype that Keras does not compare, such as a tensor of text
        return False


def _nonfinite(tensors: list[Any]) -> Nonfinite:
    bad = [(count, tensor) for tensor in tensors if (count := nonfinite_count(tensor))]
    examples = sorted({number for _, tensor in bad for number in bad_examples(tensor)})
    return Nonfinite(sum(count for count, _ in bad), tuple(examples))


def _leaves(values: Any) -> list[Any]:
    leaves = [] if values is None else keras.tree.flatten(values)
    return [leaf if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]


def _is_float(leaf: Any) -> bool:
    try:
        return "float" in keras.backend.standardize_dtype(leaf.dtype)
    except ValueError:  # of a dtype that no backend has, such as that of text
        return False
