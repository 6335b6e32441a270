"""A ReLU as the last activation, and columns of a billion."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import standardised

SOURCE = "Stack Overflow 44066044"
FAULT = "inputs that are not scaled, ReLU with binary cross-entropy"
FIX = "standardised inputs, sigmoid"
CAUSES = ("last_activation", "unscaled_inputs")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(7)
    x = random.standard_normal((700, 5)) * [1, 3, 1e9, 10, 1] + [0, 5, 3e9, 40, 1]
    x = x.astype("float32")
    y = (standardised(x)[:, :1] + standardised(x)[:, 1:2] > 0).astype("float32")
    parts = [layers.Dense(16, "relu"), layers.Dense(8, "relu"), layers.Dense(1, "sigmoid" if fixed else "relu")]
    model = keras.Sequential([keras.Input((5,)), *parts])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, standardised(x) if fixed else x, y, {"epochs": 40, "batch_size": 32}
