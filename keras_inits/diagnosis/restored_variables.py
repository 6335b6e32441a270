"""A block after which variables have the values that they had, to the bit."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras

Tensor = Any

SEED = 0
"""Seed of the weights that are drawn to try a remedy."""


def copy_of(variable: Any) -> Tensor:
    """Its value, in memory of its own."""
    return keras.ops.copy(keras.ops.convert_to_tensor(variable))


@contextlib.contextmanager
def kept(variables: Sequence[Any]) -> Iterator[None]:
    """Puts the values of these variables back, whatever ends the block."""
    before = [copy_of(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
