"""The loss of guessing: that of the best outputs that are the same for all examples."""

from typing import Any

import keras
import numpy as np

from keras_inits.diagnosis.compared import of_one_rank
from keras_inits.models.targets import UnsuitableError, best_outputs

MAX_EXAMPLES = 10_000
"""Examples that it is taken of, evenly spaced: of so many a squared error is right to 1.4 percent."""


def loss_of_guessing(model: Any, y: Any, sample_weight: Any = None) -> float | None:
    """Returns the loss of the best constant outputs, with the model's penalties; None where it is not known.

    It is known for one output whose loss is one of Keras's for classes or numbers.

    Args:
        model: Compiled and built.
        y: The targets.
        sample_weight: Of each example.
    """
    if y is None or isinstance(model.loss, dict | list | tuple) or model.loss is None or isinstance(y, dict | list):
        return None
    try:
        target, weight, constant = _guess(model, y, sample_weight)
        pair = of_one_rank(keras.ops.convert_to_tensor(target), keras.ops.convert_to_tensor(constant))
        loss = keras.losses.get(model.loss)
        value = loss(*pair) if weight is None else loss(*pair, sample_weight=keras.ops.convert_to_tensor(weight))
        return float(np.mean(keras.ops.convert_to_numpy(value))) + penalty(model)
    except (UnsuitableError, ValueError, TypeError, AttributeError):  # an output, a loss or targets of another kind
        return None


def metrics_of_guessing(model: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
    """Returns the metrics of the best constant outputs; none where these outputs are not known.

    Args:
        model: Compiled and built, and of no further use: its metrics have seen the guess.
        y: The targets.
        sample_weight: Of each example.
    """
    loss = loss_of_guessing(model, y, sample_weight)
    if loss is None:
        return {}
    target, weight, constant = (
        None if part is None else keras.ops.convert_to_tensor(part) for part in _guess(model, y, sample_weight)
    )
    try:
        metrics = model.compute_metrics(None, target, constant, sample_weight=weight)
        numbers = {name: float(keras.ops.convert_to_numpy(value)) for name, value in metrics.items()}
    except Exception:  # metrics of the user's own may take no guess
        numbers = {}
    return {**numbers, "loss": loss}


def _guess(model: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Some targets, their weights, and the best outputs that are the same for all of them."""
    shape = tuple(model.output_shape)
    target, weight = _some(y), None if sample_weight is None else _some(sample_weight)
    best = best_outputs(model.loss, target, weight, shape)
    outputs = _outputs(best.activation, np.asarray(best.values, "float32"))
    return target, weight, np.broadcast_to(outputs, (len(target), *shape[1:-1], len(outputs)))


def penalty(model: Any) -> float:
    """The sum of the penalties on weights, which `fit` adds to the loss."""
    return sum(float(keras.ops.convert_to_numpy(one)) for one in model.losses)


def _some(y: Any) -> Any:
    array = y.to_numpy() if hasattr(y, "to_numpy") else y
    array = array[:: max(1, -(-len(array) // MAX_EXAMPLES))]
    return keras.ops.convert_to_numpy(array) if keras.ops.is_tensor(array) else np.asarray(array)


def _outputs(activation: Any, values: Any) -> Any:
    """What a head with this activation puts out, given its inputs."""
    if activation is None or activation is keras.activations.linear:
        return values
    return keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(values)))
