"""From a loss and targets to the constant outputs that make the loss least: shares, means, medians."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits._keras import loss_function

Array = Any  # of NumPy
STEPS = 200
HALF = 0.5
"""An example of each class that is counted beside those there are: Krichevsky & Trofimov (1981)."""


class Best(NamedTuple):
    """The outputs of a head that knows the distribution of the targets, and nothing of the inputs."""

    activation: Any
    """The activation of the head that the loss expects; None: any that has an inverse."""
    values: Array
    """For each unit, in front of that activation, or behind any."""
    what: str
    deviation: Array | None = None
    """The deviation of the targets, where they are numbers."""


class UnsuitableError(Exception):
    """Why nothing is known of the best outputs, in words."""


def keras_loss(loss: Any) -> tuple[str | None, dict[str, Any]]:
    """The name of Keras's function that a loss computes, and the arguments that it keeps for it; None for others."""
    function, arguments = loss_function(keras.losses.get(loss))
    name = getattr(function, "__name__", "")
    return (name if name and getattr(keras.losses, name, None) is function else None), arguments


def best_outputs(loss: Any, y: Array, weight: Array | None, shape: tuple[int, ...]) -> Best:
    """Returns the best constant outputs.

    Args:
        loss: Of one output.
        y: Its targets.
        weight: Of each example, or each target.
        shape: Of the outputs, the units last; the number of examples does not count.

    Raises:
        UnsuitableError: If the loss is not known, or the targets do not suit it.
    """
    name, arguments = keras_loss(loss)
    kind = FUNCTIONS.get(name or "")
    if kind is None:
        function, _ = loss_function(keras.losses.get(loss))
        raise UnsuitableError(f"the loss {getattr(function, '__name__', function)!r} is not known")
    if not np.issubdtype(y.dtype, np.number) and y.dtype not in (bool, "bfloat16"):
        raise UnsuitableError(f"the targets are of the dtype {y.dtype}")
    y = y.astype("float64")
    if not np.isfinite(y).all():
        raise UnsuitableError("some targets are infinite or not a number")
    units = shape[-1] if len(shape) > 1 else 1
    if kind is not _sparse:
        if y.size != len(y) * int(np.prod(shape[1:], dtype=int)):
            raise UnsuitableError(f"the targets have the shape {y.shape}, the outputs {shape}")
        y = y.reshape(len(y), -1, units)
    else:
        y = y.reshape(len(y), -1, 1)
    return kind(y.reshape(-1, y.shape[-1]), _weights(weight, y), units, arguments)


def _weights(weight: Array | None, y: Array) -> Array:
    """A weight for each row of targets; all of a row count alike."""
    if weight is None:
        return np.ones((y.shape[0] * y.shape[1], 1))
    weight = np.asarray(weight, "float64").reshape(len(y), -1)
    if weight.shape[1] not in (1, y.shape[1]) or not np.isfinite(weight).all() or weight.sum() <= 0 or weight.min() < 0:
        raise UnsuitableError("the sample weights do not suit the targets")
    return np.broadcast_to(weight, y.shape[:2]).reshape(-1, 1)


def _mean(y: Array, weight: Array) -> Array:
    return (y * weight).sum(0) / weight.sum()


def _smoothed(shares: Array, weight: Array, classes: int) -> Array:
    """Shares of classes, with half an example more of each; sample weights count by what they are of their mean."""
    count = weight.sum() ** 2 / (weight**2).sum()
    return (shares * count + HALF) / (count + HALF * classes)


def _sparse(y: Array, weight: Array, units: int, arguments: dict[str, Any]) -> Best:
    if arguments.get("axis", -1) != -1:
        raise UnsuitableError("the classes are not on the last axis")
    labels, weight = y[:, 0], weight[:, 0]
    there = labels != arguments["ignore_class"] if arguments.get("ignore_class") is not None else labels == labels
    labels, weight = labels[there].astype("int64"), weight[there]
    if not len(labels) or labels.min() < 0 or labels.max() >= units or weight.sum() <= 0:
        raise UnsuitableError(f"the labels are not numbers from 0 to {units - 1}, one for each output")
    shares = np.bincount(labels, weight, units) / weight.sum()
    return _softmax(shares, weight, arguments)


