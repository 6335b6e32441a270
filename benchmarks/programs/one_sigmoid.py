"""A column of 20,000 into one sigmoid, and a softmax of one unit behind it."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import standardised

SOURCE = "Stack Overflow 45442843"
FAULT = "softmax of one unit, absolute error, inputs that are not scaled"
FIX = "sigmoid, binary cross-entropy, scaled inputs"
CAUSES = ("last_activation", "unscaled_inputs")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(8)
    x = random.normal(2e4, 3e3, (900, 1)).astype("float32")
    y = (x + random.normal(0, 1e3, (900, 1)) < 2e4).astype("float32")
    parts = [layers.Dense(4 if fixed else 1, "sigmoid"), layers.Dense(1, "sigmoid" if fixed else "softmax")]
    model = keras.Sequential([keras.Input((1,)), *parts])
    model.compile(keras.optimizers.RMSprop(0.01), "binary_crossentropy" if fixed else "mae", metrics=["accuracy"])
    return model, standardised(x) if fixed else x, y, {"epochs": 40, "batch_size": 128}
