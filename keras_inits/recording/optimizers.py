"""The optimizers that train a model: the one it was compiled with, and those that it holds under other names."""

import operator
from collections.abc import Iterator, Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any

import keras

from keras_inits import backends
from keras_inits._keras import all_layers

PLAIN = (bool, int, float, str, type(None), type, FunctionType, MethodType, ModuleType)
"""Types of values that hold no optimizer."""
LIBRARIES = ("builtins", "collections", "threading", "keras", "numpy", *backends.PACKAGES)
"""Packages whose objects are not searched."""


def optimizers_of(model: Any, names: Sequence[str] | None) -> tuple[Any, ...]:
    """Returns the named optimizers, or all that are found in the model and its layers, each once.

    Args:
        model: A compiled model.
        names: Attributes of the model, such as `"generator_optimizer"` or `"generator.optimizer"`; None for all.

    Raises:
        ValueError: If an attribute is missing, or is no optimizer.
    """
    found = held_optimizers(model) if names is None else (_named(model, name) for name in names)
    return tuple({id(optimizer): optimizer for optimizer in found}.values())


def held_optimizers(model: Any) -> Iterator[Any]:
    """The optimizers that a model and its layers hold as attributes, or in what they hold there; some twice.

    They may lie in lists and dictionaries, in one another too, and in attributes of objects of a class of one's own.
    """
    if getattr(model, "optimizer", None) is not None:
        yield model.optimizer
    seen: set[int] = set()
    for layer in all_layers(model):  # whose attributes are many: a generator for each would show in an epoch
        waiting = list(vars(layer).values())
        for value in waiting:  # which grows
            if type(value) in PLAIN or id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, keras.optimizers.Optimizer):
                yield value
            elif isinstance(value, dict):
                waiting.extend(value.values())
            elif isinstance(value, (list, tuple)):
                waiting.extend(value)  # not +=, which TensorFlow's wrapper of tuples refuses
            elif type(value).__module__.partition(".")[0] not in LIBRARIES and not isinstance(value, keras.Layer):
                waiting.extend(getattr(value, "__dict__", {}).values())


def _named(model: Any, name: str) -> Any:
    optimizer = operator.attrgetter(name)(model) if _has(model, name) else None
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        names = [key for key, value in vars(model).items() if isinstance(value, keras.optimizers.Optimizer)]
        raise ValueError(
            f"GradientNormLogger received optimizer={name!r}, and the model {model.name!r} has "
            f"{'no such attribute' if optimizer is None else f'{optimizer!r} there'}. It expects the name of an "
            f"attribute that holds a Keras optimizer. Pass one of {', '.join(map(repr, sorted(names)))}."
        )
    return optimizer


def _has(model: Any, name: str) -> bool:
    try:
        operator.attrgetter(name)(model)
    except AttributeError:
        return False
    return True
