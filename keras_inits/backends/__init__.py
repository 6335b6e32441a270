"""The only room that imports TensorFlow, JAX or torch: one file for each, with the same few functions.

    host array        -> to_tensor        -> the backend's tensor
    parts, layout     -> to_sharded       -> the backend's tensor, each part on its devices
    host's code       -> untraced         -> the same, as it is, where the backend would translate it
    nothing           -> widest_float     -> the name of the most precise dtype
    model's step      -> RecordingStep    -> the same step, which also hands out a row of gradient norms

`current()` is the module of the backend that Keras runs on. The other two are never imported.
"""

import contextlib
import functools
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

__all__ = ["current", "is_symbolic"]

SUPPORTED = ("tensorflow", "jax", "torch")

ALIGNMENT = 64
"""Bytes. TensorFlow and JAX take memory over without a copy only if it begins at a multiple of this."""


@functools.cache
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
    return bool(in_symbolic_scope() or current().on_meta_device())


def no_layouts(layout: object) -> ValueError:
    """The error of a backend that Keras distributes in another way."""
    return ValueError(
        f"Argument `layout` says how JAX lays a tensor out on its devices. Received: layout={layout!r} on "
        f"{keras.backend.backend()}. Expected None. Leave it out, or set KERAS_BACKEND=jax."
    )


# What follows is shared by the three recording steps.

ROWS_WAITING = 128
"""How many rows may wait on the device before they are fetched: 128 rows of 1,000 variables take 1 MB."""

LEAST_SAFE_SQUARE = 1e-20
"""From here to the largest float32 a sum of squares is right as it is. Below it, squares may have been lost: each lost
one was under 2**-126, so a sum of n of them that still reaches 1e-20 is wrong by n * 1.2e-18 of itself at the most."""

RESCALING = 2.0**90
"""Unsafe gradients are multiplied (or divided) by this before they are squared, which is exact. The smallest normal
float32 then has the square 2**-72; the largest, 2**76, and 2**51 of those can still be added up."""

ABSENT = -1.0
"""What stands in a row where a variable had no gradient. No norm is negative, and NaN is a norm that users must see."""

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


def made_by_keras(model: Any) -> Any:
    """A training function of its own, as `fit` would make it now; the model keeps the one that it has."""
    with swapped(model, "train_function", None):
        model.make_train_function(force=True)
        return model.train_function


def loss_scale(optimizer: Any) -> Any:
    """By what the gradients that this optimizer is handed are too large: a Keras variable, a number, or None."""
    if hasattr(optimizer, "initial_scale"):  # a LossScaleOptimizer, which has its variable once it is built
        return optimizer.dynamic_scale if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor


def ring_steps(since: int, count: int, every: int, capacity: int) -> np.ndarray:
    """The recorded steps, from `since` and before `count`, that a ring still holds; each in slot `step // every`."""
    first = -(-since // every) * every
    return np.arange(first, count, every, dtype=np.int64)[-capacity:]


def norms_of(squares: np.ndarray, factors: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Rows of norms in float64, from sums of squares of gradients that were multiplied by a factor and a loss scale."""
    present = squares != ABSENT
    norms = np.sqrt(np.where(present, squares, 0.0).astype(np.float64)) / factors / scales[:, None]
    return np.where(present, norms, ABSENT)
