"""Inputs that vary by two around 67."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import standardised

SOURCE = "Stack Overflow 39525358"
FAULT = "inputs that are not scaled"
FIX = "standardised inputs"
CAUSES = ("unscaled_inputs",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(6)
    x = random.normal(67, 1.5, (600, 6)).astype("float32")
    y = (x[:, :1] > 67).astype("float32")
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(16, "relu"), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, standardised(x) if fixed else x, y, {"epochs": 40, "batch_size": 32}
