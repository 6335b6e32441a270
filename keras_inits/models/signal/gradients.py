"""From the signals that are predicted to gradients: the same program, walked backward.

At the outputs stands the gradient of a sum of the outputs, each times a number of N(0, 1) of its own: the mean square
1. Gradients that come together from several readers are taken for independent.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from keras_inits._keras import attention_parts
from keras_inits.models.signal import rules
from keras_inits.models.signal.attention import attention, sources
from keras_inits.models.signal.prediction import Prediction
from keras_inits.models.signal.program import ASSUMED, Step, Value
from keras_inits.models.signal.recurrent import recurrent
from keras_inits.models.signal.signal import Signal

Backward = Callable[["Gradients", int, Step, list[Signal], float], list[float]]
"""From the mean square of a step's gradient to those of its inputs; NaN where it is not predicted."""


class Flow(NamedTuple):
    """The prediction for the gradients of a kernel's products, over all of its calls."""

    gradient: float
    """The mean square of the gradient."""
    power: float
    """The sum over all entries of the signal's mean square times that of the gradient, which does not depend on how
    wide the layers are: layers that pass on as much as they get leave it as it is."""
    last: bool
    """Whether no kernel follows."""


class Gradients:
    """Moves mean squares of gradients back through a program.

    Args:
        prediction: Of the signals.
        even: Whether pooling is taken for a layer that passes on as much as it gets. What it takes away, it takes away
            once; what is left is how gradients grow over the depth.
    """

    def __init__(self, prediction: Prediction, even: bool = False) -> None:
        self.prediction, self.program, self.even = prediction, prediction.program, even
        self.values: dict[int, float] = {}
        """By the number of a value."""
        self.kernels: dict[str, Flow] = {}
        """By the stream of a kernel."""
        self._behind: set[int] = set()  # the values behind which there is a kernel
        for value in self.program.outputs:
            if "float" in self.program.dtypes[value.number]:
                self._add(value, 1.0)
        for number in reversed(range(len(self.program.steps))):
            self._back(number, self.program.steps[number])

    def entries(self, value: Value) -> int:
        """How many entries a value has, open axes being of the assumed length."""
        return math.prod(ASSUMED if size is None else size for size in self.program.shape(value))

    def chain(self, number: int, step: Step, gradient: float) -> float:
        """Goes back through what a step multiplies by, and notes what its kernels get."""
        behind = any(value.number in self._behind for value in step.outputs)
        for link in reversed(self.prediction.links[number]):
            if link.weight is not None:
                self.note(link.weight.stream, gradient, self.entries(step.outputs[0]), not behind)
                behind = True
            gradient *= link.factor
        return gradient

    def note(self, stream: str, gradient: float, entries: float, last: bool) -> None:
        """Notes what comes back to a kernel's products, which another call may have got too."""
        before = self.kernels.get(stream, Flow(0.0, 0.0, True))
        power = gradient * entries * self.prediction.entered[stream].products
        self.kernels[stream] = Flow(before.gradient + gradient, before.power + power, before.last and last)

    def source(self) -> float:
        """The power, as `Flow` has it, of what the model starts from: inputs that are numbers, and rows of tables."""
        found = [value for value in self.program.inputs if "float" in self.program.dtypes[value.number]]
        for step in self.program.steps:
            if rules.rule_of(step.operation) is rules._table and "int" in self._dtype_in(step):
                found += step.outputs
        signals = self.prediction.signals
        return sum(
            self.values.get(one.number, 0.0) * signals.get(one.number, Signal()).square * self.entries(one)
            for one in found
        )

    def _dtype_in(self, step: Step) -> str:
        return self.program.dtypes[step.inputs[0].number] if step.inputs else ""

    def _back(self, number: int, step: Step) -> None:
        sizes = [self.entries(value) for value in step.outputs]
        total = sum(self.values.get(value.number, 0.0) * size for value, size in zip(step.outputs, sizes, strict=True))
        gradient = total / max(1, sum(sizes))
        given = [self.prediction.signals.get(value.number, Signal()) for value in step.inputs]
        rule = rules.rule_of(step.operation)
        if rule is rules._wrapped:
            step = step._replace(operation=step.operation.layer)
            rule = rules.rule_of(step.operation)
        backward = BACKWARD.get(rule, _unknown)
        if id(step.operation) in self.prediction.unseen:
            backward = _unknown
        found = backward(self, number, step, given, gradient)
        behind = any(link.weight is not None for link in self.prediction.links[number]) or any(
            value.number in self._behind for value in step.outputs
        )
        for value, one in zip(step.inputs, found, strict=False):
            self._add(value, one)
            if behind:
                self._behind.add(value.number)

    def _add(self, value: Value, gradient: float) -> None:
        self.values[value.number] = self.values.get(value.number, 0.0) + gradient

    def per_entry(self, step: Step, place: int) -> float:
        """How many entries of the outputs there are to one of this input."""
        return sum(self.entries(value) for value in step.outputs) / max(1, self.entries(step.inputs[place]))


