"""Rules for the signals behind layers and operations: one for each kind that is known."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import activations, layers

from keras_inits.layers.activations import ACTIVATION_LAYERS, BY_CLASS, SOFTMAXES, activation_of
from keras_inits.layers.kinds import (
    ATTENTION,
    AVERAGE_POOLS,
    CONVOLUTIONS,
    DEPTHWISE,
    GLOBAL_AVERAGE_POOLS,
    GLOBAL_MAX_POOLS,
    MAX_POOLS,
    MOVES,
    MOVING_OPERATIONS,
    NOISE,
    ONE_KERNEL,
    PREPROCESSING,
    SEPARABLE,
    TO_MEAN_SQUARE_ONE,
    WRAPPERS,
)
from keras_inits.models.signal.attention import MANY, attention
from keras_inits.models.signal.embeddings import is_table
from keras_inits.models.signal.kernels import inside
from keras_inits.models.signal.prediction import Prediction
from keras_inits.models.signal.program import Shape, Step, Value, entries, leading_to_weights
from keras_inits.models.signal.recurrent import recurrent
from keras_inits.models.signal.signal import Signal, averaged, largest, mixture, product, total

Rule = Callable[[Prediction, Step, list[Signal]], Signal]


def run(prediction: Prediction) -> Prediction:
    """Moves the signals through all steps."""
    weighted = leading_to_weights(prediction.program)
    for step in prediction.program.steps:
        given = [prediction.signals.get(value.number, Signal()) for value in step.inputs]
        rule = rule_of(step.operation)
        prediction.links.append([])
        prediction.is_head = weighted.isdisjoint(step.outputs)
        try:
            found = (rule or _unknown)(prediction, step, given)
        except (ValueError, TypeError, OverflowError):  # an activation without a mean square, arguments of other kinds
            prediction.links[-1] = []
            found = _unknown(prediction, step, given)
        for value in step.outputs:
            prediction.signals[value.number] = found
    for value in prediction.program.outputs:
        prediction.read(prediction.signals.get(value.number, Signal()))
    return prediction


def is_known(layer: Any) -> bool:
    """Whether a layer is a step of its own."""
    return rule_of(layer) is not None


def rule_of(operation: Any) -> Rule | None:
    """The rule of a layer or an operation; None for one that is not known."""
    if isinstance(operation, keras.Layer):
        found: Rule | None = next((rule for kinds, rule in LAYERS if isinstance(operation, kinds)), None)
        if found is None and any(word in type(operation).__name__ for word in ("Norm", "RMS")):
            return _normalised
        return found
    listed: Rule = OPERATIONS.get(type(operation).__name__, _operation)
    return listed


def normalises(operation: Any) -> bool:
    """Whether this is a normalisation, behind which a factor of what comes in makes no difference."""
    return rule_of(operation) is _normalised


def weighs(operation: Any) -> bool:
    """Whether this makes shares of scores, as softmax does."""
    return rule_of(operation) is _softmax or (
        isinstance(operation, ACTIVATION_LAYERS) and activation_of(operation) in SOFTMAXES
    )


def _unknown(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    for one in given:
        prediction.read(one)
    prediction.unseen[id(step.operation)] = step.unseen or f"{type(step.operation).__name__} is not known"
    return Signal()


def _first(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    return given[0]


def _normalised(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    prediction.read(given[0])
    return Signal(square=math.prod(prediction.scale(step.operation, name) for name in ("gamma", "scale")))


def _kernel(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    layer = step.operation
    shape = prediction.program.shape(step.inputs[0])
    share = inside(_sliding(shape, layer), layer) if isinstance(layer, (*CONVOLUTIONS, *DEPTHWISE)) else 1.0
    found = prediction.kernel(layer, "kernel", given[0], share)
    return _activated(prediction, layer, found)


def _separable(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    layer = step.operation
    sliding = _sliding(prediction.program.shape(step.inputs[0]), layer)
    between = prediction.kernel(layer, "depthwise_kernel", given[0], inside(sliding, layer))
    return _activated(prediction, layer, prediction.kernel(layer, "pointwise_kernel", between))


def _activated(prediction: Prediction, layer: Any, signal: Signal) -> Signal:
    function = activation_of(layer)
    if function is None or function is activations.linear:
        return signal
    return elementwise(prediction, function, signal)


def elementwise(prediction: Prediction, function: Any, signal: Signal) -> Signal:
    """The signal behind an activation; one that mixes entries makes shares of 1."""
    if function in SOFTMAXES:
        prediction.read(signal)
        return Signal(depth=signal.depth, weighs=True)
    return prediction.activate(function, signal)


def _activation_layer(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    return elementwise(prediction, activation_of(step.operation), given[0])


def _table(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """Rows of a table, or a tied table as the last kernel."""
    is_head = given and "int" not in prediction.program.dtypes[step.inputs[0].number]
    return prediction.table(step.operation, given[0] if is_head else None)


def _sum(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    return total(_read_all(prediction, step, given))


def _average(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    found = total(given)
    return found.changed(found.mean / len(given), found.square / len(given) ** 2)


def _product(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    read = _read_all(prediction, step, given)
    if len(step.inputs) == 2 and step.inputs[0] == step.inputs[1]:  # a square, of what is taken for normal
        mean, spread = given[0].mean, given[0].deviation_square
        return given[0].changed(given[0].square, mean**4 + 6 * mean**2 * spread + 3 * spread**2)
    return product(read)


def _extreme(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """The signal of the larger, or the smaller, of some tensors: its squares are about those of each."""
    return mixture(_read_all(prediction, step, given), [1 / len(given)] * len(given))


def _where(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """The signal of a choice between two tensors at each place; a constant only stands for places that are masked."""
    read = _read_all(prediction, step, given)[-2:]
    return mixture(read, chosen(read))


def chosen(alternatives: Sequence[Signal]) -> list[float]:
    """The shares of entries that are taken from each: a half, or none from a constant."""
    varying = [one.deviation_square > 0 for one in alternatives]
    return [1 / sum(varying) if varies else 0.0 for varies in varying] if any(varying) else [0.5, 0.5]


def _concatenated(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    sizes = [entries(prediction.program.shape(value)) for value in step.inputs]
    for one in given:
        prediction.read(one)
    return mixture(given, [size / sum(sizes) for size in sizes])


def _read_all(prediction: Prediction, step: Step, given: list[Signal]) -> list[Signal]:
    """The signals of a step of several tensors, numbers and weights, in order."""
    found, signals = [], iter(given)
    for leaf in _operands(step):
        if isinstance(leaf, Value):
            found.append(next(signals))
            prediction.read(found[-1])
        else:
            found.append(constant(prediction, leaf))
    return found


def _operands(step: Step) -> list[Any]:
    flat: list[Any] = []
    for one in (*step.arguments, *step.options.values()):
        flat += one if isinstance(one, (list, tuple)) and not isinstance(one, Value) else [one]
    return [one for one in flat if one is not None and not isinstance(one, (str, bool))]


def constant(prediction: Prediction, leaf: Any) -> Signal:
    """A number, an array, or a weight of the model, as the law of its start makes it."""
    weight = prediction.by_variable.get(id(leaf))
    if weight is not None and is_table(weight):
        return Signal(square=prediction.row_square(weight), depth=1 << 30)
    if weight is not None and weight.role is not None and weight.role.part == "kernel":
        return Signal(depth=1 << 30)
    if weight is not None and weight.start is not None:
        value = _start_value(weight.start)
        if value is not None:
            return Signal(value, value**2, depth=1 << 30)
        stddev = getattr(weight.start, "stddev", None)
        return Signal(0.0, float(stddev) ** 2 if isinstance(stddev, (int, float)) else 0.0, depth=1 << 30)
    values = keras.ops.convert_to_numpy(getattr(leaf, "value", leaf)).astype("float64")
    return Signal(float(values.mean()), float((values**2).mean()), depth=1 << 30)


def _start_value(initializer: Any) -> float | None:
    kinds = {"Zeros": 0.0, "Ones": 1.0}
    name = type(initializer).__name__
    return kinds.get(name, float(initializer.value) if name == "Constant" and _is_number(initializer.value) else None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _maximum_pool(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    return _largest(prediction, given[0], math.prod(_tuple(step.operation.pool_size)))


def _global_maximum(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    return _largest(prediction, given[0], _places(prediction.program.shape(step.inputs[0]), step.operation))


def _largest(prediction: Prediction, signal: Signal, count: int) -> Signal:
    prediction.read(signal)
    return largest(signal, count)


def _average_pool(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    prediction.read(given[0])
    return averaged(given[0], math.prod(_tuple(step.operation.pool_size)))


def _global_average(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    prediction.read(given[0])
    return averaged(given[0], _places(prediction.program.shape(step.inputs[0]), step.operation))


def _sliding(shape: Shape, layer: Any) -> Shape:
    """The axes of places, between those of examples and of units."""
    return shape[2:] if getattr(layer, "data_format", "") == "channels_first" else shape[1:-1]


def _places(shape: Shape, layer: Any) -> int:
    return math.prod(size or 1 for size in _sliding(shape, layer))


def _tuple(value: Any) -> Sequence[int]:
    return value if isinstance(value, (tuple, list)) else (value,)


def _reduced(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """`keras.ops.mean`: over the entries that are no longer there."""
    prediction.read(given[0])
    before, after = prediction.program.shape(step.inputs[0]), prediction.program.shape(step.outputs[0])
    return averaged(given[0], max(1, round(entries(before) / entries(after))))


def _wrapped(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """A layer that runs another one for each step, or with a kernel that it normalised."""
    inner = step._replace(operation=step.operation.layer)
    rule = rule_of(inner.operation)
    return (rule or _unknown)(prediction, inner, given)


def _matrices(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """A product of two tensors with a sum: an average if one of them has the weights of one, else over unknown many."""
    read = _read_all(prediction, step, given)
    operands = [one for one in read if not one.weighs]
    if len(operands) < len(read) and operands:
        return averaged(operands[0], MANY)
    if len(given) < len(read):  # with a weight of the model: a kernel in its place
        return Signal(depth=given[0].depth)
    return Signal(depth=min(one.depth for one in given)) if given else Signal()


def _fused_attention(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """Scores of queries and keys, their softmax, and the average of values, in one operation."""
    for one in given:
        prediction.read(one)
    return averaged(given[2], MANY)


def _softmax(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    return elementwise(prediction, activations.softmax, given[0])


def _divided(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    read = _read_all(prediction, step, given)
    if len(given) == 1 and isinstance(step.inputs[0], Value) and len(read) == 2 and read[1].square > 0:
        factor = 1 / math.sqrt(read[1].square)
        return given[0].changed(given[0].mean * factor, given[0].square * factor**2)
    return Signal(depth=min(one.depth for one in given))


def _operation(prediction: Prediction, step: Step, given: list[Signal]) -> Signal:
    """An operation of `keras.ops` that is not listed: one that works on each entry on its own is an activation."""
    before, after = prediction.program.shape(step.inputs[0]), prediction.program.shape(step.outputs[0])
    if len(given) != 1 or len(step.outputs) != 1 or before != after:
        return _unknown(prediction, step, given)
    name = type(step.operation).__name__.lower()
    function = BY_CLASS.get(name)
    parameters = {
        key: value
        for key, value in vars(step.operation).items()
        if isinstance(value, (int, float)) and not key.startswith("_") and not isinstance(value, bool)
    }
    if function is None or parameters:
        function = _bound(type(step.operation), tuple(sorted(parameters.items())), step.operation)
    return elementwise(prediction, function, given[0])


_BOUND: dict[Any, Any] = {}


def _bound(kind: type, parameters: tuple[Any, ...], operation: Any) -> Any:
    """One function for all operations that do the same."""
    return _BOUND.setdefault((kind, parameters), operation.call)


LAYERS: tuple[tuple[Any, Rule], ...] = (
    (ATTENTION, attention),
    ((layers.RNN, layers.Bidirectional), recurrent),
    ((layers.Embedding,), _table),
    (SEPARABLE, _separable),
    (ONE_KERNEL, _kernel),
    ((*TO_MEAN_SQUARE_ONE, *PREPROCESSING), _normalised),
    ((*MOVES, *NOISE, layers.Masking, layers.Resizing), _first),
    (ACTIVATION_LAYERS, _activation_layer),
    ((layers.Add, layers.Subtract), _sum),
    ((layers.Multiply,), _product),
    ((layers.Average,), _average),
    ((layers.Maximum, layers.Minimum), _extreme),
    ((layers.Concatenate,), _concatenated),
    (MAX_POOLS, _maximum_pool),
    (AVERAGE_POOLS, _average_pool),
    (GLOBAL_MAX_POOLS, _global_maximum),
    (GLOBAL_AVERAGE_POOLS, _global_average),
    (WRAPPERS, _wrapped),
)

OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys(MOVING_OPERATIONS, _first),
    "Add": _sum,
    "Subtract": _sum,
    "Multiply": _product,
    "Divide": _divided,
    "TrueDivide": _divided,
    "Maximum": _extreme,
    "Minimum": _extreme,
    "Concatenate": _concatenated,
    "Stack": _concatenated,
    "Mean": _reduced,
    "Softmax": _softmax,
    "DotProductAttention": _fused_attention,
    "Einsum": _matrices,
    "Matmul": _matrices,
    "Where": _where,
}
