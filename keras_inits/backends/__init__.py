"""The only room that imports TensorFlow, JAX or torch: one folder for each, with the same four modules.

    tensors          host arrays -> tensors of the backend; tracing, threads and processes
    measures         tensors -> norms, largest entries and counts, computed on the device
    differentiation  a loss -> gradients, and products with Jacobians
    recording        Keras's own training function, in which each call of an optimizer also leaves a row of measures

The module of the same name in this folder says once, as a `Protocol`, what each of them must have; mypy holds the
folders `tensorflow`, `jax` and `torch` to it. Its `current()` is the module of the backend that Keras runs on; the
others are never imported. The `current()` of this file is `tensors`.

`forks` has all of them compute in processes that were forked, as far as they can.
"""

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras

from keras_inits._keras import is_computing_shapes
from keras_inits.backends.tensors import Tensors

if TYPE_CHECKING:
    from keras_inits.backends.jax import tensors as _jax
    from keras_inits.backends.tensorflow import tensors as _tensorflow
    from keras_inits.backends.torch import tensors as _torch

    _: tuple[Tensors, ...] = (_jax, _tensorflow, _torch)

__all__ = ["current", "is_symbolic"]

SUPPORTED = ("tensorflow", "jax", "torch")
PACKAGES = (*SUPPORTED, "jaxlib", "optree")
"""The packages that the backends' objects come from."""


def current() -> Tensors:
    """Returns the functions on tensors of the backend that Keras runs on."""
    module: Tensors = of_backend("tensors")
    return module


@functools.cache
def of_backend(name: str) -> Any:
    """Returns the module of this name of the backend that Keras runs on.

    Raises:
        ImportError: If Keras runs on a backend without a folder.
    """
    backend = keras.backend.backend()
    if backend not in SUPPORTED:
        raise ImportError(
            f"Keras runs on the backend {backend!r}. keras_inits expects one of {', '.join(SUPPORTED)}. "
            "Set the environment variable KERAS_BACKEND to one of them before Keras is imported."
        )
    return importlib.import_module(f"{__name__}.{backend}.{name}")


def is_symbolic() -> bool:
    """Whether Keras only wants to know shapes and dtypes: it calls initializers then, and throws the values away."""
    return is_computing_shapes() or current().on_meta_device()


_NOTHING = object()


@contextlib.contextmanager
def swapped(owner: object, name: str, value: object) -> Iterator[None]:
    """Gives an instance another attribute for as long as the block runs, whatever ends it."""
    before = vars(owner).get(name, _NOTHING)
    object.__setattr__(owner, name, value)  # plain assignment would be tracked by Keras
    try:
        yield
    finally:
        if before is _NOTHING:
            object.__delattr__(owner, name)
        else:
            object.__setattr__(owner, name, before)
