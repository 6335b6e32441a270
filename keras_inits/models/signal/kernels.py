"""How many of a kernel's taps lie inside of what it slides over."""

from collections.abc import Sequence


def inside(sizes: Sequence[int | None], layer: object) -> float:
    """The share of the taps of a convolution with padding that meet an entry and not the zeros around, on average.

    Args:
        sizes: The lengths of the input's axes that the kernel slides over; None where they are not known.
        layer: With `padding`, `kernel_size`, `strides` and `dilation_rate`, as Keras's convolutions have them.
    """
    if getattr(layer, "padding", "valid") not in ("same", "causal"):
        return 1.0
    share = 1.0
    for axis, size in enumerate(sizes):
        kernel, stride, dilation = (
            _of_axis(getattr(layer, name, 1), axis) for name in ("kernel_size", "strides", "dilation_rate")
        )
        if size:
            causal = getattr(layer, "padding", None) == "causal"
            share *= _inside(size, kernel, stride, dilation, causal)
    return share


def _inside(size: int, kernel: int, stride: int, dilation: int, causal: bool) -> float:
    reach = (kernel - 1) * dilation
    outputs = -(-size // stride)
    before = reach if causal else max(0, (outputs - 1) * stride + reach + 1 - size) // 2
    met = sum(
        0 <= output * stride - before + tap * dilation < size for output in range(outputs) for tap in range(kernel)
    )
    return met / (outputs * kernel)


def _of_axis(value: object, axis: int) -> int:
    return int(value[axis]) if isinstance(value, (tuple, list)) else int(value)  # type: ignore[call-overload]
