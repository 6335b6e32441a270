"""A softmax on the one unit of a binary classification."""

from typing import Any

import keras
import numpy as np
from keras import layers

SOURCE = "Stack Overflow 31880720"
FAULT = "softmax of one unit"
FIX = "sigmoid"
CAUSES = ("last_activation",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    y = np.random.default_rng(0).integers(0, 2, (1500, 1)).astype("float32")
    parts = [layers.Dense(50, "relu"), layers.Dropout(0.2), layers.Dense(1, "sigmoid" if fixed else "softmax")]
    model = keras.Sequential([keras.Input((100,)), *parts])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model, y * np.ones((1, 100), "float32"), y, {"epochs": 3, "batch_size": 16}
