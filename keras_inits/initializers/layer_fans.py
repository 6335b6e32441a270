"""Fans of a layer's weights, from what the layer does with them: their shape alone does not tell."""

import math
from typing import Any

from keras import layers

from keras_inits.initializers.fans import Fans, compute_fans

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
GATES = {layers.SimpleRNNCell: 1, layers.GRUCell: 3, layers.LSTMCell: 4}
KERNELS = (
    *("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "embeddings", "reverse_embeddings"),
    *("lora_kernel_a", "lora_kernel_b", "lora_embeddings_a", "lora_embeddings_b"),
)


def fans_of(layer: Any, variable: Any) -> Fans | None:
    """Returns the fans of a weight: how many inputs feed a unit through it, and how many units an input feeds.

    ======================  ===============================  ========================================
    layer                   fan_in                           fan_out
    ======================  ===============================  ========================================
    dense                   inputs                           units
    convolution             window x channels in / groups    window x channels out / groups / strides
    transposed convolution  window x channels in / strides   window x channels out
    depthwise convolution   window                           window x depth multiplier / strides
    separable convolution   as the two it is made of         as the two it is made of
    einsum, attention       the sizes that are added up      the sizes that are new
    embedding               1, for a word feeds its own row  the vector's size
    recurrent               inputs, or units                 the units of one gate
    ======================  ===============================  ========================================

    Fans that strides divide are means over all positions.

    Args:
        layer: A built layer of Keras's, or one that contains it. Kernels of other layers are read as
            `VarianceScaling` reads their shape.
        variable: One of its weights.

    Returns:
        The pair, or None for what is no kernel: biases, scales, statistics.

    Raises:
        ValueError: If the layer does not own the variable.

    Example:
        >>> import keras
        >>> layer = keras.layers.DepthwiseConv2D(3)
        >>> layer.build((None, 8, 8, 64))
        >>> fans_of(layer, layer.kernel)
        (9.0, 9.0)
    """
    owner = _owner(layer, variable)
    name, shape = variable.name, tuple(variable.shape)
    ours = type(owner).__module__.startswith("keras.")
    if len(shape) < 2 or (ours and name not in KERNELS):
        return None
    if isinstance(owner, layers.EinsumDense) and name == "kernel":
        return _einsum_fans(owner.equation, shape)
    if isinstance(owner, layers.Embedding) and name in ("embeddings", "lora_embeddings_a"):
        return 1.0, float(shape[1])
    gates = gates_of(owner)
    if gates:
        return _convolution_fans((*shape[:-1], shape[-1] // gates))
    if isinstance(owner, CONVOLUTIONS) and name == "kernel":
        fan_in, fan_out = _convolution_fans(shape)
        return fan_in, fan_out / owner.groups / math.prod(owner.strides)
    if isinstance(owner, TRANSPOSED):
        fan_out, fan_in = _convolution_fans(shape)
        return fan_in / math.prod(owner.strides), fan_out
    if isinstance(owner, (*DEPTHWISE, *SEPARABLE)) and name != "pointwise_kernel":
        strides = owner.strides if isinstance(owner.strides, tuple) else (owner.strides,) * (len(shape) - 2)
        window = float(math.prod(shape[:-2]))
        return window, window * shape[-1] / math.prod(strides)
    return _convolution_fans(shape)


def gates_of(cell: Any) -> int | None:
    """How many gates' kernels a recurrent cell keeps side by side in one weight; None for other layers."""
    # Keras exports the layers ConvLSTM1D to 3D, not the cell that owns their weights.
    if type(cell).__name__ == "ConvLSTMCell":
        return 4
    return next((gates for kind, gates in GATES.items() if isinstance(cell, kind)), None)


def _owner(layer: Any, variable: Any) -> Any:
    for candidate in layer._flatten_layers():
        if any(variable is mine for mine in candidate._trainable_variables + candidate._non_trainable_variables):
            return candidate
    raise ValueError(
        f"A layer knows the fans of its own weights. Received: layer={layer.name!r}, which does not own variable="
        f"{getattr(variable, 'path', variable)!r}. Expected one of {[v.path for v in layer.weights]}. "
        "Build the layer first, and pass one of `layer.weights`."
    )


def _convolution_fans(shape: tuple[int, ...]) -> Fans:
    fan_in, fan_out = compute_fans(shape)
    return float(fan_in), float(fan_out)


def _einsum_fans(equation: str, shape: tuple[int, ...]) -> Fans:
    """A size that input, kernel and output share is neither: each of its entries is a kernel of its own."""
    operands, output = equation.replace("...", "").replace(" ", "").split("->")
    inputs, kernel = operands.split(",")
    sizes = dict(zip(kernel, shape, strict=True))
    fan_in = math.prod(size for letter, size in sizes.items() if letter not in output)
    fan_out = math.prod(size for letter, size in sizes.items() if letter not in inputs)
    return float(fan_in), float(fan_out)
