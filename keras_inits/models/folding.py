"""Means and deviations of the inputs in the kernels that read them: how each kind of layer takes them in."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from keras_inits.layers.axes import einsum_letters
from keras_inits.layers.kinds import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED, gates_of

Array = Any  # of NumPy


class Reader(NamedTuple):
    """A layer whose kernel multiplies what it reads, feature by feature."""

    layer: Any
    """The layer that owns the kernel."""
    kernel: str
    """The name of that weight."""
    even: bool
    """Whether each output adds up all taps of the kernel: no zeros stand around what it reads."""


def reader_of(operation: Any) -> Reader | None:
    """The reader that a layer is, or that a wrapper or a recurrent layer runs; None for others."""
    layer = operation.layer if isinstance(operation, layers.TimeDistributed) else operation
    if isinstance(layer, layers.RNN):
        layer = layer.cell
        if gates_of(layer) is None:
            return None
        return Reader(layer, "kernel", _is_even(layer) if hasattr(layer, "kernel_size") else True)
    if isinstance(layer, (layers.Dense, layers.EinsumDense)):
        return Reader(layer, "kernel", True)
    if isinstance(layer, (*CONVOLUTIONS, *TRANSPOSED)):
        return Reader(layer, "kernel", _is_even(layer) and not isinstance(layer, TRANSPOSED))
    if isinstance(layer, (*DEPTHWISE, *SEPARABLE)):
        return Reader(layer, "kernel" if isinstance(layer, DEPTHWISE) else "depthwise_kernel", _is_even(layer))
    return None


def _is_even(layer: Any) -> bool:
    return bool(layer.padding == "valid" or math.prod(layer.kernel_size) == 1)


def by_channel(layer: Any, entries: Array) -> Array:
    """Entries of what the layer reads, a channel of its kernel a column, with all places where it reads it."""
    if isinstance(layer, layers.EinsumDense):
        inputs, kernel, _ = _letters(layer, entries.ndim + 1)
        order = sorted(range(entries.ndim), key=lambda axis: (inputs[axis + 1] in kernel, axis))
        moved = entries.transpose(order)
        size = math.prod(entries.shape[axis] for axis in range(entries.ndim) if inputs[axis + 1] in kernel)
        return moved.reshape(-1, size)
    if getattr(layer, "data_format", None) == "channels_first":
        entries = np.moveaxis(entries, -1 - len(layer.kernel_size), -1)
    return entries.reshape(-1, entries.shape[-1])


def divided(layer: Any, kernel: Array, deviations: Array, rank: int) -> Array:
    """The kernel for inputs that were not divided by these deviations of its channels.

    Args:
        layer: That owns the kernel.
        kernel: For inputs that were.
        deviations: Of each channel.
        rank: How many axes the layer's inputs have, with that of the examples.
    """
    if isinstance(layer, layers.EinsumDense):
        return kernel / _einsum_channels(layer, kernel, deviations, rank)
    if isinstance(layer, (*DEPTHWISE, *SEPARABLE, *TRANSPOSED)):
        return kernel / (deviations if isinstance(layer, TRANSPOSED) else deviations[:, None])
    return kernel / _grouped(layer, kernel, deviations)


def made_of_means(layer: Any, kernel: Array, means: Array, rank: int) -> Array | None:
    """The layer's outputs for inputs that are the means, in the shape of its bias; None if they differ by place."""
    if isinstance(layer, layers.EinsumDense):
        return _einsum_of_means(layer, kernel, means, rank)
    if isinstance(layer, (*DEPTHWISE, *SEPARABLE)):
        sums = (kernel.reshape(-1, *kernel.shape[-2:]).sum(0) * means[:, None]).reshape(-1)
        if isinstance(layer, DEPTHWISE):
            return sums
        return sums @ np.asarray(keras.ops.convert_to_numpy(layer.pointwise_kernel), "float64").reshape(len(sums), -1)
    taps = tuple(range(kernel.ndim - 1))
    return (kernel * _grouped(layer, kernel, means)).sum(taps)


def _grouped(layer: Any, kernel: Array, values: Array) -> Array:
    """Values of the channels, beside the kernel: of several groups, each output reads the channels of its own."""
    groups = getattr(layer, "groups", 1)
    return np.repeat(values.reshape(groups, -1).T, kernel.shape[-1] // groups, axis=1)


def _letters(layer: Any, rank: int) -> tuple[str, str, str]:
    """Input, kernel and output of an einsum of inputs of this rank, with letters in the place of an ellipsis."""
    inputs, _, _ = einsum_letters(layer.equation)
    return einsum_letters(layer.equation, "ABCDEFGHIJ"[: rank - len(inputs)])


def _einsum_channels(layer: Any, kernel: Array, values: Array, rank: int) -> Array:
    inputs, axes, _ = _letters(layer, rank)
    shared = [letter for letter in inputs[1:] if letter in axes]
    sizes = [kernel.shape[axes.index(letter)] for letter in shared]
    ordered = values.reshape(sizes).transpose([shared.index(letter) for letter in axes if letter in shared])
    return ordered.reshape([size if letter in shared else 1 for letter, size in zip(axes, kernel.shape, strict=True)])


def _einsum_of_means(layer: Any, kernel: Array, means: Array, rank: int) -> Array | None:
    inputs, axes, output = _letters(layer, rank)
    summed = tuple(axes.index(letter) for letter in axes if letter in inputs and letter not in output)
    rest = "".join(letter for letter in axes if letter not in inputs or letter in output)
    made = (kernel * _einsum_channels(layer, kernel, means, rank)).sum(summed)
    kept = sorted(range(len(rest)), key=lambda axis: output.index(rest[axis]))
    made, places = made.transpose(kept), [output.index(rest[axis]) for axis in kept]
    shape = tuple(layer.bias.shape)
    behind = len(output) - len(shape)  # the bias stands beside the last axes of the outputs
    full = [1] * len(output)
    for place, size in zip(places, made.shape, strict=True):
        full[place] = size
    made = made.reshape(full)
    if any(size > 1 for size in full[:behind]):
        return None
    made = made.reshape(full[behind:])
    fits = all(have in (want, 1) for have, want in zip(made.shape, shape, strict=True))
    return np.broadcast_to(made, shape) if fits else None
