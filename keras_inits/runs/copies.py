"""Copies of what a model is built from, so that no run changes what the next one gets."""

import copy
from typing import Any

import keras

from keras_inits.runs.by_value import hides_arguments


def copied(value: Any) -> Any:
    """Returns a copy: initializers have given no values yet, optimizers and layers are as they were before any run.

    Args:
        value: An object, also in lists, tuples and dictionaries. Functions, classes and plain values are themselves.
    """
    if isinstance(value, dict):
        return {name: copied(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(copied, value))
    if isinstance(value, keras.initializers.Initializer) and not hides_arguments(value):
        return value.clone()
    return copy.deepcopy(value)
