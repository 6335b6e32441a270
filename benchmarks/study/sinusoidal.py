"""The start of Fernández-Hernández et al., "Sinusoidal initialization, time for a new start" (NeurIPS 2025)."""

import math
from typing import Any

import numpy as np
from keras import layers

from keras_inits import fans_of
from keras_inits._keras import all_layers

REPLACED = (layers.Dense, layers.EinsumDense, layers.Conv1D, layers.Conv2D, layers.Conv3D)
"""What the paper's code replaces the kernels of: dense layers, convolutions, and the projections of attention."""


def sinusoidal(model: Any) -> None:
    """Gives these layers waves for kernels; all else, biases of zero among it, stays as Keras drew it."""
    for layer in all_layers(model):
        if isinstance(layer, REPLACED):
            shape, fan_in = tuple(layer.kernel.shape), round(fans_of(layer, layer.kernel)[0])
            kernel = waves(fan_in, math.prod(shape) // fan_in)
            if hasattr(layer, "kernel_size"):  # whose inputs count channel by channel, in the paper's code
                layer.kernel.assign(np.moveaxis(kernel.reshape(shape[-2], *shape[:-2], shape[-1]), 0, -2))
            else:
                layer.kernel.assign(kernel.reshape(shape))


def waves(inputs: int, units: int) -> np.ndarray[Any, Any]:
    """Unit i of m has the weight a sin(2 pi i (j / n + 1 / m)) for its input j of n.

    The amplitude a is that by which the variance of all is Glorot's, 2 / (m + n).
    """
    unit, place = np.arange(1, units + 1), np.arange(inputs)
    found = np.sin(2 * math.pi * unit * (place[:, None] / inputs + 1 / units))
    return (found * math.sqrt(2 / (units + inputs)) / found.std()).astype("float32")
