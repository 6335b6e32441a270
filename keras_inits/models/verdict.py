"""The verdict on a start, in sentences."""

import math
from collections.abc import Sequence
from typing import Any

from keras_inits.models.graph import Graph
from keras_inits.models.signal.gradients import Gradients
from keras_inits.models.signal.points import CHANGE, Point
from keras_inits.models.signal.prediction import Prediction
from keras_inits.models.table import LeftWeight
from keras_inits.models.weights import Weight

GROWTH = 100.0
"""A mean square that grows or falls by more than this over the depth is told as a warning: ten times in size."""


def verdict(
    weights: Sequence[Weight],
    graph: Graph,
    prediction: Prediction,
    unseen: Sequence[str],
    undeclared: Sequence[LeftWeight],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Predictions over the depth, and warnings.

    Args:
        weights: All of the model, in depth order.
        graph: Of the model.
        prediction: Of its signals, with the scales that were drawn.
        unseen: The paths of the kernels that were drawn by the activation behind them.
        undeclared: The weights that were left because nothing is known or declared of them.
    """
    predictions, warnings = list[str](), list[str]()
    for text, grows in filter(None, (_signal(weights, prediction), _gradient(prediction))):
        (warnings if grows else predictions).append(text)
    warnings += [
        text for function, point in prediction.points.items() if (text := _unstable(function, point, prediction))
    ]
    by_reason: dict[str, list[str]] = {}
    for path in unseen:
        by_reason.setdefault(graph.why_unseen(path) or "no call of their layers is seen", []).append(path)
    warnings += [
        f"Nothing is predicted for {', '.join(paths)}, drawn by the activation behind: {reason}."
        for reason, paths in by_reason.items()
    ]
    warnings += [f"{one.path} was left as it was: {one.reason}." for one in undeclared]
    others = [reason for key, reason in prediction.unseen.items() if reason not in by_reason]
    if others:
        predictions.append(f"What these put out is taken for the mean square 1: {'; '.join(dict.fromkeys(others))}.")
    return tuple(predictions), tuple(warnings)


def name_of(function: Any) -> str:
    """The name of an activation, also of one that a layer's parameters or an operation make."""
    if hasattr(function, "__self__"):
        return type(function.__self__).__name__
    name = getattr(function, "__name__", type(function).__name__)
    return function.__qualname__.split(".")[0].lstrip("_") if "<locals>.<lambda>" in str(function) else str(name)


def _signal(weights: Sequence[Weight], prediction: Prediction) -> tuple[str, bool] | None:
    squares = [(prediction.entered[one.stream].square, one.path) for one in weights if one.stream in prediction.entered]
    if not squares:
        return None
    (least, where), (most, there) = min(squares), max(squares)
    judged = [one for stream, one in prediction.entered.items() if stream not in prediction.after_memories]
    grows = any(not 1 / GROWTH <= one.square <= GROWTH for one in judged)
    text = (
        f"Signals: for inputs of the mean square 1, what comes into kernels has one of {_number(least)} ({where}) to "
        f"{_number(most)} ({there})"
    )
    return f"{text}{f', beyond a factor of {GROWTH:g}' if grows else ''}.", grows


def _gradient(prediction: Prediction) -> tuple[str, bool] | None:
    gradients = Gradients(prediction, even=True)
    last = sum(flow.power for flow in gradients.kernels.values() if flow.last)
    source = gradients.source()
    if not gradients.kernels or not math.isfinite(last) or not math.isfinite(source):
        return ("Gradients are not predicted through all of the model.", False) if gradients.kernels else None
    if last == 0:
        reached = any(flow.gradient > 0 for flow in gradients.kernels.values())
        none = "those before the last, as long as these put out zeros" if reached else "any kernel"
        return f"Gradients: none comes to {none}.", True
    factor = source / last
    grows = not 1 / GROWTH <= factor <= GROWTH
    text = (
        "Gradients: from the last kernels to the inputs their mean square, times that of the signal, is multiplied by "
        f"{_number(factor)}"
    )
    return f"{text}{f', beyond a factor of {GROWTH:g}' if grows else ''}.", grows


def _unstable(function: Any, point: Point, prediction: Prediction) -> str:
    depth = prediction.depths.get(function, 1)
    if point.change(depth) <= CHANGE:
        return ""
    parts = []
    stability = math.log(max(1.0, point.map.stability))
    if (depth - 1) * stability > CHANGE:
        parts.append(f"an error of the signal's mean square by {_power(stability, depth)}")
    gradient = math.log(point.gradient) if point.gradient > 0 else -math.inf
    if (depth - 1) * abs(gradient) > CHANGE:
        parts.append(f"the mean square of a gradient by {_power(gradient, depth)}")
    return f"{name_of(function)}, {depth} deep, is not stable: it multiplies {' and '.join(parts)}."


def _power(logarithm: float, depth: int) -> str:
    if logarithm == -math.inf:
        return "0"
    return f"{math.exp(logarithm):.4g} in each layer, {_number_of((depth - 1) * logarithm)} over the depth"


def _number_of(logarithm: float) -> str:
    return _number(math.exp(logarithm)) if abs(logarithm) < 600 else f"10^{logarithm / math.log(10):.0f}"


def _number(value: float) -> str:
    return f"{value:.3g}"
