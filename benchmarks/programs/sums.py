"""A regression by binary cross-entropy."""

from typing import Any

import keras
import numpy as np
from keras import layers

SOURCE = "Stack Overflow 46642627"
FAULT = "cross-entropy for numbers, nothing scaled"
FIX = "squared error, both scaled, Adam"
CAUSES = ("last_activation", "targets", "unscaled_inputs")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(9)
    x = random.uniform(0, 400, (800, 2)).astype("float32")
    y = x.sum(1, keepdims=True)
    x, y = (x / 400 - 0.5, y / 800 - 0.5) if fixed else (x, y)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(20, "relu"), layers.Dense(1)])
    model.compile("adam" if fixed else keras.optimizers.SGD(0.01), "mse" if fixed else "binary_crossentropy")
    return model, x, y, {"epochs": 30, "batch_size": 32}
