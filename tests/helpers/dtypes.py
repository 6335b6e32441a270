"""Dtypes that a backend has only where it is asked for them."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def all_dtypes() -> Iterator[None]:
    """A block in which Keras's backend has float64; JAX has it where it is asked for only."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)
