"""The axes of a layer's outputs and kernels: which of them are units."""

from typing import Any

from keras import layers

from keras_inits.layers.kinds import DEPTHWISE, SEPARABLE, TRANSPOSED


def output_axis(layer: Any) -> int:
    """The axis of a layer's outputs whose entries are its units."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1


def kernel_axes(layer: Any, name: str) -> tuple[int, ...]:
    """The axes of a kernel whose entries are units, or parts of them that see the same inputs.

    Args:
        layer: The layer that owns the kernel.
        name: The name of the kernel.
    """
    if isinstance(layer, layers.EinsumDense) and name == "kernel":
        _, kernel, output = einsum_letters(layer.equation)
        return tuple(axis for axis, letter in enumerate(kernel) if letter in output)
    if isinstance(layer, TRANSPOSED):
        return (-2,)
    if isinstance(layer, (*DEPTHWISE, *SEPARABLE)) and name != "pointwise_kernel":
        return (-2, -1)
    return (-1,)


def einsum_letters(equation: str, more: str = "") -> tuple[str, str, str]:
    """The letters of input, kernel and output of an `EinsumDense`, those of `more` in the place of an ellipsis.

    Example:
        >>> einsum_letters("...x, xy -> ...y", "ab")
        ('abx', 'xy', 'aby')
    """
    operands, output = equation.replace(" ", "").replace("...", more).split("->")
    inputs, kernel = operands.split(",")
    return inputs, kernel, output
