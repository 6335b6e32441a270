"""Prices of a million, out of reach."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import standardised

SOURCE = "GitHub yetanotherdeveloper/kaggle-melbourne_properties (DeepLocalize)"
FAULT = "targets of 1e6"
FIX = "scaled targets"
CAUSES = ("targets",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    random = np.random.default_rng(3)
    x = random.standard_normal((800, 6)).astype("float32")
    prices = np.exp(13.7 + 0.3 * x[:, :1] - 0.2 * x[:, 1:2]).astype("float32")
    hidden = [layers.Dense(16, "tanh", kernel_initializer="glorot_normal") for _ in range(2)]
    model = keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(1)])
    model.compile("adam", "mae")
    return model, x, standardised(prices) if fixed else prices, {"epochs": 60, "batch_size": 32}
