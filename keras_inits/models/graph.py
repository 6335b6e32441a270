"""The activation behind each layer, read from the graph of a functional or sequential model."""

import functools
from collections import defaultdict
from typing import Any

import keras
from keras import layers

from keras_inits._keras import functional_of, nodes_of
from keras_inits.layers.activations import activation_of, gain_of, gain_or_one
from keras_inits.layers.kinds import MAX_POOLS, MOVES, NOISE, NORMALISATIONS, RESHAPING_OPERATIONS, WRAPPERS
from keras_inits.layers.tree import walk_layers
from keras_inits.models.signal.predict import predicted
from keras_inits.models.signal.prediction import Prediction
from keras_inits.models.signal.recurrent import memory_of
from keras_inits.models.weights import weights_of

PASSED = (*NORMALISATIONS, *MOVES, *NOISE, *MAX_POOLS, layers.Concatenate)
"""Layers that may stand between a kernel and its activation."""


class Graph:
    """Who reads which tensor, in a model and in the models inside of it.

    Args:
        model: Of any kind. One that is subclassed has no graph itself; functional ones inside of it have.
        residual: Whether the scales of "auto" heed residual branches.
        memory: Over how many steps recurrent layers are to remember; None: over the length of their sequences.
    """

    def __init__(self, model: Any, residual: bool = True, memory: int | None = None) -> None:
        self._model, self._residual, self._memory = model, residual, memory
        self._readers: dict[int, list[Any]] = defaultdict(list)
        self._outputs: dict[int, list[Any]] = defaultdict(list)  # of an operation
        self._outer: dict[int, list[Any]] = defaultdict(list)  # of a tensor: what an inner model's output is outside
        self._layers = dict(walk_layers(model))
        every = list(self._layers.values())
        self.functionals = [found for layer in every if (found := functional_of(layer)) is not None]
        for functional in self.functionals:
            for node in nodes_of(functional):
                self._add(node)
        self.whole = functional_of(model)  # None for one that is subclassed
        self._wrappers = {id(layer.layer): layer for layer in every if isinstance(layer, WRAPPERS)}

    @functools.cached_property
    def prediction(self) -> Prediction:
        """The prediction of the model's signals, with the scales of "auto"."""
        return predicted(self._model, weights_of(self._model), self._residual, self._memory)

    def memory_of(self, cell: Any) -> int | None:
        """Over how many steps a recurrent cell with gates is to remember; None if nothing says it."""
        return memory_of(cell, self.prediction.lengths.get(id(cell)), self._memory)

    def why_unseen(self, path: str) -> str:
        """Why no call of the layer that owns the weight with this path is seen; nothing if that is not known."""
        if not self.prediction.program.steps:
            return "the model's call cannot be followed on symbolic tensors"
        unseen, parts = self.prediction.unseen, path.split("/")
        around = (self._layers.get("/".join(parts[:count])) for count in range(1, len(parts)))
        return next((unseen[id(layer)] for layer in around if id(layer) in unseen), "")

    def gain_after(self, layer: Any) -> float:
        """The gain of the activation that this layer's outputs run into, itself or behind it; 1 for none, or several.

        It is followed through normalisation, dropout, and what only moves numbers. Activations that mix units, such as
        softmax, count as none.
        """
        own = getattr(layer, "activation", None)
        if own is not None and own is not keras.activations.linear:
            return gain_or_one(own)
        found = self._gains(self._outputs.get(id(self.operation_of(layer)), []))
        return found.pop() if len(found) == 1 else 1.0

    def variance_before(self, layer: Any) -> float:
        """The variance that "auto" gives the inputs of the activation that a layer ends with, or is."""
        point = self.prediction.points.get(activation_of(layer))
        return 1.0 if point is None else point.variance

    def operation_of(self, layer: Any) -> Any:
        """The layer, or the outermost wrapper that runs it once for all steps, or with a kernel that it normalised."""
        while id(layer) in self._wrappers:
            layer = self._wrappers[id(layer)]
        return layer

    def layer_at(self, path: str) -> Any:
        """The layer of this path in the model; None if there is none."""
        return self._layers.get(path)

    def reached_from(self, path: str) -> set[str]:
        """The paths of the layers that what a layer puts out comes to; none for a layer that no graph shows."""
        found: set[str] = set()
        layer = self._layers.get(path)
        waiting, seen = list(self._outputs.get(id(self.operation_of(layer)), [])), set[int]()
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            waiting += self._outer.get(id(tensor), [])
            for node in self._readers.get(id(tensor), []):
                inner = functional_of(node.operation)
                if inner is None:
                    found |= {path for path, layer in self._layers.items() if layer is node.operation}
                    waiting += node.output_tensors
                else:
                    waiting += [x for x, y in zip(inner.inputs, node.input_tensors, strict=False) if y is tensor]
        return found

    def _gains(self, tensors: list[Any]) -> set[float]:
        found: set[float] = set()
        seen: set[int] = set()
        waiting = list(tensors)
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            outer, readers = self._outer.get(id(tensor), []), self._readers.get(id(tensor), [])
            if not outer and not readers:  # an output of the model
                found.add(1.0)
            waiting += outer
            for node in readers:
                inner = functional_of(node.operation)
                if inner is not None:
                    waiting += [x for x, y in zip(inner.inputs, node.input_tensors, strict=False) if y is tensor]
                elif _passes(node.operation):
                    waiting += node.output_tensors
                else:
                    found.add(gain_of(node.operation))
        return found

    def _add(self, node: Any) -> None:
        for tensor in node.input_tensors:
            self._readers[id(tensor)].append(node)
        self._outputs[id(node.operation)] += node.output_tensors
        inner = functional_of(node.operation)
        if inner is not None:
            for inside, outside in zip(inner.outputs, node.output_tensors, strict=False):
                self._outer[id(inside)].append(outside)


def _passes(operation: Any) -> bool:
    if isinstance(operation, layers.Activation):
        return operation.activation is keras.activations.linear
    return isinstance(operation, PASSED) or type(operation).__name__ in RESHAPING_OPERATIONS
