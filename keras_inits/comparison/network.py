"""The network of the command line: dense hidden layers of one width, and an output of ten classes."""

from typing import Any

import keras

Initializer = Any

NUM_PIXELS = 64
NUM_CLASSES = 10
WIDTH = 64
LEARNING_RATE = 0.001


def build_network(initializer: Initializer, activation: str, depth: int) -> keras.Sequential:
    """Stacks dense layers, the last of them the output, which has no activation, and compiles them.

    Args:
        initializer: Of every kernel. Biases start at zero.
        activation: Of the hidden layers, by its Keras name.
        depth: How many hidden layers.

    Example:
        >>> from keras_inits import HeNormal
        >>> [layer.name for layer in build_network(HeNormal(), "relu", 1).layers]
        ['hidden_01', 'output']
    """
    layers = [keras.Input((NUM_PIXELS,))]
    for number in range(1, depth + 1):
        layers.append(
            keras.layers.Dense(WIDTH, activation, kernel_initializer=initializer, name=f"hidden_{number:02d}")
        )
    layers.append(keras.layers.Dense(NUM_CLASSES, kernel_initializer=initializer, name="output"))
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
