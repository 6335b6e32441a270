"""The roles of the weights of Keras's own layers, and of layers that derive from them."""

import math
from typing import Any

import keras
from keras import layers

from keras_inits.initializers.fans import Fans, compute_fans
from keras_inits.initializers.gate_biases import ForgetGateOnes
from keras_inits.layers.axes import einsum_letters
from keras_inits.layers.kinds import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED, gates_of
from keras_inits.layers.roles import Role, table

KERNELS = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "lora_kernel_a", "lora_kernel_b")
TABLES = ("embeddings", "reverse_embeddings", "lora_embeddings_a", "lora_embeddings_b")
STARTS = ("bias", "gamma", "beta", "scale", "alpha")
ABSTRACT = ("Layer", "Operation", "Model", "Functional", "Sequential", "Wrapper", "KerasSaveable")
"""Base classes that say nothing about the weights of the classes that derive from them."""


def role(layer: Any, variable: Any) -> Role | None:
    """The role of a weight of a layer of Keras's; None for other layers, and for what a derived class adds."""
    name, shape = variable.name, tuple(variable.shape)
    ours = type(layer).__module__.startswith("keras.")
    if not _family(layer) or (not ours and name not in (*KERNELS, *TABLES, *STARTS)):
        return None
    if len(shape) < 2 or name not in (*KERNELS, *TABLES):
        return Role("start", start=_start(layer, name))
    return _of_matrix(layer, name, shape)


def _family(layer: Any) -> bool:
    """Whether a class of Keras's with weights of its own stands among those that this layer derives from."""
    kinds = [kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras.")]
    return any(kind.__name__ not in ABSTRACT and issubclass(kind, keras.Layer) for kind in kinds)


def _of_matrix(layer: Any, name: str, shape: tuple[int, ...]) -> Role:
    if name in ("lora_kernel_b", "lora_embeddings_b"):  # what is added to the kernel starts from nothing
        return Role("start", _shape_fans(shape), keras.initializers.Zeros())
    if name == "embeddings" and isinstance(layer, layers.ReversibleEmbedding) and layer.tie_weights:
        return table(shape)._replace(part="tied")
    if name in ("embeddings", "lora_embeddings_a"):
        return table(shape)
    if name == "recurrent_kernel":
        gates = gates_of(layer) or 1
        return Role("recurrent", _shape_fans((*shape[:-1], shape[-1] // gates)))
    feeds = name in ("kernel", "pointwise_kernel", "depthwise_kernel") and gates_of(layer) is None
    feeds = feeds and not (isinstance(layer, SEPARABLE) and name == "depthwise_kernel")
    return Role("kernel", _kernel_fans(layer, name, shape), feeds=feeds)


def _kernel_fans(layer: Any, name: str, shape: tuple[int, ...]) -> Fans:
    if isinstance(layer, layers.EinsumDense) and name == "kernel":
        return einsum_fans(layer.equation, shape)
    gates = gates_of(layer)
    if gates:
        return _shape_fans((*shape[:-1], shape[-1] // gates))
    if isinstance(layer, CONVOLUTIONS) and name == "kernel":
        fan_in, fan_out = _shape_fans(shape)
        return fan_in, fan_out / layer.groups / math.prod(layer.strides)
    if isinstance(layer, TRANSPOSED):
        fan_out, fan_in = _shape_fans(shape)
        return fan_in / math.prod(layer.strides), fan_out
    if isinstance(layer, (*DEPTHWISE, *SEPARABLE)) and name != "pointwise_kernel":
        strides = layer.strides if isinstance(layer.strides, tuple) else (layer.strides,) * (len(shape) - 2)
        window = float(math.prod(shape[:-2]))
        return window, window * shape[-1] / math.prod(strides)
    return _shape_fans(shape)


def _shape_fans(shape: tuple[int, ...]) -> Fans:
    fan_in, fan_out = compute_fans(shape)
    return float(fan_in), float(fan_out)


def einsum_fans(equation: str, shape: tuple[int, ...]) -> Fans:
    """A size that input, kernel and output share is neither: each of its entries is a kernel of its own."""
    inputs, kernel, output = einsum_letters(equation)
    sizes = dict(zip(kernel, shape, strict=True))
    fan_in = math.prod(size for letter, size in sizes.items() if letter not in output)
    fan_out = math.prod(size for letter, size in sizes.items() if letter not in inputs)
    return float(fan_in), float(fan_out)


def _start(layer: Any, name: str) -> Any:
    if name.endswith("bias"):
        return ForgetGateOnes() if getattr(layer, "unit_forget_bias", False) else keras.initializers.Zeros()
    if isinstance(layer, layers.RMSNormalization):  # which has no `scale_initializer`
        return keras.initializers.Ones()
    return getattr(layer, f"{name}_initializer", None)
