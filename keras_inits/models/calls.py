"""Whether a batch can be sent through a model, before it is: what is no batch, and what has no `call`."""

from typing import Any

import keras
import numpy as np

from keras_inits._keras import sublayers
from keras_inits.models.examples import in_examples


def has_call(model: Any) -> bool:
    """Whether a batch can be sent through: a model with a `train_step` of its own may have no `call`, as a GAN."""
    return getattr(model.call, "__func__", model.call) not in (keras.Layer.call, keras.Model.call)


def check_call(model: Any) -> None:
    """Raises ValueError if the model has no `call`."""
    if has_call(model):
        return
    parts = ", ".join(repr(layer.name) for layer in sublayers(model) if has_call(layer))
    raise ValueError(
        f"diagnose sends a batch through a model. Received: {model.name!r} (of type {type(model).__name__}), which has "
        "no `call`. Expected a model that can be called. Diagnose one by one the parts that its train_step calls "
        f"({parts}), or write a `call`."
    )


def check_batch(x: Any, caller: str) -> None:
    """Raises ValueError if a part of the batch is no array or tensor: a dataset, a generator, a list of numbers."""
    kinds = {type(leaf).__name__ for leaf in keras.tree.flatten(x) if leaf is not None and not hasattr(leaf, "shape")}
    if kinds:
        raise ValueError(
            f"{caller} takes one batch of arrays or tensors, in the structure that the model takes. Received: x with "
            f"{', '.join(sorted(kinds))}. Expected arrays. Pass numpy.array(x) for a list of numbers, and of a dataset "
            "or a generator its first batch: x, y = next(iter(data))."
        )


def check_finite_batch(x: Any, caller: str) -> None:
    """Raises ValueError if the batch has values that are infinite or not a number, and names the first examples."""
    values, examples = 0, set[int]()
    for leaf in keras.tree.flatten(x):
        if leaf is not None and "float" in str(leaf.dtype):
            bad = ~np.isfinite(keras.ops.convert_to_numpy(leaf))
            values += int(np.count_nonzero(bad))
            examples |= {int(number) for number in np.unique(np.nonzero(bad)[0])} if bad.ndim else set()
    if values:
        raise ValueError(
            f"{caller} takes a batch of finite numbers. Received: {values} values of x that are infinite or not a "
            f"number{in_examples(sorted(examples))}. Expected finite numbers. Clean these examples, or leave them out. "
            "Nothing was drawn."
        )


def shapes_of(x: Any) -> Any:
    """The shapes of a batch, in its structure, for a message."""
    return keras.tree.map_structure(lambda leaf: getattr(leaf, "shape", type(leaf).__name__), x)
