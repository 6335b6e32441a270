"""One word for the gradient norms of a single step."""

from typing import Any

import numpy as np

from keras_inits import thresholds

HEALTHY, VANISHING, EXPLODING, ZERO, NON_FINITE = "healthy", "vanishing", "exploding", "zero", "non-finite"


def health(norms: Any) -> str:
    """Returns one word for a single step, from its norms in depth order.

    Layers without a gradient (masked) are left out. Zeros at the end of a decay are the decay's: float32 has no smaller
    number for them.

    Args:
        norms: One norm per layer, the layer nearest to the input first; masked where there is no gradient.
    """
    known = np.ma.compressed(norms).astype("float64")
    if not np.isfinite(known).all():
        return NON_FINITE
    positive = known[known > 0]
    if positive.size == 0:
        return ZERO
    largest, smallest = positive.argmax(), positive.argmin()
    if positive[largest] > thresholds.EXPLODING_NORM:
        return EXPLODING
    if positive[largest] < thresholds.VANISHING_NORM:
        return VANISHING
    if positive[smallest] < thresholds.VANISHING_RATIO * positive[largest]:
        return VANISHING if smallest < largest else EXPLODING
    return ZERO if positive.size < known.size else HEALTHY
