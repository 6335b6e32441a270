"""Nine exponential layers."""

from typing import Any

import keras
from keras import layers

from programs.data import blobs

SOURCE = "AutoTrainer, blobs"
FAULT = "exponential activations: values overflow"
FIX = "SELU and batch normalisation"
CAUSES = ("nonfinite", "exploding_signal")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    x, y = blobs()
    hidden = []
    for _ in range(9):
        hidden.append(layers.Dense(5, "selu" if fixed else "exponential", kernel_initializer="lecun_normal"))
        hidden += [layers.BatchNormalization()] if fixed else []
    model = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    return model, x, y, {"epochs": 60, "batch_size": 32}
