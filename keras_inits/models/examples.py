"""Some of the examples of a batch: those to look at, and those that a message names."""

import math
from collections.abc import Sequence
from typing import Any

MAX_EXAMPLES = 8


def in_examples(examples: Sequence[int]) -> str:
    """Where something is: the first of these examples, and dots for more.

    Example:
        >>> in_examples([3]), in_examples(range(20)), in_examples([])
        (', in example 3', ', in examples 0, 1, 2, 3, 4, 5, 6, 7, ...', '')
    """
    if not len(examples):
        return ""
    shown = [*map(str, examples[:MAX_EXAMPLES]), *["..."] * (len(examples) > MAX_EXAMPLES)]
    return f", in example{'s' if len(examples) > 1 else ''} {', '.join(shown)}"


def evenly_spaced(tensor: Any, numbers: int) -> Any:
    """Every nth example of an array or a tensor, so that about so many numbers are left of more.

    Example:
        >>> import numpy as np
        >>> evenly_spaced(np.zeros((100, 8)), 200).shape
        (25, 8)
    """
    step = -(-math.prod(tuple(tensor.shape)) // numbers)
    return tensor[::step] if step > 1 and len(tensor.shape) else tensor
