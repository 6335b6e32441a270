"""Rows in memory: columns that grow, of which a trace is a view."""

from collections.abc import Iterable, Sequence

import numpy as np

from keras_inits.recording.quantities import GRADIENT, OUTCOME_TYPE, in_order
from keras_inits.recording.steps import Steps
from keras_inits.recording.trace import GradientTrace

FIRST_ROWS = 64
"""How many rows there is room for at first. Whenever that runs out, there is room for twice as many."""


class Table:
    """Room for rows of some layers and quantities. Rows are written once, so that views of them stay what they are.

    Args:
        layers: The names of the layers.
        quantities: The names of the quantities, the gradient's among them.
        room: For how many rows.
    """

    def __init__(self, layers: Sequence[str], quantities: Iterable[str], room: int) -> None:
        self.layers, self.room = tuple(layers), room
        self._place = {name: column for column, name in enumerate(self.layers)}
        self._steps = np.zeros(room, np.int64)
        self._outcomes = np.zeros(room, OUTCOME_TYPE)
        self._clipped, self._unknown = np.zeros(room, bool), np.ones(room, bool)
        shape = (room, len(self.layers))
        self._values = {name: np.zeros(shape) for name in in_order(quantities)}
        self._masks = {name: np.ones(shape, bool) for name in self._values}

    def takes(self, block: Steps, rows: int) -> bool:
        """Whether there is room for a block behind so many rows, and a column for all that it has."""
        return (
            rows + len(block) <= self.room
            and (block.layers == self.layers or set(block.layers) <= set(self.layers))
            and block.tables.keys() <= self._values.keys()
        )

    def put(self, block: Steps, first: int) -> None:
        """Writes a block, whose first row gets this number."""
        rows = slice(first, first + len(block))
        columns = slice(None) if block.layers == self.layers else [self._place[name] for name in block.layers]
        self._steps[rows], self._outcomes[rows] = block.steps, block.outcomes
        self._clipped[rows], self._unknown[rows] = block.clipped.data, np.ma.getmaskarray(block.clipped)
        for name in self._values:
            self._masks[name][rows] = True  # an interrupted write may have left something
            if name in block.tables:
                self._values[name][rows, columns] = block.tables[name].data
                self._masks[name][rows, columns] = np.ma.getmaskarray(block.tables[name])

    def trace(self, rows: int) -> GradientTrace:
        """The first rows, not copied."""
        tables = {name: _view(self._values[name][:rows], self._masks[name][:rows]) for name in self._values}
        clipped = _view(self._clipped[:rows], self._unknown[:rows])
        return GradientTrace.of_frozen(
            _fixed(self._steps[:rows]), self.layers, tables, _fixed(self._outcomes[:rows]), clipped
        )

    @property
    def numbers(self) -> int:
        """How many numbers a row has."""
        return len(self.layers) * len(self._values)


def with_room(table: Table, rows: int, block: Steps) -> Table:
    """A table of the same rows that also takes this block."""
    layers = tuple(dict.fromkeys((*table.layers, *block.layers)))
    quantities = (*table.trace(0).tables, *block.tables)
    wider = Table(layers, quantities, max(FIRST_ROWS, 2 * rows, rows + len(block)))
    wider.put(table.trace(rows), 0)
    return wider


def thinned(table: Table, rows: int) -> tuple[Table, int]:
    """A table of every second step, and how many rows it has."""
    trace = table.trace(rows)
    kept = trace[np.isin(trace.steps, np.unique(trace.steps)[::2])]
    thin = Table(table.layers, trace.tables, max(FIRST_ROWS, rows))
    thin.put(kept, 0)
    return thin, len(kept)


EMPTY = Table((), (GRADIENT,), 0)


def _fixed(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.flags.writeable = False
    return view


def _view(values: np.ndarray, mask: np.ndarray) -> np.ma.MaskedArray:
    return np.ma.MaskedArray(_fixed(values), mask=_fixed(mask), copy=False, hard_mask=True)
