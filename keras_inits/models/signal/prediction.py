"""The state of a prediction: what is known of each tensor and kernel as signals move through a model."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_inits.models.signal.embeddings import is_table
from keras_inits.models.signal.maps import Function, Map, map_of, map_of_points, values_at
from keras_inits.models.signal.points import Point
from keras_inits.models.signal.program import Program
from keras_inits.models.signal.signal import Signal
from keras_inits.models.weights import Weight

SEVERAL = object()
"""Stands for what reads a tensor beside an activation, or another activation."""


class Entered(NamedTuple):
    """The prediction for a kernel at its first call."""

    square: float
    """The mean square of what comes in, of which padding is a part."""
    products: float
    """The mean square of what its products add up to."""


class Link(NamedTuple):
    """A step's effect on gradients: it multiplies their mean square by a number."""

    factor: float
    weight: Weight | None = None
    """The kernel behind whose products the gradient was, before it was multiplied."""


class Prediction:
    """Moves signals through a program once.

    Args:
        program: The steps.
        weights: Those of the model.
        targets: By a kernel's stream, which mean square its products are to have; 1 for others.
        squares: By the stream of a kernel whose scale does not follow from its target, its variance times fan_in; by
            that of a normalisation's scale or of a table, its mean square.
        memory: Over how many steps recurrent layers are to remember; None: over the length of their sequences.
        rows: By a table's stream, the mean square of its entries; 1 for others.
    """

    branches: Sequence[str] = ()
    """The streams of the weights that scale the residual branches."""
    points: Mapping[Function, Point] = {}
    """The operating point of each activation."""

    def __init__(
        self,
        program: Program,
        weights: Sequence[Weight],
        targets: Mapping[str, float],
        squares: Mapping[str, float] | None = None,
        memory: int | None = None,
        rows: Mapping[str, float] | None = None,
    ) -> None:
        self.program, self.targets, self.squares, self.memory = program, targets, squares or {}, memory
        self.rows = rows or {}
        self.weights = tuple(weights)
        self._weights = {(id(one.layer), one.variable.name): one for one in weights}
        self.by_variable = {id(one.variable): one for one in weights}
        self.signals: dict[int, Signal] = {value.number: Signal() for value in program.inputs}
        self.entered: dict[str, Entered] = {}
        self.heads: dict[str, float] = {}
        """The mean square of the inputs of a tied table as the last kernel, at its first call; keyed by its stream."""
        self.readers: dict[str, set[Any]] = {}
        """The activations that a kernel's products run into, or `SEVERAL`; keyed by the kernel's stream."""
        self.depths: dict[Any, int] = {}
        """The most layers with an activation on a path up to each activation."""
        self.points: dict[Any, Point] = {}
        """The operating point that each activation is to have."""
        self.lengths: dict[int, int] = {}
        """The length of a recurrent cell's sequences, where the model says it; keyed by the cell's id."""
        self.after_memories: set[str] = set()
        """The streams of kernels that read states which are small by design."""
        self.unseen: dict[int, str] = {}
        """The reason why a layer was not opened; keyed by its id."""
        self.shares: dict[str, float] = {}
        """The share of a kernel's taps that meet an entry and not padding, at its first call; keyed by its stream."""
        self.links: list[list[Link]] = []
        """The factors by which each step multiplies gradients, in the order of the signal."""
        self.is_head = False
        """Whether no weight comes behind the present step: its activation is for the loss, and passes nothing on."""
        self.maps: dict[tuple[int, float, float], Map] = {}
        """The means behind an activation, computed once; keyed by it, and by the mean and mean square of its input."""

    def kernel(self, layer: Any, name: str, signal: Signal, share: float = 1.0) -> Signal:
        """The signal behind a kernel; `share` is the share of the taps that meet an entry."""
        weight = self._weights.get((id(layer), name))
        if weight is None:
            return Signal(depth=signal.depth)
        self.read(signal)
        entering = signal.square * share
        target = self.targets.get(weight.stream, 1.0) * (weight.role.scale**2 if weight.role else 1.0)
        if weight.stream in self.squares:
            target = self.squares[weight.stream] * entering
        first = self.entered.setdefault(weight.stream, Entered(entering, target))
        if signal.remembers:
            self.after_memories.add(weight.stream)
        self.shares.setdefault(weight.stream, share)
        gain = first.products / first.square if first.square > 0 else 0.0
        products = gain * entering
        fans = weight.fans or (1.0, 1.0)
        self.links[-1].append(Link(gain * share * fans[1] / max(1.0, fans[0]), weight))
        return Signal(0.0, products, signal.depth, frozenset([weight.stream]))

    def table(self, layer: Any, signal: Signal | None) -> Signal:
        """The rows of a table; a tied one, as the last kernel, multiplies a signal."""
        weight = self.table_of(layer)
        if weight is None:
            return Signal()
        square = self.row_square(weight)
        if signal is None:
            return Signal(square=square)
        self.read(signal)
        self.heads.setdefault(weight.stream, signal.square)
        return Signal(square=square * signal.square * weight.variable.shape[-1], depth=signal.depth)

    def row_square(self, weight: Weight) -> float:
        """The mean square of the entries of a table."""
        return self.squares.get(weight.stream, self.rows.get(weight.stream, 1.0))

    def scale(self, layer: Any, name: str) -> float:
        """The mean square that the scale of a normalisation leaves."""
        weight = self._weights.get((id(layer), name))
        return 1.0 if weight is None else self.squares.get(weight.stream, 1.0)

    def activate(self, function: Function, signal: Signal) -> Signal:
        """The signal behind an activation, whose input is taken for normal."""
        key = id(function), signal.mean, signal.deviation_square
        try:
            if signal.points is not None:
                found = map_of_points(function, signal.points)
            else:
                found = self.maps[key] = self.maps.get(key) or map_of(function, *key[1:])
            points = values_at(function, signal.law)
        except Exception as error:  # of anybody's function, on numbers that no data would show it
            raise ValueError(f"{function!r} is no activation: {error}") from error
        depth = signal.depth + 1
        if self.is_head:
            self.read(signal)
        else:
            self.read(signal, function)
            self.depths[function] = max(self.depths.get(function, 0), depth)
        self.links[-1].append(Link(found.slope))
        return Signal(found.mean, found.square, depth, points=np.sort(points))

    def table_of(self, layer: Any) -> Weight | None:
        """The table of an embedding, a tied one too."""
        return next((one for one in self._weights.values() if one.layer is layer and is_table(one)), None)

    def read(self, signal: Signal, function: Any = SEVERAL) -> None:
        """Notes that an activation, or something else, reads what these kernels make."""
        for stream in signal.makers:
            self.readers.setdefault(stream, set()).add(function)


def is_scale(weight: Weight) -> bool:
    """Whether a normalisation multiplies by this weight, which starts from ones."""
    return weight.variable.name in ("gamma", "scale") and type(weight.start).__name__ == "Ones"
