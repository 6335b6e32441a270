"""Functional models through which `benchmarks/signals.py` follows signals: stacks, merges, and Keras's applications."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

ACTIVATIONS = (
    *("relu", "leaky_relu", "relu6", "elu", "selu", "celu", "silu", "hard_silu", "gelu", "mish", "softplus"),
    *("tanh", "hard_tanh", "softsign", "sigmoid", "hard_sigmoid"),
)


def relu_squared(x: Any) -> Any:
    """Of degree two: no scale of kernels keeps it over a depth."""
    return keras.ops.square(keras.ops.relu(x))


def perceptron(activation: Any, depth: int = 20, width: int = 256) -> Any:
    """Dense layers of one width, each activation a layer of its own."""
    x = inputs = keras.Input((width,))
    for _ in range(depth):
        x = layers.Activation(activation)(layers.Dense(width)(x))
    return keras.Model(inputs, layers.Dense(10)(x))


def convolutions(activation: str, pooling: Any, depth: int = 12, normalised: bool = False) -> Any:
    """Convolutions of 32 channels on images of 32 x 32, with pooling behind each fourth."""
    x = inputs = keras.Input((32, 32, 3))
    for number in range(depth):
        x = layers.Conv2D(32, 3, padding="same")(x)
        x = layers.BatchNormalization()(x) if normalised else x
        x = layers.Activation(activation)(x)
        x = pooling(2)(x) if number % 4 == 3 else x
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def residual(activation: str = "relu", normalised: bool = False, blocks: int = 12) -> Any:
    """Blocks of two convolutions around which a connection leads."""

    def convolved(x: Any) -> Any:
        x = layers.Conv2D(32, 3, padding="same")(x)
        return layers.BatchNormalization()(x) if normalised else x

    inputs = keras.Input((16, 16, 3))
    x = layers.Activation(activation)(convolved(inputs))
    for _ in range(blocks):
        branch = convolved(layers.Activation(activation)(convolved(x)))
        x = layers.Activation(activation)(layers.Add()([x, branch]))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def gated(depth: int = 12, width: int = 128) -> Any:
    """Gated linear units: the product of a dense layer and of the sigmoid of another."""
    x = inputs = keras.Input((width,))
    for _ in range(depth):
        x = layers.Multiply()([layers.Dense(width, "sigmoid")(x), layers.Dense(width)(x)])
    return keras.Model(inputs, layers.Dense(10)(x))


def concatenated(depth: int = 10, width: int = 32) -> Any:
    """Each layer reads what all before it put out."""
    inputs = keras.Input((64,))
    found = [inputs, layers.Dense(width, "relu")(inputs)]
    for _ in range(depth):
        found.append(layers.Dense(width, "relu")(layers.Concatenate()(found)))
    return keras.Model(inputs, layers.Dense(10)(layers.Concatenate()(found)))


def transformer(before: bool, blocks: int = 6, width: int = 64) -> Any:
    """Attention and two dense layers, normalised before or after."""

    def added(x: Any, branch: Callable[[Any], Any]) -> Any:
        if before:
            return layers.Add()([x, branch(layers.LayerNormalization()(x))])
        return layers.LayerNormalization()(layers.Add()([x, branch(x)]))

    def attention(x: Any) -> Any:
        return layers.MultiHeadAttention(4, width // 4)(x, x)

    def dense(x: Any) -> Any:
        return layers.Dense(width)(layers.Dense(4 * width, "gelu")(x))

    x = inputs = keras.Input((32, width))
    for _ in range(blocks):
        x = added(added(x, attention), dense)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


def application(name: str, size: int = 64) -> Any:
    """A model of keras.applications for small images."""
    build = getattr(keras.applications, name)
    return build(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)


MODELS: dict[str, Callable[[], Any]] = {
    **{f"{name}, 20 deep": functools.partial(perceptron, name) for name in ACTIVATIONS},
    "sine, 20 deep": functools.partial(perceptron, keras.ops.sin),
    "relu squared, 8 deep": functools.partial(perceptron, relu_squared, 8),
    "CNN, relu, max pooling": functools.partial(convolutions, "relu", layers.MaxPooling2D),
    "CNN, silu, mean pooling": functools.partial(convolutions, "silu", layers.AveragePooling2D),
    "CNN, batch norm": functools.partial(convolutions, "relu", layers.MaxPooling2D, normalised=True),
    "residual sums, relu": residual,
    "residual sums, silu": functools.partial(residual, "silu"),
    "residual, batch norm": functools.partial(residual, normalised=True),
    "gated": gated,
    "dense concatenation": concatenated,
    "transformer, pre-norm": functools.partial(transformer, True),
    "transformer, post-norm": functools.partial(transformer, False),
    **{
        name: functools.partial(application, name)
        for name in ("VGG16", "ResNet50", "ResNet50V2", "MobileNetV2", "EfficientNetB0", "DenseNet121", "ConvNeXtTiny")
    },
    "Xception": functools.partial(application, "Xception", 96),
    "InceptionV3": functools.partial(application, "InceptionV3", 96),
}