def _unknown(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return [0.0 if gradient == 0 else math.nan] * len(given)


def _chain(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    if back.prediction.signals[step.outputs[0].number].weighs:  # an activation that mixes entries
        units = max(2, back.program.shape(step.outputs[0])[-1] or ASSUMED)
        links = back.prediction.links[number]
        products = back.prediction.entered[links[-1].weight.stream].products if links and links[-1].weight else None
        gradient *= _softmax_slope(given[0].deviation_square if products is None else products, units)
    return [back.chain(number, step, gradient)]


def _softmax_slope(variance: float, units: int) -> float:
    """The mean square of softmax's derivative: its outputs are exp(z) / units of normal z, about."""
    return min(math.exp(min(variance, 50.0)) / units**2, 1 / units) * (1 - 1 / units)


def _softmax(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    units = max(2, back.program.shape(step.outputs[0])[-1] or ASSUMED)
    return [gradient * _softmax_slope(given[0].deviation_square, units)]


def _moved(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    """Gradients of entries that only move: each gets that of its new place; padding passes none on."""
    name = type(step.operation).__name__
    if name == "StopGradient":
        return [0.0]
    return [gradient * (min(1.0, back.per_entry(step, 0)) if "Pad" in name else back.per_entry(step, 0))]


def _normalised(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    after = back.prediction.signals[step.outputs[0].number].square
    before = given[0].square if "RMS" in type(step.operation).__name__ else given[0].deviation_square
    return [gradient * after / before if before > 0 else math.nan]


def _table(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    """Words have no gradient. A tied table, as the last kernel, adds up a row for each of them."""
    if "int" in back.program.dtypes[step.inputs[0].number]:
        return [0.0]
    weight = back.prediction.table_of(step.operation)
    if weight is None:
        return [math.nan]
    return [gradient * back.prediction.row_square(weight) * weight.variable.shape[0]]


def _sum(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return [gradient * back.per_entry(step, place) for place in range(len(given))]


def _average(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return [one / len(given) ** 2 for one in _sum(back, number, step, given, gradient)]


def _extreme(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return [one / len(given) for one in _sum(back, number, step, given, gradient)]


def _where(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    """Gradients of a choice between two tensors: the condition has none."""
    shares = rules.chosen(rules._read_all(back.prediction, step, given)[-2:])
    found = [0.0] * (len(rules._operands(step)) - 2) + [gradient * share for share in shares]
    return [one for one, leaf in zip(found, rules._operands(step), strict=True) if _is_value(leaf)]


def _product(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    if len(step.inputs) == 2 and step.inputs[0] == step.inputs[1]:  # a square: both get half of 2 x
        return [gradient * 2 * given[0].square] * 2
    squares = [one.square for one in rules._read_all(back.prediction, step, given)]
    constants = math.prod(squares[place] for place, one in enumerate(rules._operands(step)) if not _is_value(one))
    found = []
    for place in range(len(given)):
        others = constants * math.prod(one.square for number, one in enumerate(given) if number != place)
        found.append(gradient * others * back.per_entry(step, place))
    return found


def _divided(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    after = back.prediction.signals[step.outputs[0].number].square
    if len(given) != 1 or given[0].square == 0 or not _is_value(rules._operands(step)[0]):
        return [math.nan] * len(given)
    return [gradient * after / given[0].square]


def _concatenated(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return [gradient] * len(given)


def _largest(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    """Gradients of maximum pooling: one entry of each window gets the gradient."""
    return _pooled(1, back, step, given[0], gradient)


def _pooled(count: int, back: Gradients, step: Step, given: Signal, gradient: float) -> list[float]:
    """Each of the entries gets the gradient divided by how many there are."""
    part = 1 / count
    if back.even and given.square > 0:
        part = back.prediction.signals[step.outputs[0].number].square / given.square
    return [gradient * back.per_entry(step, 0) * part]


def _average_pool(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return _pooled(math.prod(rules._tuple(step.operation.pool_size)), back, step, given[0], gradient)


def _mean(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    return _pooled(max(1, round(1 / back.per_entry(step, 0))), back, step, given[0], gradient)


def _attention(back: Gradients, number: int, step: Step, given: list[Signal], gradient: float) -> list[float]:
    """Values get the average's part; queries and keys what comes through its weights: softmax of normal scores."""
    links = {link.weight.layer: link for link in back.prediction.links[number] if link.weight is not None}
    parts = [links.get(one) for one in attention_parts(step.operation)]
    if any(one is None for one in parts):
        return [math.nan] * len(given)
    query, key, value, output = parts
    entered = back.prediction.entered
    squares = [entered[one.weight.stream].products for one in (query, key, value)]  # type: ignore[union-attr]
    queries, values, keys = sources(step)
    places, targets = ((back.program.shape(one)[1] if one else None) or ASSUMED for one in (values, queries))
    size = back.entries(step.outputs[0])
    last = not any(one.number in back._behind for one in step.outputs)
    back.note(output.weight.stream, gradient, size, last)  # type: ignore[union-attr]
    mixed = gradient * output.factor  # type: ignore[union-attr]
    even = min(1.0, math.exp(min(50.0, squares[0] * squares[1])) / places)  # the sum of the squares of the weights
    on_values = mixed * ((1 + 1 / places) / 2 if back.even else even) * targets / places
    width = getattr(step.operation, "value_dim", 1) / getattr(step.operation, "key_dim", 1)
    on_queries = mixed * squares[2] * squares[1] * width * even / 2
    on_keys = mixed * squares[2] * squares[0] * width * even / 2 * targets / places
    found = dict.fromkeys(step.inputs, 0.0)
    for source, link, one in ((queries, query, on_queries), (values, value, on_values), (keys, key, on_keys)):
        back.note(link.weight.stream, one, size, False)  # type: ignore[union-attr]
        if source is not None:
            found[source] += one * link.factor  # type: ignore[union-attr]
    return [found.pop(one, 0.0) for one in step.inputs]  # once for a tensor that is given twice


def _is_value(leaf: Any) -> bool:
    return isinstance(leaf, Value)


BACKWARD: dict[Any, Backward] = {
    **dict.fromkeys((rules._kernel, rules._separable, rules._activation_layer, rules._operation), _chain),
    rules._first: _moved,
    rules._normalised: _normalised,
    rules._table: _table,
    rules._sum: _sum,
    rules._average: _average,
    rules._product: _product,
    rules._extreme: _extreme,
    rules._where: _where,
    rules._concatenated: _concatenated,
    **dict.fromkeys((rules._maximum_pool, rules._global_maximum), _largest),
    rules._average_pool: _average_pool,
    **dict.fromkeys((rules._global_average, rules._reduced), _mean),
    rules._divided: _divided,
    rules._softmax: _softmax,
    attention: _attention,
    recurrent: _unknown,
}
