"""Which calls depend on what others put out: in one more pass, these put out something else."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras_inits.diagnosis.forward_backward import passed
from keras_inits.diagnosis.losses import Target
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.models.weights import Weight


def reached(model: Any, x: Any, weights: list[Weight], rows: Sequence[LayerNumbers], number: int) -> frozenset[int]:
    """The numbers of the rows that NaN in a row's outputs comes to; all later ones, if the model does not run on it."""
    try:
        filled = {(rows[number].layer, rows[number].call): math.nan}
        seen = passed(model, x, weights, Target(model, None, None), filled)
    except Exception:  # of the user's code, which such values need not suit
        return frozenset(range(number + 1, len(rows)))
    pairs = enumerate(zip(seen.calls, rows, strict=True))
    return frozenset(
        place
        for place, (call, row) in pairs
        if place > number and call.outputs is not None and call.outputs.moments.nonfinite > row.outputs.nonfinite
    )


def gradients_without(
    model: Any,
    x: Any,
    weights: list[Weight],
    target: Callable[[Any], Any],
    rows: Sequence[LayerNumbers],
    scale: float,
    numbers: frozenset[int],
) -> Sequence[float]:
    """The norms of the gradients of the rows' outputs where some put out zeros; no gradient, if the model fails there.

    Args:
        model: The model.
        x: The batch.
        weights: All of the model's weights.
        target: What is differentiated, `scale` times.
        rows: The rows.
        scale: Of the gradients of the pass, which those that are returned are without.
        numbers: The numbers of the rows that put out zeros.
    """
    try:
        seen = passed(model, x, weights, target, {(rows[one].layer, rows[one].call): 0.0 for one in numbers})
    except Exception:  # of the user's code, which zeros need not suit
        return [0.0] * len(rows)
    return [(call.gradient or 0.0) / scale for call, _ in zip(seen.calls, rows, strict=True)]
