"""The network: dense hidden layers of one width, and an output of ten classes."""

from collections.abc import Sequence
from typing import Any

import keras

Initializer = Any

NUM_PIXELS = 64
NUM_CLASSES = 10


def build_network(activation: str, width: int, initializers: Sequence[Initializer]) -> keras.Sequential:
    """Stacks one dense layer per initializer, the last of them the output, which has no activation.

    Args:
        activation: Of the hidden layers, by its Keras name.
        width: Units of each hidden layer.
        initializers: One for each kernel, from the input up. Biases start at zero.

    Example:
        >>> from keras_inits import HeNormal
        >>> [layer.name for layer in build_network("relu", 8, [HeNormal(seed=1), HeNormal(seed=2)]).layers]
        ['hidden_01', 'output']
    """
    *hidden, output = initializers
    layers = [keras.Input((NUM_PIXELS,))]
    for number, initializer in enumerate(hidden, start=1):
        layers.append(
            keras.layers.Dense(width, activation, kernel_initializer=initializer, name=f"hidden_{number:02d}")
        )
    layers.append(keras.layers.Dense(NUM_CLASSES, kernel_initializer=output, name="output"))
    return keras.Sequential(layers)
