"""Three classes at one sigmoid unit."""

from typing import Any

import keras
from keras import layers

from programs.data import digits

SOURCE = "Stack Overflow 50079585"
FAULT = "three class numbers, one unit, binary cross-entropy"
FIX = "three units, softmax, sparse cross-entropy"
CAUSES = ("targets", "last_activation")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    images, labels = digits(8)
    x, y = images[labels < 3][..., None], labels[labels < 3][:, None].astype("float32")
    end = layers.Dense(3, "softmax") if fixed else layers.Dense(1, "sigmoid")
    parts = [layers.Conv2D(12, 3, activation="relu"), layers.Flatten(), layers.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *parts, end])
    loss = "sparse_categorical_crossentropy" if fixed else "binary_crossentropy"
    model.compile("rmsprop", loss, metrics=["accuracy"])
    return model, x, y, {"epochs": 10, "batch_size": 16}
