"""The columns of a row: the variable in each, and the columns that make up a layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_inits import _keras
from keras_inits._names import all_unique, shown, stand_in, unique
from keras_inits.backends.measures import ABSENT
from keras_inits.layers.tree import walk_layers


@dataclass(frozen=True, eq=False)
class Layout:
    """The names that rows have values for, each with its columns, which lie beside each other."""

    names: tuple[str, ...]
    starts: tuple[int, ...]  # of each name its first column
    sizes: np.ndarray  # of the variable in each column

    def groups(self) -> list[list[int]]:
        """The columns of each name."""
        ends = [*self.starts[1:], len(self.sizes)]
        return [list(range(start, end)) for start, end in zip(self.starts, ends, strict=True)]

    def norms(self, norms: np.ndarray) -> np.ma.MaskedArray:
        """Puts the variables' norms (rows x columns) together to the norms of what is named (rows x names)."""
        squares = self.sums(np.where(norms == ABSENT, ABSENT, norms**2))
        return np.ma.MaskedArray(np.sqrt(squares.data), mask=squares.mask)

    def sums(self, numbers: np.ndarray) -> np.ma.MaskedArray:
        """Adds up the numbers of the variables of each name."""
        # No matrix product: it would spread NaN over all layers.
        return self._joined(np.add, numbers)

    def largest(self, numbers: np.ndarray) -> np.ma.MaskedArray:
        """The largest number of the variables of each name; NaN if one is."""
        return self._joined(np.maximum, numbers)

    def _joined(self, join: np.ufunc, numbers: np.ndarray) -> np.ma.MaskedArray:
        present = numbers != ABSENT
        table = join.reduceat(np.where(present, numbers, 0.0), self.starts, axis=1)
        return np.ma.MaskedArray(table, mask=~np.logical_or.reduceat(present, self.starts, axis=1))


class Columns:
    """The columns of the rows of one model, known from the first row on: only then is every model built.

    Args:
        model: The model that is trained.
        optimizers: Those whose rows these are; they may train variables that belong to no layer.
    """

    def __init__(self, model: Any, optimizers: Sequence[Any]) -> None:
        self._model, self._optimizers = model, optimizers
        self._columns: dict[Any, int] = {}
        self.layouts: dict[str, Layout] = {}  # by layers and by variables
        self._places: dict[tuple[int, ...], tuple[list[Any], list[int | None]]] = {}

    def groups(self, per: str) -> list[list[int]]:
        """For each name, of a layer or of a variable, its columns."""
        return self.layouts[per].groups()

    def arrange(self, values: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
        """Returns, for each column, the value of its variable, or None where it has none."""
        if not self._places:  # before that, only the layers were asked for their columns
            self._build(variables)
        if not variables:
            return [None] * len(self._columns)
        key = tuple(map(id, variables))
        if key not in self._places:  # optimizers are handed the same variables at every step
            self._places[key] = list(variables), [self._place(variable) for variable in variables]
        arranged: list[Any] = [None] * len(self._columns)
        for value, place in zip(values, self._places[key][1], strict=True):
            if place is not None:
                arranged[place] = value
        return arranged

    def _place(self, variable: Any) -> int | None:
        # What float8 layers hand over as "gradients" are new values, with which Keras overwrites the variable.
        if getattr(variable, "overwrite_with_gradient", False):
            return None
        if _keras.variable_key(variable) not in self._columns:
            name = getattr(variable, "path", variable.name)
            raise ValueError(
                f"the optimizer was handed the gradient of {shown(name)} only after rows were recorded, and no layer "
                "of the model owns it"
            )
        return self._columns[_keras.variable_key(variable)]

    def _build(self, variables: Sequence[Any]) -> None:
        """Columns for the variables of all layers, then for those that belong to none."""
        layers: list[str] = []
        paths: list[str] = []  # that others may have too
        starts: list[int] = []
        sizes: list[int] = []
        columns: dict[Any, int] = {}
        for layer, variable in (*owned_variables(self._model), *self._others(variables)):
            key = _keras.variable_key(variable)
            if key in columns:  # a variable that two layers share is the first one's
                continue
            paths.append(stand_in(variable.path))
            name = unique(paths[-1], layers) if layer is None else layer
            if not layers or name != layers[-1]:
                layers.append(name)
                starts.append(len(sizes))
            columns[key] = len(sizes)
            sizes.append(int(np.prod(variable.shape)))
        whole = np.array(sizes, float)
        self.layouts["layer"] = Layout(tuple(layers), tuple(starts), whole)
        self.layouts["variable"] = Layout(tuple(all_unique(paths)), tuple(range(len(sizes))), whole)
        self._columns = columns

    def _others(self, variables: Sequence[Any]) -> Iterator[tuple[None, Any]]:
        trained = [variable for optimizer in self._optimizers for variable in _keras.optimized(optimizer)]
        for variable in (*variables, *trained):
            if not getattr(variable, "overwrite_with_gradient", False):
                yield None, variable


def renamed(model: Any) -> Iterator[tuple[str, str]]:
    """The names of layers that no table can show as they are, each with what stands in for it."""
    for _, layer in walk_layers(model):
        name = stand_in(layer.name)
        if name != layer.name:
            yield layer.name, name


def owned_variables(model: Any) -> Iterator[tuple[str, Any]]:
    """Each layer's own trainable variables, with the layer's name, in depth order, each layer once.

    A layer inside of another is named by its path, "encoder/dense". Frozen layers are there too.
    """
    found = [(path, own) for path, layer in walk_layers(model) if (own := _keras.own_trainable(layer))]
    for name, (_, own) in zip(all_unique(path for path, _ in found), found, strict=True):
        yield from ((name, variable) for variable in own)
