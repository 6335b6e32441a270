"""Inputs up to 100, targets up to 1e8."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import standardised

SOURCE = "Stack Overflow 52800582"
FAULT = "neither inputs nor targets scaled"
FIX = "both standardised"
CAUSES = ("unscaled_inputs", "targets")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    x = np.random.default_rng(13).uniform(-100, 100, (400, 1)).astype("float32")
    y = x**4
    x, y = (standardised(x), standardised(y)) if fixed else (x, y)
    model = keras.Sequential([keras.Input((1,)), layers.Dense(50, "sigmoid"), layers.Dense(50, "elu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, x, y, {"epochs": 150, "batch_size": 100}
