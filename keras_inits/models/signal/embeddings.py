"""How large the rows of tables are."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from keras_inits.models.signal.program import Program, Step, Value
from keras_inits.models.weights import Weight


def is_table(weight: Weight) -> bool:
    """Whether rows of this weight are looked up; a tied one is the last kernel too."""
    return weight.role is not None and weight.role.part in ("table", "tied")


def row_squares(program: Program, weights: Sequence[Weight], heads: Mapping[str, float]) -> dict[str, float]:
    """The mean square of the entries of each table, by its stream.

    Behind the constant by which the model multiplies them, rows have the mean square 1. The products of a tied table
    have it too, as the last kernel: for hidden states of the width D and the mean square m its entries have 1 / (D m),
    and 1 at the most. Other tables of this width, whose rows are added to those of the tied one, follow it.

    Args:
        program: The steps of a model.
        weights: Of the model.
        heads: The mean square of what comes into a tied table as the last kernel, by its stream; 1 for others.
    """
    tables = [one for one in weights if is_table(one)]
    factors = {one.stream: _factor_behind(program, one.layer) for one in tables}
    streams: dict[int, float] = {}  # by width, the mean square of what tied tables put into the model
    found: dict[str, float] = {}
    for one in tables:
        if one.role is not None and one.role.part == "tied":
            width = one.variable.shape[-1]
            found[one.stream] = min(1.0, 1 / (width * (heads.get(one.stream) or 1.0)))
            streams[width] = found[one.stream] * factors[one.stream] ** 2
    for one in tables:
        found.setdefault(one.stream, streams.get(one.variable.shape[-1], 1.0) / factors[one.stream] ** 2)
    return found


def _factor_behind(program: Program, layer: Any) -> float:
    """The constant by which all that reads a layer's rows multiplies them; 1 if there is no such constant."""
    rows = {value for step in program.steps if _inner(step.operation) is layer for value in step.outputs}
    factors = {_constant_of(step) for step in program.steps if not rows.isdisjoint(step.inputs)}
    return factors.pop() if len(factors) == 1 else 1.0


def _inner(operation: Any) -> Any:
    while isinstance(operation, layers.Wrapper):
        operation = operation.layer
    return operation


def _constant_of(step: Step) -> float:
    """The number that a step multiplies by; 1 if it does something else."""
    if type(step.operation).__name__ != "Multiply" or isinstance(step.operation, keras.Layer):
        return 1.0
    others = [value for value in step.arguments if not isinstance(value, Value)]
    numbers = [float(keras.ops.convert_to_numpy(value)) for value in others if not tuple(getattr(value, "shape", ()))]
    return abs(numbers[0]) if len(numbers) == 1 and 0 < abs(numbers[0]) < float("inf") else 1.0
