"""Class numbers divided by 255."""

from typing import Any

import keras
from keras import layers

from programs.data import digits

SOURCE = "Stack Overflow 59325381"
FAULT = "labels that were scaled with the pixels"
FIX = "whole labels"
CAUSES = ("targets",)


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    images, labels = digits(8)
    parts = [layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *parts, layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    y = labels[:, None].astype("float32")
    return model, images[..., None], y if fixed else y / 255, {"epochs": 8, "batch_size": 32}
