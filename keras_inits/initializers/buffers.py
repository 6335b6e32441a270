"""Arrays that a backend can take over as they are."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_inits.backends.tensors import ALIGNMENT


def aligned(shape: tuple[int, ...], dtype: np.dtype, allocate: Callable[..., Any] = np.empty) -> np.ndarray:
    """Returns what `allocate`, which is `np.empty` or `np.zeros`, would, at an address that suits the backends."""
    size = math.prod(shape) * dtype.itemsize
    memory = allocate(size + ALIGNMENT, np.uint8)
    start = -memory.__array_interface__["data"][0] % ALIGNMENT
    array: np.ndarray = memory[start : start + size].view(dtype).reshape(shape)
    return array
