"""The activation of a layer: the function that it ends with, or is."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import activations, layers

from keras_inits.initializers.gains import GAINS, gain

ACTIVATIONS = (layers.Softmax, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU)
"""Layers that are an activation with parameters of its own."""
ACTIVATION_LAYERS = (layers.Activation, *ACTIVATIONS)
SOFTMAXES = (activations.softmax, activations.log_softmax, activations.sparsemax)

BY_CLASS = {function.__name__.replace("_", ""): function for function in GAINS}
"""Keras's activations by the class of their operation in a graph, in lower case."""


def activation_of(layer: Any) -> Any:
    """The function that a layer ends with, or is; None for others.

    Layers that do the same have the same function: `LeakyReLU(0.1)` twice, or `ReLU()` and `Activation("relu")`.
    """
    if isinstance(layer, layers.Softmax):
        return activations.softmax
    if isinstance(layer, layers.ReLU):
        parameters = (layer.max_value, float(layer.negative_slope), float(layer.threshold))
        return activations.relu if parameters == (None, 0.0, 0.0) else _relu(*parameters)
    if isinstance(layer, layers.ELU):
        return activations.elu if layer.alpha == 1 else _elu(float(layer.alpha))
    if isinstance(layer, (layers.LeakyReLU, layers.PReLU)):
        slope = _slope(layer)
        return activations.relu if slope == 0 else _relu(None, slope, 0.0)
    return getattr(layer, "activation", None)


def gain_of(operation: Any) -> float:
    """The gain of the activation that a layer or an operation of a graph is; 1 if it is none."""
    if isinstance(operation, layers.TimeDistributed):
        return gain_of(operation.layer)
    if isinstance(operation, layers.Activation):
        return gain_or_one(operation.activation)
    if isinstance(operation, layers.ReLU):
        standard = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
        parameters = {name: getattr(operation, name) for name in standard}
        return gain_or_one("relu", **{k: float(v) for k, v in parameters.items() if v != standard[k]})
    if isinstance(operation, layers.ELU):
        return gain_or_one("elu", alpha=float(operation.alpha))
    if isinstance(operation, (layers.LeakyReLU, layers.PReLU)):
        return gain_or_one("leaky_relu", negative_slope=_slope(operation))
    if isinstance(operation, keras.Layer):
        return 1.0
    # Of `keras.ops` and `keras.activations`. A parameter that it has by default leaves the constant as it is.
    function = BY_CLASS.get(type(operation).__name__.lower())
    names = ("negative_slope", "max_value", "alpha", "threshold")
    parameters = {name: getattr(operation, name) for name in names if isinstance(getattr(operation, name, None), float)}
    return gain_or_one(function, **parameters) if function is not None else 1.0


def gain_or_one(activation: Any, **parameters: float) -> float:
    """The gain of an activation, or 1 where it has none, because it mixes units."""
    try:
        return gain(activation, **parameters)
    except (TypeError, ValueError):
        return 1.0


def _slope(layer: Any) -> float:
    """The slope for negative inputs; those of PReLU start from one number, zero by default."""
    if isinstance(layer, layers.PReLU):
        return float(getattr(layer.alpha_initializer, "value", 0.0))
    return float(layer.negative_slope)


@functools.cache
def _relu(largest: float | None, slope: float, threshold: float) -> Callable[[Any], Any]:
    return lambda x: activations.relu(x, negative_slope=slope, max_value=largest, threshold=threshold)


@functools.cache
def _elu(alpha: float) -> Callable[[Any], Any]:
    return lambda x: activations.elu(x, alpha=alpha)
