"""Whether labels are those of classes that the outputs have: not each backend's loss looks at it."""

from typing import Any

import keras
import numpy as np

from keras_inits.faults import ModelError
from keras_inits.models.examples import in_examples

Tensor = Any


def check_labels(loss: Any, name: str, target: Tensor, output: Tensor) -> None:
    """Looks at the targets of a loss that takes classes' numbers, and passes over all others.

    Raises:
        ModelError: If a label is negative, or no smaller than the number of classes.
    """
    if getattr(loss, "fn", None) is not keras.losses.sparse_categorical_crossentropy:
        return
    classes = output.shape[getattr(loss, "axis", -1)]
    labels = keras.ops.convert_to_numpy(target)
    off = ~((labels >= 0) & (labels < classes))  # what is not a number too
    ignored = getattr(loss, "ignore_class", None)
    counts = np.ones_like(off) if ignored is None else labels != ignored
    given, off = labels[counts], off & counts
    if not off.any():
        return
    examples = [int(number) for number in np.unique(np.nonzero(np.atleast_1d(off))[0])]
    raise ModelError(
        f"The loss of the output {name!r} takes the numbers of classes. Received: labels from {given.min():g} to "
        f"{given.max():g} for {classes} classes, out of range{in_examples(examples)}. Expected labels from 0 to "
        f"{classes - 1}. Number the classes from 0, give the last layer one unit for each, or tell the loss by "
        "ignore_class which label stands for none."
    )
