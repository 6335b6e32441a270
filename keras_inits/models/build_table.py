"""From drawn weights to their table: with what is predicted of them, and why they are as they are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_inits.models.graph import Graph
from keras_inits.models.rules import Planned, why_fixed
from keras_inits.models.signal.embeddings import is_table
from keras_inits.models.signal.gradients import Gradients
from keras_inits.models.signal.predict import predicted_again
from keras_inits.models.signal.prediction import Prediction, is_scale
from keras_inits.models.table import DrawnWeight, InitializationTable, LeftWeight
from keras_inits.models.verdict import name_of, verdict
from keras_inits.models.weights import Weight

Targets = Mapping[str, float]


def table_of(
    weights: Sequence[Weight],
    planned: Sequence[Planned],
    rows: Sequence[DrawnWeight],
    graph: Graph,
    notes: tuple[str, ...] = (),
    targets: Targets | None = None,
    fitted: bool = False,
) -> InitializationTable:
    """The table of the rows, of the weights that the plan leaves as they are, and of what follows from both.

    Args:
        weights: All of the model.
        planned: What was drawn.
        rows: One for each weight of the plan.
        graph: Of the model.
        notes: What there is to tell of data.
        targets: The mean squares of what kernels make, by their streams, where they are not those that are predicted.
        fitted: Whether the kernels that no explicit rule draws were scaled to data.
    """
    drawn = {one.weight.stream for one in planned}
    rest = [one for one in weights if one.stream not in drawn]
    squares = _squares(planned, rows, rest, fitted)
    prediction = predicted_again(graph.prediction, {**graph.prediction.targets, **(targets or {})}, squares)
    gradients = Gradients(prediction)
    told = [
        _told(row, one, graph, prediction, gradients, targets is not None)
        for row, one in zip(rows, planned, strict=True)
    ]
    left = [LeftWeight(one.path, _why_left(one)) for one in rest]
    undeclared = [LeftWeight(one.path, one.reason) for one in rest if why_fixed(one) is None and one.origin == "left"]
    unseen = [one.weight.path for one in planned if one.origin == "known" and _is_unseen(one.weight, prediction)]
    predictions, warnings = verdict(weights, graph, prediction, unseen, undeclared)
    return InitializationTable(tuple(told), tuple(left), notes, predictions, warnings)


def _why_left(weight: Weight) -> str:
    return why_fixed(weight) or (weight.reason if weight.origin == "left" else "without a rule")


def _squares(
    planned: Sequence[Planned], rows: Sequence[DrawnWeight], rest: Sequence[Weight], fitted: bool
) -> dict[str, float]:
    """The scales that `Prediction` takes for kernels with a rule of the user's, or that are not drawn."""
    found = {one.stream: _square_of(one, None) for one in rest if _counts(one)}
    for one, row in zip(planned, rows, strict=True):
        by_rule = one.origin == "rule" and not (fitted and row.stddev is None)
        if _counts(one.weight) and (is_table(one.weight) or by_rule):
            found[one.weight.stream] = _square_of(one.weight, row.stddev)
    return found


def _counts(weight: Weight) -> bool:
    return "float" in weight.variable.dtype and (
        is_scale(weight) or is_table(weight) or (weight.role is not None and weight.role.part == "kernel")
    )


def _square_of(weight: Weight, stddev: float | None) -> float:
    if stddev is None or is_scale(weight):
        values = np.asarray(keras.ops.convert_to_numpy(weight.variable.value))
        square = float(np.mean(np.square(values, dtype=np.float64))) if values.size else 0.0
    else:
        square = stddev**2
    kernel = weight.role is not None and weight.role.part == "kernel"
    return square * weight.fans[0] if kernel and weight.fans is not None else square


def _is_unseen(weight: Weight, prediction: Prediction) -> bool:
    return weight.role is not None and weight.role.part == "kernel" and weight.stream not in prediction.entered


def _told(
    row: DrawnWeight, planned: Planned, graph: Graph, prediction: Prediction, gradients: Gradients, scaled: bool
) -> DrawnWeight:
    weight, stream = planned.weight, planned.weight.stream
    if weight.role is None or weight.role.part != "kernel" or row.fans is None:
        return row
    gain = None if row.stddev is None else row.stddev * math.sqrt(row.fans[0])
    entered, flow = prediction.entered.get(stream), gradients.kernels.get(stream)
    auto = planned.origin != "rule"
    if entered is None:
        why = graph.why_unseen(weight.path) or "no call of its layer is seen"
        return row._replace(gain=gain, reason=f"not seen: {why}; so by the activation behind it" if auto else "")
    gradient = None if flow is None or not math.isfinite(flow.gradient) else flow.gradient
    reason = _reason(weight, prediction, scaled) if auto else ""
    return row._replace(
        gain=gain, square_in=entered.square, square_out=entered.products, gradient=gradient, reason=reason
    )


def _reason(weight: Weight, prediction: Prediction, scaled: bool) -> str:
    found = []
    readers = prediction.readers.get(weight.stream, set())
    function: Any = next(iter(readers)) if len(readers) == 1 else None
    point = prediction.points.get(function)
    if point is not None and point.variance != 1 and not scaled:
        depth = prediction.depths.get(function, 1)
        found.append(f"operating point {point.variance:.3g} for {name_of(function)}, {depth} deep")
    if (branch := _branch(weight.stream, prediction)) and not scaled:
        found.append(branch)
    if weight.role is not None and weight.role.scale != 1:
        found.append(f"scaled by {weight.role.scale:.3g} for its layer")
    share = prediction.shares.get(weight.stream, 1.0)
    if share < 1:
        found.append(f"padding: {share:.2f} of the taps inside")
    return "; ".join(found)


def _branch(stream: str, prediction: Prediction) -> str:
    ends = list(prediction.branches)
    return f"residual branch {ends.index(stream) + 1} of {len(ends)}" if stream in ends else ""
