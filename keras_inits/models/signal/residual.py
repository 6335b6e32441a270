"""Residual branches: what is added to a tensor that goes past it, and the kernel that ends each of them."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from keras_inits.models.signal.program import Program, Step, Value

Streams = Callable[[Any], list[str]]
"""From a layer to the streams of its kernels, in the order in which they multiply."""


class Way(NamedTuple):
    """The kernels on the way to a tensor."""

    kernels: tuple[str, ...] = ()
    normalised: bool = False
    """Whether a normalisation comes behind the last of them, which undoes any factor of it."""
    from_normalised: bool = False
    """Whether one comes before the first of them: what it makes does not grow with what it is added to."""


PRODUCTS = ("Dot", "Einsum", "Matmul", "Tensordot")


def branch_ends(
    program: Program, streams: Streams, normalises: Callable[[Any], bool], weighs: Callable[[Any], bool]
) -> dict[str, float]:
    """By the stream of the last kernel of each residual branch, which mean square the branch is to add.

    Each of N adds 1 / N, and 2 / N if it begins with a normalisation; none are those that a normalisation ends.

    A branch is what leads to one input of an addition and starts where another input comes from, with more kernels
    than that one, which has one at the most. What is added to a sum that nothing else reads is another input of that
    addition: attention and dense layers side by side are two branches. Sums that are scores of attention have none.

    Args:
        program: The steps of a model.
        streams: Of a layer.
        normalises: Whether an operation undoes a factor of what comes in.
        weighs: Whether an operation makes shares of scores.
    """
    scores = _scores(program, weighs)
    makers = {value.number: step for step in program.steps for value in step.outputs}
    order = {id(step): number for number, step in enumerate(program.steps)}
    found: dict[str, float] = {}
    for step, summands in _sums(program, makers):
        if not scores.isdisjoint(step.outputs):
            continue
        befores = [_before(value, makers) for value in summands]
        common = set.intersection(*befores)
        if not common:  # inputs of the model that are added, as tokens and places are
            continue
        ways = [
            _way(value, before - common, makers, order, program, streams, normalises)
            for value, before in zip(summands, befores, strict=True)
        ]
        shortcut, *branches = sorted(ways, key=lambda way: len(way.kernels))
        if len(shortcut.kernels) <= 1:
            kept = [way for way in branches if way.kernels and not way.normalised]
            found.update({way.kernels[-1]: 2.0 if way.from_normalised else 1.0 for way in kept})
    return {stream: min(1.0, share / len(found)) for stream, share in found.items()}


def _sums(program: Program, makers: dict[int, Step]) -> list[tuple[Step, list[Value]]]:
    """The additions, each with all that it adds up: also what a sum was made of that it alone reads."""
    readers = Counter(value for step in program.steps for value in set(step.inputs))
    readers.update(program.outputs)
    found: dict[int, tuple[Step, list[Value]]] = {}
    for step in program.steps:
        if type(step.operation).__name__ != "Add" or len(step.inputs) < 2:  # the layer, or what `+` makes
            continue
        summands: list[Value] = []
        for value in step.inputs:
            inner = found.pop(id(makers.get(value.number)), None) if readers[value] == 1 else None
            summands += [value] if inner is None else inner[1]
        found[id(step)] = step, summands
    return list(found.values())


def _scores(program: Program, weighs: Callable[[Any], bool]) -> set[Value]:
    """The tensors of which shares are made, with no product in between."""
    found: set[Value] = set()
    for step in reversed(program.steps):
        multiplies = type(step.operation).__name__ in PRODUCTS or getattr(step.operation, "weights", None)
        if weighs(step.operation) or (not multiplies and not found.isdisjoint(step.outputs)):
            found.update(step.inputs)
    return found


def _before(value: Value, makers: dict[int, Step]) -> set[int]:
    """The steps that a tensor depends on, by their ids, and the inputs of the model, by their numbers, negative."""
    found: set[int] = set()
    waiting = [value.number]
    while waiting:
        number = waiting.pop()
        step = makers.get(number)
        if step is None:
            found.add(-1 - number)
        elif id(step) not in found:
            found.add(id(step))
            waiting += [one.number for one in step.inputs]
    return found


def _way(
    value: Value,
    within: set[int],
    makers: dict[int, Step],
    order: dict[int, int],
    program: Program,
    streams: Streams,
    normalises: Callable[[Any], bool],
) -> Way:
    """The way to a tensor, through these steps, on which most kernels multiply; where a gate multiplies, beside it."""
    ways: dict[int, Way] = {}  # by value
    for number in sorted(order[one] for one in within if one in order):
        step = program.steps[number]
        before = [ways.get(one.number, Way()) for one in step.inputs]
        choose = min if type(step.operation).__name__ == "Multiply" else max
        way = choose(before, key=lambda one: len(one.kernels), default=Way())
        if normalises(step.operation):
            way = way._replace(normalised=bool(way.kernels), from_normalised=way.from_normalised or not way.kernels)
        elif isinstance(step.operation, keras.Layer) and (kernels := streams(step.operation)):
            way = way._replace(kernels=(*way.kernels, *kernels), normalised=False)
        for output in step.outputs:
            ways[output.number] = way
    return ways.get(value.number, Way())
