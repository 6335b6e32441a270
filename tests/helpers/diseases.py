"""Networks with a planted disease, one for each kind of finding."""

import keras
import numpy as np
from keras import layers

from keras_inits import Constant, Normal, initialize


def batch(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def deep(depth=16, width=64, activation="relu", outputs=10):
    names = [f"hidden_{number:02d}" for number in range(depth)]
    hidden = [layers.Dense(width, activation, name=name) for name in names]
    return keras.Sequential([keras.Input((width,)), *hidden, layers.Dense(outputs, name="head")])


def planted(law, **options):
    model = deep(**options)
    initialize(model, law, seed=1)
    return model, batch(128, 64)


def with_biases(value, share, *names):
    model = deep()
    initialize(model, seed=1)
    for name in names:
        layer = model.get_layer(name)
        kernel, bias = layer.get_weights()
        bias[: round(share * bias.size)] = value
        layer.set_weights([kernel, bias])
    return model, batch(128, 64)


def with_nan():
    model, x = planted("auto")
    kernel, bias = model.get_layer("hidden_03").get_weights()
    kernel[0, 0] = np.nan
    model.get_layer("hidden_03").set_weights([kernel, bias])
    return model, x


def depthwise():
    parts = [layers.DepthwiseConv2D(3, name="depthwise"), layers.Conv2DTranspose(16, 3, strides=2, name="up")]
    model = keras.Sequential([keras.Input((8, 8, 64)), *parts])
    for layer in parts:
        weights = layer.get_weights()
        values = keras.initializers.HeNormal(seed=1)(weights[0].shape)
        layer.set_weights([keras.ops.convert_to_numpy(values), *weights[1:]])
    return model, batch(16, 8, 8, 64)


def in_float16():
    keras.config.set_dtype_policy("mixed_float16")
    model = deep(depth=3)
    initialize(model, Normal(1.5), seed=1)
    return model, batch(128, 64)


def rounded():
    model, x = planted("auto", depth=3)
    inputs = keras.Input((64,))
    hidden = keras.ops.round(model.layers[1](model.layers[0](inputs)))
    return keras.Model(inputs, model.layers[3](model.layers[2](hidden))), x


def blank():
    model, x = planted("auto", depth=3)
    return model, 0 * x


# What is planted, which findings it has, and the layers that the first of these names.
DISEASES = {
    "symmetric_units": (lambda: planted(Constant(0.0), activation="tanh"), ["symmetric_units"]),
    "nonfinite": (with_nan, ["nonfinite"]),
    "same_examples": (blank, ["same_examples"]),
    "no_gradient": (rounded, ["no_gradient"]),
    "dead_layer": (lambda: with_biases(-1000.0, 1.0, "hidden_05"), ["dead_layer"]),
    "dead_units": (lambda: with_biases(-1000.0, 0.9, "hidden_05"), ["dead_units"]),
    "saturated": (lambda: planted(Normal(5.0), activation="tanh", depth=2), ["saturated"]),
    "vanishing_signal": (lambda: planted(Normal(0.01)), ["vanishing_signal", "vanishing_gradient"]),
    "exploding_signal": (lambda: planted(Normal(1.0)), ["exploding_signal", "exploding_gradient"]),
    "vanishing_gradient": (lambda: planted(Normal(0.05), activation="sigmoid", depth=6), ["vanishing_gradient"]),
    "exploding_gradient": (lambda: planted(Normal(0.5), activation="tanh", depth=30), ["exploding_gradient"]),
    "wrong_fans": (depthwise, ["wrong_fans"]),
    "dtype_range": (in_float16, ["exploding_signal", "dtype_range"]),
}
