"""Logits that the loss takes for probabilities, at a rate below zero."""

from typing import Any

import keras
from keras import layers

from programs.data import digits

SOURCE = "Umlaut, second program of its study"
FAULT = "from_logits missing, learning rate -1e5"
FIX = "from_logits=True, 0.1"
CAUSES = ("last_activation", "rate_not_positive")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    images, labels = digits(8)
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=fixed)
    model.compile(keras.optimizers.SGD(0.1 if fixed else -1e5), loss, metrics=["accuracy"])
    return model, images, labels, {"epochs": 30, "batch_size": 32}
