"""Columns of 1 to 100,000 into tanh."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import one_hot, standardised

SOURCE = "Stack Overflow 34673164"
FAULT = "inputs that are not scaled, squared error of a softmax"
FIX = "batch normalisation, sigmoid, binary cross-entropy"
CAUSES = ("unscaled_inputs",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(4)
    large, small = random.lognormal(10, 1.5, (120, 4)), random.normal(30, 4, (120, 8))
    x = np.concatenate([large, small], 1).astype("float32")
    y = one_hot((standardised(x)[:, 5] + standardised(x)[:, 9] > 0).astype(int))
    parts = [layers.BatchNormalization()] if fixed else []
    parts += [layers.Dense(48, "tanh"), layers.Dropout(0.3), layers.Dense(48, "tanh")]
    model = keras.Sequential([keras.Input((12,)), *parts, layers.Dense(2, "sigmoid" if fixed else "softmax")])
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    model.compile(optimizer, "binary_crossentropy" if fixed else "mse", metrics=["accuracy"])
    return model, x, y, {"epochs": 40, "batch_size": 16}
