"""The only room that imports TensorFlow, JAX or torch: one file for each, with the same few functions.

    host array        -> to_tensor        -> the backend's tensor
    parts, layout     -> to_sharded       -> the backend's tensor, each part on its devices
    host's code       -> untraced         -> the same, as it is, where the backend would translate it
    operations        -> compiled         -> the same as one program, where that is faster than one by one
    nothing           -> widest_float     -> the name of the most precise dtype
    nothing           -> without_threads  -> a block that computes on the caller's thread, where the backend can
    nothing           -> compute          -> a small computation, done
    nothing           -> is_first_process -> whether this process writes the files of a distributed job

`forks` has all of them compute in processes that were forked, as far as they can.

Its folders have a file for each of them too: `measures` of tensors on the device, and `recording` of a training step.
`current()` is the module of the backend that Keras runs on; the other two are never imported.
"""

import contextlib
import functools
import importlib
from collections.abc import Iterator
from types import ModuleType

import keras
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

__all__ = ["current", "is_symbolic"]

SUPPORTED = ("tensorflow", "jax", "torch")

ALIGNMENT = 64
"""Bytes. TensorFlow and JAX take memory over without a copy only if it begins at a multiple of this."""


@functools.cache
def current() -> ModuleType:
    """Returns the file of this room for the backend that Keras runs on."""
    return of_backend(__name__)


def of_backend(package: str) -> ModuleType:
    """Returns the module of this package that has the name of the backend that Keras runs on.

    Raises:
        ImportError: If Keras runs on a backend without such a file.
    """
    name = keras.backend.backend()
    if name not in SUPPORTED:
        raise ImportError(
            f"Keras runs on the backend {name!r}. keras_inits expects one of {', '.join(SUPPORTED)}. "
            "Set the environment variable KERAS_BACKEND to one of them before Keras is imported."
        )
    return importlib.import_module(f"{package}.{name}")


def is_symbolic() -> bool:
    """Whether Keras only wants to know shapes and dtypes: it calls initializers then, and throws the values away."""
    return bool(in_symbolic_scope() or current().on_meta_device())


def no_layouts(layout: object) -> ValueError:
    """The error of a backend that Keras distributes in another way."""
    return ValueError(
        f"Argument `layout` says how JAX lays a tensor out on its devices. Received: layout={layout!r} on "
        f"{keras.backend.backend()}. Expected None. Leave it out, or set KERAS_BACKEND=jax."
    )


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
