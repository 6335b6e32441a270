"""Eleven sigmoid layers."""

from typing import Any

import keras
from keras import layers

from programs.data import rings

SOURCE = "AutoTrainer, circles"
FAULT = "sigmoids: the gradient vanishes"
FIX = "SELU"
CAUSES = ("vanishing_signal", "vanishing_gradient", "examples_alike")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    x, y = rings()
    activation, law = ("selu", "lecun_normal") if fixed else ("sigmoid", "he_uniform")
    hidden = [layers.Dense(5, activation, kernel_initializer=law) for _ in range(11)]
    model = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model, x, y, {"epochs": 80, "batch_size": 32}
