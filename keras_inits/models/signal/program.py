"""From a model to a flat list of steps: each a call of a layer that is known, or of an operation, with what it reads.

Models inside of models, and layers that are not known, are opened: the calls inside of them are the steps. A layer of
one's own is opened by calling it on symbolic tensors. Where that fails, the layer is one step, and its reason is kept.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras

from keras_inits._keras import functional_of, nodes_between, nodes_of, symbolic_calls

Shape = tuple[int | None, ...]
ASSUMED = 8
"""The length of axes that a model leaves open, where a layer is opened: only so long that windows have room."""


class Value(NamedTuple):
    """Stands for a tensor in the arguments of a step."""

    number: int


class Step(NamedTuple):
    """One call."""

    operation: Any
    arguments: tuple[Any, ...]
    """With a `Value` for each tensor."""
    options: dict[str, Any]
    outputs: tuple[Value, ...]
    unseen: str = ""
    """Why a layer that is not known was not opened."""

    @property
    def inputs(self) -> list[Value]:
        """The tensors that it reads."""
        return [leaf for leaf in _leaves((self.arguments, self.options)) if isinstance(leaf, Value)]


@dataclass
class Program:
    """The steps of a model, each after those that it reads from."""

    steps: list[Step] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    """By the numbers of the values."""
    dtypes: list[str] = field(default_factory=list)

    def shape(self, value: Value) -> Shape:
        """The shape of a value, with None where the model leaves it open."""
        return self.shapes[value.number]


def program_of(model: Any, is_known: Callable[[Any], bool]) -> Program:
    """Reads the steps of a model.

    Args:
        model: Of any kind, built.
        is_known: Whether a layer is a step, and need not be opened.
    """
    reader = _Reader(is_known)
    with symbolic_calls(model, is_known):
        functional = functional_of(model)
        if functional is not None:
            values = [reader.new(tensor) for tensor in functional.inputs]
            reader.program.inputs = values
            reader.program.outputs = reader.functional(functional, values)
        else:
            reader.root(model)
    return reader.program


def leading_to_weights(program: Program) -> set[Value]:
    """The tensors that a layer with weights comes behind, on some way."""
    found: set[Value] = set()
    for step in reversed(program.steps):
        has_weights = isinstance(step.operation, keras.Layer) and bool(step.operation.weights)
        if has_weights or not found.isdisjoint(step.outputs):
            found.update(step.inputs)
    return found


class _Reader:
    def __init__(self, is_known: Callable[[Any], bool]) -> None:
        self.program = Program()
        self._is_known = is_known

    def new(self, tensor: Any) -> Value:
        self.program.shapes.append(tuple(tensor.shape))
        self.program.dtypes.append(keras.backend.standardize_dtype(tensor.dtype))
        return Value(len(self.program.shapes) - 1)

    def root(self, model: Any) -> None:
        """Opens a model that has no graph, on tensors of the shapes that it was built with."""
        for dtype in ("float32", "int32"):  # it is not known whether it takes numbers or words
            tensors = _built_with(model, dtype)
            try:
                self.program.inputs, self.program.outputs = self._rooted(model, tensors)
            except Exception:  # of anybody's code
                self.program = Program()
            else:
                return

    def _rooted(self, model: Any, tensors: tuple[Any, ...]) -> tuple[list[Value], list[Value]]:
        values = {id(tensor): self.new(tensor) for tensor in keras.tree.flatten(tensors)}
        inputs = list(values.values())
        if not self._is_known(model):
            return inputs, self._traced(model, tensors, {}, values)
        given = _map(lambda leaf: values[id(leaf)], tensors)
        return inputs, self._call(model, given, {}, keras.tree.flatten(model.compute_output_spec(*tensors)))

    def functional(self, functional: Any, values: Sequence[Value]) -> list[Value]:
        """Reads the graph of a functional model whose inputs are these values."""
        known = dict(zip(map(id, functional.inputs), values, strict=True))
        self._nodes(nodes_of(functional), known)
        return [known[id(tensor)] for tensor in functional.outputs]

    def _nodes(self, nodes: Sequence[Any], known: dict[int, Value]) -> None:
        for node in nodes:
            if node.operation is None or all(id(tensor) in known for tensor in node.outputs):
                continue  # an input
            arguments, options = _map(
                lambda leaf: known[id(leaf)] if keras.backend.is_keras_tensor(leaf) else leaf,
                (tuple(node.arguments.args), dict(node.arguments.kwargs)),
            )
            outputs = self._call(node.operation, arguments, options, node.outputs)
            known.update(zip(map(id, node.outputs), outputs, strict=True))

    def _call(self, operation: Any, arguments: Any, options: Any, outputs: Sequence[Any]) -> list[Value]:
        """Adds one call, or the calls inside of it, to the steps."""
        inner, unseen = functional_of(operation), ""
        if inner is not None:
            given = [leaf for leaf in _leaves((arguments, options)) if isinstance(leaf, Value)]
            if len(given) == len(inner.inputs):
                return self.functional(inner, given)
        if isinstance(operation, keras.Layer) and not self._is_known(operation):
            before = len(self.program.steps)
            try:
                return self._opened(operation, arguments, options, outputs)
            except Exception as error:  # of anybody's code, which need not run on symbolic tensors
                del self.program.steps[before:]
                unseen = f"calling it on symbolic tensors ended with {type(error).__name__}"
        values = tuple(self.new(tensor) for tensor in outputs)
        self.program.steps.append(Step(operation, arguments, options, values, unseen))
        return list(values)

    def _opened(self, layer: Any, arguments: Any, options: Any, outputs: Sequence[Any]) -> list[Value]:
        tensors: dict[int, Any] = {}
        shapes, dtypes = self.program.shapes, self.program.dtypes

        def tensor_of(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            shape = [ASSUMED if size is None else size for size in shapes[leaf.number]]
            return tensors.setdefault(leaf.number, keras.KerasTensor(shape, dtypes[leaf.number]))

        arguments, options = _map(tensor_of, (arguments, options))
        known = {id(tensor): Value(number) for number, tensor in tensors.items()}
        found = self._traced(layer, arguments, options, known)
        if len(found) > len(outputs):
            raise ValueError("it has other outputs")
        return [*found, *(self.new(tensor) for tensor in outputs[len(found) :])]  # it may leave the last ones out

    def _traced(self, layer: Any, arguments: Any, options: Any, known: dict[int, Value]) -> list[Value]:
        taken = inspect.signature(layer.call).parameters
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
            options = {name: value for name, value in options.items() if name in taken}  # not what `__call__` takes
        outputs = [one for one in keras.tree.flatten(layer.call(*arguments, **options)) if one is not None]
        self._nodes(nodes_between([one for one in outputs if keras.backend.is_keras_tensor(one)], known), known)
        for tensor in outputs:
            if id(tensor) not in known:  # made of nothing that came in
                known[id(tensor)] = self.new(tensor)
        return [known[id(tensor)] for tensor in outputs]


def _built_with(model: Any, dtype: str) -> tuple[Any, ...]:
    """Symbolic tensors of the shapes that a model was built with, as its `call` takes them; none if it keeps none."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    tensors = [
        keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor([ASSUMED if size is None else size for size in shape], dtype), one
        )
        for one in shapes.values()
        if one is not None
    ]
    return tuple(tensors)


def _leaves(structure: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dictionaries, a `Value` being one."""
    if isinstance(structure, Value) or not isinstance(structure, (tuple, list, dict)):
        return [structure]
    parts = structure.values() if isinstance(structure, dict) else structure
    return [leaf for part in parts for leaf in _leaves(part)]


def _map(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure of what a function makes of its leaves."""
    if isinstance(structure, Value) or not isinstance(structure, (tuple, list, dict)):
        return function(structure)
    if isinstance(structure, dict):
        return {name: _map(function, part) for name, part in structure.items()}
    parts = [_map(function, part) for part in structure]
    return tuple(parts) if isinstance(structure, tuple) else parts


def entries(shape: Shape) -> int:
    """How many entries an example has, with axes of an unknown length counted as 1."""
    return math.prod(size or 1 for size in shape[1:])
