"""Private names of Keras, each behind a function that says what it is for."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import keras
from keras.src.backend import core
from keras.src.backend.common import global_state
from keras.src.models import Functional

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


@contextlib.contextmanager
def without_remat() -> Iterator[None]:
    """In the block `keras.remat` hands functions back as they are."""
    kept = core.remat
    core.remat = lambda function: function
    try:
        yield
    finally:
        core.remat = kept


def initializer_of(variable: Any) -> Any:
    """The initializer that a variable without a value waits for; Keras keeps none of one that has a value."""
    return variable._initializer


def own_trainable(layer: Any) -> list[Any]:
    """The variables that a layer itself made to be trained, frozen or not; public lists hold those of sublayers too."""
    return list(layer._trainable_variables)


def own_variables(layer: Any) -> list[Any]:
    """The variables that a layer itself made, to be trained or not, without those of its sublayers."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def unnumbered(name: str) -> str:
    """The name of a variable without the number that Keras puts behind "variable", its word for one without a name."""
    return re.sub(r"^variable_\d+$", "variable", name)


def sublayers(layer: Any) -> list[Any]:
    """The layers that lie directly in a layer; those of a functional model in the order of its graph, then others.

    What a functional model has as attributes too, Keras lists before the rest on TensorFlow and JAX, and KerasHub has
    it listed nowhere on torch.
    """
    graph = graph_layers(layer)
    known = set(map(id, graph))
    return [*graph, *(one for one in layer._layers if id(one) not in known)]


def graph_layers(layer: Any) -> list[Any]:
    """The layers in the graph of a functional model; none for other layers."""
    return list(layer.layers) if isinstance(layer, Functional) else []


def last_of_graph(model: Any) -> Any:
    """The layer that puts out what a model with a graph does; None for other layers, other ends, several outputs."""
    outputs = getattr(model, "outputs", None) if isinstance(model, keras.Model) else None
    last = outputs[0]._keras_history.operation if outputs and len(outputs) == 1 else None
    return last if isinstance(last, keras.Layer) else None
