"""Has a model compute once what it is told to compute again on the way back, so that each layer shows its values."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras

from keras_inits._keras import without_remat
from keras_inits.backends import swapped
from keras_inits.layers.tree import walk_layers


@contextlib.contextmanager
def computed_once(model: Any) -> Iterator[None]:
    """Passes over `RematScope` and `keras.remat` for as long as the block runs; the numbers are the same.

    What `keras.remat` made of a layer before, and the model has as an attribute, JAX would run with the weights that
    the layer had at its first call.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(without_remat())
        for _, layer in walk_layers(model):
            stack.enter_context(swapped(layer, "_remat_mode", None))
            for name, value in list(vars(layer).items()):
                run = _of_layer(value) if not hasattr(type(layer), name) else None  # Keras wraps `build`
                if run is not None:
                    stack.enter_context(swapped(layer, name, run))
        yield


def _of_layer(value: Any) -> Callable[..., Any] | None:
    """The layer behind a function that stands for its call or its method; None for anything else."""
    wrapped: Any = getattr(value, "__wrapped__", None)
    if isinstance(wrapped, keras.Layer):
        return functools.partial(_call, wrapped, "__call__")
    owner = getattr(wrapped, "__self__", None)
    return functools.partial(_call, owner, wrapped.__name__) if isinstance(owner, keras.Layer) else None


def _call(layer: Any, method: str, *arguments: Any, **options: Any) -> Any:
    """Looks the method up now, when a probe may stand in its place."""
    return getattr(layer, method)(*arguments, **options)
