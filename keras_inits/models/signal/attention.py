"""Signals behind attention: an average over places, between four kernels."""

from typing import TYPE_CHECKING, Any

from keras_inits._keras import attention_parts
from keras_inits.models.signal.program import Value
from keras_inits.models.signal.signal import Signal, averaged

if TYPE_CHECKING:
    from keras_inits.models.signal.prediction import Prediction
    from keras_inits.models.signal.program import Step

MANY = 1 << 20
"""For the places of values whose number is not known."""


def attention(prediction: "Prediction", step: "Step", given: list[Signal]) -> Signal:
    """The signals of queries, values and keys; one that is no tensor of the model has the mean square 1."""
    parts = attention_parts(step.operation)
    queries, values, keys = sources(step)
    signals = dict(zip(step.inputs, given, strict=True))
    prediction.kernel(parts.query, "kernel", _signal(queries, signals))
    prediction.kernel(parts.key, "kernel", _signal(keys, signals))
    mixed = prediction.kernel(parts.value, "kernel", _signal(values, signals))
    prediction.read(mixed)
    shape = () if values is None else prediction.program.shape(values)
    places = shape[1] if len(shape) > 2 and shape[1] else MANY
    return prediction.kernel(parts.output, "kernel", averaged(mixed, places))


def sources(step: "Step") -> tuple[Value | None, Value | None, Value | None]:
    """The tensors that queries, values and keys are made of; None for one that is not the model's but a constant."""
    names = ("query", "value", "key")
    queries, values, keys = (
        step.arguments[place] if place < len(step.arguments) else step.options.get(name)
        for place, name in enumerate(names)
    )
    return _value(queries), _value(values), _value(values if keys is None else keys)


def _value(argument: Any) -> Value | None:
    return argument if isinstance(argument, Value) else None


def _signal(value: Value | None, signals: dict[Value, Signal]) -> Signal:
    return Signal() if value is None else signals[value]
