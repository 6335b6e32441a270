"""Seventeen ReLU layers that start within 0.05."""

from typing import Any

import keras
from keras import layers

from programs.data import digits, one_hot

SOURCE = "AutoTrainer, MNIST"
FAULT = "weights far too small"
FIX = "He's initializer"
CAUSES = ("vanishing_signal", "vanishing_gradient")


def build(fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The model, x, y and the arguments of `fit`."""
    images, labels = digits(16)
    law = "he_normal" if fixed else "random_uniform"
    parts = [layers.Conv2D(8, 3, activation="relu", kernel_initializer=law), layers.MaxPooling2D(), layers.Flatten()]
    parts += [layers.Dense(48, "relu", kernel_initializer=law) for _ in range(15)]
    model = keras.Sequential([keras.Input((16, 16, 1)), *parts, layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"])
    return model, images[..., None], one_hot(labels), {"epochs": 15, "batch_size": 64}
