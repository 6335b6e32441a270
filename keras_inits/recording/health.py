"""The state of the gradients of a single step."""

from typing import Any

import numpy as np

from keras_inits import thresholds
from keras_inits.states import State


def health(norms: Any) -> State:
    """Returns the state of a single step, from its norms in depth order.

    Layers without a gradient (masked) are left out. Zeros at the end of a decay are the decay's: float32 has no smaller
    number for them. A decay in front of the largest layer counts before growth behind it: examples whose gradients
    cancel make the last layer's norm small in a single batch.

    Args:
        norms: One norm per layer, the layer nearest to the input first; masked where there is no gradient.
    """
    known = np.ma.compressed(norms).astype("float64")
    if not np.isfinite(known).all():
        return State.NONFINITE
    positive = known[known > 0]
    if positive.size == 0:
        return State.ZERO
    largest = positive.argmax()
    if positive[largest] > thresholds.EXPLODING_NORM:
        return State.EXPLODING
    if positive[largest] < thresholds.VANISHING_NORM:
        return State.VANISHING
    small = positive < thresholds.VANISHING_RATIO * positive[largest]
    if small.any():
        return State.VANISHING if small[:largest].any() else State.EXPLODING
    return State.ZERO if positive.size < known.size else State.HEALTHY
