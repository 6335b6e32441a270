"""All that findings are made from, and the remedies that draw its weights again."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from keras_inits.diagnosis.batch import BatchNumbers
from keras_inits.diagnosis.numbers import KernelNumbers, LayerNumbers
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.rule_code import code_of, rules_of
from keras_inits.models.auto import auto_law
from keras_inits.models.graph import Graph
from keras_inits.models.rules import why_fixed
from keras_inits.models.weights import Weight


class Case(NamedTuple):
    """All that findings are made from."""

    rows: Sequence[LayerNumbers]
    batch: BatchNumbers
    weights: Sequence[Weight]
    graph: Graph
    is_read: Callable[[Any], bool]
    """Whether the model's outputs depend on those of a layer."""
    reached: Callable[[int], frozenset[int]]
    """The numbers of the rows that the outputs of a row, by its number, come to."""
    gradients_without: Callable[[frozenset[int]], Sequence[float]]
    """The norms of the gradients of all rows' outputs where the rows with these numbers put out zeros."""
    without_loss: frozenset[str]
    """The names of the rows on which no loss depends, for their outputs have none."""

    @property
    def size_of_inputs(self) -> float:
        """The root mean square of the model's inputs; 1 for words and other numbers that are names."""
        inputs = self.batch.inputs
        return math.hypot(inputs.mean, inputs.stddev) or 1.0 if inputs is not None else 1.0

    @property
    def told(self) -> Sequence[LayerNumbers]:
        """The rows whose values say something of the weights: those before a batch normalisation of one value.

        Its outputs are its offset, whatever comes in, and nothing behind it follows from the batch.
        """
        return list(itertools.takewhile(lambda row: row.normalised != 1, self.rows))

    def remedy(self, chosen: Callable[[LayerNumbers, Weight], bool], reason: str) -> Remedy:
        """The laws of `initialize` for the weights that are chosen, of those that are trained."""
        names = {path: row for row in self.rows for path in row.weights}
        drawn = list[tuple[str, Any]]()
        for weight in self.weights:
            row = names.get(weight.path)
            if row is not None and why_fixed(weight) is None and chosen(row, weight):
                law = auto_law(weight, self.graph)
                if law is not None:
                    drawn.append((weight.path, law))
        rules = rules_of(drawn, [weight.path for weight in self.weights])
        return Remedy(reason, rules, code_of(rules))

    def for_kernels(self, chosen: Iterable[KernelNumbers], reason: str) -> Remedy:
        """The same for some kernels."""
        paths = {kernel.path for kernel in chosen}
        return self.remedy(lambda _, weight: weight.path in paths, reason)

    def for_rows(self, chosen: Iterable[LayerNumbers], reason: str) -> Remedy:
        """The same for all weights of some layers."""
        names = {row.layer for row in chosen}
        return self.remedy(lambda row, _: row.layer in names, reason)

    def kernels_of(self, row: LayerNumbers) -> tuple[KernelNumbers, ...]:
        """The kernels that a call of a layer multiplies with, which stand with the layer's first call."""
        if row.call == 1:
            return row.kernels
        return next((one.kernels for one in self.rows if one.layer == row.layer and one.call == 1), ())

    def feeding(self, index: int) -> list[LayerNumbers]:
        """The call with kernels whose outputs this row puts out or passes on, with what is between the two."""
        start = index
        while start and not self.kernels_of(self.rows[start]):
            start -= 1
        return list(self.rows[start : index + 1])
