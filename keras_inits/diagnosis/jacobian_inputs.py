"""The model and the examples that a Jacobian is taken of: checked before anything runs."""

from collections.abc import Callable
from typing import Any

import keras

from keras_inits.diagnosis.counts import bad_examples, nonfinite_count
from keras_inits.diagnosis.restoring import restoring
from keras_inits.diagnosis.watched import float_variables
from keras_inits.faults import ModelError, ours
from keras_inits.models.examples import in_examples
from keras_inits.models.weights import Weight

Tensor = Any

MAX_WEIGHTS = 8


def check_model(model: Any, weights: list[Weight]) -> None:
    """Raises an error if the model has no Jacobian, or one of its weights is not finite.

    Raises:
        ModelError: If it has not one input of floating-point numbers and one output, or a weight is not finite.
    """
    counts = [len(getattr(model, name, None) or []) for name in ("inputs", "outputs")]
    if counts != [1, 1]:
        raise ModelError(
            "A Jacobian belongs to one input and one output. Received: a model with "
            f"{counts[0]} inputs and {counts[1]} outputs. Expected a sequential or functional one with one of each. "
            "Wrap it: inputs = keras.Input(shape), keras.Model(inputs, model(inputs))."
        )
    dtype = keras.backend.standardize_dtype(model.inputs[0].dtype)
    if "float" not in dtype:
        raise ModelError(
            "A Jacobian is by inputs that are floating-point numbers. Received: a model with inputs of the dtype "
            f"{dtype}, which have no derivative. Expected float32 or another such dtype. Take the Jacobian from the "
            "first layer on whose outputs are floating-point numbers, such as an embedding: "
            "rest = keras.Model(layer.output, model.outputs[0]), x = keras.Model(model.inputs[0], layer.output)(x)."
        )
    with ours("while it looked for weights that are not finite"):
        variables = list(float_variables(model, weights))
        counted = [(layer, path, nonfinite_count(one.value)) for layer, path, one in variables]
    bad = [(path, count, restoring(path, layer, weights)) for layer, path, count in counted if count]
    if bad:
        listed = ", ".join(f"{count} values of {path}" for path, count, _ in bad[:MAX_WEIGHTS])
        more = f" and those of {len(bad) - MAX_WEIGHTS} more" if len(bad) > MAX_WEIGHTS else ""
        ways: dict[str, list[str]] = {}
        for path, _, way in bad[:MAX_WEIGHTS]:
            ways.setdefault(way, []).append(path)
        remedy = " ".join(f"For {', '.join(paths)}: {way}." for way, paths in ways.items())
        raise ModelError(
            f"A Jacobian is of finite weights. Received: {listed}{more} that are infinite or not a number. Expected "
            f"finite numbers. {remedy}"
        )


def points_of(model: Any, x: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """The examples as one tensor, and a function that makes of a tensor what the model is called with.

    Raises:
        ModelError: If they are not what the model takes, there are none, or they are not finite.
    """
    wraps = isinstance(x, dict) or (isinstance(x, (list, tuple)) and len(x) == 1 and hasattr(x[0], "shape"))
    leaves = keras.tree.flatten(x) if wraps else [x]
    symbolic = model.inputs[0]
    shape, dtype = tuple(symbolic.shape), keras.backend.standardize_dtype(symbolic.dtype)
    expected = f"Expected examples of the shape {shape}, None being their number, that can be converted to {dtype}."
    remedy = "Pass a batch, as `model.predict` takes it: one example x alone is x[None]."
    try:
        (leaf,) = leaves
        points = keras.ops.convert_to_tensor(leaf, dtype)
    except Exception as error:
        what = [f"{type(one).__name__} of the dtype {getattr(one, 'dtype', None)}" for one in leaves]
        raise ModelError(
            f"Argument `x` must be one array of numbers. Received: {', '.join(what) or 'none'}. {expected} {remedy}"
        ) from error
    if len(points.shape) + 1 == len(shape) and shape[-1] == 1:  # which Keras takes too
        points = keras.ops.expand_dims(points, -1)
    received = tuple(int(size) for size in points.shape)
    if len(received) != len(shape) or any(one not in (None, size) for one, size in zip(shape, received, strict=True)):
        raise ModelError(
            f"Argument `x` has another shape than the model's input. Received: x of the shape {received}. {expected} "
            f"{remedy}"
        )
    if 0 in received:
        raise ModelError(
            f"A Jacobian is taken at examples. Received: x of the shape {received}, without any number. {expected} "
            f"{remedy}"
        )
    check_finite(points, f"x, as {dtype}", "Clean these examples, or leave them out.")
    structure = x if wraps else leaf
    return points, lambda tensor: keras.tree.map_structure(lambda _: tensor, structure) if wraps else tensor


def check_finite(tensor: Tensor, what: str, remedy: str) -> None:
    """Raises an error if the tensor has values that are infinite or not a number.

    Raises:
        ModelError: If it has.
    """
    count = nonfinite_count(tensor)
    if count:
        raise ModelError(
            f"A Jacobian is of finite numbers. Received: {count} values of {what}{in_examples(bad_examples(tensor))}, "
            f"that are infinite or not a number. Expected finite numbers. {remedy}"
        )
