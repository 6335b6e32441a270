"""The only room that imports TensorFlow, JAX or torch: one file for each, with the same few functions.

    host array        -> to_tensor        -> the backend's tensor
    optimizer's step  -> recording_step   -> the same step, which also hands out a row of gradient norms

`current()` is the module of the backend that Keras runs on. The other two are never imported.
"""

import importlib
from types import ModuleType

import keras
from keras.src.backend.common.stateless_scope import in_stateless_scope

__all__ = ["current", "is_symbolic"]

SUPPORTED = ("tensorflow", "jax", "torch")


def current() -> ModuleType:
    """Returns the file of this room for the backend that Keras runs on.

    Raises:
        ImportError: If Keras runs on a backend without such a file.
    """
    name = keras.backend.backend()
    if name not in SUPPORTED:
        raise ImportError(
            f"Keras runs on the backend {name!r}. keras_inits expects one of {', '.join(SUPPORTED)}. "
            "Set the environment variable KERAS_BACKEND to one of them before Keras is imported."
        )
    return importlib.import_module(f"{__name__}.{name}")


def is_symbolic() -> bool:
    """Whether Keras only wants to know shapes and dtypes: it calls initializers then, and throws the values away."""
    return in_stateless_scope() or current().on_meta_device()
