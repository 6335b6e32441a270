"""Sigmoids beside a categorical cross-entropy."""

from typing import Any

import keras
import numpy as np
from keras import layers

from programs.data import one_hot

SOURCE = "Stack Overflow 51930566"
FAULT = "sigmoid with categorical cross-entropy"
FIX = "softmax"
CAUSES = ("last_activation",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    from sklearn.datasets import load_iris

    found, order = load_iris(), np.random.default_rng(12).permutation(150)
    x, y = found.data[order].astype("float32"), one_hot(found.target[order])
    parts = [layers.Dense(8, "relu"), layers.Dense(3, "softmax" if fixed else "sigmoid")]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return model, x, y, {"epochs": 30, "batch_size": 8}