def _categorical(y: Array, weight: Array, units: int, arguments: dict[str, Any]) -> Best:
    if arguments.get("axis", -1) != -1 or units < 2:
        raise UnsuitableError("the classes are not on the last axis")
    if y.min() < 0 or not np.allclose(y.sum(1), 1, atol=1e-3):
        raise UnsuitableError("the targets are not shares that add up to 1")
    return _softmax(_mean(y, weight), weight, arguments)


def _softmax(shares: Array, weight: Array, arguments: dict[str, Any]) -> Best:
    part = arguments.get("label_smoothing", 0.0)
    shares = _smoothed(shares, weight, len(shares)) * (1 - part) + part / len(shares)
    head = keras.activations.linear if arguments.get("from_logits") else keras.activations.softmax
    return Best(head, np.log(shares), "log of the classes' shares")


def _binary(y: Array, weight: Array, units: int, arguments: dict[str, Any]) -> Best:
    if y.min() < 0 or y.max() > 1:
        raise UnsuitableError("the targets are not from 0 to 1")
    part = arguments.get("label_smoothing", 0.0)
    shares = _smoothed(_mean(y, weight), weight, 2) * (1 - part) + part / 2
    head = keras.activations.linear if arguments.get("from_logits") else keras.activations.sigmoid
    return Best(head, np.log(shares / (1 - shares)), "logit of the share")


def _number(what: str, middle: Callable[[Array, Array, dict[str, Any]], Array]) -> Callable[..., Best]:
    def best(y: Array, weight: Array, units: int, arguments: dict[str, Any]) -> Best:
        mean = _mean(y, weight)
        return Best(None, middle(y, weight, arguments), what, np.sqrt(_mean((y - mean) ** 2, weight)))

    return best


def _median(y: Array, weight: Array, _: dict[str, Any]) -> Array:
    order = np.argsort(y, 0, kind="stable")
    below = np.cumsum(np.take_along_axis(np.broadcast_to(weight, y.shape), order, 0), 0)
    return np.take_along_axis(y, np.take_along_axis(order, (below >= weight.sum() / 2).argmax(0)[None], 0), 0)[0]


def _between(pull: Callable[[Array, dict[str, Any]], Array]) -> Callable[..., Array]:
    """A solver for losses between squared and absolute: it bisects for the constant at which the pulls add to zero."""

    def middle(y: Array, weight: Array, arguments: dict[str, Any]) -> Array:
        low, high = y.min(0), y.max(0)
        for _ in range(STEPS):
            half = (low + high) / 2
            up = _mean(pull(y - half, arguments), weight) > 0
            low, high = np.where(up, half, low), np.where(up, high, half)
        return (low + high) / 2

    return middle


FUNCTIONS: dict[str, Callable[..., Best]] = {
    "sparse_categorical_crossentropy": _sparse,
    "categorical_crossentropy": _categorical,
    "categorical_focal_crossentropy": _categorical,
    "kl_divergence": _categorical,
    "binary_crossentropy": _binary,
    "binary_focal_crossentropy": _binary,
    "mean_squared_error": _number("mean of the targets", lambda y, weight, _: _mean(y, weight)),
    "poisson": _number("mean of the targets", lambda y, weight, _: _mean(y, weight)),
    "mean_absolute_error": _number("median of the targets", _median),
    "huber": _number(
        "Huber's mean of the targets",
        _between(lambda far, given: np.clip(far, -given.get("delta", 1.0), given.get("delta", 1.0))),
    ),
    "log_cosh": _number("mean of the targets, of few far ones", _between(lambda far, _: np.tanh(far))),
}
