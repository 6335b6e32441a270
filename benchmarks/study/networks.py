"""How the kinds' networks are built; `kernels` is the initializer of all kernels that Keras draws.

No network says of itself what a start could want to know: names tell nothing, and all is Keras's own default otherwise.
"""

from typing import Any

import keras
from keras import layers


def perceptron(
    inputs: int, outputs: int, activation: str, depth: int, width: int = 64, kernels: Any = "glorot_uniform"
) -> Any:
    """Dense layers of one width."""
    hidden = [layers.Dense(width, activation, kernel_initializer=kernels) for _ in range(depth)]
    return keras.Sequential([keras.Input((inputs,)), *hidden, layers.Dense(outputs, kernel_initializer=kernels)])


def autoencoder(kernels: Any = "glorot_uniform") -> Any:
    """From 64 numbers through eight to 64."""
    model = keras.Sequential([keras.Input((64,))])
    for width in (48, 32, 16, 8, 16, 32, 48):
        model.add(layers.Dense(width, None if width == 8 else "relu", kernel_initializer=kernels))
    model.add(layers.Dense(64, kernel_initializer=kernels))
    return model


def convolutions(stages: tuple[tuple[int, int], ...], normalised: bool = False, kernels: Any = "glorot_uniform") -> Any:
    """Convolutions as in VGG on images of 8 x 8: for each stage its channels and how many layers, then pooling."""
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for channels, count in stages:
        for _ in range(count):
            model.add(layers.Conv2D(channels, 3, padding="same", use_bias=not normalised, kernel_initializer=kernels))
            if normalised:
                model.add(layers.BatchNormalization(momentum=0.9))
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(10, kernel_initializer=kernels))
    return model


def residual(blocks: int, channels: int, normalised: bool = False, kernels: Any = "glorot_uniform") -> Any:
    """Blocks of two convolutions around which a connection leads, on images of 8 x 8."""

    def convolved(x: Any) -> Any:
        x = layers.Conv2D(channels, 3, padding="same", kernel_initializer=kernels)(x)
        return layers.BatchNormalization(momentum=0.9)(x) if normalised else x

    image = keras.Input((8, 8, 1))
    x = layers.ReLU()(convolved(image))
    for number in range(blocks):
        branch = convolved(layers.ReLU()(convolved(x)))
        x = layers.ReLU()(layers.Add()([x, branch]))
        x = layers.MaxPooling2D()(x) if number == 1 else x
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, kernel_initializer=kernels)(x))


class Block(layers.Layer):
    """Attention and two dense layers, normalised before or after: a layer of one's own, as people write it."""

    def __init__(self, width: int, before: bool, kernels: Any) -> None:
        super().__init__()
        self.before = before
        self.attention = layers.MultiHeadAttention(4, width // 4, kernel_initializer=kernels)
        self.norms = [layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
        self.wide = layers.Dense(2 * width, "gelu", kernel_initializer=kernels)
        self.narrow = layers.Dense(width, kernel_initializer=kernels)

    def build(self, shape: Any) -> None:
        """Builds what is inside."""
        self.attention.build(shape, shape)
        for norm in self.norms:
            norm.build(shape)
        self.wide.build(shape)
        self.narrow.build((*shape[:-1], self.wide.units))

    def call(self, x: Any) -> Any:
        """Adds both branches."""
        first, second = self.norms
        if self.before:
            normal = first(x)
            x = x + self.attention(normal, normal)
            return x + self.narrow(self.wide(second(x)))
        x = first(x + self.attention(x, x))
        return second(x + self.narrow(self.wide(x)))


class Positions(layers.Layer):
    """Adds a row that is learned for each place."""

    def build(self, shape: Any) -> None:
        """Keras's own start for tables."""
        self.rows = self.add_weight(shape=shape[1:], initializer="uniform", name="position_embedding")

    def call(self, x: Any) -> Any:
        """Adds the rows."""
        return x + self.rows


def transformer(
    blocks: int, before: bool, vocabulary: int = 0, outputs: int = 10, width: int = 32, kernels: Any = "glorot_uniform"
) -> Any:
    """A classifier of 16 tokens, or of eight rows of eight numbers."""
    if vocabulary:
        inputs = keras.Input((16,), dtype="int32")
        x = layers.Embedding(vocabulary, width)(inputs)
    else:
        inputs = keras.Input((8, 8))
        x = layers.Dense(width, kernel_initializer=kernels)(inputs)
    x = Positions()(x)
    for _ in range(blocks):
        x = Block(width, before, kernels)(x)
    x = layers.LayerNormalization(epsilon=1e-5)(x) if before else x
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(outputs, kernel_initializer=kernels)(x))


def recurrent(layer: str, shape: tuple[int, int], outputs: int, kernels: Any = "glorot_uniform") -> Any:
    """One recurrent layer, and what it ends with goes through a dense one."""
    memory = getattr(layers, layer)(32, kernel_initializer=kernels)
    return keras.Sequential([keras.Input(shape), memory, layers.Dense(outputs, kernel_initializer=kernels)])
