"""A sigmoid at the end of a regression up to 100."""

from typing import Any

import keras
import numpy as np
from keras import layers

SOURCE = "Stack Overflow 48221692"
FAULT = "sigmoid at the end of a regression"
FIX = "a linear end"
CAUSES = ("last_activation",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    x = np.random.default_rng(10).uniform(-10, 10, (300, 1)).astype("float32")
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(8, "sigmoid"), layers.Dense(1, None if fixed else "sigmoid")]
    )
    model.compile("sgd", "mse")
    return model, x, x**2 + 3, {"epochs": 300, "batch_size": 100}
