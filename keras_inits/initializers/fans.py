"""Fans: how many inputs feed a unit, and how many outputs a unit feeds, read from a weight's shape."""

import math

Fans = tuple[float, float]


def compute_fans(
    shape: tuple[int, ...], input_axes: tuple[int, ...] | None = None, output_axes: tuple[int, ...] | None = None
) -> tuple[int, int]:
    """Returns `(fan_in, fan_out)`.

    With axes, the products of their sizes. Without: a matrix is `(fan_in, fan_out)`; anything of higher rank is a
    convolution kernel `(..., channels in, channels out)`, whose fans count the receptive field; a vector of n has n for
    both, a scalar 1.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    receptive_field = math.prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]
