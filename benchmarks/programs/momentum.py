"""Momentum and a rate of 0.1 in a convolutional network: units die after some steps."""

from typing import Any

import keras
from keras import layers

from programs.data import digits, one_hot

SOURCE = "Stack Overflow 37624102"
FAULT = "learning rate too high"
FIX = "0.01"
CAUSES = ("learning_rate", "alert")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    images, labels = digits(16)
    parts = [layers.Conv2D(width, 3, padding="same", activation="relu") for width in (16, 16)]
    parts += [layers.MaxPooling2D(), layers.Conv2D(24, 3, activation="relu"), layers.Flatten()]
    parts += [layers.Dense(128, "relu"), layers.Dropout(0.5), layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((16, 16, 1)), *parts])
    model.compile(
        keras.optimizers.SGD(0.01 if fixed else 0.3, momentum=0.9, nesterov=True),
        "categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model, images[..., None], one_hot(labels), {"epochs": 8, "batch_size": 32}
