"""Private names of Keras, each behind a function that says what it is for."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras.src.backend.common import global_state

UNINITIALIZED = "uninitialized_variables"


@contextlib.contextmanager
def variables_without_values() -> Iterator[None]:
    """Variables that are made in the block get no memory and keep their initializer; Keras forgets them afterwards.

    Keras makes such variables within a `StatelessScope`, and lists them to give them values later.
    """
    before = list(global_state.get_global_attribute(UNINITIALIZED) or ())
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(UNINITIALIZED, before)


def initializer_of(variable: Any) -> Any:
    """The initializer that a variable without a value waits for; Keras keeps none of one that has a value."""
    return variable._initializer


def own_trainable(layer: Any) -> list[Any]:
    """The variables that a layer itself made to be trained, frozen or not; public lists hold those of sublayers too."""
    return list(layer._trainable_variables)


def own_variables(layer: Any) -> list[Any]:
    """The variables that a layer itself made, to be trained or not, without those of its sublayers."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def sublayers(layer: Any) -> list[Any]:
    """The layers that lie directly in a layer."""
    return list(layer._layers)


def loss_function(loss: Any) -> tuple[Any, dict[str, Any]]:
    """The function of a loss, and the arguments that its object keeps for it."""
    return getattr(loss, "fn", loss), dict(getattr(loss, "_fn_kwargs", {}))
