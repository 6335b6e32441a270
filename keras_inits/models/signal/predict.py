"""From the steps of a model to what is predicted of each tensor, and to the scale of each kernel."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_inits._keras import attention_parts
from keras_inits.layers.kinds import ATTENTION
from keras_inits.layers.tree import walk_layers
from keras_inits.models.signal.embeddings import row_squares
from keras_inits.models.signal.points import operating_point
from keras_inits.models.signal.prediction import SEVERAL, Prediction
from keras_inits.models.signal.program import program_of
from keras_inits.models.signal.residual import branch_ends
from keras_inits.models.signal.rules import is_known, normalises, run, weighs
from keras_inits.models.weights import Weight


def predicted(model: Any, weights: Sequence[Weight], residual: bool = True, memory: int | None = None) -> Prediction:
    """Reads a model, and moves signals through it twice: to see which activations there are, and from their points.

    Args:
        model: A built model.
        weights: Its weights.
        residual: Whether what residual branches add is scaled.
        memory: Over how many steps recurrent layers are to remember; None: over the length of their sequences.
    """
    program = program_of(model, is_known)
    first = run(Prediction(program, weights, {}, memory=memory, rows=row_squares(program, weights, {})))
    rows = row_squares(program, weights, first.heads)
    points = {function: operating_point(function, depth) for function, depth in first.depths.items()}
    targets, ends = {}, dict[str, float]()
    for stream, readers in first.readers.items():
        (reader,) = readers if len(readers) == 1 else (SEVERAL,)
        if reader in points:
            targets[stream] = points[reader].variance
    if residual:
        ends = branch_ends(program, _streams(weights), normalises, weighs)
        targets.update({stream: targets.get(stream, 1.0) * share for stream, share in ends.items()})
    found = run(Prediction(program, weights, targets, memory=memory, rows=rows))
    found.branches, found.points = tuple(ends), points
    return found


def predicted_again(prediction: Prediction, targets: Mapping[str, float], squares: Mapping[str, float]) -> Prediction:
    """The prediction for other scales of the same model."""
    if targets == prediction.targets and not squares:
        return prediction
    weights, memory, rows = prediction.weights, prediction.memory, prediction.rows
    other = Prediction(prediction.program, weights, targets, squares, memory, rows)
    other.branches, other.points, other.maps = prediction.branches, prediction.points, prediction.maps
    return run(other)


def _streams(weights: Sequence[Weight]) -> Callable[[Any], list[str]]:
    kernels: dict[int, list[str]] = {}
    for one in weights:
        if one.role is not None and one.role.part == "kernel":
            kernels.setdefault(id(one.layer), []).append(one.stream)

    def streams(layer: Any) -> list[str]:
        if isinstance(layer, ATTENTION):  # queries and keys only say where from
            attention = attention_parts(layer)
            parts = [attention.value, attention.output]
        else:
            parts = [part for _, part in walk_layers(layer)]
        return [stream for part in parts for stream in kernels.get(id(part), [])]

    return streams
