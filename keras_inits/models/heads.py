"""From the outputs of a model to the layers that put them out, and from best outputs to their last bias."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits.models.targets import Best, UnsuitableError

Array = Any  # of NumPy
activations = keras.activations
EDGE = 1e-3
"""How near to the bounds of a bounded activation a mean is asked for, as a part of the distance between them."""


def _logit(p: Array) -> Array:
    p = np.clip(p, EDGE, 1 - EDGE)
    return np.log(p / (1 - p))


def _soft(p: Array) -> Array:
    p = np.maximum(p, EDGE)
    return p + np.log(-np.expm1(-p))


INVERSES: dict[Any, Callable[[Array], Array]] = {
    activations.linear: lambda p: p,
    activations.relu: lambda p: np.maximum(p, EDGE),  # at zero there is no gradient
    activations.sigmoid: _logit,
    activations.tanh: lambda p: np.arctanh(np.clip(p, -1 + 2 * EDGE, 1 - 2 * EDGE)),
    activations.softplus: _soft,
    activations.exponential: lambda p: np.log(np.maximum(p, EDGE)),
    activations.leaky_relu: lambda p: np.where(p < 0, p / 0.2, p),
    activations.elu: lambda p: np.where(p < 0, np.log1p(np.clip(p, -1 + EDGE, 0)), p),
    activations.softsign: lambda p: (q := np.clip(p, -1 + 2 * EDGE, 1 - 2 * EDGE)) / (1 - np.abs(q)),
    activations.hard_sigmoid: lambda p: 6 * np.clip(p, EDGE, 1 - EDGE) - 3,
}
NORMALISED = (activations.softmax,)  # over all units, which have no inverse of their own


class Call(NamedTuple):
    """A call of a layer with a kernel."""

    layer: Any
    before: Array
    """Its outputs before the activation, for the first examples."""
    after: Array


class Head(NamedTuple):
    """The layer that puts out an output of the model, and what stands between."""

    layer: Any
    activation: Any


def head_of(output: Array, calls: Sequence[Call]) -> Head | None:
    """The last layer of whose calls an output is an activation, entry by entry, or softmax; None if there is none."""
    for call in reversed(calls):
        if call.before.size != output.size:
            continue
        own = getattr(call.layer, "activation", None)
        for activation in dict.fromkeys([*((own,) if callable(own) else ()), *INVERSES, *NORMALISED]):
            if _puts_out(activation, call.before, output):
                return Head(call.layer, activation)
    return None


def _puts_out(activation: Any, before: Array, output: Array) -> bool:
    made = keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(before)))
    close = np.allclose(np.asarray(made, "float32").reshape(-1), output.astype("float32").reshape(-1), 1e-2, 1e-4)
    return bool(close)


def bias_for(best: Best, activation: Any) -> Array:
    """The outputs that are best, in front of the head's activation.

    Raises:
        UnsuitableError: If the activation is not the one that the loss expects, or has no inverse.
    """
    name = getattr(activation, "__name__", activation)
    if best.activation is not None:
        if activation is not best.activation:
            raise UnsuitableError(f"the loss takes outputs of {best.activation.__name__}, and the head has {name}")
        return best.values
    if activation not in INVERSES:
        raise UnsuitableError(f"the head's activation, {name}, has no inverse")
    return INVERSES[activation](best.values)
