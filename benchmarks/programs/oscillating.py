"""A learning rate at which the loss goes up and down."""

from typing import Any

import keras
from keras import layers

from programs.data import blobs

SOURCE = "AutoTrainer, its demonstration of an oscillating loss"
FAULT = "SGD with momentum at 1.0"
FIX = "Adam"
CAUSES = ("learning_rate", "alert")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    x, y = blobs()
    hidden = [layers.Dense(20, "relu"), layers.Dense(20, "relu")]
    model = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(3, "softmax")])
    optimizer = "adam" if fixed else keras.optimizers.SGD(1.0, momentum=0.9)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model, x, y, {"epochs": 40, "batch_size": 32}
