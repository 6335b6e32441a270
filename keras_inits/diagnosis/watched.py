"""The layers of a model that get probes, and the weights that count for each."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

from keras_inits._keras import last_of_graph, own_variables, sublayers
from keras_inits._names import stand_in, unique
from keras_inits.layers.activations import ACTIVATIONS
from keras_inits.layers.kinds import WRAPPERS
from keras_inits.layers.scores import scoring
from keras_inits.layers.tree import walk_layers
from keras_inits.models.weights import Weight

WATCHED_WHOLE = (layers.RNN, *WRAPPERS)
"""Layers with a probe around them: JAX compiles their loop as a whole, or runs the inner layer another way."""


class Watched(NamedTuple):
    """A layer that is looked at, with the weights inside of it."""

    name: str  # the path in the model
    layer: Any
    weights: tuple[Weight, ...]
    variables: tuple[tuple[str, Any], ...]  # all of floating-point numbers, with their paths
    scores: bool  # whether its outputs only say where attention looks


def watched_layers(model: Any, weights: list[Weight], whole: Sequence[Any] = ()) -> list[Watched]:
    """Returns the layers without layers inside, those with weights of their own, and those looked at from outside.

    Args:
        model: The model.
        weights: All of its weights.
        whole: Layers to look at from outside, beside those of `WATCHED_WHOLE`.
    """

    def is_whole(layer: Any) -> bool:
        return isinstance(layer, WATCHED_WHOLE) or any(layer is one for one in whole)

    owner: dict[int, Any] = {}
    for _, layer in walk_layers(model):
        if is_whole(layer):
            for _, inner in walk_layers(layer):
                if inner is not layer:
                    owner.setdefault(id(inner), owner.get(id(layer), layer))
    variables: dict[int, list[tuple[str, Any]]] = {}
    for layer, path, variable in float_variables(model, weights):
        variables.setdefault(id(owner.get(id(layer), layer)), []).append((path, variable))
    scores = {id(one) for _, layer in walk_layers(model) for one in scoring(layer)}
    found, names = [], list[str]()
    for path, layer in walk_layers(model):
        own = tuple(weight for weight in weights if owner.get(id(weight.layer), weight.layer) is layer)
        leaf = not isinstance(layer, keras.Model) and len(list(walk_layers(layer))) == 1
        if id(layer) not in owner and (own or leaf or is_whole(layer)) and not isinstance(layer, layers.InputLayer):
            names.append(unique(path, names))
            found.append(Watched(names[-1], layer, own, tuple(variables.get(id(layer), ())), id(layer) in scores))
    return found


def float_variables(model: Any, weights: Sequence[Weight]) -> Iterator[tuple[Any, str, Any]]:
    """Each layer with each of its variables of floating-point numbers, statistics too, and that variable's path."""
    paths = {id(weight.variable): weight.path for weight in weights}
    for path, layer in walk_layers(model):
        for one in own_variables(layer):
            if "float" in one.dtype:
                yield layer, paths.get(id(one), f"{path}/{stand_in(one.name)}"), one


def enclosing(model: Any, layer: Any) -> Any:
    """The layer or model that holds this one; None for the model itself."""
    for _, candidate in walk_layers(model):
        if any(child is layer for child in sublayers(candidate)):
            return candidate
    return None


def ending_of(layer: Any) -> Any:
    """The layer with whose activation this one ends: within a wrapper that is looked at from outside, the last one."""
    while isinstance(layer, WRAPPERS):
        layer = layer.layer
        while (last := last_of_graph(layer)) is not None:
            layer = last
    return layer


def last_function_of(layer: Any) -> Any:
    """The function that a layer ends with, or is, as it is called; None for linear ones, and for what is of a cell."""
    if isinstance(layer, ACTIVATIONS):
        return layer
    own = vars(layer).get("activation")  # recurrent layers have it as a property, of the cell's
    return own if callable(own) and own is not keras.activations.linear else None


def name_of(activation: Any) -> str | None:
    """The name of an activation: `relu`, `LeakyReLU`."""
    return None if activation is None else stand_in(getattr(activation, "__name__", type(activation).__name__))


def normalised_over(layer: Any, shape: tuple[int, ...]) -> int | None:
    """Over how many values batch normalisation, as it trains, normalises each unit; None for all other layers."""
    if not isinstance(layer, layers.BatchNormalization) or not layer.trainable:
        return None
    units: int = shape[layer.axis]
    return math.prod(shape) // max(1, units)
