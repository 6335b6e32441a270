"""No activations, a squared error of classes, and a rate of 3."""

from typing import Any

import keras
from keras import layers

from programs.data import digits, one_hot

SOURCE = "Stack Overflow 48385830"
FAULT = "no activations, squared error, learning rate 3, weights of 1"
FIX = "sigmoid and softmax, cross-entropy"
CAUSES = ("first_loss", "learning_rate")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    images, labels = digits(16)
    law = keras.initializers.RandomNormal(stddev=1.0)
    hidden = layers.Dense(30, "sigmoid" if fixed else None, kernel_initializer=law)
    model = keras.Sequential([keras.Input((256,)), hidden, layers.Dense(10, "softmax" if fixed else None)])
    optimizer = keras.optimizers.SGD(1.0 if fixed else 3.0)
    model.compile(optimizer, "categorical_crossentropy" if fixed else "mse", metrics=["accuracy"])
    return model, images.reshape(len(images), -1), one_hot(labels), {"epochs": 20, "batch_size": 16}
