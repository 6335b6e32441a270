"""Weights whose gradient adds up to nothing but rounding: what comes back to the layer's outputs cancels in the sum.

A softmax takes no notice of what it adds to all of its inputs, nor a normalisation of a bias before it: a layer that
makes nothing else there does nothing. The norm that is measured is then that of float32's rounding, and says nothing of
the way of the gradient through the layers.
"""

from collections.abc import Sequence

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.remedy import Remedy

ROUNDING = 64 * thresholds.FLOAT32_ROUNDOFF
"""A weights' gradient below this share, 4e-6, of that of the outputs, though the inputs are no smaller than usual, is
rounding: sums of 64^2 products that cancel leave about so much."""

HINT = (
    "no kernel is at fault: the layer is given the same for all that is compared later, or what it adds is taken off "
    "again. Look at what goes into it, and take another batch; if the finding stays, the layer does nothing"
)


def is_cancelled(row: LayerNumbers) -> bool:
    """Whether the gradient of the row's weights is not zero, and rounding all the same."""
    return bool(row.gradient and row.output_gradient and row.gradient < ROUNDING * row.output_gradient)


def cancelled_gradient(rows: Sequence[LayerNumbers]) -> Finding | None:
    """The finding `vanishing_gradient` for the rows with kernels among these whose gradient is rounding."""
    found = [row for row in rows if row.kernels and is_cancelled(row)]
    if not found:
        return None
    row = found[0]
    evidence = (
        f"the gradient of the weights has the norm {row.gradient:.2g} at {row.name}, whose outputs have one of "
        f"{row.output_gradient:.2g}: it adds up to nothing but rounding"
    )
    return Finding("vanishing_gradient", tuple(one.name for one in found), evidence, Remedy(HINT))
