"""A softmax for several labels at once."""

from typing import Any

import keras
import numpy as np
from keras import layers

SOURCE = "Stack Overflow 38648195"
FAULT = "softmax and squared error for labels that do not exclude one another"
FIX = "sigmoid, binary cross-entropy"
CAUSES = ("last_activation",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(5)
    x = random.standard_normal((600, 10)).astype("float32")
    y = (x @ random.standard_normal((10, 4)) > 0).astype("float32")
    hidden = [layers.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((10,)), *hidden, layers.Dense(4, "sigmoid" if fixed else "softmax")])
    model.compile(keras.optimizers.SGD(0.05), "binary_crossentropy" if fixed else "mse", metrics=["accuracy"])
    return model, x, y, {"epochs": 30, "batch_size": 16}
