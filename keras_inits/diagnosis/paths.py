"""Which calls depend on what another one puts out: it is made to put out NaN, and they do too."""

from collections.abc import Sequence
from typing import Any

from keras_inits.diagnosis.forward_backward import passed
from keras_inits.diagnosis.losses import Target
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.models.weights import Weight


def reached(model: Any, x: Any, weights: list[Weight], rows: Sequence[LayerNumbers], number: int) -> frozenset[int]:
    """The numbers of the rows that a row's outputs come to; all later ones, if the model does not run on NaN."""
    try:
        seen = passed(model, x, weights, Target(model, None, None), (rows[number].layer, rows[number].call))
    except Exception:  # of the user's code, which such values need not suit
        return frozenset(range(number + 1, len(rows)))
    pairs = enumerate(zip(seen.calls, rows, strict=True))
    return frozenset(
        place
        for place, (call, row) in pairs
        if place > number and call.outputs is not None and call.outputs.moments.nonfinite > row.outputs.nonfinite
    )
