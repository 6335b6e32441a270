"""What attention makes of signals: an average over places, between four kernels."""

from typing import TYPE_CHECKING, Any

from keras_inits.models.signal.signal import Signal, averaged

if TYPE_CHECKING:
    from keras_inits.models.signal.prediction import Prediction
    from keras_inits.models.signal.program import Step


def attention(prediction: "Prediction", step: "Step", given: list[Signal]) -> Signal:
    """Of the queries' input, the values' and the keys', in this order, as Keras's attention takes them."""
    layer: Any = step.operation
    queries, values = given[0], given[1] if len(given) > 1 else given[0]
    keys = given[2] if has_keys(step) else values
    prediction.kernel(layer._query_dense, "kernel", queries)
    prediction.kernel(layer._key_dense, "kernel", keys)
    mixed = prediction.kernel(layer._value_dense, "kernel", values)
    prediction.read(mixed)
    shape = prediction.program.shape(step.inputs[1 if len(given) > 1 else 0])
    places = shape[1] if len(shape) > 2 and shape[1] else 1 << 20
    return prediction.kernel(layer._output_dense, "kernel", averaged(mixed, places))


def has_keys(step: "Step") -> bool:
    """Whether the keys are made of a tensor of their own, the third that comes in."""
    third = step.arguments[2] if len(step.arguments) > 2 else step.options.get("key")
    return any(third is one or third == one for one in step.inputs)
