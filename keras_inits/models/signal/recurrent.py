"""Signals behind recurrent layers, in the long run."""

import math
from typing import TYPE_CHECKING, Any

from keras import layers

from keras_inits.initializers.gate_biases import KEEPING, memory_biases
from keras_inits.layers.kinds import gates_of
from keras_inits.models.signal.maps import map_of
from keras_inits.models.signal.signal import Signal

if TYPE_CHECKING:
    from keras_inits.models.signal.prediction import Prediction
    from keras_inits.models.signal.program import Step

ROUNDS = 50
"""After so many steps states are taken to change no more."""
UNITS = 8
"""So many units stand for all, where their gates differ."""


def recurrent(prediction: "Prediction", step: "Step", given: list[Signal]) -> Signal:
    """The signal of the last cell's states; two directions have the same."""
    layer: Any = step.operation
    directions = [layer.forward_layer, layer.backward_layer] if isinstance(layer, layers.Bidirectional) else [layer]
    length = prediction.program.shape(step.inputs[0])[1]
    found = Signal()
    for direction in directions:
        cells = getattr(direction.cell, "cells", None) or [direction.cell]
        found = given[0]
        for cell in cells:
            prediction.kernel(cell, "kernel", found)
            if gates_of(cell) is None:
                return Signal()
            if length is not None:
                prediction.lengths.setdefault(id(cell), length)
            memory = memory_of(cell, length, prediction.memory)
            square = _states(cell, memory, min(length or ROUNDS, ROUNDS))
            found = Signal(0.0, square, remembers=memory is not None)
    return found


def memory_of(cell: Any, length: int | None, asked: int | None) -> int | None:
    """Over how many steps a cell is to remember: as asked, or all of its sequence; None without gates that keep.

    Over less than three there is nothing to remember that the cell does not.
    """
    steps = asked or length
    keeps = gates_of(cell) in KEEPING and getattr(cell, "unit_forget_bias", True) and cell.use_bias
    return steps if steps is not None and steps >= 3 and keeps else None


def _states(cell: Any, memory: int | None, rounds: int) -> float:
    """The mean square of the states behind the last step; the kernels' products have the variance 1."""
    gates = gates_of(cell)
    if gates == 1:
        square = 0.0
        for _ in range(rounds):
            square = map_of(cell.activation, 0.0, 1 + square).square
    elif gates == 3:
        square = _gru(cell, [0.0] if memory is None else memory_biases(memory, UNITS), rounds)
    else:
        ones = 1.0 if getattr(cell, "unit_forget_bias", True) else 0.0
        forget = [ones] if memory is None else memory_biases(memory, UNITS)
        square = _lstm(cell, forget, [0.0] if memory is None else [-bias for bias in forget], rounds)
    return square if math.isfinite(square) and square > 0 else 1.0


def _gru(cell: Any, update: list[float], rounds: int) -> float:
    """With biases of the update gates."""
    squares = [0.0] * len(update)
    for _ in range(rounds):
        variance = 1 + sum(squares) / len(squares)
        new = map_of(cell.activation, 0.0, variance).square
        gates = [map_of(cell.recurrent_activation, bias, variance) for bias in update]
        squares = [
            gate.square * square + (1 - 2 * gate.mean + gate.square) * new
            for gate, square in zip(gates, squares, strict=True)
        ]
    return sum(squares) / len(squares)


def _lstm(cell: Any, forget: list[float], take: list[float], rounds: int) -> float:
    """With biases of the forget gates and of the input gates."""
    square, memories = 0.0, [0.0] * len(forget)
    for _ in range(rounds):
        variance = 1 + square
        new = map_of(cell.activation, 0.0, variance).square
        kept = [map_of(cell.recurrent_activation, bias, variance).square for bias in forget]
        taken = [map_of(cell.recurrent_activation, bias, variance).square for bias in take]
        memories = [min(1e6, a * memory + b * new) for a, b, memory in zip(kept, taken, memories, strict=True)]
        outputs = [map_of(cell.activation, 0.0, max(memory, 1e-12)).square for memory in memories]
        square = map_of(cell.recurrent_activation, 0.0, variance).square * sum(outputs) / len(outputs)
    return square
