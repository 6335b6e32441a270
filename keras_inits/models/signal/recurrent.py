"""What recurrent layers make of signals, in the long run."""

import math
from typing import TYPE_CHECKING, Any

from keras import activations, layers

from keras_inits.layers.kinds import gates_of
from keras_inits.models.signal.maps import map_of
from keras_inits.models.signal.signal import Signal

if TYPE_CHECKING:
    from keras_inits.models.signal.prediction import Prediction
    from keras_inits.models.signal.program import Step

ROUNDS = 50


def recurrent(prediction: "Prediction", step: "Step", given: list[Signal]) -> Signal:
    """Of the states of the last cell; two directions have the same."""
    layer: Any = step.operation
    directions = [layer.forward_layer, layer.backward_layer] if isinstance(layer, layers.Bidirectional) else [layer]
    found = Signal()
    for direction in directions:
        cells = getattr(direction.cell, "cells", None) or [direction.cell]
        found = given[0]
        for cell in cells:
            prediction.kernel(cell, "kernel", found)
            if gates_of(cell) is None:
                return Signal()
            found = Signal(0.0, _states(cell))
    return found


def _states(cell: Any) -> float:
    """The mean square of the states, once it no longer changes; the kernels' products have the variance 1."""
    gates = gates_of(cell)
    square = memory = 0.0
    for _ in range(ROUNDS):
        variance = 1 + square
        new = map_of(cell.activation, 0.0, variance).square
        if gates == 1:
            square = new
        elif gates == 3:
            gate = map_of(cell.recurrent_activation, 0.0, variance)
            square = gate.square * square + (1 - 2 * gate.mean + gate.square) * new
        else:
            gate = map_of(cell.recurrent_activation, 0.0, variance)
            forget = map_of(
                cell.recurrent_activation, 1.0 if getattr(cell, "unit_forget_bias", True) else 0.0, variance
            )
            memory = min(1e6, forget.square * memory + gate.square * new)
            square = gate.square * map_of(cell.activation, 0.0, max(memory, 1e-12)).square
    return square if math.isfinite(square) and square > 0 else 1.0


__all__ = ["activations", "recurrent"]
