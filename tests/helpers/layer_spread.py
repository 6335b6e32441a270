"""Layers without activation, and the mean square of what they make of unit-variance input."""

import math

import keras
import numpy as np
from keras import layers

from keras_inits.layers.fans import fans_of

C = 64  # channels in

SPREAD = [
    (lambda: layers.Conv2D(8, 3), (40, 40, C)),
    (lambda: layers.Conv2D(8, 3, groups=8), (40, 40, C)),
    (lambda: layers.Conv2DTranspose(8, 4, strides=2), (20, 20, C)),
    (lambda: layers.Conv2DTranspose(256, 3), (12, 12, 4)),
    (lambda: layers.Conv1DTranspose(8, 6, strides=3), (300, C)),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), (40, 40, C)),
    (lambda: layers.SeparableConv2D(8, 3), (40, 40, C)),
    (lambda: layers.EinsumDense("abc,bcd->abd", (5, 200)), (5, C)),
    (lambda: layers.EinsumDense("abc,dbc->ad", 400), (5, C)),
    (lambda: layers.SimpleRNN(400, activation=None), (1, C)),
    (lambda: layers.Dense(400), (C,)),
]


def built(make, shape):
    layer = make()
    layer.build((None, *shape))
    return layer


def spread(layer, shape):
    """The mean square of the outputs, away from the borders, and the variance of this number.

    With W of U units and n inputs each, the mean of y^2 over units is a form in x with the squared norm 1/U + 1/n; as
    many places as a window covers share their x. Of two kernels, the first's units differ by 2 / n.
    """
    x = np.random.default_rng(1).standard_normal((8 if len(shape) == 3 else 256, *shape)).astype("float32")
    y = keras.ops.convert_to_numpy(layer(x)).astype("float64")
    if "Conv" in type(layer).__name__:
        y = y[(slice(None), *(slice(4, -4) for _ in range(y.ndim - 2)))]
    kernels = [variable for variable in layer.trainable_variables if fans_of(layer, variable) is not None]
    fan_in = min(fans_of(layer, kernel)[0] for kernel in kernels)
    window = max(math.prod(kernel.shape[:-2]) for kernel in kernels) if "Conv" in type(layer).__name__ else 1
    variance = 2 * (1 / y.shape[-1] + 1 / fan_in) * window / (y.size / y.shape[-1])
    if hasattr(layer, "pointwise_kernel"):
        variance += 3 * 2 / fan_in / C
    assert variance < 0.12**2
    return np.mean(y**2), variance
