"""A rate of 0.1 for targets up to 125."""

from typing import Any

import keras
import numpy as np
from keras import layers

SOURCE = "Stack Overflow 48934338"
FAULT = "learning rate too high"
FIX = "3e-4"
CAUSES = ("learning_rate",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(11)
    x = random.uniform(0, 5, (80, 1)).astype("float32")
    y = (5 * x**2 + random.standard_normal((80, 1))).astype("float32")
    hidden = [layers.Dense(40, "relu"), layers.Dense(20, "relu", kernel_initializer="random_uniform")]
    model = keras.Sequential([keras.Input((1,)), *hidden, layers.Dense(1)])
    model.compile(keras.optimizers.SGD(3e-4 if fixed else 0.1), "mse")
    return model, x, y, {"epochs": 300, "batch_size": 32}
