"""A tanh network whose hidden kernels are zero."""

from typing import Any

import keras
from keras import layers

from programs.data import blobs

SOURCE = "AutoTrainer, variants of its network for blobs"
FAULT = "constant weights"
FIX = "Glorot's initializer"
CAUSES = ("symmetric_units",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    x, y = blobs()
    law = "glorot_uniform" if fixed else "zeros"
    hidden = [layers.Dense(5, "tanh", kernel_initializer=law) for _ in range(5)]
    model = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(3, "softmax", kernel_initializer="he_uniform")])
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    return model, x, y, {"epochs": 60, "batch_size": 32}
