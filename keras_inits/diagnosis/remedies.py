"""Remedies of findings: Python that draws weights again, or changes the set-up."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from keras_inits import thresholds
from keras_inits.diagnosis.batch import BatchNumbers
from keras_inits.diagnosis.numbers import KernelNumbers, LayerNumbers
from keras_inits.diagnosis.redrawn import Rule, code_of, rules_of
from keras_inits.models.auto import auto_law
from keras_inits.models.graph import Graph
from keras_inits.models.rules import why_fixed
from keras_inits.models.weights import Weight

OFF_BY = thresholds.WRONG_FANS_FACTOR**0.5  # in standard deviations, what that is in variances


class Remedy(NamedTuple):
    """A remedy of a finding, and its reason: Python that changes the program; or words alone.

    It prints as code with a comment: `model.optimizer.learning_rate = 0.001  # why`.
    """

    reason: str
    """Why; without code, what to do."""
    rules: tuple[Rule, ...] = ()
    """Pairs of a pattern and an initializer, as `initialize` takes them, if the remedy draws weights again."""
    code: str = ""
    """Python that carries it out: `model`, `x`, `y`, `keras` and `keras_inits` are what they are in the program."""
    tried: bool | None = None
    """Whether the finding was gone after the rules were carried out on a copy of the weights; None: nobody tried."""

    @property
    def why(self) -> str:
        """The reason, and what the trial showed."""
        return self.reason + {True: " (tried: gone)", False: " (tried: it stays)", None: ""}[self.tried]

    def __str__(self) -> str:
        """The code, and the reason behind it."""
        return f"{self.code}  # {self.why}" if self.code else self.reason


class Case(NamedTuple):
    """All that findings are made from."""

    rows: Sequence[LayerNumbers]
    batch: BatchNumbers
    weights: Sequence[Weight]
    graph: Graph
    is_read: Callable[[Any], bool]
    """Whether the model's outputs depend on those of a layer."""
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


def too_small(kernel: KernelNumbers) -> bool:
    """Whether its weights are smaller than `initialize` would have them, by more than chance makes of so few."""
    return bool(kernel.auto and _size(kernel) < kernel.auto / OFF_BY / (1 + _error(kernel)))


def too_large(kernel: KernelNumbers) -> bool:
    """Whether its weights are larger than `initialize` would have them, by more than chance makes of so few."""
    return bool(kernel.auto and _size(kernel) > kernel.auto * OFF_BY * (1 + _error(kernel)))


def _error(kernel: KernelNumbers) -> float:
    """By how much of itself a deviation of so many normal numbers may be off: four of its errors, sqrt(1 / 2n)."""
    return thresholds.FANS_DEVIATIONS * math.sqrt(0.5 / max(1, math.prod(kernel.shape)))


def _size(kernel: KernelNumbers) -> float:
    return math.hypot(kernel.moments.mean, kernel.moments.stddev)
